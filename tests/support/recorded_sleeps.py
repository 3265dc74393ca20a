"""The waits between attempts, without waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core import retry

if TYPE_CHECKING:
    import pytest

NOW = 1_700_000_000.0


def record_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, none of which is waited; it is NOW, and the clock goes on by each."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(retry.anyio, "sleep", sleep)
    monkeypatch.setattr(retry, "monotonic", lambda: sum(waits))
    monkeypatch.setattr(retry, "time", lambda: NOW)
    return waits
