"""Locks of files that are being published, so that equal ones are not sent at the same time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from lading._core.loop_local import LoopLocal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class FileLocks:
    """One lock for each file that a client is publishing, on each event loop."""

    def __init__(self) -> None:
        self._locks: LoopLocal[dict[tuple[str, str], anyio.Lock]] = LoopLocal(dict)

    @asynccontextmanager
    async def hold(self, name: str, sha3_384: str) -> AsyncIterator[None]:
        """Keep other uploads of the file to the same snap waiting.

        Args:
            name: The snap.
            sha3_384: The file's digest.
        """
        locks, key = self._locks.get(), (name, sha3_384)
        lock = locks.setdefault(key, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():  # nor is anybody waiting for it
                locks.pop(key, None)
