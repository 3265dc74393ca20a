"""Publish with faults: ``python examples/demo.py`` (or ``python -m tox -e demo``, which installs what it needs).

It builds lading and some small projects, starts the package index of ``lading.testing`` on this machine, and publishes
all files concurrently, with a token that is restricted to these projects. The index injects three faults: one upload
gets a 503, the connection of another is closed in the middle, the response to a third is lost after the file was
stored (its result is "confirmed": the index lists the file with the right digest). The demo then lists and downloads
the files, and compares them with what was built.

With ``--pypiserver`` the index is a real pypiserver, and a proxy in front of it injects the faults.

The exit status is 0 only if every file is unchanged, and all three faults happened.
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
    DropDuring(after=500_000): "connection closed in the middle of an upload",
    DropAfter(): "response lost after the file was stored",
}


@dataclass(frozen=True)
class Target:
    """An index to publish to.

    Attributes:
        index: The index.
        token: The token for uploads.
        faults: The faults to inject, and those that happened.
    """

    index: lading.Index
    token: str
    faults: Faults


@dataclass
class Publication:
    """The result of one file."""

    path: Path
    result: str = "failed"
    intact: bool = False


async def main(*, to_pypiserver: bool) -> bool:
    """Run the demo and return whether it succeeded."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        files = await build_all(directory)
        with pypiserver(directory) if to_pypiserver else embedded_index(projects_of(files)) as target:
            return await publish_and_verify(target, files, directory / "downloaded")


@contextmanager
def embedded_index(projects: list[str]) -> Iterator[Target]:
    """Start lading's own index, with a token for *projects* only."""
    with EmbeddedIndex() as index:
        for project in projects:
            index.add_project(project)
        token = index.create_token(project_names=projects)
        print(lading.pypi.Token.load(token).explain())
        yield Target(index.index, token, index.faults)


@contextmanager
def pypiserver(directory: Path) -> Iterator[Target]:
    """Start a real pypiserver behind a proxy. It supports passwords only, no tokens."""
    with RunningPyPIServer(directory) as server, FaultProxy(server.url) as proxy:
        yield Target(lading.Index(f"{proxy.url}/", f"{proxy.url}/simple/", "pypiserver"), PASSWORD, proxy.faults)


async def publish_and_verify(target: Target, files: list[Path], directory: Path) -> bool:
    """Publish with faults, download into *directory*, and return whether all files arrived and all faults happened."""
    for fault in FAULTS:
        target.faults.add(fault, method="POST")
    async with lading.PyPI(target.index, token=target.token) as pypi:
        print(f"Publishing {len(files)} files to an index that injects faults ...")
        publications = await publish(pypi, files)
        print("Downloading and comparing ...")
        await verify(pypi, publications, directory)
    return summarize(publications, target.faults)


def projects_of(files: list[Path]) -> list[str]:
    """Return the projects of the files."""
    return sorted({canonicalize_name(path.name.split("-")[0]) for path in files})


async def build_all(directory: Path) -> list[Path]:
    """Build the wheel and the sdist of each project."""
    projects = [*write_projects(directory / "projects"), Path(__file__).parents[1]]
    print(f"Building lading and {len(projects) - 1} small projects ...")
    dist = directory / "dist"
    dist.mkdir()
    async with lading.fan_out(partial(build, to=dist), projects, limit=2) as results:
        async for result in results:
            _ = result.value  # raises the error of a failed build, which cancels the others
    # The largest files first: the faults apply to them.
    return sorted(dist.iterdir(), key=lambda path: path.stat().st_size, reverse=True)


async def publish(pypi: lading.PyPI, files: list[Path]) -> list[Publication]:
    """Upload all files, eight concurrently, and return the result of each."""
    line = ProgressLine()
    publications = {path: Publication(path) for path in files}
    async with pypi.releases.upload_many(files, limit=8, on_progress=line.update) as results:
        async for result in results:
            if result.ok:
                publications[result.item].result = result.value.status
            else:
                line.print(f"{result.item.name}: {result.error}")
    line.end()
    return list(publications.values())


async def verify(pypi: lading.PyPI, publications: list[Publication], directory: Path) -> None:
    """List and download all files, and record which of them are unchanged."""
    directory.mkdir()
    listed: list[lading.pypi.File] = []
    for project in projects_of([publication.path for publication in publications]):
        with suppress(lading.NotFound):  # no file of it was published
            listed += [file async for file in pypi.files.list(project)]
    # A download whose digest differs from the listed one has raised an error. But the index may list another digest.
    async with lading.fan_out(partial(pypi.files.download, to=directory), listed, limit=8) as results:
        downloaded = {result.value.name: result.value async for result in results if result.ok}
    for publication in publications:
        copy = downloaded.get(publication.path.name)
        publication.intact = copy is not None and await sha256(copy) == await sha256(publication.path)


def summarize(publications: list[Publication], faults: Faults) -> bool:
    """Print the result of each file and the faults that happened, and return whether both are as expected."""
    print_table(
        ("file", "KiB", "result", "digest"),
        [
            (
                p.path.name,
                f"{p.path.stat().st_size / 1024:.0f}",
                p.result,
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
    if any(publication.result == "confirmed" for publication in publications):
        print(
            "confirmed: the response to the upload was lost. lading looked the file up, and did not send it again: the"
        )
        print("           index lists it with the right digest.")
    intact = sum(publication.intact for publication in publications)
    print(f"{intact} of {len(publications)} files arrived as they were built.")
    return intact == len(publications) and {one.fault for one in happened} == FAULTS.keys()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Publish to an index that injects faults, and verify that all files arrive."
    )
    parser.add_argument("--pypiserver", action="store_true", help="to a real pypiserver instead of lading's own index")
    options = parser.parse_args()
    sys.exit(0 if anyio.run(partial(main, to_pypiserver=options.pypiserver)) else 1)
