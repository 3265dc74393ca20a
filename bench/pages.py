"""How long reading a project's page holds the loop: 100,000 files as JSON and as HTML, and pages made to annoy parsers.

The peers parse a page that they have already, in one go on the loop: `json` and pydantic, and `html.parser` (which
would take minutes for the pages made to annoy it).
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench import _measure
from bench._job import EVEN, even_loop  # noqa: F401 - a case by its name
from bench._measure import Figure, Options, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._job import Job

COUNT = 100_000
KIB = 64 * 1024
HOSTILE = {
    "tags": b"<a ",
    "declarations": b"<!",
    "sections": b"<![foo[",
    "entities": b"&",
    "comments": b"<!--",
    "anchors": b"<a href=x>",
    "formatting": b"<a><b><i><u>",
}


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `pages`."""
    peers = {"json": "json and pydantic", "html": "html.parser"}
    wanted = [
        Figure(
            f"{COUNT} files as {kind.upper()}: {what}",
            unit,
            Reading(f"ours:{kind}{watch}", key),
            {peer: Reading(f"with_{kind}{watch}", key), **({EVEN: Reading("even_loop+lag", key)} if watch else {})},
        )
        for kind, peer in peers.items()
        for what, unit, key, watch in (
            ("longest the loop was held", "cpu ms", "lag", "+lag"),
            ("CPU", "cpu s", "cpu", ""),
        )
    ]
    wanted += [
        Figure(
            f"64 KiB of {kind}: longest the loop was held",
            "cpu ms",
            Reading(f"ours:{kind}+lag", "lag"),
            {EVEN: Reading("even_loop+lag", "lag")},
        )
        for kind in HOSTILE
    ]
    with _index() as url:
        yield from _measure.figures(name, __name__, wanted, {"url": url}, options)


def _file(number: int) -> dict[str, Any]:
    """An entry as the official index writes it."""
    name = f"demo_pkg-1.{number}-cp311-cp311-manylinux_2_17_x86_64.whl"
    return {
        "filename": name,
        "url": f"https://files.example/packages/ab/cd/{number:060x}/{name}",
        "hashes": {"sha256": f"{number:064x}"},
        "requires-python": ">=3.8",
        "size": number,
        "upload-time": "2026-08-21T10:11:12.345678Z",
        "yanked": False,
        "core-metadata": {"sha256": f"{number:064x}"},
        "provenance": None,
    }


def page(kind: str) -> tuple[str, bytes]:
    """The media type and the body of a page."""
    if kind == "json":
        value = {"meta": {"api-version": "1.4"}, "name": kind, "files": [_file(n) for n in range(COUNT)]}
        return "application/vnd.pypi.simple.v1+json", json.dumps(value).encode()
    if kind == "html":
        links = (
            f'<a href="{file["url"]}#sha256={file["hashes"]["sha256"]}" data-requires-python="&gt;=3.8" '
            f'data-core-metadata="sha256={file["core-metadata"]["sha256"]}">{file["filename"]}</a><br />\n'
            for file in map(_file, range(COUNT))
        )
        return "text/html", f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
    piece = HOSTILE[kind]
    return "text/html", piece * (KIB // len(piece))


@contextmanager
def _index() -> Iterator[str]:
    """A server of the pages in a process of its own."""
    command = [sys.executable, "-m", "bench.pages"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def serve() -> None:
    """Be that server. It ends with its standard input."""
    from lading.testing import Server, ServerRequest, ServerResponse

    pages = {kind: page(kind) for kind in ("json", "html", *HOSTILE)}

    async def respond(request: ServerRequest) -> ServerResponse:
        media_type, body = pages[request.path.strip("/")]
        return ServerResponse(200, {"Content-Type": media_type}, body)

    with Server(respond) as server:
        print(server.url, flush=True)
        sys.stdin.read()


async def ours(job: Job) -> None:
    """`files.list`, and what an upload looks up."""
    from bench._ours import client
    from lading import InvalidResponse

    async with client(job) as pypi:
        for kind in ("tags", job.argument):  # the first loads what is loaded once
            if kind == job.argument:
                with job.measure():
                    await _list(pypi, kind, InvalidResponse)
            else:
                await _list(pypi, kind, InvalidResponse)


async def _list(pypi: Any, kind: str, refused: type[Exception]) -> None:
    try:
        await _pause()
        files = await pypi.files.list(kind)
    except refused:
        await _pause()
        assert kind in HOSTILE
    else:
        await _pause()
        assert len(files) == COUNT or kind in HOSTILE


async def with_json(job: Job) -> None:
    """`json` and pydantic."""
    from pydantic import TypeAdapter

    from lading.pypi import File

    _, body = page("json")
    adapter = TypeAdapter(File)
    adapter.rebuild()
    with job.measure():
        await _pause()
        found = [adapter.validate_python(entry) for entry in json.loads(body)["files"]]
        await _pause()
    assert len(found) == COUNT


async def with_html(job: Job) -> None:
    """`html.parser`."""
    from html.parser import HTMLParser

    class Links(HTMLParser):
        count = 0

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.count += tag == "a"

    _, body = page("html")
    parser = Links()
    with job.measure():
        await _pause()
        parser.feed(body.decode())
        await _pause()
    assert parser.count == COUNT


async def _pause() -> None:
    """Let the watch begin, or notice."""
    import asyncio

    await asyncio.sleep(0.01)


if __name__ == "__main__":
    serve()
