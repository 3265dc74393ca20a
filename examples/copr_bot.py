"""A release bot for Copr: ``python examples/copr_bot.py [--config FILE] [SOURCE.src.rpm ...]``.

It creates the project if necessary, submits all source packages concurrently, reports every state of the builds,
downloads the packages of those that succeed, and shows the end of the log of those that fail. The exit status is 0 only
if all builds succeeded.

Without ``--config`` it runs on this machine, against the embedded Copr of ``lading.testing``, with two generated source
packages. With it, at the instance in the configuration file: ``--config ~/.config/copr``.
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

# How many days before its expiry a token is reported, and how many lines of a log are shown.
EARLY = 14
LINES = 20


async def release(copr: lading.Copr, options: Namespace) -> int:
    """Build all source packages and return the number of those that failed."""
    user = await copr.tokens.verify()
    if copr.tokens.days_left is not None and copr.tokens.days_left < EARLY:
        print(f"The token expires on {copr.tokens.expires_on}: rotate it.")
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
    """Submit the source packages, four concurrently, and return the builds."""
    upload = partial(copr.builds.create_from_file, owner, options.project)
    builds = []
    async with lading.fan_out(upload, options.sources, limit=4) as results:
        async for result in results:
            if result.ok:
                builds.append(result.value)
                print(f"{result.item.name}: build {result.value.id}", flush=True)
            else:
                print(f"{result.item.name}: {result.error}", flush=True)
    return builds


async def end_of_log(copr: lading.Copr, build: Build) -> Sequence[str]:
    """Return the last lines of the log of the first failed chroot, or of the source package."""
    chroots = [chroot.name async for chroot in copr.build_chroots.list(build.id) if chroot.state == "failed"]
    lines: deque[str] = deque(maxlen=LINES)
    try:
        async for line in copr.builds.log(build, chroots[0] if chroots else None):
            lines.append(line)
    except lading.LadingError as error:
        lines.append(f"no log is available: {error}")
    return lines


@asynccontextmanager
async def embedded_copr(options: Namespace) -> AsyncIterator[lading.Copr]:
    """Return a client of an embedded Copr whose builds advance automatically."""
    async with EmbeddedCopr() as store, anyio.create_task_group() as builders:
        builders.start_soon(build_everything, store)
        owner = store.owner
        async with lading.Copr(store.url, login=owner.login, token=owner.token) as copr:
            yield copr
        builders.cancel_scope.cancel()
    print(f"(built at the embedded Copr {store.url}; the packages are in {options.to})")


async def build_everything(store: EmbeddedCopr) -> None:
    """Advance every build by one state at a time."""
    while True:
        await anyio.sleep(0.2)
        await to_thread.run_sync(store.advance_builds)


async def main(options: Namespace) -> int:
    """Run at the instance that the options select."""
    if options.config is not None:
        async with lading.Copr.from_config(config_file=options.config) as copr:
            return await release(copr, options)
    options.every = 0.05
    with tempfile.TemporaryDirectory() as directory:
        if not options.sources:
            options.sources = [Path(directory, f"demo-{name}-1.0-1.src.rpm") for name in ("anchor", "buoy")]
            for path in options.sources:
                path.write_bytes(b"a source package of the demo")
        async with embedded_copr(options) as copr:
            return await release(copr, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build source packages in Copr, and download the packages.")
    parser.add_argument("sources", nargs="*", type=Path, metavar="SOURCE", help="a .src.rpm, .nosrc.rpm or .spec file")
    parser.add_argument(
        "--config", metavar="FILE", help="the configuration file of an instance, such as ~/.config/copr"
    )
    parser.add_argument("--owner", help="the project's owner: a user or @group (default: the user of the token)")
    parser.add_argument("--project", default="demo", help="the project's name (default: %(default)s)")
    parser.add_argument("--chroot", action="append", help="a chroot of a new project (default: fedora-rawhide-x86_64)")
    parser.add_argument(
        "--to", type=Path, default=Path("results"), help="the directory for the packages (default: %(default)s)"
    )
    parser.add_argument("--every", type=float, default=5.0, help="the first poll interval in seconds (default: 5)")
    arguments = parser.parse_args()
    arguments.chroot = arguments.chroot or ["fedora-rawhide-x86_64"]
    if arguments.config is not None and not arguments.sources:
        parser.error("nothing to build")
    try:
        failed = anyio.run(main, arguments)
    except (lading.LadingError, OSError) as problem:
        sys.exit(str(problem))
    sys.exit(1 if failed else 0)
