"""A release of 50 wheels into the embedded index: lading, eight at a time, beside what twine and uv do as they come.

Whole processes are measured, start and imports included, as command lines pay theirs. Every run has an index of its
own, in a process of its own that starts and ends outside of what is measured: nothing is there yet, nothing is skipped.
lading checks with the index before it sends a file, as it always does; twine and uv are not configured to.
Then the same for a project that has 5000 files already, beside the empty one: what the look before an upload costs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench._measure import Options

COUNT = 50
AT_ONCE = 8
LISTED = 5000
PEERS = ("twine", "uv")
# What a command keeps of this machine's settings: nothing that names a proxy, an index, a token or an authority.
KEPT = ("PATH", "LANG", "TMPDIR", "SYSTEMROOT")


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `publish`."""
    # Here and not above: the processes below are made from this file, too, and are to import what they need alone.
    from bench import _measure
    from bench._measure import Figure, Reading, Result

    size = options.size or 1
    what = f"{COUNT} wheels of {size} MiB"
    cases = {
        "wall": (f"{what}, whole process", "wall s"),
        "work": (f"{what}, peers whole, ours without start and imports", "wall s"),
        "cpu": (f"{what}, CPU of the whole process", "cpu s"),
    }
    wanted = [
        Figure(case, unit, Reading("lading", key), {peer: Reading(peer, "cpu" if key == "cpu" else "wall")})
        for key, (case, unit) in cases.items()
        for peer in PEERS
        if options.only in case
    ]
    full = f"{what} to a project with {LISTED} files"
    listed = [
        Figure(f"{full}, work", "wall s", Reading("lading+listed", "work"), {"no files": Reading("lading", "work")}),
        Figure(
            f"{full}: longest the loop was held",
            "cpu ms",
            Reading("lading+listed+watch", "lag"),
            {"no files": Reading("lading+watch", "lag")},
        ),
    ]
    wanted += [figure for figure in listed if options.only in figure.case]
    tools = dict.fromkeys(case for figure in wanted for case in figure.cases)
    results = {tool: Result() for tool in tools}
    with _measure.scratch() as directory:
        wheels = [_write_wheel(directory, number, size) for number in range(1, COUNT + 1)]
        for _ in range(options.repeats if wanted else 0):
            for tool, result in results.items():
                result.add(_publish(tool, wheels, directory))
    for figure in wanted:
        for peer, reading in figure.peers.items():
            yield _measure._line(name, figure, peer, reading.value(results), results)


def _write_wheel(directory: Path, number: int, mib: int) -> Path:
    """A wheel that a build number distinguishes from the others, and random bytes."""
    import zipfile

    path = directory / f"demo-1.0-{number}-py3-none-any.whl"
    files = {
        "demo/payload": os.urandom(mib << 20),
        "demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: A demo\n",
        "demo-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nTag: py3-none-any\nBuild: {number}\n".encode(),
        "demo-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _publish(tool: str, wheels: list[Path], directory: Path) -> dict[str, float]:
    """Publish them once, into an empty index; what the tool's process took."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    tool, *more = tool.split("+")
    with _index(LISTED if "listed" in more else 0) as addresses:
        addresses["watch"] = "watch" in more
        command, settings = _command(tool, addresses, directory)
        environment = {**kept, "HOME": str(directory), **settings}
        before, start = os.times(), time.perf_counter()
        done = subprocess.run(
            [*command, *map(str, wheels)], env=environment, stdout=subprocess.PIPE, text=True, check=False, timeout=300
        )
        wall, after = time.perf_counter() - start, os.times()
        if done.returncode:
            raise SystemExit(f"bench: {tool} failed (its error is above)\n{done.stdout}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": wall, "cpu": cpu, **(json.loads(done.stdout) if tool == "lading" else {})}


def _command(tool: str, addresses: dict[str, str], directory: Path) -> tuple[list[str], dict[str, str]]:
    """How a tool is called, the files aside, and the environment that it gets: quiet, and nothing but this index."""
    if tool == "lading":
        return [sys.executable, "-m", "bench.publish", "upload", json.dumps(addresses)], {"PYTHONPATH": os.getcwd()}
    if tool == "twine":
        return [sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"], {
            "TWINE_REPOSITORY_URL": addresses["upload"],
            "TWINE_USERNAME": "__token__",
            "TWINE_PASSWORD": addresses["token"],
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
    import uv

    return [uv.find_uv_bin(), "publish", "--quiet", "--no-progress", "--trusted-publishing", "never"], {
        "UV_PUBLISH_URL": addresses["upload"],
        "UV_PUBLISH_TOKEN": addresses["token"],
        "UV_KEYRING_PROVIDER": "disabled",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(directory / "uv-cache"),
    }


@contextmanager
def _index(listed: int) -> Iterator[dict[str, Any]]:
    """An index in a process of its own: its addresses and a token. At the end it must have every file.

    It lists so many other files of the project as well.
    """
    command = [sys.executable, "-m", "bench.publish", "index", str(listed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        there, _ = process.communicate()
    if int(there) != COUNT:
        raise SystemExit(f"bench: the index has {there.strip()} files, not {COUNT}")


def serve(listed: int) -> None:
    """Be that index. It ends with its standard input, so it does not outlive the run."""
    from dataclasses import replace

    from lading.testing import EmbeddedIndex, ServerRequest, ServerResponse

    others = ",".join(json.dumps(_entry(number)) for number in range(listed)).encode()
    meta = b'{"meta":{"api-version":"1.4"},"name":"demo","files":[%b]}'

    with EmbeddedIndex() as index:
        handle = index._shared.handler

        async def respond(request: ServerRequest) -> ServerResponse:
            if listed and request.path == "/simple/demo/":
                return ServerResponse(200, {"Content-Type": "application/vnd.pypi.simple.v1+json"}, meta % others)
            return await handle(request)

        index._shared = replace(index._shared, handler=respond)
        addresses = {"upload": index.index.upload_url, "simple": index.index.simple_url, "token": index.create_token()}
        print(json.dumps(addresses), flush=True)
        sys.stdin.read()
        print(len(index.uploads))


def _entry(number: int) -> dict[str, Any]:
    """A file as the index lists it."""
    name = f"demo-0.{number}-py3-none-any.whl"
    url = f"https://files.example/packages/ab/cd/{number:060x}/{name}"
    return {"filename": name, "url": url, "hashes": {"sha256": f"{number:064x}"}, "size": number, "yanked": False}


async def upload(addresses: dict[str, Any], wheels: list[str]) -> None:
    """Publish as a user's program would; says on stdout what it took from here, and the peak of its memory."""
    from bench._job import _watch_loop, peak_rss
    from lading import Index, PyPI

    held: dict[str, float] = {}
    watcher = asyncio.ensure_future(_watch_loop(held)) if addresses["watch"] else None
    start = time.perf_counter()
    index = Index(addresses["upload"], addresses["simple"])
    async with (
        PyPI(index, token=addresses["token"]) as pypi,
        pypi.releases.upload_many(wheels, limit=AT_ONCE) as outcomes,
    ):
        async for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            assert outcome.value.status == "uploaded"
    work = time.perf_counter() - start
    if watcher is not None:
        watcher.cancel()
    print(json.dumps({"work": work, "rss": peak_rss(), **held}))


if __name__ == "__main__":
    if sys.argv[1] == "index":
        serve(int(sys.argv[2]))
    else:
        asyncio.run(upload(json.loads(sys.argv[2]), sys.argv[3:]))
