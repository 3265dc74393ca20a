"""The cases of `s3`: ours and the peers, each once, in a process of its own.

Addresses and credentials are in AWS's own environment variables, which all of them read. `job.files` are the large file
and then the small ones; `job.url` is the bucket store, `job.scratch.name` a name that only this run has.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench._job import MIB, Job, peak_rss

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
BUCKETS = {region: f"lading-bench-{region}" for region in REGIONS}
HOME, BUCKET = REGIONS[0], BUCKETS[REGIONS[0]]
BUCKET_PARAM = "/lading-bench/bucket"
AT_ONCE = 16
PART = 8 * MIB


def wanted(job: Job) -> list[tuple[str, str]]:
    """Keys that nobody has used, and the file for each; in the page cache now."""
    names = job.files[1:] if "small" in job.argument else job.files[:1]
    job.files = names
    job.warm_cache()
    run = secrets.token_hex(4)
    return [(f"{run}-{number}", name) for number, name in enumerate(names)]


def without_crc32c(job: Job) -> None:
    """As where the AWS common runtime is not installed."""
    if "zlib" in job.argument:
        from lading.s3 import _checksums as _crc

        _crc._crc32c = lambda: None


def delete(keys: list[str]) -> None:
    """Make room for the next: not measured, and in a process of its own, whose memory is not this one's."""
    subprocess.run([sys.executable, "-m", "bench._s3_cases", *keys], check=True)


def delete_here(keys: list[str]) -> None:
    """Be that process."""
    import boto3

    s3 = boto3.client("s3", region_name=HOME)
    for bucket in BUCKETS.values():
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)


async def each(work: Callable[[tuple[str, str]], Awaitable[Any]], items: list[tuple[str, str]]) -> None:
    """So many at a time as a user would have them."""
    limiter = asyncio.Semaphore(AT_ONCE)

    async def one(item: tuple[str, str]) -> None:
        async with limiter:
            await work(item)

    await asyncio.gather(*map(one, items))


async def measured(job: Job, items: list[tuple[str, str]], work: Callable[[tuple[str, str]], Awaitable[Any]]) -> None:
    """Do it all under the stopwatch, with the peak of memory before it."""
    job.result["before"] = peak_rss()
    with job.measure():
        await each(work, items)


async def commit(job: Job) -> None:
    """One region's bucket: the pass over the file, and the whole protocol of staging, without pointers."""
    from lading.s3._checksums import preferred_algorithm
    from lading.s3._staging.commit import Commit
    from lading.s3._staging.source import open_source

    without_crc32c(job)
    items = wanted(job)
    async with stager([HOME]) as ours:
        regions = await ours._session.open()
        store, found = regions.buckets[HOME], []

        async def send(item: tuple[str, str]) -> None:
            async with open_source(item[1], preferred_algorithm()) as source:
                key = f"{item[0]}@1.0.0"
                found.append(key)
                assert await Commit(store, item[0], "1.0.0", key, source, None, HOME).run() == "created"

        await store.head("warm")
        await measured(job, items, send)
    delete(found)


async def put(job: Job) -> None:
    """The pass over the file, and one conditional request with digests and checksum, as the peers send one."""
    from lading.s3._checksums import preferred_algorithm
    from lading.s3._staging.source import open_source

    without_crc32c(job)
    items = wanted(job)
    async with stager([HOME]) as ours:
        store = (await ours._session.open()).buckets[HOME]

        async def send(item: tuple[str, str]) -> None:
            async with open_source(item[1], preferred_algorithm()) as source:
                user = {"lading-sha256": source.sha256}
                await store.put(item[0], source.body(), source.checksum, user, on_progress=None)

        await store.head("warm")
        await measured(job, items, send)
    delete([key for key, _ in items])


async def stage(job: Job) -> None:
    """`Stager.stage`, into one region or three, with the pointers to the latest version."""
    without_crc32c(job)
    items = wanted(job)
    async with stager(REGIONS if "three" in job.argument else [HOME]) as ours:

        async def send(item: tuple[str, str]) -> None:
            staged = await ours.stage(item[0], "1.0.0", item[1])
            assert {region.status for region in staged.regions.values()} == {"created"}

        await ours.versions("warm")
        await measured(job, items, send)
    delete([key for project, _ in items for key in (f"{project}@1.0.0", f"{project}/latest")])


