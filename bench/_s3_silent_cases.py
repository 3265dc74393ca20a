"""The case of `s3-silent`: one stager's calls, timed one by one. `job.argument` is the port of the silent region."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._job import Job

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
CALLS = (
    "async with",
    "get",
    "latest",
    "versions",
    'stage(policy="quorum")',
    'stage(policy="any")',
    "get, first to notice",
    'stage(policy="any"), first to notice',
)


async def calls(job: Job) -> None:
    """Enter a stager and call each method; then a second stager, that finds all regions and loses one."""
    from lading import Stager

    project = f"P{secrets.token_hex(4)}"
    await _set_up(job.url, project)
    urls = dict.fromkeys(REGIONS, job.url)
    silent = {**urls, REGIONS[2]: f"http://127.0.0.1:{job.argument}"} if job.argument else urls

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        before = time.perf_counter()
        yield
        job.result[name] = time.perf_counter() - before

    with job.measure():
        stager = Stager(REGIONS, endpoint_urls={"s3": silent, "ssm": silent}, path_style=True)
        with timed("async with"):
            await stager.__aenter__()
        for name, call in {
            "get": lambda: stager.get(project),
            "latest": lambda: stager.latest(project),
            "versions": lambda: stager.versions(project),
            'stage(policy="quorum")': lambda: stager.stage(project, "2.0.0", b"quorum", policy="quorum"),
            'stage(policy="any")': lambda: stager.stage(project, "3.0.0", b"any", policy="any"),
        }.items():
            with timed(name):
                await call()
        await stager.aclose()
        # The same where the region has been found: it falls silent later, and nobody knows yet.
        for name, stage in (("get, first to notice", False), ('stage(policy="any"), first to notice', True)):
            stager = Stager(REGIONS, endpoint_urls={"s3": silent, "ssm": urls}, path_style=True)
            await stager.__aenter__()
            with timed(name):
                if stage:
                    await stager.stage(project, "4.0.0", b"last", policy="any")
                else:
                    await stager.get(project)
            await stager.aclose()


async def _set_up(url: str, project: str) -> None:
    """Buckets, parameters and one version, in all regions."""
    from aiobotocore.session import get_session

    from lading import Stager
    from lading.s3 import Configuration

    value = Configuration("/lading-bench/bucket", "", "/lading-bench", REGIONS).dump()
    for region in REGIONS:
        made = get_session().create_client("ssm", region_name=region, endpoint_url=url)
        async with made as ssm:
            for attempt in range(100):
                try:
                    await ssm.put_parameter(Name="/startifact", Value=value, Type="String", Overwrite=True)
                    break
                except OSError:
                    if attempt == 99:
                        raise
                    await anyio.sleep(0.2)  # moto is still starting
                except Exception as error:
                    if attempt == 99 or "connect" not in str(error).lower():
                        raise
                    await anyio.sleep(0.2)
            bucket = f"bench-{region}"
            await ssm.put_parameter(Name="/lading-bench/bucket", Value=bucket, Type="String", Overwrite=True)
        async with get_session().create_client("s3", region_name=region, endpoint_url=url) as s3:
            there = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            try:
                await s3.create_bucket(Bucket=bucket, **there)
            except s3.exceptions.ClientError as error:
                if "AlreadyOwned" not in str(error):
                    raise
    async with Stager(REGIONS, endpoint_urls=dict.fromkeys(("s3", "ssm"), url), path_style=True) as stager:
        await stager.stage(project, "1.0.0", b"first")
