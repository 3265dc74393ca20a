"""Canceling and deleting builds, when the response was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lading import BadRequest, Conflict, InvalidResponse, NotFound
from lading.testing import DropAfter, DropBefore, Respond, ServerResponse
from tests.support.copr_double import SteppedCopr, add_builds, do, set_states

if TYPE_CHECKING:
    from lading import Copr

pytestmark = pytest.mark.anyio
LOST = pytest.mark.parametrize("fault", [DropAfter(), DropBefore()], ids=repr)


@LOST
async def test_canceling(copr_store: SteppedCopr, copr: Copr, fault: Any):
    (build,) = add_builds(copr_store, 1)
    copr_store.faults.add(fault, method="PUT")
    assert (await copr.builds.cancel(build)).state == copr_store.build(build).state == "canceled"
    assert copr_store.count("PUT") == 1
    with pytest.raises(Conflict) as caught:
        await copr.builds.cancel(build)
    assert (caught.value.status, caught.value.outcome) == (409, "not_done")


async def test_canceling_what_has_ended_meanwhile(copr_store: SteppedCopr, copr: Copr):
    (build,) = add_builds(copr_store, 1)
    await do(copr_store.finish, build)
    copr_store.faults.add(DropBefore(), method="PUT")
    with pytest.raises(Conflict, match="cannot be canceled: its state is succeeded"):
        await copr.builds.cancel(build)
    assert copr_store.count("PUT") == 0


@LOST
async def test_deleting(copr_store: SteppedCopr, copr: Copr, fault: Any):
    builds = add_builds(copr_store, 4)
    set_states(copr_store, builds, "failed")
    copr_store.faults.add(fault, method="DELETE")
    await copr.builds.delete(builds[0])
    copr_store.faults.add(fault, method="DELETE")
    await copr.builds.delete_many(builds[1:3])
    assert [build.id for build in copr_store.builds] == builds[3:]
    assert copr_store.count("DELETE") == 2
    with pytest.raises(NotFound):
        await copr.builds.delete(builds[0])


@pytest.mark.parametrize("body", [b"{}", b'{"status": "ok"}', b'{"id": 99, "builds": [99]}', b"[]"])
async def test_json_that_is_not_about_the_build_confirms_nothing(copr_store: SteppedCopr, copr: Copr, body: bytes):
    """It is looked up, as after a lost response."""
    builds = add_builds(copr_store, 3)
    set_states(copr_store, builds[1:], "failed")
    fault = Respond(200, body, {"Content-Type": "application/json"})
    for call in (
        lambda: copr.builds.cancel(builds[0]),
        lambda: copr.builds.delete(builds[1]),
        lambda: copr.builds.delete_many(builds[1:]),
    ):
        copr_store.faults.add(fault, method="PUT")
        copr_store.faults.add(fault, method="DELETE")
        with pytest.raises(InvalidResponse) as caught:
            await call()
        assert caught.value.outcome == "not_done"
        copr_store.faults.clear()
    assert [build.id for build in copr_store.builds] == builds
    copr_store.instead = [ServerResponse(200, {"Content-Type": "application/json"}, body)]
    await copr.builds.delete(builds[1])
    assert len(copr_store.builds) == 2


async def test_deleting_what_is_running(copr_store: SteppedCopr, copr: Copr):
    builds = add_builds(copr_store, 2)
    with pytest.raises(Conflict):
        await copr.builds.delete(builds[0])
    with pytest.raises(Conflict):
        await copr.builds.delete_many(builds)
    assert len(copr_store.builds) == 2


@LOST
async def test_deleting_some_that_never_were(copr_store: SteppedCopr, copr: Copr, fault: Any):
    """All or none are deleted: that one is not there does not mean that it was done."""
    builds = add_builds(copr_store, 1)
    set_states(copr_store, builds, "failed")
    copr_store.faults.add(fault, method="DELETE")
    with pytest.raises(BadRequest, match="999"):
        await copr.builds.delete_many([*builds, 999])
    assert len(copr_store.builds) == 1
    await copr.builds.delete_many([])
