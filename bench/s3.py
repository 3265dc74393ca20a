"""S3: one large file, many small ones, and three regions, beside boto3, aiobotocore, s3fs and obstore.

It needs a store that takes conditional writes and checks CRC32C, such as a Ceph gateway of release 20: at the address
in LADING_S3_URL, with the key in LADING_S3_KEY and LADING_S3_SECRET. Its buckets are made by the run. Parameters are
moto's, in this process. Medians of the rounds count, whose order rotates; of memory the largest.
"""

from __future__ import annotations

import os
import statistics
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

from bench import _measure
from bench._measure import Figure, Options, Reading, Result
from bench._s3_cases import BUCKET_PARAM, BUCKETS, REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASES = "bench._s3_cases"
COUNT = 200
LOCAL = {
    "LADING_S3_URL": "http://127.0.0.1:18480",
    "LADING_S3_KEY": "AKIATESTTESTTEST0001",
    "LADING_S3_SECRET": "secretsecretsecretsecret",
}
PEERS = {"obstore": "with_obstore", "boto3": "with_boto3", "aiobotocore": "with_aiobotocore", "s3fs": "with_s3fs"}
ONE, MANY, THREE = "one file of {} MiB", f"{COUNT} files of 1 MiB, 16 at once", "one file of {} MiB to 3 regions"


class Middle(Result):
    """What the rounds gave: the median, and of memory the largest."""

    def best(self, key: str) -> float:
        return (max if key == "rss" else statistics.median)(self._values[key])


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `s3`."""
    url = os.environ.get("LADING_S3_URL", LOCAL["LADING_S3_URL"])
    _check_store(url)
    size = options.size or 512
    chosen = [figure for figure in _figures(size) if options.only in figure.case]
    cases = list(dict.fromkeys(case for figure in chosen for case in sorted(figure.cases)))
    results = {case: Middle() for case in cases}
    with _measure.scratch() as directory, _parameters(directory, url):
        params = {"url": url, "files": _files(directory, size)}
        for turn in range(options.repeats):
            # Nobody is always the first, or always after the same one.
            for case in cases[turn % len(cases) :] + cases[: turn % len(cases)]:
                results[case].add(_measure.run_case(CASES, case, params))
    for figure in chosen:
        for peer, reading in figure.peers.items():
            yield _measure._line(name, figure, peer, reading.value(results), results)


def _figures(size: int) -> Iterator[Figure]:
    for layer, case in (("transfer", "commit:{}"), ("Stager.stage", "stage:{}")):
        for crc in ("CRC32C", "zlib"):
            ours = case.format("large" if crc == "CRC32C" else "large zlib")
            label = f"{ONE.format(size)}, {layer}, {crc.replace('zlib', 'CRC32 of zlib')}"
            for what, unit, key, less in (
                ("wall", "s", "wall", ""),
                ("CPU", "cpu s", "cpu", ""),
                ("growth of memory", "MiB", "rss", "before"),
            ):
                peers = {peer: Reading(f"{c}:large", key, less=less) for peer, c in PEERS.items()}
                yield Figure(f"{label}: {what}", unit, Reading(ours, key, less=less), peers)
    for layer, case in (("one request each", "put"), ("transfer", "commit"), ("Stager.stage", "stage")):
        for crc in ("CRC32C", "zlib"):
            ours = f"{case}:small" if crc == "CRC32C" else f"{case}:small zlib"
            label = f"{MANY}, {layer}, {crc.replace('zlib', 'CRC32 of zlib')}"
            peers = {peer: Reading(f"{c}:small", "wall") for peer, c in PEERS.items()}
            yield Figure(f"{label}: wall", "s", Reading(ours, "wall"), peers)
            if case == "put":
                peers = {peer: Reading(f"{c}:small", "cpu") for peer, c in PEERS.items()}
                yield Figure(f"{label}: CPU", "cpu s", Reading(ours, "cpu"), peers)
    three, turn = THREE.format(size), {"boto3, region after region": "boto3_in_turn:large"}
    for what, unit, key, less in (("wall", "s", "wall", ""), ("growth of memory", "MiB", "rss", "before")):
        peers = {peer: Reading(case, key, less=less) for peer, case in turn.items()}
        yield Figure(f"{three}: {what}", unit, Reading("stage:large three", key, less=less), peers)
    one = {"the file once": Reading("stage_counted:large three", "once")}
    yield Figure(f"{three}: bytes sent, counted at relays", "files", Reading("stage_counted:large three", "sent"), one)


def _files(directory: Path, size: int) -> list[str]:
    _measure.write_file(directory / "large", size)
    for number in range(COUNT):
        _measure.write_file(directory / f"small-{number}", 1)
    return [str(directory / "large"), *(str(directory / f"small-{number}") for number in range(COUNT))]


def _check_store(url: str) -> None:
    """See that there is a store; without one, say what to do."""
    try:
        build_opener(ProxyHandler({})).open(url, timeout=10).close()
    except OSError as error:
        raise SystemExit(
            f"bench: no S3 store responds at {url} ({error}). Start a Ceph gateway, and say where it is with "
            "LADING_S3_URL, LADING_S3_KEY and LADING_S3_SECRET; moto is no measure of anything"
        ) from None


@contextmanager
def _parameters(directory: Path, url: str) -> Iterator[None]:
    """moto's parameters for the time, buckets, and an environment that says where they are."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for setting in [setting for setting in os.environ if setting.startswith(("AWS_", "STARTIFACT_"))]:
        del os.environ[setting]
    os.environ.update(
        AWS_ACCESS_KEY_ID=os.environ.get("LADING_S3_KEY", LOCAL["LADING_S3_KEY"]),
        AWS_SECRET_ACCESS_KEY=os.environ.get("LADING_S3_SECRET", LOCAL["LADING_S3_SECRET"]),
        AWS_CONFIG_FILE=str(directory / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(directory / "credentials"),
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ENDPOINT_URL_S3=url,
        AWS_ENDPOINT_URL_SSM=f"http://{host}:{port}",
    )
    try:
        _set_up()
        yield
        _tear_down()
    finally:
        server.stop()


def _clients() -> Iterator[tuple[str, Any, Any]]:
    import boto3
    from botocore.config import Config

    direct = Config(proxies={})
    for region in REGIONS:
        ssm = boto3.client("ssm", region_name=region, config=direct)
        yield region, boto3.client("s3", region_name=region, config=direct), ssm


def _set_up() -> None:
    from lading.s3 import Configuration

    value = Configuration(BUCKET_PARAM, "", "/lading-bench", REGIONS).dump()
    for region, s3, ssm in _clients():
        s3.create_bucket(Bucket=BUCKETS[region])
        ssm.put_parameter(Name=BUCKET_PARAM, Value=BUCKETS[region], Type="String")
        ssm.put_parameter(Name="/startifact", Value=value, Type="String")


def _tear_down() -> None:
    for region, s3, _ in _clients():
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKETS[region]):
            for entry in page.get("Contents", ()):
                s3.delete_object(Bucket=BUCKETS[region], Key=entry["Key"])
        s3.delete_bucket(Bucket=BUCKETS[region])
