"""The waits between attempts, recorded instead of waited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lading import _client
from lading._core import retry
from lading._core.settings import ClientSettings

if TYPE_CHECKING:
    import pytest

NOW = 1_700_000_000.0


def record_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give clients a clock that starts at NOW and a sleep that only records; each wait advances the clock."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    settings = partial(ClientSettings, clock=lambda: sum(waits), sleep=sleep)
    monkeypatch.setattr(_client, "ClientSettings", settings)
    monkeypatch.setattr(retry, "time", lambda: NOW)
    return waits
