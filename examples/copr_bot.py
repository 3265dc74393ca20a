"""A release bot for Copr: ``python examples/copr_bot.py [--config FILE] [SOURCE.src.rpm ...]``.

It makes sure that the project is there, submits every source package at the same time, says what becomes of the builds,
downloads the packages of those that succeed, and shows the end of the log of those that fail. The exit status is 0 only
if all of them succeeded.

Without ``--config`` all of it happens on this machine, at the Copr of ``lading.testing``, with two source packages made
up for it. With it, at the instance that the file names: ``--config ~/.config/copr``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import deque
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

import lading
from lading.testing import EmbeddedCopr

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import AsyncIterator, Sequence

    from lading.copr import Build

# How many days before its end a token is complained about, and how much of a log is shown.
EARLY = 14
LINES = 20


async def release(copr: lading.Copr, options: Namespace) -> int:
    """The number of source packages that were not built."""
    user = await copr.tokens.verify()
    if copr.tokens.days_left is not None and copr.tokens.days_left < EARLY:
        print(f"The token ends on {copr.tokens.expires_on}: renew it.")
    owner = options.owner or user.name
    project = await copr.projects.create(owner, options.project, chroots=options.chroot, exist_ok=True)
    print(f"Building {len(options.sources)} source packages in {project.full_name} ...", flush=True)
    builds = await submit(copr, owner, options)
    built = 0
    poll = lading.PollInterval(initial=options.every)
    async for build in copr.builds.watch(builds, poll=poll):
        print(f"build {build.id}, {build.source_package.name or 'not imported yet'}: {build.state}", flush=True)
        if build.succeeded:
            built += 1
            for path in await copr.builds.download(build, options.to, kinds=["rpms"]):
                print(f"  {path.relative_to(options.to).as_posix()}")
        elif build.finished:
            for line in await end_of_log(copr, build):
                print(f"  {line}")
    print(f"{built} of {len(options.sources)} were built.")
    return len(options.sources) - built


async def submit(copr: lading.Copr, owner: str, options: Namespace) -> list[Build]:
    """A build for each source package that could be submitted, four at a time."""
    upload = partial(copr.builds.create_from_file, owner, options.project)
    builds = []
    async with lading.fan_out(upload, options.sources, limit=4) as outcomes:
        async for outcome in outcomes:
            if outcome.ok:
                builds.append(outcome.value)
                print(f"{outcome.item.name}: build {outcome.value.id}", flush=True)
            else:
                print(f"{outcome.item.name}: {outcome.error}", flush=True)
    return builds


async def end_of_log(copr: lading.Copr, build: Build) -> Sequence[str]:
    """The last lines of the log of where the build failed: in the first such chroot, or in making its source."""
    chroots = [chroot.name async for chroot in copr.build_chroots.list(build.id) if chroot.state == "failed"]
    lines: deque[str] = deque(maxlen=LINES)
    try:
        async for line in copr.builds.log(build, chroots[0] if chroots else None):
            lines.append(line)
    except lading.LadingError as error:
        lines.append(f"there is no log to show: {error}")
    return lines


@asynccontextmanager
async def embedded_copr(options: Namespace) -> AsyncIterator[lading.Copr]:
    """A client of a Copr on this machine, whose builds get on by themselves for the time."""
    async with EmbeddedCopr() as store, anyio.create_task_group() as builders:
        builders.start_soon(build_everything, store)
        owner = store.owner
        async with lading.Copr(store.url, login=owner.login, token=owner.token) as copr:
            yield copr
        builders.cancel_scope.cancel()
    print(f"(at {store.url}, which was there for the time; the packages are in {options.to})")


async def build_everything(store: EmbeddedCopr) -> None:
    """Play the builders: every build gets on, a state at a time."""
    while True:
        await anyio.sleep(0.2)
        await to_thread.run_sync(store.advance_builds)


async def main(options: Namespace) -> int:
    """Run where the options say."""
    if options.config is not None:
        async with lading.Copr.from_config(config_file=options.config) as copr:
            return await release(copr, options)
    options.every = 0.05
    with tempfile.TemporaryDirectory() as folder:
        if not options.sources:
            options.sources = [Path(folder, f"demo-{name}-1.0-1.src.rpm") for name in ("anchor", "buoy")]
            for path in options.sources:
                path.write_bytes(b"made up for the demo")
        async with embedded_copr(options) as copr:
            return await release(copr, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build source packages in Copr, and download what comes of it.")
    parser.add_argument("sources", nargs="*", type=Path, metavar="SOURCE", help="a .src.rpm, .nosrc.rpm or .spec file")
    parser.add_argument("--config", metavar="FILE", help="build at the instance of this file, such as ~/.config/copr")
    parser.add_argument("--owner", help="whose project: a user or @group (default: the user of the token)")
    parser.add_argument("--project", default="demo", help="its name (default: %(default)s)")
    parser.add_argument(
        "--chroot", action="append", help="what a new project is built in (default: fedora-rawhide-x86_64)"
    )
    parser.add_argument("--to", type=Path, default=Path("results"), help="where the packages go (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two questions, at first (default: 5)")
    arguments = parser.parse_args()
    arguments.chroot = arguments.chroot or ["fedora-rawhide-x86_64"]
    if arguments.config is not None and not arguments.sources:
        parser.error("nothing to build")
    try:
        failed = anyio.run(main, arguments)
    except (lading.LadingError, OSError) as problem:
        sys.exit(str(problem))
    sys.exit(1 if failed else 0)
