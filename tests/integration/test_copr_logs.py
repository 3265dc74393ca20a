"""Logs: as they grow, and when they are compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import InputError, NotFound
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr, do, lines

if TYPE_CHECKING:
    from lading import Copr

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("logs_at_once")]
LOG = "builder-live.log"


@pytest.fixture
def build(copr_store: SteppedCopr) -> int:
    """A build that is running in its chroot."""
    build = copr_store.add_build("demo", HELLO)
    while copr_store.build(build).chroots.get(CHROOT) != "running":
        copr_store.advance_builds(build)
    return build


async def test_a_running_log_is_followed_to_its_end(copr_store: SteppedCopr, copr: Copr, build: int):
    """fedora-copr/copr#4165, #3200: output is seen as it is written; nothing is lost or repeated at the end."""
    got: list[str] = []
    async for line in copr.builds.log(build, CHROOT, follow=True):
        got.append(line)
        if line == "builder-live.log: running":
            await do(copr_store.append_log, build, CHROOT, "one\ntw")
        if line == "one":
            await do(copr_store.append_log, build, CHROOT, "o\r\n\nthree\n")
        if line == "three":
            await do(copr_store.append_log, build, CHROOT, "four\nno end")
            await do(copr_store.finish, build)  # compressed, with what nobody has read yet
    assert got == ["builder-live.log: running", "one", "two", "", "three", "four", "no end"]
    assert f"GET /results/owner/demo/{CHROOT}/00000001-hello/{LOG}.gz" in copr_store.seen


async def test_as_far_as_it_is(copr_store: SteppedCopr, copr: Copr, build: int):
    await do(copr_store.append_log, build, CHROOT, "one\ntwo")
    assert await lines(copr.builds.log(build, CHROOT)) == ["builder-live.log: running", "one", "two"]
    assert await lines(copr.builds.log(build, CHROOT, name="backend")) == [
        "backend.log: starting",
        "backend.log: running",
    ]
    await do(copr_store.finish, build, "failed")
    assert await lines(copr.builds.log(build, CHROOT)) == ["builder-live.log: running", "one", "two"]
    assert await lines(copr.builds.log(build, CHROOT, name="root")) == ["root.log"]


async def test_a_log_is_waited_for(copr_store: SteppedCopr, copr: Copr):
    build = copr_store.add_build("demo", HELLO)
    got: list[str] = []
    # The frontend fails over a source that has not begun, and the build is read to find out whether that is so.
    advance = copr_store.advance_builds
    copr_store.steps = [int, int, int, int, advance, int, advance]
    async for line in copr.builds.log(build, follow=True):
        got.append(line)
        if line.endswith("running"):
            await do(copr_store.append_log, build, None, "fetched\n")
            copr_store.steps = [copr_store.advance_builds] * 20
    assert got == ["builder-live.log: running", "fetched"]


@pytest.mark.parametrize("follow", [False, True])
async def test_a_source_that_has_not_started_has_no_log(copr_store: SteppedCopr, copr: Copr, follow: bool):
    """The frontend fails over it, which is no failure of the server to be retried or reported."""
    build = copr_store.add_build("demo", HELLO)
    if follow:  # it never will
        copr_store.set_state(build, "canceled")
    with pytest.raises(NotFound, match=rf"copr: the source package of build {build} is not being created yet"):
        await lines(copr.builds.log(build, follow=follow))
    with pytest.raises(NotFound, match="the build is"):
        await copr.builds.source_chroot(build)
    with pytest.raises(NotFound, match="Build 99 does not exist"):
        await lines(copr.builds.log(99))


async def test_a_sources_log_is_compressed_while_it_is_imported(copr_store: SteppedCopr, copr: Copr):
    build = copr_store.add_build("demo", HELLO)
    while copr_store.build(build).source_state != "importing":
        await do(copr_store.advance_builds, build)
    assert await lines(copr.builds.log(build)) == ["builder-live.log: running"]


async def test_what_is_not_there(copr_store: SteppedCopr, copr: Copr, build: int):
    for name in ("build", "nonsense"):
        with pytest.raises(NotFound, match=rf"no log {name} of build 1 \({CHROOT}\)"):
            await lines(copr.builds.log(build, CHROOT, name=name))
    with pytest.raises(NotFound, match="not submitted to fedora-43-x86_64"):
        await lines(copr.builds.log(build, "fedora-43-x86_64", follow=True))
    with pytest.raises(NotFound, match="Build 99 does not exist"):
        await lines(copr.builds.log(99, CHROOT))
    await do(copr_store.finish, build)
    for follow in (True, False):
        with pytest.raises(NotFound, match="no log hw_info of build 1"):
            await lines(copr.builds.log(build, CHROOT, name="hw_info", follow=follow))
    for name in ("", "../x", "a/b", "a?b", "a.b"):
        with pytest.raises(InputError):
            copr.builds.log(build, CHROOT, name=name)


async def test_canceled_before_it_began(copr_store: SteppedCopr, copr: Copr):
    build = await copr.builds.create_from_url("owner", "demo", HELLO, chroots=[CHROOT])
    await do(copr_store.finish, build.id, "canceled")
    with pytest.raises(NotFound, match="no log builder-live"):
        await lines(copr.builds.log(build, CHROOT, follow=True))
