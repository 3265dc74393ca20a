"""Packages: at the embedded Copr, and what goes over the wire."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lading import (
    BadRequest,
    Call,
    Conflict,
    Forbidden,
    InputError,
    InvalidResponse,
    LadingError,
    NetworkError,
    NotFound,
    ServerError,
)
from lading.copr import CustomSource, DistGitSource, Package, PyPISource, RubyGemsSource, ScmSource, Source
from lading.testing import DropAfter, DropBefore, Fault, Respond, ServerResponse, Truncate
from tests.support.copr_frontend import CannedFrontend, RecordingCopr, SeenRequest, refusal, without_repeats

pytestmark = pytest.mark.anyio
GIT = ScmSource("https://example.com/hello.git", committish="main", spec="hello.spec")
SVN = ScmSource("https://example.com/hello", scm_type="svn")
GET = "GET package"
SOURCES: list[Source] = [
    GIT,
    SVN,
    ScmSource("https://example.com/hello.git", source_build_method="tito", subdirectory="sub"),
    PyPISource("hello", pypi_package_version="1.0", python_versions=["3"], spec_generator="pyp2spec"),
    PyPISource("hello"),
    RubyGemsSource("hello"),
    CustomSource("#!/bin/sh", script_builddeps=["git", "make"], script_resultdir="out"),
    CustomSource("#!/bin/sh", script_chroot="fedora-43-x86_64", script_repos="https://example.com/r/"),
    DistGitSource("fedora", committish="rawhide"),
    DistGitSource(),
]


def add(source: Source = GIT) -> str:
    return f"POST package/add/owner/demo/hello/{source.type}"


@pytest.mark.parametrize("source", SOURCES, ids=repr)
async def test_every_kind_of_source(demo_store: RecordingCopr, source: Source):
    async with demo_store.client() as copr:
        made = await copr.packages.create("owner", "demo", "hello", source, webhook_rebuild=True)
        assert (made.name, made.source_type, made.auto_rebuild) == ("hello", source.type, True)
        assert await copr.packages.get("owner", "demo", "hello") == made
        with pytest.raises(Conflict, match="Package hello already exists") as caught:
            await copr.packages.create("owner", "demo", "hello", source)
        assert (caught.value.status, caught.value.outcome) == (409, "not_done")
        # What is not given stays, also with the same source said again in part.
        same = await copr.packages.update("owner", "demo", "hello", type(source)())
        assert (same.source_type, same.source_dict) == (made.source_type, made.source_dict)
        same = await copr.packages.update("owner", "demo", "hello", webhook_rebuild=False)
        assert (same.source_type, same.source_dict, same.auto_rebuild) == (made.source_type, made.source_dict, False)


@pytest.mark.parametrize("source", SOURCES, ids=repr)
@pytest.mark.parametrize("fault", [DropAfter(), Truncate(20), DropBefore(), Respond(504)], ids=repr)
async def test_a_lost_response_is_verified_with_the_store(demo_store: RecordingCopr, source: Source, fault: Fault):
    demo_store.faults.add(fault, method="POST")
    async with demo_store.client() as copr:
        made = await copr.packages.create("owner", "demo", "hello", source)
        assert made.source_type == source.type
    done = isinstance(fault, (DropAfter, Truncate))
    assert without_repeats(demo_store.lines) == ([add(source), GET] if done else [GET, add(source)])


@pytest.mark.parametrize("other", [ScmSource("https://example.com/other.git"), RubyGemsSource("hello"), SVN], ids=repr)
async def test_another_source_is_somebody_elses(demo_store: RecordingCopr, other: Source):
    """The response is lost before anything was created, and another client is faster."""
    async with demo_store.client() as quicker, demo_store.client() as copr:
        await quicker.packages.create("owner", "demo", "hello", other)
        demo_store.faults.add(DropBefore(), method="POST")
        with pytest.raises(NetworkError) as caught:
            await copr.packages.create("owner", "demo", "hello", GIT)
    assert caught.value.outcome == "unknown"
    assert "there is another package hello now, with another source" in str(caught.value.__cause__)


async def test_an_html_page_with_status_200(demo_store: RecordingCopr):
    demo_store.faults.add(Respond(200, b"<html>"), method="POST")
    async with demo_store.client() as copr:
        with pytest.raises(InvalidResponse) as caught:
            await copr.packages.create("owner", "demo", "hello", GIT)
    assert caught.value.outcome == "not_done"  # it was looked for


async def test_a_package_from_subversion_stays_one(demo_store: RecordingCopr):
    """Without a value the frontend uses Git."""
    async with demo_store.client() as copr:
        await copr.packages.create("owner", "demo", "hello", SVN)
        for source in (None, ScmSource("https://example.com/moved"), ScmSource(spec="hello.spec")):
            found = await copr.packages.update("owner", "demo", "hello", source, max_builds=3)
            assert found.source_dict["type"] == "svn"
        assert (found.source_dict["clone_url"], found.source_dict["spec"]) == (
            "https://example.com/moved",
            "hello.spec",
        )
        turned = await copr.packages.update("owner", "demo", "hello", ScmSource(scm_type="git"))
        assert turned.source_dict["type"] == "git"
        changed = await copr.packages.update("owner", "demo", "hello", RubyGemsSource("hello"))
        assert (changed.source_type, changed.source_dict) == ("rubygems", {"gem_name": "hello"})
        again = await copr.packages.update("owner", "demo", "hello", SVN)
        assert again.source_dict["type"] == "svn"


async def test_a_package_from_scm_can_be_updated_whoever_created_it(demo_store: RecordingCopr):
    """Without a spec file, most clients let the frontend store null, which it refuses at every change."""
    plain = ScmSource("https://example.com/hello.git")
    async with demo_store.client() as copr:
        made = await copr.packages.create("owner", "demo", "hello", plain)
        assert made.source_dict["spec"] == ""
        add = Call(
            "POST",
            "package/add/owner/demo/theirs/scm",
            json={"package_name": "theirs", "clone_url": "https://example.com/a", "scm_type": "svn"},
        )
        await copr.send(add)
        for name in ("hello", "theirs"):
            for source in (None, ScmSource(committish="stable"), ScmSource("https://example.com/b")):
                demo_store.seen.clear()
                found = await copr.packages.update("owner", "demo", name, source, timeout=600)
                assert found.source_dict["spec"] == ""
                assert demo_store.lines[0] == GET
            assert (found.source_dict["committish"], found.source_dict["clone_url"]) == (
                "stable",
                "https://example.com/b",
            )
            assert found.source_dict["type"] == ("svn" if name == "theirs" else "git")
        await copr.packages.create("owner", "demo", "gem", RubyGemsSource("gem"))
        turned = await copr.packages.update("owner", "demo", "gem", plain)
        assert turned.source_dict["spec"] == ""
        # One that is stored stays.
        await copr.packages.update("owner", "demo", "hello", ScmSource(spec="hello.spec"))
        kept = await copr.packages.update("owner", "demo", "hello", ScmSource(committish="main"))
        assert kept.source_dict["spec"] == "hello.spec"


@pytest.mark.parametrize("there", [True, False])
async def test_losing_a_race_is_a_conflict(there: bool):
    """Two requests at once: none is found, and then the database refuses the second."""

    def respond(request: SeenRequest) -> ServerResponse:
        if request.line == GET and there:
            return ServerResponse.json({"name": "hello", "source_type": "scm"})
        return refusal(404, "no") if request.line == GET else refusal(500, "Database error, contact admin")

    async with CannedFrontend(respond) as frontend, frontend.client() as copr:
        with pytest.raises(Conflict if there else ServerError) as caught:
            await copr.packages.create("owner", "demo", "hello", GIT)
        assert caught.value.outcome == "not_done"
        if there:
            assert str(caught.value) == "copr: there is a package hello already (HTTP 500)"


@pytest.mark.parametrize("body", [b"{}", b'{"status": "ok"}', b'{"name": "other"}'])
async def test_json_that_is_not_about_the_package_confirms_nothing(demo_store: RecordingCopr, body: bytes):
    async with demo_store.client() as copr:
        await copr.packages.create("owner", "demo", "hello", GIT)
        for call in (
            lambda: copr.packages.create("owner", "demo", "new", GIT),
            lambda: copr.packages.update("owner", "demo", "hello", GIT, timeout=60),
            lambda: copr.packages.reset("owner", "demo", "hello"),
            lambda: copr.packages.delete("owner", "demo", "hello"),
        ):
            for method in ("POST", "PUT", "DELETE"):
                demo_store.faults.add(Respond(200, body, {"Content-Type": "application/json"}), method=method)
            with pytest.raises(InvalidResponse):
                await call()
            demo_store.faults.clear()
        assert (await copr.packages.get("owner", "demo", "hello")).source_type == "scm"
        assert len(await copr.packages.list("owner", "demo")) == 1


async def test_what_is_sent():
    def respond(request: SeenRequest) -> ServerResponse:
        return ServerResponse.json({"name": "a+b", "source_type": "pypi", "source_dict": {}})

    async with CannedFrontend(respond) as frontend, frontend.client() as copr:
        await copr.packages.update("@crew", "demo", "a+b", timeout=60, chroot_denylist=["epel-*", "fedora-43-*"])
        await copr.packages.update("@crew", "demo", "a+b", PyPISource(python_versions=()), chroot_denylist=[])
        custom = CustomSource("x", script_builddeps=["git", "make"], script_repos=[])
        await copr.packages.create("@crew", "demo", "a+b", custom, max_builds=0)
        await copr.packages.reset("@crew", "demo", "a+b")
        await copr.packages.delete("@crew", "demo", "a+b")
        await copr.packages.get("@crew", "demo", "a+b")
        await copr.packages.get("@crew", "demo", "a+b", with_latest_build=True, with_latest_succeeded_build=True)
    stored, update, changed, create, reset, delete, plain, full = frontend.seen
    names = {"ownername": "@crew", "projectname": "demo"}
    assert stored.line == GET  # looked at first, for it might be from Subversion
    # Without a source there is no last part; the one called None is refused.
    assert update.line == "POST package/edit/@crew/demo/a+b/"
    assert update.json == {"package_name": "a+b", "timeout": 60, "chroot_denylist": "epel-*,fedora-43-*"}
    assert changed.line == "POST package/edit/@crew/demo/a+b/pypi"
    assert changed.json == {"package_name": "a+b", "python_versions": [], "chroot_denylist": ""}
    assert create.line == "POST package/add/@crew/demo/a+b/custom"
    assert create.json == {
        "package_name": "a+b",
        "script": "x",
        "script_builddeps": "git make",
        "script_repos": "",
        "max_builds": 0,
    }
    assert (reset.line, reset.json) == ("PUT package/reset", {**names, "package_name": "a+b"})
    assert (delete.line, delete.json) == ("DELETE package/delete", {**names, "package_name": "a+b"})
    # A flag that is not set must not be sent: for one package any text counts as true.
    assert plain.query == {**names, "packagename": "a+b"}
    assert full.query == {**plain.query, "with_latest_build": "True", "with_latest_succeeded_build": "True"}


async def test_the_newest_builds_where_requested(demo_store: RecordingCopr):
    build = demo_store.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
    await anyio.to_thread.run_sync(demo_store.finish, build)
    async with demo_store.reader() as copr:
        plain = await copr.packages.get("owner", "demo", "hello")
        assert plain.builds.latest is None
        full = await copr.packages.get("owner", "demo", "hello", with_latest_build=True)
        assert full.builds.latest
        assert (full.builds.latest.id, full.builds.latest_succeeded) == (build, None)
        (listed,) = await copr.packages.list("owner", "demo", with_latest_succeeded_build=True)
        assert listed.builds.latest_succeeded
        assert (listed.builds.latest_succeeded.id, listed.builds.latest) == (build, None)


async def test_reset_build_delete(demo_store: RecordingCopr):
    async with demo_store.client() as copr:
        await copr.packages.create("owner", "demo", "hello", GIT)
        build = await copr.packages.build("owner", "demo", "hello", timeout=3600)
        assert (build.projectname, demo_store.build(build.id).options["timeout"]) == ("demo", 3600)
        await anyio.to_thread.run_sync(demo_store.finish, build.id)
        found = await copr.packages.reset("owner", "demo", "hello")
        assert (found.source_type, found.source_dict) == ("unset", {})
        with pytest.raises(BadRequest, match="default source method"):
            await copr.packages.build("owner", "demo", "hello")
        await copr.packages.delete("owner", "demo", "hello")
        for call in (copr.packages.get, copr.packages.delete, copr.packages.reset, copr.packages.build):
            with pytest.raises(NotFound, match="No package with name hello"):
                await call("owner", "demo", "hello")
        with pytest.raises(NotFound, match="does not exists"):
            await copr.packages.update("owner", "demo", "hello", RubyGemsSource("hello"))


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore(), Respond(502), Truncate(3)], ids=repr)
async def test_deleting_is_done_when_it_is_gone(demo_store: RecordingCopr, fault: Fault):
    async with demo_store.client() as copr:
        await copr.packages.create("owner", "demo", "hello", GIT)
        demo_store.faults.add(fault, method="DELETE")
        await copr.packages.delete("owner", "demo", "hello")
        assert len(await copr.packages.list("owner", "demo")) == 0


async def test_mistakes(demo_store: RecordingCopr):
    async with demo_store.client() as copr:
        for source in (ScmSource(), PyPISource(), RubyGemsSource(), CustomSource()):
            with pytest.raises(InputError, match=source.needed[0]) as caught:
                await copr.packages.create("owner", "demo", "hello", source)
            assert caught.value.argument == "source"
        assert demo_store.seen == []
        with pytest.raises(BadRequest, match="package_name: Please enter a valid package name"):
            await copr.packages.create("owner", "demo", "bad name", GIT)
        with pytest.raises(BadRequest, match="max_builds: Number must be between 0 and 100"):
            await copr.packages.create("owner", "demo", "hello", GIT, max_builds=101)
        with pytest.raises(NotFound, match="Project owner/nosuch"):
            await copr.packages.create("owner", "nosuch", "hello", GIT)
    async with demo_store.client(demo_store.add_user("ada")) as copr:
        with pytest.raises(Forbidden, match="You are not allowed to add or edit packages"):
            await copr.packages.create("owner", "demo", "hello", GIT)


async def test_one_of_ten_creates_it(demo_store: RecordingCopr):
    outcomes: list[Any] = []

    async def create() -> None:
        try:
            outcomes.append(await copr.packages.create("owner", "demo", "hello", GIT))
        except LadingError as error:
            outcomes.append(type(error))

    async with demo_store.client() as copr, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(create)
    assert outcomes.count(Conflict) == 9
    assert len([found for found in outcomes if isinstance(found, Package)]) == 1
