"""Waiting for builds and watching them: every state, each end, and builds that are gone."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING

import pytest

from lading import NotFound
from lading.copr import BuildFailed
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr, add_builds, do, seen

if TYPE_CHECKING:
    from lading import Copr
    from lading.copr import Build

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("copr_clock")]


@pytest.mark.parametrize("state", ["succeeded", "skipped", "forked"])
async def test_one_that_ended_well(copr_store: SteppedCopr, copr: Copr, state: str):
    (build,) = add_builds(copr_store, 1)
    copr_store.steps = [int, int, partial(copr_store.set_state, build, state)]
    done = await copr.builds.wait(build)
    assert (done.id, done.state, done.succeeded) == (build, state, state == "succeeded")
    assert copr_store.count("GET") == 3


@pytest.mark.parametrize("state", ["failed", "canceled"])
async def test_one_that_ended_badly(copr_store: SteppedCopr, copr: Copr, state: str):
    """packit/packit-service#1727, fedora-copr/copr#3653: the end is not missed, and carries the build."""
    build = await copr.builds.create_from_url("owner", "demo", HELLO)
    await do(copr_store.finish, build.id, state)
    with pytest.raises(
        BuildFailed, match=rf"^copr: build 1 \(owner/demo, .*\) {state}: see {copr_store.url}/coprs/build/1/"
    ):
        await copr.builds.wait(build)
    with pytest.raises(BuildFailed) as caught:
        await copr.builds.wait(build.id)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert copied.build == caught.value.build
    assert (copied.build.state, str(copied)) == (state, str(caught.value))


async def test_states_that_nobody_knows_are_waited_out(copr_store: SteppedCopr, copr: Copr):
    (build,) = add_builds(copr_store, 1)
    change = partial(partial, copr_store.set_state, build)
    copr_store.steps = [change("unknown"), change("dreaming"), change("unknown"), change("succeeded")]
    assert await seen(copr.builds.watch([build])) == [
        (build, state) for state in ("unknown", "dreaming", "unknown", "succeeded")
    ]


async def test_every_state_on_the_way(copr_store: SteppedCopr, copr: Copr):
    (build,) = add_builds(copr_store, 1)
    copr_store.steps = [int, int, *[copr_store.advance_builds] * 20]
    states = [state for _, state in await seen(copr.builds.watch([build]))]
    assert states[0] == "pending"
    assert states[-1] == "succeeded"
    assert len(states) == len(copr_store.seen) - 1  # the second look saw nothing new
    assert {"starting", "running", "importing"} < set(states)


async def test_deleted_meanwhile(copr_store: SteppedCopr, copr: Copr):
    (build,) = add_builds(copr_store, 1)
    watch = copr.builds.watch([build])
    assert (await anext(watch)).state == "pending"
    await do(copr_store.finish, build)
    await copr.builds.delete(build)
    with pytest.raises(NotFound, match=f"Build {build} does not exist"):
        await anext(watch)
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    with pytest.raises(NotFound):
        await copr.builds.wait(build)


@pytest.mark.parametrize("count", [2, 7])
async def test_one_deleted_does_not_hide_the_others(copr_store: SteppedCopr, copr: Copr, count: int):
    ids = add_builds(copr_store, count)
    for number, build in enumerate(ids):
        await do(copr_store.finish, build, ("succeeded", "failed", "canceled")[number % 3])
    await copr.builds.delete(ids[1])
    wait = copr.builds.wait([*ids, 4711])
    found: dict[int, str] = {}
    missing = 0
    while len(found) + missing < count + 1:
        try:
            async for build in wait:
                found[build.id] = build.state
        except NotFound:
            missing += 1
    assert (missing, sorted(found)) == (2, [build for build in ids if build != ids[1]])
    assert found[ids[0]] == "succeeded"
    with pytest.raises(StopAsyncIteration):
        await anext(wait)


@pytest.mark.parametrize("count", [3, 12])
async def test_one_deleted_after_the_first_look_ends_its_wait(copr_store: SteppedCopr, copr: Copr, count: int):
    ids = add_builds(copr_store, count)
    watch = copr.builds.watch(ids)
    assert {(await anext(watch)).id for _ in ids} == set(ids)
    await do(copr_store.finish, ids[1])
    await copr.builds.delete(ids[1])
    with pytest.raises(NotFound, match=f"Build {ids[1]} does not exist"):
        await anext(watch)
    for build in (*ids[:1], *ids[2:]):
        await do(copr_store.finish, build)
    assert sorted(await seen(watch)) == [(build, "succeeded") for build in ids if build != ids[1]]


async def test_each_of_many_as_it_ends_in_whatever_state(copr_store: SteppedCopr, copr: Copr):
    a, b, c = add_builds(copr_store, 3)
    copr_store.steps = [
        *[int] * 3,  # the first look at each: a list would not be less
        partial(copr_store.finish, b, "failed"),
        partial(copr_store.finish, c, "canceled"),
        partial(copr_store.finish, a),
    ]
    first, *rest = await seen(copr.builds.wait([a, b, c, a]))
    assert first == (b, "failed")
    assert sorted(rest) == [(a, "succeeded"), (c, "canceled")]


async def test_nothing_to_wait_for(copr_store: SteppedCopr, copr: Copr):
    assert await seen(copr.builds.wait([])) == []
    assert await seen(copr.builds.watch(iter(()))) == []
    assert not copr_store.seen


async def test_many_are_iterated_over_with_what_they_were_built_in(copr_store: SteppedCopr, copr: Copr):
    (build,) = add_builds(copr_store, 1)
    await do(copr_store.finish, build)
    done: list[Build] = [found async for found in copr.builds.wait([build])]
    assert (done[0].chroots, done[0].source_package.name) == ((CHROOT,), "hello")
