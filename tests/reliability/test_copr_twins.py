"""Submissions that look the same in the store: none is confirmed with another's build, and none is made twice."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import NetworkError, Retry
from lading.copr import PyPISource
from lading.testing import Delay, DropAfter, DropBefore
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading import Copr
    from lading.copr import Build

    Submit = Callable[..., Awaitable[Build]]

pytestmark = pytest.mark.anyio
CHROOTS = [CHROOT, "fedora-43-x86_64"]
SUBMIT: dict[str, Submit] = {
    "url": lambda c, **options: c.builds.create_from_url("owner", "demo", HELLO, **options),
    "scm": lambda c, **options: c.builds.create_from_scm("owner", "demo", "https://example.com/a.git", **options),
    "distgit": lambda c, **options: c.builds.create_from_distgit("owner", "demo", "tar", **options),
    "package": lambda c, **options: c.packages.build("owner", "demo", "pello", **options),
}


@pytest.fixture(params=SUBMIT)
def submit(request: pytest.FixtureRequest) -> Submit:
    return SUBMIT[request.param]


@pytest.fixture
async def store(copr_store: SteppedCopr, copr: Copr) -> SteppedCopr:
    await copr.packages.create("owner", "demo", "pello", PyPISource("pello"))
    await copr.projects.update("owner", "demo", chroots=CHROOTS)
    return copr_store


async def run(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    """What the calls return or raise, made at once."""
    results: list[Any] = [None] * len(calls)

    async def one(number: int) -> None:
        try:
            results[number] = await calls[number]()
        except NetworkError as error:
            results[number] = error

    async with anyio.create_task_group() as group:
        for number in range(len(calls)):
            group.start_soon(one, number)
    return results


@pytest.mark.parametrize("clients", [1, 2])
@pytest.mark.parametrize("fault", [DropBefore(), DropAfter(), DropAfter(work_after=12)], ids=repr)
async def test_twins_in_different_chroots(store: SteppedCopr, submit: Submit, fault: Any, clients: int):
    """One of them is lost: each caller gets the build of its own chroot."""
    store.faults.add(fault, method="POST")
    async with store.client() as one, store.client() as other:
        users = [one, other if clients == 2 else one]
        builds = await run(
            *(partial(submit, user, chroots=[chroot]) for user, chroot in zip(users, CHROOTS, strict=True))
        )
    assert [build.chroots for build in builds] == [(chroot,) for chroot in CHROOTS]
    assert len(store.builds) == 2


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("fault", [DropBefore(), DropAfter(), DropAfter(work_after=12)], ids=repr)
async def test_identical_twins(store: SteppedCopr, copr: Copr, submit: Submit, fault: Any, lost: int):
    """Which build is whose nobody can say, nor need they: there are as many as callers, and no two have the same."""
    store.faults.add(fault, method="POST", times=lost)
    builds = await run(*[partial(submit, copr)] * 3)
    assert sorted(build.id for build in builds) == [build.id for build in store.builds] == [1, 2, 3]


async def test_a_twin_whose_response_is_slow_keeps_its_build(store: SteppedCopr, submit: Submit):
    """The first is made, and its response on the way, when the second is lost."""
    store.faults.add(Delay(0.3, before="response"), method="POST")
    store.faults.add(DropBefore(), method="POST")
    # The store's clock runs ahead of the delay, which is a real one.
    async with store.client(retry=Retry(attempts=3, backoff=0, deadline=None)) as copr:
        builds = await run(*[partial(submit, copr)] * 2)
    assert sorted(build.id for build in builds) == [1, 2]
    assert len(store.builds) == 2


async def test_a_background_build_is_not_taken_for_another(store: SteppedCopr, copr: Copr, submit: Submit):
    store.faults.add(DropBefore(), method="POST")
    builds = await run(partial(submit, copr), partial(submit, copr, background=True))
    assert [build.is_background for build in builds] == [False, True]
    assert len(store.builds) == 2


async def test_an_unclear_one_leaves_its_build_to_nobody(store: SteppedCopr, copr: Copr, submit: Submit):
    """The caller was told that it may exist. Another that is not its equal must not be confirmed with it."""
    store.faults.add(DropAfter(work_after=12), method="POST")
    hasty = copr.with_options(retry=Retry(attempts=3, backoff=0, deadline=5))
    with pytest.raises(NetworkError) as caught:
        await submit(hasty, chroots=[CHROOT], timeout=100)
    assert caught.value.outcome == "unknown"
    store.faults.add(DropBefore(), method="POST")
    with pytest.raises(NetworkError) as caught:
        await submit(copr, chroots=[CHROOT], timeout=200)
    assert caught.value.outcome == "unknown"
    assert len(store.builds) == 1


async def test_an_unclear_one_of_long_ago_confuses_nobody(store: SteppedCopr, copr: Copr, submit: Submit):
    store.faults.add(DropAfter(work_after=12), method="POST")
    with pytest.raises(NetworkError):
        await submit(copr.with_options(retry=Retry(attempts=3, backoff=0, deadline=5)), timeout=100)
    store.advance_clock(12)
    await copr.home()  # by now its work is done
    store.advance_clock(60)
    store.faults.add(DropAfter(), method="POST")
    assert (await submit(copr, timeout=200)).id == 2


async def test_a_build_that_shows_other_chroots_is_no_proof_of_absence(store: SteppedCopr, copr: Copr):
    """A frontend may show them differently. It is this one, or somebody else's: it is not made a second time."""
    store.faults.add(DropBefore(), method="POST")
    store.steps.append(lambda: store.add_build("demo", HELLO))
    with pytest.raises(NetworkError) as caught:
        await SUBMIT["url"](copr, chroots=CHROOTS)
    assert caught.value.outcome == "unknown"
    assert len(store.builds) == 1


@pytest.mark.parametrize("seconds", [0, 6, 12, 29])
async def test_late_work_is_waited_for(store: SteppedCopr, copr: Copr, submit: Submit, seconds: float):
    start = store.now
    store.faults.add(DropAfter(work_after=seconds), method="POST")
    assert (await submit(copr)).id == 1
    assert len(store.builds) == 1
    assert store.now - start < timedelta(seconds=seconds + 6)


@pytest.mark.parametrize("attempts", [1, 3])
async def test_late_work_after_the_last_attempt(store: SteppedCopr, submit: Submit, attempts: int):
    store.faults.add(DropAfter(work_after=12), method="POST")
    async with store.client(retry=Retry(attempts=attempts, backoff=0)) as copr:
        assert (await submit(copr)).id == 1
    assert len(store.builds) == 1
