"""Small JSON responses: what a request costs with ten at a time, and with 3000 wanted at once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from bench import _measure, _servers
from bench._measure import Figure, Options, Reading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bench._job import Job

COUNT = 3000
PEERS = {"aiohttp": "with_aiohttp", "httpx": "with_httpx", "httpx2": "with_httpx2"}
OURS = {"transport": "at_transport", "client.send": "through_send"}


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `small`."""
    wanted = [
        Figure(
            f"{what}, {layer}",
            "cpu us/request",
            Reading(f"{function}:{width}"),
            {peer: Reading(f"{case}:{width}") for peer, case in PEERS.items()},
        )
        for width, what in ((10, "10 at a time"), (COUNT, f"{COUNT} queued"))
        for layer, function in OURS.items()
    ]
    wanted += [
        Figure(
            f"growth from 10 at a time to {COUNT} queued, {layer}",
            "times",
            Reading(f"{function}:{COUNT}", over=f"{function}:10"),
            {peer: Reading(f"{case}:{COUNT}", over=f"{case}:10") for peer, case in PEERS.items()},
        )
        for layer, function in OURS.items()
    ]
    with _servers.running("json") as url:
        yield from _measure.figures(name, __name__, wanted, {"url": url, "count": COUNT}, options)


async def drive(job: Job, get: Callable[[], Awaitable[Any]]) -> None:
    """Warm up, then make all requests, as many tasks at once as the case says."""
    width = int(job.argument)

    async def worker(share: int) -> None:
        for _ in range(share):
            response = await get()
            assert response["name"] == "demo"

    await asyncio.gather(*(worker(5) for _ in range(10)))
    with job.measure(per=job.count / 1e6):
        await asyncio.gather(*(worker(job.count // width) for _ in range(width)))


async def at_transport(job: Job) -> None:
    """Our transport, called with httpx's request and no client. Every library gets its address parsed."""
    import httpx

    from lading import Transport

    transport, url = Transport(), httpx.URL(job.url)

    async def get() -> Any:
        response = await transport.handle_async_request(httpx.Request("GET", url))
        return json.loads(b"".join([piece async for piece in response.stream]))

    await drive(job, get)
    await transport.aclose()


async def through_send(job: Job) -> None:
    """The whole of it: slots, retrying, hooks, errors."""
    from bench._ours import client, get_call

    async with client(job) as pypi:

        async def get() -> Any:
            return await pypi.send(get_call())

        await drive(job, get)


async def with_aiohttp(job: Job) -> None:
    """aiohttp as it comes, 100 connections."""
    import aiohttp
    from yarl import URL

    url = URL(job.url)
    async with aiohttp.ClientSession() as session:

        async def get() -> Any:
            async with session.get(url) as response:
                return json.loads(await response.read())

        await drive(job, get)


async def with_httpx(job: Job) -> None:
    """httpx as it comes, 100 connections."""
    import httpx

    url = httpx.URL(job.url)
    async with httpx.AsyncClient(timeout=600) as http:

        async def get() -> Any:
            return json.loads((await http.get(url)).content)

        await drive(job, get)


async def with_httpx2(job: Job) -> None:
    """httpx2 as it comes, 100 connections."""
    import httpx2

    url = httpx2.URL(job.url)
    async with httpx2.AsyncClient(timeout=600) as http:

        async def get() -> Any:
            return json.loads((await http.get(url)).content)

        await drive(job, get)
