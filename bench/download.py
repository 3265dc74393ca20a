"""One large file to disk with its SHA-256 verified."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from bench import _measure, _servers
from bench._job import EVEN, MIB, PIECE, even_loop  # noqa: F401 - a case by its name
from bench._measure import Figure, Options, Reading
from bench.upload import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench._job import Job


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `download` or `download-tls`."""
    size = options.size or 2048
    peers = {
        "raw loop": Reading("raw"),
        "aiohttp": Reading("with_aiohttp"),
        "httpx aiter_raw": Reading("with_httpx"),
    }
    wanted = [
        Figure(f"{size} MiB to disk with sha256", "cpu s", Reading("ours"), peers, "ours+lag"),
        Figure(
            f"{size} MiB to disk with sha256: longest the loop was held",
            "cpu ms",
            Reading("ours+lag", "lag"),
            {"aiohttp": Reading("with_aiohttp+lag", "lag"), EVEN: Reading("even_loop+lag", "lag")},
        ),
    ]
    with _measure.scratch() as directory:
        ca, pem = _measure.certificate(directory) if name.endswith("-tls") else (None, "")
        digest = _measure.write_file(directory / "served", size)
        with _servers.running("files", pem=pem, name=str(directory / "served"), size=size * MIB) as url:
            params = {"url": url, "ca": ca, "size": size * MIB, "digest": digest, "scratch": str(directory)}
            yield from _measure.figures(name, __name__, wanted, params, options)


def prepare(job: Job) -> Path:
    """The target; a file of the size to come was there and is gone.

    A virtual machine's host takes unused memory back, and gives it again page by page at the first touch: that may
    cost the writer, whoever it is, several times what it does itself. So the memory is touched before.
    """
    target = job.scratch / "target"
    block = bytes(MIB)
    with open(target, "wb", buffering=0) as file:
        file.writelines(block for _ in range(job.size // MIB))
    target.unlink()
    return target


def finish(job: Job, target: Path, digest: str) -> None:
    """What every case ends with: the file is whole, and makes room for the next."""
    assert digest == job.digest
    assert target.stat().st_size == job.size
    target.unlink()


async def ours(job: Job) -> None:
    """`client.files.download`, as a user calls it."""
    from bench._ours import client, get_call, served_file

    async with client(job) as pypi:
        await pypi.send(get_call("small"))
        file = served_file(job)
        target = prepare(job)
        with job.measure():
            await pypi.files.download(file, target)
    finish(job, target, job.digest)


def raw(job: Job) -> None:
    """A blocking loop, one buffer: receive a piece, hash it, write it."""
    sock = connect(job)
    host = job.address[0].encode()
    sock.sendall(b"GET /small HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    response = b""
    while not response.endswith(b" " * 8):
        response += sock.recv(65536)
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    target = prepare(job)
    with job.measure():
        sock.sendall(b"GET /file HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        hasher, left, head = hashlib.sha256(), job.size, b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        with open(target, "wb", buffering=0) as file:
            start = head.split(b"\r\n\r\n", 1)[1]
            hasher.update(start)
            file.write(start)
            left -= len(start)
            while left:
                got = sock.recv_into(buffer)
                assert got, "the server closed the connection"
                hasher.update(view[:got])
                file.write(view[:got])
                left -= got
        digest = hasher.hexdigest()
    sock.close()
    finish(job, target, digest)


async def with_aiohttp(job: Job) -> None:
    """aiohttp's chunks as they come, hashed and written where they arrive."""
    import aiohttp

    connector = aiohttp.TCPConnector(ssl=job.context() if job.ca else True)
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        async with session.get(f"{job.url}/small") as response:
            await response.read()
        target = prepare(job)
        with job.measure():
            hasher = hashlib.sha256()
            async with session.get(f"{job.url}/file") as response:
                with open(target, "wb", buffering=0) as file:
                    async for piece in response.content.iter_any():
                        hasher.update(piece)
                        file.write(piece)
            digest = hasher.hexdigest()
    finish(job, target, digest)


async def with_httpx(job: Job) -> None:
    """httpx's raw chunks, hashed and written where they arrive."""
    import httpx

    async with httpx.AsyncClient(verify=job.verify(), timeout=600) as http:
        await http.get(f"{job.url}/small")
        target = prepare(job)
        with job.measure():
            hasher = hashlib.sha256()
            async with http.stream("GET", f"{job.url}/file") as response:
                with open(target, "wb", buffering=0) as file:
                    async for piece in response.aiter_raw():
                        hasher.update(piece)
                        file.write(piece)
            digest = hasher.hexdigest()
    finish(job, target, digest)
