"""Submitting builds: what is refused before anything is sent, and what goes over the wire."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import BadRequest, BytesBody, Copr, InputError, Progress
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from lading.copr import Build
    from lading.copr.builds import Builds

pytestmark = pytest.mark.anyio
SIZE = 8 * 1024 * 1024


@pytest.fixture
def store() -> Iterator[SteppedCopr]:
    with SteppedCopr(rpm_upload=True) as store:
        yield store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "hello-1.0-1.src.rpm"
    with path.open("wb") as file:
        file.write(b"\xed\xab\xee\xdb")
        file.truncate(SIZE)
    return path


REFUSED: dict[str, tuple[Callable[[Builds], Awaitable[Any]], str]] = {
    "a blank in an address": (lambda b: b.create_from_url("owner", "demo", f"{HELLO} "), "urls"),
    "no address": (lambda b: b.create_from_url("owner", "demo", ""), "urls"),
    "two addresses in one": (lambda b: b.create_from_urls("owner", "demo", [HELLO, f"{HELLO}\n{HELLO}"]), "urls"),
    "one text for a list": (lambda b: b.create_from_urls("owner", "demo", HELLO), "urls"),
    "another file": (lambda b: b.create_from_file("owner", "demo", "hello-1.0.tar.gz"), "source"),
    "a binary package": (lambda b: b.create_from_file("owner", "demo", "hello-1.0-1.noarch.rpm"), "source"),
    "another name": (lambda b: b.create_from_file("owner", "demo", "a.spec", filename="a.txt"), "source"),
    "a body without a name": (lambda b: b.create_from_file("owner", "demo", BytesBody(b"x")), "filename"),
    "no rpm": (lambda b: b.create_from_rpm_upload("owner", "demo", "hello.deb"), "source"),
    "an rpm body without a name": (lambda b: b.create_from_rpm_upload("owner", "demo", BytesBody(b"x")), "filename"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_refused_before_anything_is_sent(store: SteppedCopr, what: str):
    create, argument = REFUSED[what]
    async with store.client() as copr:
        with pytest.raises(InputError) as caught:
            await create(copr.builds)
    assert (caught.value.argument, caught.value.outcome) == (argument, "not_done")
    assert not store.seen


async def test_a_file_that_is_not_there(store: SteppedCopr, tmp_path: Path):
    async with store.client() as copr:
        with pytest.raises(FileNotFoundError):
            await copr.builds.create_from_file("owner", "demo", tmp_path / "hello.spec")
    assert not store.seen


SOURCES: dict[str, tuple[Callable[[Builds], Awaitable[Build]], dict[str, Any]]] = {
    "link": (lambda b: b.create_from_url("owner", "demo", HELLO), {"url": HELLO}),
    "scm": (
        lambda b: b.create_from_scm("owner", "demo", "https://example.com/a.git", committish="main", spec="a.spec"),
        {"type": "git", "clone_url": "https://example.com/a.git", "committish": "main", "spec": "a.spec"},
    ),
    "distgit": (
        lambda b: b.create_from_distgit("owner", "demo", "tar", committish="f43"),
        {"committish": "f43", "distgit": "fedora"},
    ),
    "pypi": (
        lambda b: b.create_from_pypi("owner", "demo", "pello", python_versions=("3",)),
        {"pypi_package_name": "pello", "python_versions": ["3"]},
    ),
    "rubygems": (lambda b: b.create_from_rubygems("owner", "demo", "rake"), {"gem_name": "rake"}),
    "custom": (
        lambda b: b.create_from_custom("owner", "demo", "true", script_builddeps=["git", "make"]),
        {"script": "true\n", "builddeps": "git make"},
    ),
    "upload": (
        lambda b: b.create_from_file("owner", "demo", BytesBody(b"Name: a\n"), filename="a.spec"),
        {"pkg": "a.spec"},
    ),
    "rpm_upload": (
        lambda b: b.create_from_rpm_upload(
            "owner", "demo", BytesBody(b"x"), filename="a-1-1.noarch.rpm", chroot=CHROOT
        ),
        {"files": ["a-1-1.noarch.rpm"]},
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
async def test_every_kind_of_source(store: SteppedCopr, kind: str):
    create, source = SOURCES[kind]
    async with store.client() as copr:
        build = await create(copr.builds)
    (made,) = store.builds
    assert (made.id, made.source_type) == (build.id, kind)
    assert source.items() <= made.source.items()


async def test_several_addresses_are_several_builds_in_their_order(store: SteppedCopr):
    urls = [HELLO.replace("hello", name) for name in ("b", "a", "c")]
    async with store.client() as copr:
        builds = await copr.builds.create_from_urls("owner", "demo", iter(urls), chroots=[CHROOT], timeout=60)
    assert [store.build(build.id).source["url"] for build in builds] == urls
    assert {store.build(build.id).options["timeout"] for build in builds} == {60}
    assert store.count("POST") == 1


class Recorder:
    """A frontend that keeps what is uploaded to it, without looking at it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "received"
        self.headers: Any = None
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        self.headers = request.headers
        await request.save(self.path)
        return ServerResponse.json({"id": 7, "state": "pending", "ownername": "owner", "projectname": "demo"})

    def parts(self) -> list[tuple[dict[str, str], bytes]]:
        """The parts of the form, as the standard library reads them."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.path.read_bytes())
        return [(dict(part.items()), part.get_payload(decode=True)) for part in message.iter_parts()]  # type: ignore[misc]


async def test_an_upload_streams_from_disk_with_its_length_known(tmp_path: Path, path: Path):
    """fedora-copr/copr#4213, #2387: one length that is exact, two parts, progress to the last byte."""
    recorder, reported = Recorder(tmp_path), list[Progress]()
    async with recorder.server, Copr(recorder.server.url, login="l", token="t") as copr:
        build = await copr.builds.create_from_file(
            "owner", "demo", path, project_dirname="demo:pr:1", on_progress=reported.append, chroots=[CHROOT], timeout=9
        )
    assert build.id == 7
    size = (await to_thread.run_sync(recorder.path.stat)).st_size
    assert int(recorder.headers["Content-Length"]) == size
    assert "Transfer-Encoding" not in recorder.headers
    assert reported[-1] == Progress(size, size, 1)
    assert [p.completed for p in reported] == sorted({p.completed for p in reported})
    file, options = await to_thread.run_sync(recorder.parts)
    assert file[0] == {
        "Content-Disposition": 'form-data; name="pkgs"; filename="hello-1.0-1.src.rpm"',
        "Content-Type": "application/x-rpm",
    }
    assert file[1] == await to_thread.run_sync(path.read_bytes)
    # Without a file name the frontend would not see this part at all.
    assert options[0]["Content-Disposition"] == 'form-data; name="json"; filename="json"'
    assert json.loads(options[1]) == {
        "ownername": "owner",
        "projectname": "demo",
        "project_dirname": "demo:pr:1",
        "chroots": [CHROOT],
        "timeout": 9,
    }


