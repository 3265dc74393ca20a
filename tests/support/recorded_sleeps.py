"""The waits between a client's attempts, recorded instead of waited."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from lading._core import retry
from tests.support.transport_client import make_client

if TYPE_CHECKING:
    import pytest

    from lading import PyPI
    from lading._client import Client

C = TypeVar("C", bound="Client")
NOW = 1_700_000_000.0


def with_time(client: C, **changes: Any) -> C:
    """Return *client* with another clock or sleep in its settings."""
    client._connections.settings = replace(client._connections.settings, **changes)
    client._make_resources(client._connections.sender(client._service))
    return client


class RecordedSleeps:
    """The clock and sleep of its clients: it is NOW, and the clock advances by each wait, none of which is waited.

    Attributes:
        waits: The waits, in seconds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits: list[float] = []
        monkeypatch.setattr(retry, "time", lambda: NOW)  # for dates in Retry-After

    def client(self, url: str, **options: Any) -> PyPI:
        """A client whose store is at *url*."""
        return with_time(make_client(url, **options), clock=lambda: sum(self.waits), sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
