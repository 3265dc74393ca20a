"""Projects that many clients create concurrently, and lost responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidResponse,
    LadingError,
    NetworkError,
    NotFound,
    Retry,
    ServerError,
)
from lading.testing import DropAfter, DropBefore, Fault, Respond, ServerResponse, Truncate
from tests.support.copr_frontend import CHROOT, CannedFrontend, RecordingCopr, SeenRequest, refusal, without_repeats

if TYPE_CHECKING:
    from lading import Copr

pytestmark = pytest.mark.anyio
OTHER = "fedora-43-x86_64"
ADD = "POST project/add/owner"
GET = "GET project"
DELETE = "DELETE project/delete/owner/demo"


async def test_creating_at_once_from_many_places(crew_store: RecordingCopr):
    """One project, and everybody gets it."""
    found: list[Any] = []

    async def create(copr: Copr, number: int) -> None:
        found.append(
            await copr.projects.create("owner", "demo", chroots=[CHROOT], exist_ok=True, description=f"by {number}")
        )

    async with crew_store.client() as copr, anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(create, copr, number)
    assert len(found) == 10
    assert all(project == found[0] for project in found)


@pytest.mark.parametrize(
    "second",
    [
        refusal(400, "name: You already have a project named 'demo'."),
        refusal(500, "Request wasn't successful, there is probably a bug in the Copr code."),
        ServerResponse(500, {"Content-Type": "text/html"}, b"<h1>Internal Server Error</h1>"),
        ServerResponse(504, {"Content-Type": "text/html"}, b"<h1>Gateway Time-out</h1>"),
    ],
)
async def test_who_loses_a_race_gets_the_project(second: ServerResponse):
    """Two requests at once: none is found, and then the database refuses the second."""

    def respond(request: SeenRequest) -> ServerResponse:
        return ServerResponse.json({"name": "demo", "ownername": "owner", "id": 7}) if request.line == GET else second

    async with CannedFrontend(respond) as frontend, frontend.client(retry=Retry(attempts=1)) as copr:
        found = await copr.projects.create("owner", "demo", chroots=[CHROOT], exist_ok=True)
        assert found.id == 7
        assert frontend.lines == [ADD, GET]


@pytest.mark.parametrize(
    "second",
    [
        refusal(400, "name: You already have a project named 'demo'."),
        refusal(400, "Copr 'owner/demo' has not been created (race condition)"),
        refusal(500, "Database error, contact admin"),
    ],
)
async def test_who_loses_a_race_without_exist_ok_gets_a_conflict(second: ServerResponse):
    def respond(request: SeenRequest) -> ServerResponse:
        return ServerResponse.json({"name": "demo", "ownername": "owner", "id": 7}) if request.line == GET else second

    async with CannedFrontend(respond) as frontend, frontend.client(retry=Retry(attempts=1)) as copr:
        with pytest.raises(Conflict) as caught:
            await copr.projects.create("owner", "demo", chroots=[CHROOT])
        assert caught.value.outcome == "not_done"


@pytest.mark.parametrize("body", [b"{}", b'{"status": "ok"}', b'{"name": "other", "ownername": "owner"}'])
async def test_json_that_is_not_about_the_project_confirms_nothing(crew_demo: RecordingCopr, body: bytes):
    async with crew_demo.client() as copr:
        for call in (
            lambda: copr.projects.create("owner", "new", chroots=[CHROOT]),
            lambda: copr.projects.update("owner", "demo", description="x"),
            lambda: copr.projects.fork("owner", "demo", "owner", "theirs"),
            lambda: copr.projects.regenerate_repos("owner", "demo"),
            lambda: copr.project_chroots.update("owner", "demo", CHROOT, with_opts=["x"]),
            lambda: copr.webhooks.generate("owner", "demo"),
            lambda: copr.projects.delete("owner", "demo"),
        ):
            for method in ("POST", "PUT", "DELETE"):
                crew_demo.faults.add(Respond(200, body, {"Content-Type": "application/json"}), method=method)
            with pytest.raises(InvalidResponse):
                await call()
            crew_demo.faults.clear()
        assert [project.name for project in await copr.projects.list("owner")] == ["demo"]


async def test_deleting_without_permission_is_forbidden(crew_demo: RecordingCopr):
    crew_demo.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
    async with crew_demo.client(crew_demo.add_user("stranger")) as copr:
        for call in (
            copr.projects.delete("owner", "demo"),
            copr.builds.delete(1),
            copr.builds.delete_many([1]),
        ):
            with pytest.raises(Forbidden, match="permissions to delete"):
                await call


async def test_what_is_refused_for_another_reason_says_so(crew_store: RecordingCopr):
    async with crew_store.client() as copr:
        with pytest.raises(BadRequest, match="'nope' is not a valid choice"):
            await copr.projects.create("owner", "demo", chroots=["nope"], exist_ok=True)
        crew_store.add_project("demo", description="from before")
        found = await copr.projects.create("owner", "demo", chroots=[OTHER], exist_ok=True, description="new")
        assert (found.description, set(found.chroot_repos)) == ("from before", {CHROOT})  # left as it is


@pytest.mark.parametrize(
    "fault", [DropAfter(), Respond(502), Truncate(30), DropBefore(), Respond(200, b"<html>")], ids=repr
)
async def test_a_lost_response_is_harmless_where_it_may_exist(crew_store: RecordingCopr, fault: Fault):
    crew_store.faults.add(fault, method="POST")
    async with crew_store.client() as copr:
        if fault == Respond(200, b"<html>"):  # taken by somebody, who says nothing of it
            with pytest.raises(InvalidResponse) as caught:
                await copr.projects.create("owner", "demo", chroots=[CHROOT], exist_ok=True)
            assert caught.value.outcome == "unknown"
        else:
            assert (await copr.projects.create("owner", "demo", chroots=[CHROOT], exist_ok=True)).name == "demo"


@pytest.mark.parametrize("fault", [DropAfter(), Truncate(30)], ids=repr)
async def test_whether_it_was_made_here_nobody_can_say(crew_store: RecordingCopr, fault: Fault):
    crew_store.faults.add(fault, method="POST")
    async with crew_store.client() as copr:
        with pytest.raises(LadingError) as caught:
            await copr.projects.create("owner", "demo", chroots=[CHROOT])
    assert caught.value.outcome == "unknown"
    assert "by this call or before it; exist_ok=True accepts one that exists" in str(caught.value.__cause__)
    assert crew_store.lines == [ADD, GET]


@pytest.mark.parametrize("fault", [DropBefore(), Respond(502), Respond(503), Respond(429, retry_after=0)], ids=repr)
async def test_what_was_not_made_is_made(crew_store: RecordingCopr, fault: Fault):
    crew_store.faults.add(fault, method="POST")
    async with crew_store.client() as copr:
        assert (await copr.projects.create("owner", "demo", chroots=[CHROOT])).name == "demo"
    requested = [] if fault == Respond(429, retry_after=0) else [GET]
    assert without_repeats(crew_store.lines) == [*requested, ADD]


async def test_the_outcome_is_unknown_when_the_lookup_fails(crew_store: RecordingCopr):
    crew_store.faults.add(DropAfter(), method="POST")
    crew_store.faults.add(Respond(502), method="GET", times=None)
    async with crew_store.client() as copr:
        with pytest.raises(NetworkError) as caught:
            await copr.projects.create("owner", "demo", chroots=[CHROOT])
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, ServerError)
    assert crew_store.lines == [ADD]


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore(), Respond(504), Truncate(3)], ids=repr)
async def test_deleting_is_done_when_it_is_gone(crew_demo: RecordingCopr, fault: Fault):
    crew_demo.faults.add(fault, method="DELETE")
    async with crew_demo.client() as copr:
        await copr.projects.delete("owner", "demo")
        with pytest.raises(NotFound):
            await copr.projects.get("owner", "demo")
        crew_demo.seen.clear()
        with pytest.raises(NotFound):
            await copr.projects.delete("owner", "demo")
    assert crew_demo.lines == [DELETE]


async def test_an_html_page_with_status_200_confirms_no_deletion(crew_demo: RecordingCopr):
    crew_demo.faults.add(Respond(200, b"<html>"), method="DELETE")
    async with crew_demo.client() as copr:
        with pytest.raises(InvalidResponse) as caught:
            await copr.projects.delete("owner", "demo")
        assert caught.value.outcome == "not_done"  # it was requested, and is still there
        assert without_repeats(crew_demo.lines) == [GET]
