"""A release bot for charms: ``python examples/charm_bot.py [--charmhub production] [--name NAME] [CHARM ...]``.

It creates the track if necessary, uploads all charms concurrently, waits for their reviews, releases them to ``edge``,
waits until installers get them from there, and promotes ``edge`` to ``stable`` only if those revisions are still there.
Run again after any failure, or after it was interrupted, it does only what is left.

Without ``--charmhub`` it runs on this machine, against the embedded Charmhub of ``lading.testing``, with two generated
charms. With it, at Charmhub or its staging instance, with the credentials of this machine: ``CHARMCRAFT_AUTH``, or the
keyring where charmcraft has them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

import lading

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import AsyncIterator, Sequence

    from lading.canonical import UploadedRevision


async def release(charmhub: lading.Charmhub, options: Namespace) -> bool:
    """Publish all charms and promote them, and return whether all of that was done."""
    edge, stable = f"{options.track}/edge", f"{options.track}/stable"
    account = (await charmhub.tokens.whoami()).account
    print(f"Publishing {len(options.charms)} files of {options.name} as {account.username} ...", flush=True)
    if options.track != "latest":
        await charmhub.tracks.ensure(options.name, options.track)
    published = await publish(charmhub, options)
    if len(published) < len(options.charms):
        print("Nothing was released.")
        return False

    numbers = sorted({one.revision for one in published})
    there = (await charmhub.releases.channel_map(options.name)).in_channel(edge)
    newest = max((one.revision for one in there), default=0)
    if newest > numbers[-1]:  # an old job that is run again must not roll edge back
        print(f"{edge} has revision {newest}, which is newer: nothing was released.")
        return False
    for number in numbers:
        await charmhub.releases.release(options.name, number, [edge])
    try:
        with anyio.fail_after(options.timeout):
            for number in numbers:
                await charmhub.releases.wait_installable(options.name, number, [edge])
    except TimeoutError:
        print(f"Installers did not get {edge} within {options.timeout:g} s: nothing was promoted.")
        return False
    print(f"Installers get {edge}: revisions {', '.join(map(str, numbers))}.", flush=True)

    try:
        results = await charmhub.releases.promote(options.name, edge, stable, only_if_revision=numbers)
    except lading.Conflict as error:
        # Somebody has released something else to edge in the meantime.
        print(f"Not promoted: {error}")
        return False
    print(f"Promoted to {stable}: revisions {', '.join(str(one.revision) for one in results)}.")
    return True


async def publish(charmhub: lading.Charmhub, options: Namespace) -> Sequence[UploadedRevision]:
    """Upload the charms, four concurrently, wait for their reviews, and return the approved revisions."""

    async def upload(path: Path) -> UploadedRevision:
        with anyio.fail_after(options.timeout):
            return await charmhub.revisions.upload(options.name, path)

    published = []
    async with lading.fan_out(upload, options.charms, limit=4) as results:
        async for result in results:
            if result.ok:
                published.append(result.value)
                print(f"{result.item.name}: revision {result.value.revision}, {result.value.status}", flush=True)
            elif isinstance(result.error, TimeoutError):
                print(f"{result.item.name}: no decision within {options.timeout:g} s; run again later", flush=True)
            else:
                print(f"{result.item.name}: {result.error}", flush=True)
    return published


@asynccontextmanager
async def embedded_charmhub(options: Namespace) -> AsyncIterator[lading.Charmhub]:
    """Return a client of an embedded Charmhub that has the charm's name; generate charms if none are given."""
    from lading.testing import EmbeddedCharmhub, make_charm  # noqa: PLC0415 - they need lading[testing]

    with tempfile.TemporaryDirectory() as directory:
        for architecture in () if options.charms else ("amd64", "arm64"):
            base = ("ubuntu", "24.04", [architecture])
            path = Path(directory, f"{options.name}_{architecture}.charm")
            await to_thread.run_sync(path.write_bytes, make_charm(options.name, bases=[base]))
            options.charms.append(path)
        async with EmbeddedCharmhub() as store:
            store.add_package(options.name)
            store.set_guardrails(options.name, ".+")
            token = await to_thread.run_sync(store.export_token)
            async with lading.Charmhub(store.endpoints(), token=token) as charmhub:
                yield charmhub
    print(f"(published at the embedded Charmhub {store.url})")


async def main(options: Namespace) -> bool:
    """Run at the store that the options select."""
    name = options.charmhub
    async with embedded_charmhub(options) if name is None else lading.Charmhub.from_config(name) as charmhub:
        return await release(charmhub, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish charms to edge, and promote them to stable.")
    parser.add_argument("charms", nargs="*", type=Path, metavar="CHARM", help="the files of one charm")
    parser.add_argument("--charmhub", choices=["production", "staging"], help="run at Charmhub")
    parser.add_argument("--name", default="demo", help="the charm's name (default: %(default)s)")
    parser.add_argument("--track", default="latest", help="the track to release to (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=1800.0, help="seconds to wait for reviews and for installers (default: 1800)"
    )
    arguments = parser.parse_args()
    if arguments.charmhub is not None and not arguments.charms:
        parser.error("nothing to publish")
    try:
        done = anyio.run(partial(main, arguments))
    except (lading.LadingError, OSError) as problem:
        sys.exit(str(problem))
    sys.exit(0 if done else 1)
