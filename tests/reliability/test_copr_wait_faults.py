"""Waiting for builds through outages, and not waiting any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from lading import Retry, ServerError
from lading.testing import DropBefore, Respond
from tests.conftest import open_files
from tests.support.copr_double import SteppedCopr, add_builds, seen, set_states
from tests.support.raw_server import until

if TYPE_CHECKING:
    from lading import Copr

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("copr_clock")]


@pytest.mark.parametrize("fault", [Respond(502, b"<html>"), DropBefore()], ids=repr)
async def test_an_outage_between_two_looks_is_sat_out(copr_store: SteppedCopr, copr: Copr, fault: Any):
    """fedora-copr/copr#2609: what passes is tried again, by itself."""
    ids = add_builds(copr_store, 5)
    copr_store.faults.add(fault, times=2)
    set_states(copr_store, ids, "succeeded")
    assert len(await seen(copr.builds.wait(ids))) == 5
    assert len(copr_store.faults.happened) == 2


@pytest.mark.parametrize("count", [1, 5])
async def test_an_outage_that_lasts_is_raised_and_can_be_resumed_from(copr_store: SteppedCopr, copr: Copr, count: int):
    ids = add_builds(copr_store, count)
    watch = copr.builds.watch(ids)
    assert {(await anext(watch)).state for _ in ids} == {"pending"}
    copr_store.faults.add(Respond(502, b"<html>"), times=None)
    for _ in range(2):
        with pytest.raises(ServerError):
            await anext(watch)
    copr_store.faults.clear()
    set_states(copr_store, ids, "succeeded")
    assert sorted(await seen(watch)) == [(build, "succeeded") for build in ids]


async def test_the_callers_deadline_bounds_it_and_leaves_nothing(copr_store: SteppedCopr):
    """bernstein#3346: a wait can be ended, in the middle of a request too."""
    (build,) = add_builds(copr_store, 1)
    async with copr_store.client(retry=Retry(attempts=1)) as copr:
        await copr.builds.get(build)
        before = await to_thread.run_sync(open_files)
        copr_store.held = "/api_3/"
        async with anyio.create_task_group() as group:
            group.start_soon(copr.builds.wait, build)
            await until(lambda: copr_store.waiting)
            group.cancel_scope.cancel()
        copr_store.held = ""
        with anyio.fail_after(20):
            while await to_thread.run_sync(open_files) - before:
                await anyio.sleep(0.01)
        assert (await copr.builds.get(build)).id == build
