"""One large file as multipart/form-data from disk, page cache warm and cold, and what it does to memory."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from bench import _measure, _servers
from bench._job import EVEN, PIECE, Job, even_loop, peak_rss  # noqa: F401 - a case by its name
from bench._measure import Figure, Options, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL_MIB = 20


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `upload` or `upload-tls`."""
    size = options.size or 2048
    label = f"{size} MiB"
    beside = {"httpx files=": Reading("with_httpx"), "requests + toolbelt": Reading("with_requests")}
    wanted = [
        Figure(
            f"{label}, warm cache",
            "cpu s",
            Reading("ours"),
            {"raw loop": Reading("raw"), **beside},
            "ours+lag",
        ),
        Figure(
            f"{label}, cold cache",
            "cpu s",
            Reading("ours:cold"),
            {"raw loop": Reading("raw:cold"), "httpx files=": Reading("with_httpx:cold")},
            "ours:cold+lag",
        ),
        Figure(
            f"{label}, cold cache: longest the loop was held",
            "cpu ms",
            Reading("ours:cold+lag", "lag"),
            {"httpx files=": Reading("with_httpx:cold+lag", "lag"), EVEN: Reading("even_loop+lag", "lag")},
        ),
        Figure(
            f"{label}, cold cache: longest between two wake-ups",
            "ms",
            Reading("ours:cold+lag", "gap"),
            {"httpx files=": Reading("with_httpx:cold+lag", "gap"), EVEN: Reading("even_loop+lag", "gap")},
        ),
        *_memory(label),
    ]
    with _measure.scratch() as directory:
        ca, pem = _measure.certificate(directory) if name.endswith("-tls") else (None, "")
        _measure.write_file(directory / "large", size)
        _measure.write_file(directory / "small", SMALL_MIB)
        with _servers.running("sink", pem=pem) as url:
            params = {"url": url, "ca": ca, "files": [str(directory / "large")], "scratch": str(directory)}
            yield from _measure.figures(name, __name__, wanted, params, options)


def _memory(label: str) -> Iterator[Figure]:
    """Peaks of one process: after a small call, after a file of 20 MiB, after the large one."""
    for what, key, less in (
        (f"peak memory, {label} over one small call", "rss_large", "rss_call"),
        (f"peak memory, {label} over {SMALL_MIB} MiB", "rss_large", "rss_small"),
    ):
        yield Figure(
            what,
            "MiB",
            Reading("ours:memory", key, less=less),
            {"httpx files=": Reading("with_httpx:memory", key, less=less)},
        )


def prepare(job: Job) -> list[str]:
    """Bring the page cache into the state the case is about; gives the files to send."""
    if job.argument == "memory":
        return [str(job.scratch / "small"), *job.files]
    job.warm_cache()
    if job.argument == "cold":
        job.drop_cache()
    return job.files


def note_memory(job: Job, done: int) -> None:
    """Keep the peak after the small call (0), the small file (1) and the large one (2)."""
    if job.argument == "memory":
        job.result["rss_" + ("call", "small", "large")[done]] = peak_rss()


async def ours(job: Job) -> None:
    """Through `client.send`, as a store's own upload does it."""
    from bench._ours import client, form, small_call

    async with client(job) as pypi:
        await pypi.send(small_call())
        note_memory(job, 0)
        names = prepare(job)
        with job.measure():
            for done, name in enumerate(names, 1):
                await pypi.send(await form(name))
                note_memory(job, done)


def raw(job: Job) -> None:
    """A blocking loop, one buffer: read a piece, send it."""
    sock = connect(job)
    raw_upload(sock, job, "")
    names = prepare(job)
    with job.measure():
        for name in names:
            raw_upload(sock, job, name)
    sock.close()


async def with_httpx(job: Job) -> None:
    """The file handed to httpx as `files=`."""
    import httpx

    async with httpx.AsyncClient(verify=job.verify(), timeout=600) as http:
        await http.post(job.url, content=b"x")
        note_memory(job, 0)
        names = prepare(job)
        with job.measure():
            for done, name in enumerate(names, 1):
                with open(name, "rb") as file:
                    response = await http.post(job.url, data={":action": "file_upload"}, files={"content": file})
                assert response.status_code == 200
                note_memory(job, done)


def with_requests(job: Job) -> None:
    """The encoder of requests-toolbelt, which is what twine uses."""
    import requests
    from requests_toolbelt import MultipartEncoder

    with requests.Session() as session:
        session.verify = job.ca or False
        session.post(job.url, data=b"x")
        names = prepare(job)
        with job.measure():
            for name in names:
                with open(name, "rb") as file:
                    fields = {
                        ":action": "file_upload",
                        "content": ("large", file, "application/octet-stream"),
                    }
                    encoder = MultipartEncoder(fields)
                    response = session.post(job.url, data=encoder, headers={"Content-Type": encoder.content_type})
                assert response.status_code == 200


def connect(job: Job) -> socket.socket:
    """A blocking connection to the server, with TLS where the run has it."""
    sock = socket.create_connection(job.address)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return job.context().wrap_socket(sock, server_hostname=job.address[0]) if job.ca else sock


def raw_upload(sock: socket.socket, job: Job, name: str) -> None:
    """Send one file as a form would carry it (no name: an empty body) and read the response."""
    before = (
        b'--frontier\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n'
        b'--frontier\r\nContent-Disposition: form-data; name="content"; filename="large"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    after = b"\r\n--frontier--\r\n"
    length = len(before) + os.path.getsize(name) + len(after) if name else 0
    head = (
        f"POST / HTTP/1.1\r\nHost: {job.address[0]}\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=frontier\r\n\r\n"
    )
    sock.sendall(head.encode() + (before if name else b""))
    if name:
        buffer = bytearray(PIECE)
        view = memoryview(buffer)
        with open(name, "rb", buffering=0) as file:
            while got := file.readinto(buffer):
                sock.sendall(view[:got])
        sock.sendall(after)
    response = b""
    while not response.endswith(b"}"):
        response += sock.recv(65536)
    assert response.startswith(b"HTTP/1.1 200 ")
