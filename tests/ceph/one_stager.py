"""A stager in a process of its own: stages a version for each line that it is given, and reports the result."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import anyio

from lading import Stager
from lading.s3 import VersionExists


def say(*words: str) -> None:
    """One line for who started us."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(number: int, rounds: int, size: int, options: dict[str, Any]) -> None:
    """Stage 1.0.0, 1.0.1 and so on, one for each line of input."""
    async with Stager(path_style=True, **options) as stager:
        for version in range(rounds):
            data = bytes([number]) * size + os.urandom(16)
            metadata = {"who": str(number)} if number % 3 else None
            say("ready")
            await anyio.to_thread.run_sync(sys.stdin.readline)
            try:
                await stager.stage("SugarWater", f"1.0.{version}", data, metadata=metadata)
            except VersionExists:
                say("lost")
            else:
                say("won", data[-16:].hex())


if __name__ == "__main__":
    anyio.run(main, *json.loads(sys.argv[2]), backend=sys.argv[1])
