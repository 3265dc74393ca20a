"""Requests as connections send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable


class BodySource(Protocol):
    """A streamed request body: an async iterator of pieces, each valid until the next."""

    def __anext__(self) -> Awaitable[bytes | memoryview]: ...

    async def aclose(self) -> None:
        """Close what was opened; closing twice is harmless."""
        ...


@dataclass(slots=True)
class WireRequest:
    """A request as a connection sends it.

    Attributes:
        method: The method.
        target: The path with its query.
        fields: The header lines, framing and host included.
        content: A small body, sent with the head.
        source: A body that is sent piece by piece, or ``None``.
        length: Its length; ``None`` sends it chunked.
        connect: Seconds to connect; ``None`` for no bound. The same for the others.
        read: To wait for more of the response.
        write: To wait until the server takes more.
        pool: To wait for a free connection.
        keeps_after_head: See :attr:`lading._core.service.Service.keeps_after_head`.
    """

    method: str
    # Not in the repr, which error reporters show: they hold credentials.
    target: bytes = field(repr=False)
    fields: bytes = field(repr=False)
    content: bytes = field(default=b"", repr=False)
    source: BodySource | None = None
    length: int | None = None
    connect: float | None = None
    read: float | None = None
    write: float | None = None
    pool: float | None = None
    keeps_after_head: bool = False
