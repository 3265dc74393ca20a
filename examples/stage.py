"""Stage a file to three regions and read it back: ``python examples/stage.py [--regions A,B,C] [FILE]``.

It stages the file as a version of a project, prints the result of every region, stages it again, and downloads it from
any region that responds. The exit status is 0 only if the downloaded bytes equal the staged ones.

Without ``--regions`` it runs on this machine, against moto's S3 and SSM, with a generated file; this requires
``lading[testing]``. With it, at AWS, where each region has a bucket and the organisation's configuration.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

import lading

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
PARAMETER = "/demo/bucket"


async def stage(stager: lading.Stager, options: Namespace, directory: Path) -> bool:
    """Stage the file, download it into *directory* and return whether both are equal."""
    metadata = dict(pair.split("=", 1) for pair in options.metadata)
    for _ in range(2):
        staged = await stager.stage(
            options.project, options.version, options.file, metadata=metadata, save_filename=True, policy=options.policy
        )
        print(f"{staged.key}, {staged.size} bytes, SHA-256 {staged.sha256[:16]}...")
        for region in staged.regions.values():
            how = "copied by S3" if region.copied else "uploaded" if region.status == "created" else ""
            print(f"  {region.region}: {', '.join(filter(None, (region.status, how, str(region.error or ''))))}")
            for warning in region.warnings:
                print(f"    {warning}")
    print(f"The latest version of {options.project} is {await stager.latest(options.project)}.")
    artifact = await stager.get(options.project, options.version)
    path = await artifact.download(directory)
    same = await to_thread.run_sync(digest, path) == await to_thread.run_sync(digest, options.file)
    print(f"{path.name} came back from {' or '.join(artifact.regions)}: {'the same' if same else 'NOT THE SAME'}.")
    return same


def digest(path: Path) -> str:
    """Return the file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def local_aws() -> Iterator[dict[str, str]]:
    """Start moto with a bucket in each region, and return its URLs of S3 and SSM."""
    import logging  # noqa: PLC0415 - these imports are needed only without --regions

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ.update(AWS_ACCESS_KEY_ID="made", AWS_SECRET_ACCESS_KEY="up")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        for region in REGIONS:
            more = {"region_name": region, "endpoint_url": url, "config": Config(proxies={})}
            place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            boto3.client("s3", **more).create_bucket(Bucket=f"demo-{region}", **place)
            boto3.client("ssm", **more).put_parameter(Name=PARAMETER, Value=f"demo-{region}", Type="String")
        yield {"s3": url, "ssm": url}
    finally:
        server.stop()


async def stage_locally(options: Namespace, directory: Path, urls: dict[str, str]) -> bool:
    """Set up the regions on this machine, and stage there."""
    async with lading.Stager(REGIONS, endpoint_urls=urls, path_style=True) as stager:
        await stager.setup(bucket_name_param=PARAMETER, bucket_key_prefix="artifacts/")
        return await stage(stager, options, directory)


async def stage_at_aws(options: Namespace, directory: Path) -> bool:
    """Stage at AWS."""
    async with lading.Stager(options.regions.split(","), profile=options.profile) as stager:
        return await stage(stager, options, directory)


def main(options: Namespace) -> bool:
    """Run at AWS or on this machine, as the options select."""
    with tempfile.TemporaryDirectory() as directory:
        downloads = Path(directory, "downloads")
        downloads.mkdir()
        if options.file is None:
            options.file = Path(directory, "demo.bin")
            options.file.write_bytes(os.urandom(20 << 20))
        if options.regions is not None:
            return anyio.run(stage_at_aws, options, downloads)
        with local_aws() as urls:
            return anyio.run(stage_locally, options, downloads, urls)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stage a file to S3 in several regions, and read it back.")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: 20 MiB of random bytes")
    parser.add_argument("--regions", metavar="A,B,C", help="stage at AWS, in these regions")
    parser.add_argument("--profile", help="a profile of AWS's configuration")
    parser.add_argument("--project", default="demo", help="default: %(default)s")
    parser.add_argument("--version", default="1.0.0", help="default: %(default)s")
    parser.add_argument("--metadata", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument("--policy", choices=["all", "quorum", "any"], default="all", help="default: %(default)s")
    arguments = parser.parse_args()
    if not all("=" in pair for pair in arguments.metadata):
        parser.error("metadata must be NAME=VALUE")
    try:
        arrived = main(arguments)
    except (lading.LadingError, OSError) as problem:
        sys.exit(str(problem))
    sys.exit(0 if arrived else 1)
