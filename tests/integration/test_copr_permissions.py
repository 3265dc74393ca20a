"""Permissions, the monitor and modules of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from lading import (
    BadRequest,
    BytesBody,
    InputError,
    InvalidResponse,
    NetworkError,
    NotFound,
    ServerError,
)
from lading.testing import DropAfter, DropBefore, Fault, Respond, ServerResponse
from tests.support.copr_frontend import CHROOT, CannedFrontend, RecordingCopr

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.anyio
GET = "GET project"


async def test_permissions(crew_demo: RecordingCopr):
    ada = crew_demo.add_user("ada")
    async with crew_demo.client() as copr, crew_demo.client(ada) as hers, crew_demo.reader() as anybody:
        assert await copr.projects.permissions("owner", "demo") == {}
        with pytest.raises(NotFound, match="Project owner/nosuch does not exist"):
            await copr.projects.permissions("owner", "nosuch")
        assert not await anybody.projects.can_build_in("ada", "owner", "demo")
        await hers.projects.request_permissions("owner", "demo", builder=True)
        assert await copr.projects.permissions("owner", "demo") == {"ada": {"admin": "nothing", "builder": "request"}}
        await copr.projects.set_permissions("owner", "demo", {"ada": {"builder": "approved"}})
        assert await anybody.projects.can_build_in("ada", "owner", "demo")
        await hers.projects.request_permissions("owner", "demo", builder=False)
        assert not await anybody.projects.can_build_in("ada", "owner", "demo")
        for wrong, message in (
            ({}, "no permission change requested"),
            ({"nobody": {"builder": "approved"}}, "doesn't exist"),
            ({"ada": {"owner": "approved"}}, "invalid permission 'owner', allowed"),
            ({"owner": {"admin": "approved"}}, "is owner of"),
        ):
            with pytest.raises(BadRequest, match=message):
                await copr.projects.set_permissions("owner", "demo", wrong)  # type: ignore[arg-type]
        with pytest.raises(BadRequest, match="no permission requested"):
            await hers.projects.request_permissions("owner", "demo")
        with pytest.raises(NotFound, match="there is no user nobody"):
            await anybody.projects.can_build_in("nobody", "owner", "demo")
        crew_demo.faults.add(
            Respond(500, b'{"error": "Database error, contact admin"}', {"Content-Type": "application/json"}),
            times=None,
        )
        with pytest.raises(ServerError, match="Database error"):  # of an unknown user, or of every request
            await anybody.projects.can_build_in("ada", "owner", "demo")


@pytest.mark.parametrize(
    "fault",
    [DropAfter(), DropBefore(), *(Respond(200, body) for body in (b"{}", b'{"updated": true}', b"<html>"))],
    ids=repr,
)
async def test_setting_permissions_is_verified_after_a_lost_response(crew_demo: RecordingCopr, fault: Fault):
    """A response that is not the frontend's confirms nothing."""
    crew_demo.add_user("ada")
    crew_demo.faults.add(fault, method="PUT")
    wanted = {"ada": {"builder": "approved"}}
    async with crew_demo.client() as copr:
        if isinstance(fault, Respond):
            with pytest.raises(InvalidResponse) as caught:
                await copr.projects.set_permissions("owner", "demo", wanted)  # type: ignore[arg-type]
            assert caught.value.outcome == "not_done"
            assert await copr.projects.permissions("owner", "demo") == {}
        else:
            await copr.projects.set_permissions("owner", "demo", wanted)  # type: ignore[arg-type]
            assert (await copr.projects.permissions("owner", "demo"))["ada"]["builder"] == "approved"


async def test_requesting_permissions_is_not_confirmed_by_any_json(crew_demo: RecordingCopr):
    crew_demo.faults.add(Respond(200, b"{}", {"Content-Type": "application/json"}), method="PUT")
    async with crew_demo.client(crew_demo.add_user("ada")) as copr:
        with pytest.raises(InvalidResponse) as caught:
            await copr.projects.request_permissions("owner", "demo", builder=True)
    assert caught.value.outcome == "unknown"


