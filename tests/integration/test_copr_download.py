"""Downloading what builds made: all of it or some, again, and from wherever it is kept."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from lading import ApiError, InputError, NotFound, Progress, Retry, ServerError
from lading.testing import DropBefore, Respond, Truncate
from tests.conftest import open_files
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr, do
from tests.support.raw_server import until

if TYPE_CHECKING:
    from pathlib import Path

    from lading import Copr

pytestmark = pytest.mark.anyio
OTHER = "fedora-43-x86_64"
RPM = os.urandom(3 * 1024 * 1024 + 5)
PACKAGES = {"hello-2:1.0-1.x86_64": RPM, "hello-c++-1.0~rc1^git-1.noarch": b"plus", "hello-1.0-1.src": b"source"}
RPMS = {"hello-1.0-1.x86_64.rpm", "hello-c++-1.0~rc1^git-1.noarch.rpm", "hello-1.0-1.src.rpm"}
LOGS = {f"{name}.log.gz" for name in ("builder-live", "backend", "build", "root", "state")}
INFO = {"results.json", "build.info", "success"}


@pytest.fixture
def store(copr_store: SteppedCopr) -> SteppedCopr:
    """With a project in two chroots."""
    copr_store.add_project("two", chroots=[CHROOT, OTHER])
    return copr_store


@pytest.fixture
def build(store: SteppedCopr) -> int:
    """A build that succeeded in one chroot and failed in the other."""
    build = store.add_build("two", HELLO)
    while set(store.build(build).chroots) != {CHROOT, OTHER}:
        store.advance_builds(build)
    store.finish(build, chroots={OTHER: "failed"}, packages=PACKAGES)
    return build


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "some" / "directory"


def contents(directory: Path) -> dict[str, bytes]:
    """The content of *directory*, by path."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def fetched(store: SteppedCopr, end: str = "") -> list[str]:
    """The results that were transferred, or requested without success."""
    return [r for r in store.seen if r.startswith(("GET /results", "GET /pulp")) and r.endswith(end)]


