"""How often snaps are installed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lading._core.arguments import checked
from lading._core.call import Call
from lading.canonical.snap._dashboard import send_harmless
from lading.canonical.snap._models import Metric
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from lading._core.messages import Response
    from lading.canonical.snap._dashboard import Dashboard

T = TypeVar("T")

MetricName = (
    Literal[
        "daily_device_change",
        "installed_base_by_channel",
        "installed_base_by_country",
        "installed_base_by_operating_system",
        "installed_base_by_version",
        "weekly_device_change",
        "weekly_installed_base_by_channel",
        "weekly_installed_base_by_country",
        "weekly_installed_base_by_operating_system",
        "weekly_installed_base_by_version",
    ]
    | str
)


@checked()
@dataclass(frozen=True, slots=True)
class MetricFilter:
    """One metric of one snap in a time.

    Attributes:
        snap_id: The snap's identifier.
        metric_name: Which metric.
        start: The first day.
        end: The last day.
    """

    snap_id: str
    metric_name: MetricName
    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InputError(f"end={self.end} is before start={self.start}", argument="end")


@checked()
class SnapMetrics:
    """The metrics of an account's snaps; available as ``snap_store.metrics``."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def get(self, name: str, metric: MetricName, start: date, end: date) -> Metric:
        """Return one metric of one snap.

        Args:
            name: The snap.
            metric: Which metric.
            start: The first day.
            end: The last day.

        Raises:
            ConfigError: The store has no such API.
            InputError: *end* is before *start*.
            NotFound: The account has no such snap.
            InvalidResponse: The response has no such metric.

        Source: ``POST /dev/api/snaps/metrics``.
        """
        sender = self._dashboard.sender
        wanted = MetricFilter("", metric, start, end)
        snap_id = await self._dashboard.snap_id(name)

        def read(response: Response) -> Metric:
            return next(found for found in _read(response) if found.snap_id == snap_id and found.metric_name == metric)

        return await send_harmless(sender, _query([replace(wanted, snap_id=snap_id)], read))

    async def query(self, filters: Iterable[MetricFilter]) -> tuple[Metric, ...]:
        """Return several metrics, of one or several snaps, with one request.

        Args:
            filters: Which ones.

        Raises:
            ConfigError: The store has no such API.
            InputError: There are no *filters*.
            BadRequest: The store has no such metric, or not for that time (``invalid-date-interval``).

        Source: ``POST /dev/api/snaps/metrics``.
        """
        sender = self._dashboard.sender
        wanted = list(filters)
        if not wanted:
            raise InputError("give one or more filters", argument="filters")
        return await send_harmless(sender, _query(wanted, _read))


def _query(filters: Sequence[MetricFilter], read: Callable[[Response], T]) -> Call[T]:
    """Return the call for *filters*. It only reads, although it is a POST."""
    wanted: list[dict[str, Any]] = [
        {
            "snap_id": one.snap_id,
            "metric_name": one.metric_name,
            "start": one.start.isoformat(),
            "end": one.end.isoformat(),
        }
        for one in filters
    ]
    return Call("POST", "dev/api/snaps/metrics", read, json={"filters": wanted}, idempotent=True)


def _read(response: Response) -> tuple[Metric, ...]:
    return tuple(Metric.model_validate(one) for one in response.json()["metrics"])
