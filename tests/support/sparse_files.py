"""Large files that take no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 16 * 1024 * 1024  # more than the sockets of both sides hold


def sparse(path: Path, size: int = SIZE) -> Path:
    """*path*, with a file of zeros there."""
    with path.open("wb") as file:
        file.truncate(size)
    return path
