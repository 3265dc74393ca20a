"""One test's part of the buckets and parameters, and what lies in them, looked at past every proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from lading import Retry, Stager
from tests.ceph.regions import REGIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading.s3 import StageResult
    from tests.ceph.rgw import Rgw

QUICK = Retry(attempts=2, backoff=0.01)
BUCKETS = "/buckets/name"


def bucket(region: str) -> str:
    """The name of a region's bucket."""
    return f"artifacts-{region}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies in one region.

    Attributes:
        sha256: The artifact's digest, of its bytes; ``None`` when there is none.
        metadata: Its metadata; ``None`` when there is none.
        pointer: What the pointer object says.
        parameter: What the parameter with the latest version says.
    """

    sha256: str | None
    metadata: dict[str, str] | None
    pointer: dict[str, Any] | None
    parameter: str | None

    @property
    def latest(self) -> str | None:
        """The version that pointer and parameter name, when they agree."""
        named = None if self.pointer is None else self.pointer["version"]
        return named if named == self.parameter else None


class Backdoor:
    """The real servers; its methods wait for them, so call them in threads."""

    def __init__(self, rgw: Rgw, ssm: str) -> None:
        keys = {"aws_access_key_id": rgw.key, "aws_secret_access_key": rgw.secret}
        config = Config(proxies={}, s3={"addressing_style": "path"})
        self.endpoints = {"s3": rgw.url, "ssm": ssm}
        # One gateway is all regions; only their parameters are apart.
        self.s3 = boto3.client("s3", region_name=REGIONS[0], endpoint_url=rgw.url, config=config, **keys)
        self.ssm = {
            region: boto3.client("ssm", region_name=region, endpoint_url=ssm, config=config, **keys)
            for region in REGIONS
        }
        for region in REGIONS:
            self.s3.create_bucket(Bucket=bucket(region))
            self.put(region, BUCKETS, bucket(region))

    def close(self) -> None:
        """Close the connections."""
        for client in (self.s3, *self.ssm.values()):
            client.close()

    def put(self, region: str, name: str, value: str) -> None:
        """Write a parameter."""
        self.ssm[region].put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def parameter(self, region: str, name: str) -> str | None:
        """A parameter's value."""
        try:
            return str(self.ssm[region].get_parameter(Name=name)["Parameter"]["Value"])
        except self.ssm[region].exceptions.ParameterNotFound:
            return None

    def object(self, region: str, key: str) -> bytes | None:
        """An object's bytes."""
        try:
            return bytes(self.s3.get_object(Bucket=bucket(region), Key=key)["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            return None


class Place:
    """A key prefix, a parameter prefix and a configuration of one test's own."""

    def __init__(self, aws_backdoor: Backdoor, name: str) -> None:
        self.aws_backdoor = aws_backdoor
        self.prefix = f"{name}/"
        self.parameter = f"/{name}/configuration"
        self._parameters = f"/{name}"
        value = {
            "bucket_name_param": BUCKETS,
            "bucket_key_prefix": self.prefix,
            "parameter_name_prefix": self._parameters,
            "regions": ",".join(REGIONS),
        }
        for region in REGIONS:
            aws_backdoor.put(region, self.parameter, json.dumps(value))

    def stager(self, regions: Sequence[str] = REGIONS, **options: Any) -> Stager:
        """A stager to the regions themselves, or by way of a ``session``."""
        if "session" not in options:
            options["endpoint_urls"] = self.aws_backdoor.endpoints
        return Stager(regions, parameter=self.parameter, path_style=True, **{"retry": QUICK, **options})

    def seen(self, project: str, version: str) -> dict[str, Seen]:
        """By region: what lies there."""
        return {region: self._seen(region, project, version) for region in REGIONS}

    def _seen(self, region: str, project: str, version: str) -> Seen:
        key = f"{self.prefix}{project}@{version}"
        data = self.aws_backdoor.object(region, key)
        metadata = self.aws_backdoor.object(region, f"{key}/metadata")
        return Seen(
            None if data is None else sha256(data).hexdigest(),
            None if metadata is None else json.loads(metadata),
            self.pointer(region, project),
            self.aws_backdoor.parameter(region, f"{self._parameters}/{project}/latest"),
        )

    def pointer(self, region: str, project: str) -> dict[str, Any] | None:
        """What a region's pointer says."""
        pointer = self.aws_backdoor.object(region, f"{self.prefix}{project}/latest")
        return None if pointer is None else json.loads(pointer)

    def uploads(self) -> list[str]:
        """Uploads that were begun and neither completed nor aborted, in all regions."""
        found = (self.aws_backdoor.s3.list_multipart_uploads(Bucket=bucket(r), Prefix=self.prefix) for r in REGIONS)
        return [upload["Key"] for page in found for upload in page.get("Uploads", ())]

    def keys(self, region: str) -> list[str]:
        """All keys, without the prefix."""
        page = self.aws_backdoor.s3.list_objects_v2(Bucket=bucket(region), Prefix=self.prefix)
        return [entry["Key"].removeprefix(self.prefix) for entry in page.get("Contents", ())]


def complete(seen: Seen, data: bytes, metadata: dict[str, str] | None) -> bool:
    """Whether a region has the version, whole."""
    # A version without metadata may have an empty one, where another's was in its place before.
    return seen.sha256 == sha256(data).hexdigest() and (seen.metadata or None) == metadata


def whats(staged: StageResult) -> dict[str, str]:
    """By region: the result of a version."""
    return {name: region.status for name, region in staged.regions.items()}