async def stage_counted(job: Job) -> None:
    """Bytes that leave for S3 and SSM together, counted by relays between, over the size of the file."""
    items = wanted(job)
    sent = 0

    async def relay(url: str) -> str:
        host, port = url.split("//")[1].split(":")

        async def pump(reader: Any, writer: Any, *, count: bool) -> None:
            nonlocal sent
            while piece := await reader.read(MIB):
                sent += len(piece) if count else 0
                writer.write(piece)
                await writer.drain()
            writer.close()

        async def serve(reader: Any, writer: Any) -> None:
            there = await asyncio.open_connection(host, int(port))
            with suppress(asyncio.CancelledError):  # at the end of the run
                await asyncio.gather(pump(reader, there[1], count=True), pump(there[0], writer, count=False))

        server = await asyncio.start_server(serve, "127.0.0.1")
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    from lading import Stager

    urls = {service: await relay(os.environ[f"AWS_ENDPOINT_URL_{service.upper()}"]) for service in ("s3", "ssm")}
    async with Stager(REGIONS, endpoint_urls=urls, path_style=True) as ours:
        sent = 0
        with job.measure():
            await ours.stage(items[0][0], "1.0.0", items[0][1])
    job.result["once"] = 1.0
    job.result["sent"] = sent / Path(items[0][1]).stat().st_size
    delete([f"{items[0][0]}@1.0.0", f"{items[0][0]}/latest"])


def stager(regions: Any) -> Any:
    """A stager of those regions."""
    from lading import Stager

    return Stager(regions, path_style=True)


def with_boto3(job: Job) -> None:
    """`upload_file`, as it comes; small files in as many threads as go at once."""
    import boto3

    items = wanted(job)
    s3 = boto3.client("s3", region_name=HOME)
    s3.list_buckets()
    job.result["before"] = peak_rss()
    with job.measure(), ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda item: s3.upload_file(item[1], BUCKET, item[0]), items))
    delete([key for key, _ in items])


def boto3_in_turn(job: Job) -> None:
    """Region after region: the MD5 of the file, then look, put in one request, and point to it. As startifact does."""
    import boto3

    ((key, name),) = wanted(job)
    clients = [(boto3.client("s3", region_name=r), boto3.client("ssm", region_name=r), BUCKETS[r]) for r in REGIONS]
    for s3, _, _ in clients:
        s3.list_buckets()
    job.result["before"] = peak_rss()
    with job.measure():
        with open(name, "rb") as file:
            digest = b64encode(hashlib.file_digest(file, "md5").digest()).decode()
        for s3, ssm, bucket in clients:
            with suppress(s3.exceptions.ClientError):
                s3.head_object(Bucket=bucket, Key=f"{key}@1.0.0")
            with open(name, "rb") as file:
                s3.put_object(Bucket=bucket, Key=f"{key}@1.0.0", Body=file, ContentMD5=digest)
            ssm.put_parameter(Name=f"/{key}/latest", Value="1.0.0", Type="String", Overwrite=True)
    delete([f"{key}@1.0.0"])


async def with_aiobotocore(job: Job) -> None:
    """aiobotocore as it comes: one put, or a multipart upload by hand, eight parts of 8 MiB at a time."""
    from aiobotocore.session import get_session

    items = wanted(job)
    async with get_session().create_client("s3", region_name=HOME) as s3:

        async def send(item: tuple[str, str]) -> None:
            key, name = item
            if Path(name).stat().st_size <= PART:
                await s3.put_object(Bucket=BUCKET, Key=key, Body=await asyncio.to_thread(Path(name).read_bytes))
            else:
                await _multipart(s3, key, name)

        await s3.list_buckets()
        await measured(job, items, send)
    delete([key for key, _ in items])


async def _multipart(s3: Any, key: str, name: str) -> None:
    limiter = asyncio.Semaphore(8)
    made = await s3.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm="CRC32")
    where = {"Bucket": BUCKET, "Key": key, "UploadId": made["UploadId"]}

    def read(number: int) -> bytes:
        with open(name, "rb") as file:
            file.seek((number - 1) * PART)
            return file.read(PART)

    async def send(number: int) -> dict[str, Any]:
        async with limiter:
            data = await asyncio.to_thread(read, number)
            part = await s3.upload_part(**where, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32")
        return {"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]}

    count = -(-Path(name).stat().st_size // PART)
    parts = await asyncio.gather(*map(send, range(1, count + 1)))
    await s3.complete_multipart_upload(**where, MultipartUpload={"Parts": list(parts)})


async def with_s3fs(job: Job) -> None:
    """s3fs as it comes."""
    from s3fs import S3FileSystem

    items = wanted(job)
    s3 = S3FileSystem(asynchronous=True, endpoint_url=job.url, client_kwargs={"region_name": HOME})
    session = await s3.set_session()
    await session.list_buckets()
    await measured(job, items, lambda item: s3._put_file(item[1], f"{BUCKET}/{item[0]}"))
    await session.close()
    delete([key for key, _ in items])


async def with_obstore(job: Job) -> None:
    """obstore as it comes."""
    import obstore
    from obstore.store import S3Store

    items = wanted(job)
    store = S3Store(BUCKET, endpoint=job.url, region=HOME, client_options={"allow_http": True})
    await obstore.list(store, prefix="warm").collect_async()
    await measured(job, items, lambda item: obstore.put_async(store, item[0], Path(item[1])))
    delete([key for key, _ in items])


if __name__ == "__main__":
    delete_here(sys.argv[1:])
