"""150 uploads of 1 to 20 MiB over TLS, 10 and 50 at once: CPU, and how long the loop is held.

The reference sends the same files one after the other over one warm connection, so it pays no handshake;
fifty at once pay fifty.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bench import _measure, _servers
from bench._job import EVEN, even_loop  # noqa: F401 - a case by its name
from bench._measure import Figure, Options, Reading
from bench.upload import connect, raw_upload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench._job import Job

SIZES = (1, 2, 4, 8, 20)
COUNT = 150


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `medium-tls`; `--size` replaces the largest file's."""
    sizes = [min(size, options.size or size) for size in SIZES]
    wanted: list[Figure] = []
    for width in (10, 50):
        peers = {"httpx files=": f"with_httpx:{width}", "aiohttp FormData": f"with_aiohttp:{width}"}
        wanted.append(
            Figure(
                f"{COUNT} uploads, {width} at once",
                "cpu s",
                Reading(f"ours:{width}"),
                {"raw loop, 1 connection": Reading("raw"), **{p: Reading(case) for p, case in peers.items()}},
                f"ours:{width}+lag",
            )
        )
        for what, unit, key in (
            ("longest the loop was held", "cpu ms", "lag"),
            ("longest between two wake-ups", "ms", "gap"),
        ):
            wanted.append(
                Figure(
                    f"{COUNT} uploads, {width} at once: {what}",
                    unit,
                    Reading(f"ours:{width}+lag", key),
                    {peer: Reading(f"{case}+lag", key) for peer, case in {**peers, EVEN: "even_loop"}.items()},
                )
            )
    with _measure.scratch() as directory:
        ca, pem = _measure.certificate(directory)
        files = [directory / f"file{number}" for number in range(len(sizes))]
        for path, size in zip(files, sizes, strict=True):
            _measure.write_file(path, size)
        with _servers.running("sink", pem=pem) as url:
            params = {"url": url, "ca": ca, "files": [str(path) for path in files], "count": COUNT}
            yield from _measure.figures(name, __name__, wanted, params, options)


async def drive(job: Job, send: Callable[[str], Awaitable[None]]) -> None:
    """Send every file as often as the count says, so many at once."""
    names = iter([job.files[number % len(job.files)] for number in range(job.count)])

    async def worker() -> None:
        for name in names:
            await send(name)

    job.warm_cache()
    with job.measure():
        await asyncio.gather(*(worker() for _ in range(int(job.argument))))


async def ours(job: Job) -> None:
    """Through `client.send`."""
    from bench._ours import client, form, small_call

    async with client(job, at_once=int(job.argument)) as pypi:

        async def send(name: str) -> None:
            await pypi.send(await form(name))

        await pypi.send(small_call())
        await drive(job, send)


def raw(job: Job) -> None:
    """One file after the other over one warm connection."""
    sock = connect(job)
    raw_upload(sock, job, "")
    job.warm_cache()
    with job.measure():
        for number in range(job.count):
            raw_upload(sock, job, job.files[number % len(job.files)])
    sock.close()


async def with_httpx(job: Job) -> None:
    """Files handed to httpx as `files=`."""
    import httpx

    async with httpx.AsyncClient(verify=job.verify(), timeout=600) as http:

        async def send(name: str) -> None:
            with open(name, "rb") as file:
                response = await http.post(job.url, data={":action": "file_upload"}, files={"content": ("large", file)})
            assert response.status_code == 200

        await http.post(job.url, content=b"x")
        await drive(job, send)


async def with_aiohttp(job: Job) -> None:
    """aiohttp's own form encoder."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=job.context())) as session:

        async def send(name: str) -> None:
            with open(name, "rb") as file:
                form = aiohttp.FormData({":action": "file_upload"})
                form.add_field("content", file, filename="large", content_type="application/octet-stream")
                async with session.post(job.url, data=form) as response:
                    assert response.status == 200
                    await response.read()

        async with session.post(job.url, data=b"x") as response:
            await response.read()
        await drive(job, send)
