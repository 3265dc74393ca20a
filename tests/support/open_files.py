"""What this process has open, and that a call leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import os

import anyio
from anyio import to_thread


def open_descriptors() -> set[str]:
    """What is open, by descriptor. Nothing is collected before: what only the collector would close was left open."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
    return found


async def assert_no_leaks(before: set[str]) -> None:
    """Return when what is open is what was open: the server, in this process too, may be slow to see an end."""
    left: set[str] = set()
    with anyio.move_on_after(20):
        while left := await to_thread.run_sync(open_descriptors) - before:
            await anyio.sleep(0.01)
    assert not left, f"still open: {sorted(left)}"
