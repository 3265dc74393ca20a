"""The main job, whole: ``python examples/demo.py`` (or ``python -m tox -e demo``, which installs what it needs).

Builds lading and some small projects, starts the package index of ``lading.testing`` on this machine, and publishes
everything at the same time, with a token that is good for these projects alone. The index does what networks and
servers do on a bad day: one upload is answered with 503, the connection of another is cut in the middle, the answer to
a third is lost after the file was stored. Then lists and downloads what arrived, and compares it with what was built.

With ``--pypiserver`` the index is a real pypiserver, and a proxy in front of it makes the trouble.

The exit status is 0 only if every file is as it was built, and all three faults really happened.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from demo_tools import PASSWORD, ProgressLine, RunningPyPIServer, build, print_table, sha256, write_projects
from packaging.utils import canonicalize_name

import lading
import lading.pypi
from lading.testing import DropAfter, DropDuring, EmbeddedIndex, FaultProxy, Respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.testing import Faults

FAULTS = {
    Respond(503, retry_after=1): "503 with Retry-After",
    DropDuring(after=500_000): "connection dropped in the middle of an upload",
    DropAfter(): "answer lost after the file was stored",
}


@dataclass(frozen=True)
class Target:
    """An index to publish to.

    Attributes:
        index: Where it is.
        token: What lets us in.
        faults: What it is told to do wrong, and what it did.
    """

    index: lading.Index
    token: str
    faults: Faults


@dataclass
class Publication:
    """What became of one file."""

    path: Path
    result: str = "failed"
    attempts: int = 0
    intact: bool = False


async def main(*, to_pypiserver: bool) -> bool:
    """Whether all went well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = await build_all(folder)
        with pypiserver(folder) if to_pypiserver else embedded_index(projects_of(files)) as target:
            return await publish_and_verify(target, files, folder / "downloaded")


@contextmanager
def embedded_index(projects: list[str]) -> Iterator[Target]:
    """lading's own index, and a token of it for *projects* alone."""
    with EmbeddedIndex() as index:
        for project in projects:
            index.add_project(project)
        token = index.create_token(project_names=projects)
        print(lading.pypi.Token.load(token).explain())
        yield Target(index.index, token, index.faults)


@contextmanager
def pypiserver(folder: Path) -> Iterator[Target]:
    """A real pypiserver behind a proxy. It knows passwords only, no tokens."""
    with RunningPyPIServer(folder) as server, FaultProxy(server.url) as proxy:
        yield Target(lading.Index(f"{proxy.url}/", f"{proxy.url}/simple/", "pypiserver"), PASSWORD, proxy.faults)


async def publish_and_verify(target: Target, files: list[Path], folder: Path) -> bool:
    """Publish with trouble, download into *folder*; whether all arrived, and all the trouble was had."""
    for fault in FAULTS:
        target.faults.add(fault, method="POST")
    async with lading.PyPI(target.index, token=target.token) as pypi:
        print(f"Publishing {len(files)} files to an index that makes trouble ...")
        publications = await publish(pypi, files)
        print("Downloading and comparing ...")
        await verify(pypi, publications, folder)
    return summarize(publications, target.faults)


def projects_of(files: list[Path]) -> list[str]:
    """The projects that the files are of."""
    return sorted({canonicalize_name(path.name.split("-")[0]) for path in files})


async def build_all(folder: Path) -> list[Path]:
    """The wheel and the sdist of each project."""
    projects = [*write_projects(folder / "projects"), Path(__file__).parents[1]]
    print(f"Building lading and {len(projects) - 1} small projects ...")
    dist = folder / "dist"
    dist.mkdir()
    async with lading.fan_out(partial(build, to=dist), projects, limit=2) as outcomes:
        async for outcome in outcomes:
            _ = outcome.value  # raises what went wrong, which ends the others
    # The big ones first: they meet the faults.
    return sorted(dist.iterdir(), key=lambda path: path.stat().st_size, reverse=True)


async def publish(pypi: lading.PyPI, files: list[Path]) -> list[Publication]:
    """Upload all files, eight at a time."""
    line = ProgressLine(len(files))

    async def upload(publication: Publication) -> str:
        def show(progress: lading.Progress) -> None:
            publication.attempts = progress.attempt
            line.update(publication.path, progress)

        uploaded = await pypi.releases.upload(publication.path, on_progress=show)
        return uploaded.status

    publications = [Publication(path) for path in files]
    async with lading.fan_out(upload, publications, limit=8) as outcomes:
        async for outcome in outcomes:
            line.finish_one()
            if outcome.ok:
                outcome.item.result = outcome.value
            else:
                line.say(f"{outcome.item.path.name}: {outcome.error}")
    line.end()
    return publications


async def verify(pypi: lading.PyPI, publications: list[Publication], folder: Path) -> None:
    """List and download what the index has, and note which files are as they were built."""
    folder.mkdir()
    listed: list[lading.pypi.File] = []
    for project in projects_of([publication.path for publication in publications]):
        with suppress(lading.NotFound):  # nothing of it was published
            listed += [file async for file in pypi.files.list(project)]
    # Whatever has not the digest that the index lists is an error already. But the index may have stored another file.
    async with lading.fan_out(partial(pypi.files.download, to=folder), listed, limit=8) as outcomes:
        downloaded = {outcome.value.name: outcome.value async for outcome in outcomes if outcome.ok}
    for publication in publications:
        copy = downloaded.get(publication.path.name)
        publication.intact = copy is not None and await sha256(copy) == await sha256(publication.path)


def summarize(publications: list[Publication], faults: Faults) -> bool:
    """Print what became of each file and which faults happened; whether that is what should be."""
    print_table(
        ("file", "KiB", "result", "attempts", "digest"),
        [
            (
                p.path.name,
                f"{p.path.stat().st_size / 1024:.0f}",
                p.result,
                str(p.attempts),
                "ok" if p.intact else "WRONG",
            )
            for p in sorted(publications, key=lambda publication: publication.path.name)
        ],
    )
    happened = faults.happened
    print(
        "Faults that happened:",
        *(f"- {FAULTS[one.fault]}, {one.received // 1024} KiB in" for one in happened),
        sep="\n",
    )
    intact = sum(publication.intact for publication in publications)
    print(f"{intact} of {len(publications)} files arrived as they were built.")
    return intact == len(publications) and {one.fault for one in happened} == FAULTS.keys()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish to an index that makes trouble, and see that all arrives.")
    parser.add_argument("--pypiserver", action="store_true", help="to a real pypiserver instead of lading's own index")
    options = parser.parse_args()
    sys.exit(0 if anyio.run(partial(main, to_pypiserver=options.pypiserver)) else 1)
