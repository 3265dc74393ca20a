"""AWS for tests: moto's S3, SSM, STS and IAM, past every proxy and through one."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.loaders import JSONFileLoader

from lading import Retry, Stager
from tests.support.aws_proxy import REGIONS, Aws

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEY, SECRET, TOKEN = "AKIATESTTESTTEST0001", "a-secret-that-nobody-may-see", "a-token-that-nobody-may-see"
QUICK = Retry(attempts=3, backoff=0.0)
MIB = 1 << 20
CONFIGURATION = {"bucket_name_param": "/buckets/name", "bucket_key_prefix": "pre/", "parameter_name_prefix": "/arts"}


def close_direct() -> None:
    """Close all of :func:`direct`'s clients."""
    for client in _direct:
        client.close()
    _direct.clear()
    direct.cache_clear()


_direct: list[Any] = []
_read_file = JSONFileLoader.load_file
_contents: dict[str, Any] = {}


def _read_file_once(loader: JSONFileLoader, path: str) -> Any:
    if path not in _contents:
        _contents[path] = _read_file(loader, path)
    return _contents[path]


@contextmanager
def botocore_data_read_once() -> Iterator[None]:
    """Let botocore parse each of its service descriptions once, which is half of the cost of opening a stager."""
    JSONFileLoader.load_file = _read_file_once
    try:
        yield
    finally:
        JSONFileLoader.load_file = _read_file
        _contents.clear()


@contextmanager
def botocore_data_read_each_time() -> Iterator[None]:
    """Let botocore read its files for every session, as it does in programs."""
    JSONFileLoader.load_file = _read_file
    try:
        yield
    finally:
        JSONFileLoader.load_file = _read_file_once


@cache
def direct(service: str, region: str, url: str) -> Any:
    """A plain client of moto's, to look and to write behind everybody's back."""
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
    # moto's checksums of objects in parts are wrong.
    quiet = {
        f"{name}_checksum_{how}": "when_required"
        for name, how in (("request", "calculation"), ("response", "validation"))
    }
    config = Config(s3={"addressing_style": "path"}, proxies={}, **quiet)
    client = boto3.client(service, region_name=region, endpoint_url=url, config=config, **keys)
    _direct.append(client)
    return client


class Backdoor:
    """What lies in the regions, past every proxy."""

    def __init__(self, url: str) -> None:
        self._url = url

    def s3(self, region: str) -> Any:
        """S3 of that region."""
        return direct("s3", region, self._url)

    def ssm(self, region: str) -> Any:
        """SSM of that region."""
        return direct("ssm", region, self._url)

    def kms(self, region: str) -> Any:
        """KMS of that region."""
        return direct("kms", region, self._url)

    def begin(self) -> None:
        """Everything gone; a bucket in every region, and the parameter with its name."""
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self._url}/moto-api/reset", b"").close()
        for region in REGIONS:
            there = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self.s3(region).create_bucket(Bucket=f"bucket-{region}", **there)
            self.put_parameter(region, "/buckets/name", f"bucket-{region}")

    def set_up(self, regions: Iterable[str] = REGIONS, **changes: str) -> None:
        """The organisation's configuration in those regions, as startifact writes it."""
        value = {**CONFIGURATION, "regions": ",".join(REGIONS), "save_ok": "y", **changes}
        for region in regions:
            self.put_parameter(region, "/startifact", json.dumps(value, indent=2, sort_keys=True))

    def put_parameter(self, region: str, name: str, value: str) -> None:
        """Write a parameter, as startifact does."""
        self.ssm(region).put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def parameter(self, region: str, name: str) -> str | None:
        """A parameter's value."""
        with suppress(self.ssm(region).exceptions.ParameterNotFound):
            return str(self.ssm(region).get_parameter(Name=name)["Parameter"]["Value"])
        return None

    def put(self, region: str, key: str, body: bytes, **more: Any) -> None:
        """Write an object."""
        self.s3(region).put_object(Bucket=f"bucket-{region}", Key=key, Body=body, **more)

    def get(self, region: str, key: str) -> bytes | None:
        """An object's bytes."""
        with suppress(self.s3(region).exceptions.NoSuchKey):
            return bytes(self.s3(region).get_object(Bucket=f"bucket-{region}", Key=key)["Body"].read())
        return None

    def head(self, region: str, key: str) -> Any:
        """What S3 says of an object."""
        return self.s3(region).head_object(Bucket=f"bucket-{region}", Key=key, ChecksumMode="ENABLED")

    def delete(self, region: str, key: str) -> None:
        """Delete an object."""
        self.s3(region).delete_object(Bucket=f"bucket-{region}", Key=key)

    def keys(self, region: str) -> list[str]:
        """Every key."""
        return [o["Key"] for o in self.s3(region).list_objects_v2(Bucket=f"bucket-{region}").get("Contents", ())]

    def uploads(self) -> list[str]:
        """Uploads that are neither completed nor aborted, in all regions."""
        found = (self.s3(r).list_multipart_uploads(Bucket=f"bucket-{r}").get("Uploads", ()) for r in REGIONS)
        return [upload["Key"] for uploads in found for upload in uploads]


def make_stager(aws: Aws, regions: Iterable[str] | None = REGIONS, **options: Any) -> Stager:
    """A stager of *aws*'s regions, which does not wait before it tries again, and knows what moto honours."""
    given = {
        "endpoint_urls": aws.endpoints,
        "path_style": True,
        "retry": QUICK,
        "conditional_writes": "trust",
        **options,
    }
    return Stager(None if regions is None else tuple(regions), **given)


def stage_as_startifact(
    aws_backdoor: Backdoor,
    data: bytes = b"old",
    metadata: dict[str, str] | None = None,
    *,
    crc: bool = False,
    kms: bool = False,
) -> None:
    """P 1.0.0 as startifact writes it: with an MD5, and from boto3 1.36 on a CRC32 besides.

    With *kms*, into buckets that KMS encrypts: then S3's tags are no MD5.
    """
    key = "pre/P@1.0.0"
    more = {"ChecksumAlgorithm": "CRC32"} if crc else {}
    if kms:
        more["ServerSideEncryption"] = "aws:kms"
    for region in REGIONS:
        aws_backdoor.put(region, key, data, ContentMD5=base64.b64encode(hashlib.md5(data).digest()).decode(), **more)
        if metadata:
            aws_backdoor.put(region, f"{key}/metadata", json.dumps(metadata, indent=2, sort_keys=True).encode())
        aws_backdoor.put_parameter(region, "/arts/P/latest", "1.0.0")