async def test_the_monitor(crew_demo: RecordingCopr):
    build = crew_demo.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
    await anyio.to_thread.run_sync(crew_demo.finish, build)
    async with crew_demo.reader() as copr:
        (package,) = await copr.projects.monitor(
            "owner", "demo", additional_fields=["url_build_log", "url_backend_log"]
        )
        row = package.chroots[CHROOT]
        assert (package.name, row.state, row.status, row.build_id) == ("hello", "succeeded", 1, build)
        assert row.url_build_log
        assert row.url_build_log.endswith("builder-live.log.gz")
        (plain,) = await copr.projects.monitor("owner", "demo")
        assert plain.chroots[CHROOT].url_build_log is None
        with pytest.raises(BadRequest, match=r"Wrong additional_fields argument\(s\): build_url"):
            await copr.projects.monitor("owner", "demo", additional_fields=["build_url"])
        with pytest.raises(NotFound, match="Dirname"):
            await copr.projects.monitor("owner", "demo", project_dirname="demo:pr:7")


async def test_a_monitor_that_is_interrupted_with_status_200():
    response = ServerResponse(
        200, {"Content-Type": "application/json"}, b'{"output": "ok", "packages": [\n{"name": "a", "chr'
    )
    async with CannedFrontend(response) as frontend, frontend.client() as copr:
        with pytest.raises(
            InvalidResponse, match="copr: the response to GET monitor is 200 with 49 bytes of application/json"
        ):
            await copr.projects.monitor("owner", "demo")


async def test_modules_of_a_current_frontend(crew_demo: RecordingCopr):
    async with crew_demo.client() as copr:
        for build in (
            copr.modules.build_from_url("owner", "demo", "https://example.com/m.git"),
            copr.modules.build_from_file("owner", "demo", BytesBody(b"data"), filename="m.yaml"),
        ):
            with pytest.raises(
                NotFound, match=r"copr: this frontend cannot build modules, which Copr has removed \(HTTP 404\)"
            ):
                await build


async def test_modules_of_an_old_frontend(tmp_path: Path):
    path = tmp_path / "demo.yaml"
    await anyio.Path(path).write_text("document: modulemd")
    async with RecordingCopr(modules=True) as store, store.client() as copr:
        store.add_project("demo")
        found = await copr.modules.build_from_url("owner", "demo", "https://example.com/m.git", branch="main")
        assert "main" in str(found)
        assert (await copr.modules.build_from_file("owner", "demo", path)).nsv
        with pytest.raises(NotFound, match="Project owner/nosuch does not exist"):
            await copr.modules.build_from_url("owner", "nosuch", "https://example.com/m.git")
        with pytest.raises(BadRequest):
            await copr.modules.build_from_url("owner", "demo", "")
        store.faults.add(DropAfter(), method="POST")
        with pytest.raises(NetworkError) as caught:
            await copr.modules.build_from_url("owner", "demo", "https://example.com/m.git")
        assert caught.value.outcome == "unknown"
        assert store.lines.count("POST module/build/owner/demo") == 4
        with pytest.raises(InputError, match="pass filename="):
            await copr.modules.build_from_file("owner", "demo", BytesBody(b"x"))
    async with CannedFrontend(ServerResponse.json({"nsv": "demo-main-1"})) as frontend, frontend.client() as copr:
        assert (await copr.modules.build_from_url("o", "p", "u", distgit="fedora")).nsv == "demo-main-1"
        await copr.modules.build_from_file("o", "p", path)
        await copr.modules.build_from_file("o", "p", path, distgit="fedora")
    url, bare, full = frontend.seen
    assert url.json == {"scmurl": "u", "branch": "master", "distgit": "fedora"}
    assert b'name="modulemd"; filename="demo.yaml"' in bare.body
    assert b'name="json"' not in bare.body
    assert b'{"distgit": "fedora"}' in full.body