async def test_all_of_it(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    """fedora-copr/copr#3448, #4236: every file of every chroot, without addresses made by hand."""
    paths = await copr.builds.download(build, directory)
    found = await do(contents, directory)
    assert {str(path.relative_to(directory)) for path in paths} == found.keys()
    assert found.keys() == {
        *(f"{CHROOT}/{name}" for name in RPMS | LOGS | INFO | {"hello.spec"}),
        *(f"{OTHER}/{name}" for name in LOGS | INFO - {"success"}),
    }
    theirs = await do(contents, store.result_directory(build, CHROOT))
    assert all(content == theirs[name.partition("/")[2]] for name, content in found.items() if CHROOT in name)
    assert found[f"{CHROOT}/hello-1.0-1.x86_64.rpm"] == RPM


async def test_some_of_it(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    assert len(await copr.builds.download(build, directory, chroots=[CHROOT], kinds=["rpms"])) == 3
    assert (await do(contents, directory)).keys() == {f"{CHROOT}/{name}" for name in RPMS}
    assert await copr.builds.download(build, directory, chroots=[OTHER], kinds=["rpms", "spec", "review"]) == ()
    assert await copr.builds.download(build, directory, chroots=[], kinds=["rpms"]) == ()
    with pytest.raises(NotFound, match=f"no chroot epel-9-x86_64; it has {OTHER}, {CHROOT}"):
        await copr.builds.download(build, directory, chroots=[CHROOT, "epel-9-x86_64"])
    with pytest.raises(InputError, match="everything"):
        await copr.builds.download(build, directory, kinds=["everything"])  # type: ignore[list-item]
    with pytest.raises(NotFound):
        await copr.builds.download(99, directory)


async def test_what_fedora_review_said(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    def review() -> None:
        path = store.result_directory(build, CHROOT) / "fedora-review" / "review.txt"
        path.parent.mkdir()
        path.write_bytes(b"fine")

    await do(review)
    (path,) = await copr.builds.download(build, directory, kinds=["review"])
    assert (path.name, await do(path.read_bytes)) == ("fedora-review-review.txt", b"fine")


async def test_a_build_that_has_not_begun(store: SteppedCopr, copr: Copr, directory: Path):
    build = await copr.builds.create_from_url("owner", "demo", HELLO, chroots=[CHROOT])
    assert await copr.builds.download(build, directory) == ()


async def test_what_is_there_is_left_alone(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    first = await copr.builds.download(build, directory)
    package = directory / CHROOT / "hello-1.0-1.src.rpm"
    await do(package.write_bytes, b"half")
    store.seen.clear()
    assert await copr.builds.download(build, directory) == first
    assert fetched(store, ".rpm") == [f"GET /results/owner/two/{CHROOT}/{build:08}-hello/hello-1.0-1.src.rpm"]
    assert await do(package.read_bytes) == b"source"


async def test_a_file_of_equal_length_is_not_taken_for_downloaded(
    store: SteppedCopr, copr: Copr, build: int, directory: Path
):
    """Copr lists no digests: length and time of last change are those of the store's file, or it is downloaded."""
    await copr.builds.download(build, directory, kinds=["rpms"])
    package = directory / CHROOT / "hello-1.0-1.src.rpm"
    await do(package.write_bytes, b"damage")
    assert len(b"damage") == len(b"source")
    store.seen.clear()
    await copr.builds.download(build, directory, kinds=["rpms"])
    assert await do(package.read_bytes) == b"source"
    assert len(fetched(store)) == 1
    # Another build of the same version: the same names and lengths.
    again = await do(store.add_build, "two", HELLO)
    await do(store.finish, again, packages={**PACKAGES, "hello-1.0-1.src": b"SOURCE"})
    theirs = store.result_directory(again, CHROOT) / package.name
    await do(os.utime, theirs, (1, 1))
    await copr.builds.download(again, directory, kinds=["rpms"])
    assert await do(package.read_bytes) == b"SOURCE"
    store.faults.add(Respond(404, b"", {"Content-Type": "text/plain"}), method="HEAD", times=None)
    store.seen.clear()
    await copr.builds.download(again, directory, chroots=[CHROOT], kinds=["rpms"])
    assert len(fetched(store)) == 3  # nothing to compare with


async def test_results_are_not_written_through_links(store: SteppedCopr, copr: Copr, build: int, tmp_path: Path):
    elsewhere, directory = tmp_path / "elsewhere", tmp_path / "to"
    await do(elsewhere.mkdir)
    await do(directory.mkdir)
    await do((directory / CHROOT).symlink_to, elsewhere)
    with pytest.raises(InputError, match="is a link to another directory") as caught:
        await copr.builds.download(build, directory)
    assert caught.value.argument == "to"
    assert await do(contents, elsewhere) == {}
    # The directory that the caller names may be one; a link in place of a file is replaced.
    real, link = tmp_path / "real", tmp_path / "link"
    await do((real / CHROOT).mkdir, parents=True)
    await do(link.symlink_to, real)
    outside = tmp_path / "outside"
    await do(outside.write_bytes, b"source")
    await do((real / CHROOT / "hello-1.0-1.src.rpm").symlink_to, outside)
    await do(os.utime, outside, (1, 1))
    await do(os.utime, store.result_directory(build, CHROOT) / "hello-1.0-1.src.rpm", (1, 1))
    await copr.builds.download(build, link, kinds=["rpms"])
    assert not await do((real / CHROOT / "hello-1.0-1.src.rpm").is_symlink)
    assert await do(outside.read_bytes) == b"source"


@pytest.mark.parametrize("fault", [None, Respond(502, b"<html>"), Respond(403, b"<html>")], ids=repr)
async def test_an_rpm_that_cannot_be_downloaded_is_named(
    store: SteppedCopr, copr: Copr, build: int, directory: Path, fault: Respond | None
):
    name = "hello-1.0-1.src.rpm"
    if fault is None:
        await do((store.result_directory(build, CHROOT) / name).unlink)
    else:
        store.faults.add(fault, path=f"*{name}", times=None)
    with pytest.raises(ApiError, match=rf"requested as {CHROOT}/{name} of build {build}$"):
        await copr.builds.download(build, directory, kinds=["rpms"])


async def test_an_interrupted_download_resumes(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    """fedora-copr/copr#4169: within a file by ranges, and with the files that are missing when called again."""
    store.faults.add(Truncate(1024 * 1024), path="*x86_64.rpm")
    store.faults.add(DropBefore(), path="*x86_64.rpm")
    store.faults.add(Respond(502, b"<html>"), path="*.src.rpm", times=None)
    with pytest.raises(ServerError):
        await copr.builds.download(build, directory, kinds=["rpms"], limit=1)
    found = await do(contents, directory)
    assert found[f"{CHROOT}/hello-1.0-1.x86_64.rpm"] == RPM
    assert not [name for name in found if name.endswith((".part", "src.rpm"))]
    store.faults.clear()
    store.seen.clear()
    assert len(await copr.builds.download(build, directory, kinds=["rpms"], limit=1)) == 3
    assert len(fetched(store)) == 1


@pytest.mark.parametrize("devel", [False, True])
async def test_packages_that_pulp_keeps(store: SteppedCopr, copr: Copr, directory: Path, devel: bool):
    """fedora-copr/copr#4014, PR 4107: found by the list of what was built, wherever the files are."""
    await do(store.add_project, "pulp", storage="pulp", devel_mode=devel)
    build = await do(store.add_build, "pulp", HELLO)
    await do(store.finish, build, packages=PACKAGES)
    await copr.builds.download(build, directory)
    found = await do(contents, directory)
    assert found.keys() == {f"{CHROOT}/{name}" for name in RPMS | LOGS | INFO | {"hello.spec"}}
    assert found[f"{CHROOT}/hello-1.0-1.x86_64.rpm"] == RPM


async def test_what_the_store_lost(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    theirs = store.result_directory(build, CHROOT)
    await do((theirs / "root.log.gz").unlink)
    assert len(await copr.builds.download(build, directory, chroots=[CHROOT], kinds=["logs"])) == len(LOGS) - 1
    await do((theirs / "hello-1.0-1.src.rpm").unlink)
    with pytest.raises(NotFound):
        await copr.builds.download(build, directory)


async def test_progress_of_all_files_together(store: SteppedCopr, copr: Copr, build: int, directory: Path):
    """fedora-copr/copr#4165: no half an hour of silence."""
    reported: list[Progress] = []
    store.faults.add(Truncate(2 * 1024 * 1024), path="*x86_64.rpm")
    await copr.builds.download(build, directory, on_progress=reported.append)
    total = sum(map(len, (await do(contents, directory)).values()))
    assert reported[-1].completed == total
    assert len(reported) > 1
    await copr.builds.download(build, directory, on_progress=reported.append)
    assert reported[-1].completed == 0  # nothing came this time

    def stop(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # called once, at the end
        await copr.builds.download(build, directory, on_progress=stop)
    await do(shutil.rmtree, directory)
    with pytest.raises(ZeroDivisionError):
        await copr.builds.download(build, directory, on_progress=stop)
    assert not [name for name in await do(contents, directory) if name.endswith(".part")]


async def test_cancelled_it_leaves_nothing_half_done(store: SteppedCopr, build: int, directory: Path):
    async with store.client(retry=Retry(attempts=1)) as copr:
        await copr.builds.get(build)
        before = await do(open_files)
        store.held = "/results/"
        async with anyio.create_task_group() as group:
            group.start_soon(copr.builds.download, build, directory)
            await until(lambda: store.waiting == 8)
            assert len(await do(contents, directory)) == 8
            group.cancel_scope.cancel()
        store.held = ""
        assert await do(contents, directory) == {}
        with anyio.fail_after(20):
            while await do(open_files) - before:
                await anyio.sleep(0.01)


async def test_a_directory_that_cannot_be_made(store: SteppedCopr, copr: Copr, build: int, tmp_path: Path):
    await to_thread.run_sync((tmp_path / "file").touch)
    with pytest.raises(OSError, match="file"):
        await copr.builds.download(build, tmp_path / "file")
