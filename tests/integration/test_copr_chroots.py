"""Chroots, of projects and of builds: at the embedded Copr, and what goes over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from lading import BadRequest, BytesBody, Forbidden, InputError, NotFound
from lading.testing import DropAfter, DropBefore, Fault, Respond, ServerResponse
from tests.support.copr_frontend import CHROOT, CannedFrontend, RecordingCopr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
EDIT = f"PUT project-chroot/edit/owner/demo/{CHROOT}"


@pytest.fixture
def store() -> Iterator[RecordingCopr]:
    with RecordingCopr() as store:
        store.add_project("demo", chroots=[CHROOT, "fedora-43-x86_64"], additional_repos=["https://example.com/all/"])
        yield store
    assert store.errors == []


async def test_what_there_is(store: RecordingCopr):
    async with store.reader() as copr:
        found = [chroot.name async for chroot in copr.mock_chroots.list()]
        assert CHROOT in found
        assert len(found) == len(set(found)) == 5
        assert len(await copr.mock_chroots.list(max_items=2)) == 2
    assert "limit" not in store.seen[0].query  # it has no pages
    response = {"b": None, "a": "till next week"}
    async with CannedFrontend(ServerResponse.json(response)) as frontend, frontend.client() as copr:
        assert {chroot.name: chroot.comment for chroot in await copr.mock_chroots.list()} == {
            "b": "",
            "a": "till next week",
        }


async def test_settings_of_a_projects_chroot(store: RecordingCopr):
    async with store.client() as copr:
        before = await copr.project_chroots.get("owner", "demo", CHROOT)
        assert (before.mock_chroot, before.additional_packages, before.comps_name) == (CHROOT, (), None)
        assert await copr.project_chroots.update("owner", "demo", CHROOT) == before
        found = await copr.project_chroots.update(
            "owner",
            "demo",
            CHROOT,
            additional_packages=["git", "make"],
            additional_repos=["https://example.com/one/"],
            additional_modules=["nodejs:20", "!perl:5"],
            with_opts=["tests"],
            without_opts=("docs",),
            isolation="simple",
        )
        assert found.additional_packages == ("git", "make")
        assert found.additional_modules == ("nodejs:20", "!perl:5")
        assert (found.with_opts, found.without_opts, found.isolation) == (("tests",), ("docs",), "simple")
        config = await copr.project_chroots.build_config("owner", "demo", CHROOT)
        assert config.chroot == CHROOT
        assert set(config.additional_repos) >= {"https://example.com/all/", "https://example.com/one/"}
        assert {repo.baseurl for repo in config.repos} >= {"https://example.com/all/", "https://example.com/one/"}
        # What is None stays, an empty list clears, and so does resetting.
        same = await copr.project_chroots.update("owner", "demo", CHROOT, with_opts=None)
        assert same == found
        cleared = await copr.project_chroots.update("owner", "demo", CHROOT, additional_packages=[])
        assert (cleared.additional_packages, cleared.with_opts) == ((), ("tests",))
        reset = await copr.project_chroots.update(
            "owner", "demo", CHROOT, reset_fields=["with_opts", "additional_repos"]
        )
        assert (reset.with_opts, reset.additional_repos, reset.without_opts) == ((), (), ("docs",))
        with pytest.raises(BadRequest) as caught:
            await copr.project_chroots.update("owner", "demo", CHROOT, reset_fields=["nosuch"])
        assert str(caught.value) == (
            "copr: Trying to reset an invalid attribute: nosuch; "
            f"See `copr-cli get-chroot owner/demo/{CHROOT}' for all the possible attributes (HTTP 400)"
        )


async def test_a_comps_file(store: RecordingCopr, tmp_path: Path):
    path = tmp_path / "comps.xml"
    await anyio.Path(path).write_bytes(b"<comps/>" * 10)
    async with store.client() as copr:
        assert (await copr.project_chroots.update("owner", "demo", CHROOT, comps=path)).comps_name == "comps.xml"
        assert (await copr.project_chroots.update("owner", "demo", CHROOT, with_opts=["x"])).comps_name == "comps.xml"
        assert (await copr.project_chroots.update("owner", "demo", CHROOT, delete_comps=True)).comps_name is None
        body = BytesBody(b"<comps/>")
        with pytest.raises(InputError, match="pass comps_filename="):
            await copr.project_chroots.update("owner", "demo", CHROOT, comps=body)
        found = await copr.project_chroots.update("owner", "demo", CHROOT, comps=body, comps_filename="mine.xml")
        assert found.comps_name == "mine.xml"
        with pytest.raises(FileNotFoundError):
            await copr.project_chroots.update("owner", "demo", CHROOT, comps=tmp_path / "nowhere.xml")


async def test_what_is_sent(tmp_path: Path):
    path = tmp_path / "comps.xml"
    await anyio.Path(path).write_bytes(b"<comps/>")
    async with (
        CannedFrontend(ServerResponse.json({"mock_chroot": CHROOT, "name": CHROOT})) as frontend,
        frontend.client() as copr,
    ):
        await copr.project_chroots.update("@crew", "demo", CHROOT, bootstrap_image="fedora:43", bootstrap="on")
        await copr.project_chroots.update("@crew", "demo", CHROOT, comps=path, additional_modules=["a", "b"])
        await copr.build_chroots.get(7, CHROOT)
    image, comps, get = frontend.seen
    assert image.line == f"PUT project-chroot/edit/@crew/demo/{CHROOT}"
    assert image.query == {}
    assert b'filename="json"' in image.body
    assert b'"bootstrap": "custom_image"' in image.body
    assert b'"delete_comps": false' in image.body
    assert b'name="upload_comps"; filename="comps.xml"\r\nContent-Type: application/text\r\n' in comps.body
    assert b'"additional_modules": ["a", "b"]' in comps.body
    assert (get.line, get.query) == ("GET build-chroot", {"build_id": "7", "chrootname": CHROOT})


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore(), Respond(502)], ids=repr)
async def test_an_update_may_be_sent_twice(store: RecordingCopr, tmp_path: Path, fault: Fault):
    path = tmp_path / "comps.xml"
    await anyio.Path(path).write_bytes(b"<comps/>")
    store.faults.add(fault, method="PUT")
    async with store.client() as copr:
        assert (await copr.project_chroots.update("owner", "demo", CHROOT, comps=path)).comps_name == "comps.xml"
    assert store.lines == [EDIT] * (2 if isinstance(fault, DropAfter) else 1)


async def test_mistakes(store: RecordingCopr):
    async with store.client() as copr:
        for chroot, message in (
            ("epel-9-x86_64", "does not exist in Copr owner/demo"),
            ("nonsense", "identification is not valid"),
        ):
            for call in (copr.project_chroots.get, copr.project_chroots.build_config, copr.project_chroots.update):
                with pytest.raises(NotFound, match=message):
                    await call("owner", "demo", chroot)
        with pytest.raises(BadRequest, match="isolation: Not a valid choice"):
            await copr.project_chroots.update("owner", "demo", CHROOT, isolation="none")
        with pytest.raises(BadRequest, match="bootstrap_image: Enter valid"):
            await copr.project_chroots.update("owner", "demo", CHROOT, bootstrap_image="not an image")
    async with store.client(store.add_user("ada")) as copr:
        with pytest.raises(Forbidden, match="Only owners and admins"):
            await copr.project_chroots.update("owner", "demo", CHROOT, with_opts=["x"])


async def test_chroots_of_a_build(store: RecordingCopr):
    build = store.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
    await anyio.to_thread.run_sync(lambda: store.finish(build, chroots={"fedora-43-x86_64": "failed"}))
    async with store.reader() as copr:
        found = {chroot.name: chroot async for chroot in copr.build_chroots.list(build, page_size=1)}
        assert {name: chroot.state for name, chroot in found.items()} == {
            CHROOT: "succeeded",
            "fedora-43-x86_64": "failed",
        }
        one = await copr.build_chroots.get(build, CHROOT)
        assert one == found[CHROOT]
        assert one.result_url
        assert one.result_url.endswith("/")
        assert one.ended_on is not None
        assert one.ended_on.tzinfo is not None
        names = {package.name for package in (await copr.build_chroots.built_packages(build, CHROOT)).packages}
        assert "hello" in names
        config = await copr.build_chroots.build_config(build, CHROOT)
        assert (config.timeout, config.is_background, config.chroot) == (18000, False, None)
        assert config.repos
        for call in (copr.build_chroots.get, copr.build_chroots.built_packages, copr.build_chroots.build_config):
            with pytest.raises(NotFound, match=f"Build {build} was not submitted to epel-9-x86_64 chroot"):
                await call(build, "epel-9-x86_64")
            with pytest.raises(NotFound):
                await call(999, CHROOT)