async def test_an_upload_arrives_as_it_is(store: SteppedCopr, path: Path):
    async with store.client() as copr:
        build = await copr.builds.create_from_file("owner", "demo", path, filename="other-1-1.src.rpm")
    kept = store.build(build.id).upload
    assert kept is not None
    assert kept.name == "other-1-1.src.rpm"
    assert await to_thread.run_sync(kept.read_bytes) == await to_thread.run_sync(path.read_bytes)


async def test_what_a_callback_raises_ends_the_upload(store: SteppedCopr, path: Path):
    def show(progress: Progress) -> None:
        raise ZeroDivisionError

    async with store.client() as copr:
        with pytest.raises(ZeroDivisionError):
            await copr.builds.create_from_file("owner", "demo", path, on_progress=show)
    assert not store.builds


async def test_a_submission_can_be_checked_before_a_long_upload(store: SteppedCopr):
    """fedora-copr/copr#2658: what stands against a build is said before the file is sent."""
    async with store.client() as copr:
        assert "safe" in await copr.builds.check_before_build("owner", "demo", chroots=[CHROOT])
        with pytest.raises(BadRequest, match="'fedora-1-x86_64' is not a valid choice"):
            await copr.builds.check_before_build("owner", "demo", chroots=["fedora-1-x86_64"])
    assert not store.builds
