"""What an index lists of a project, as uploads look it up: the digests of its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from lading._artifacts.python import normalize_name
from lading._core.loop_local import LoopLocal
from lading.errors import Forbidden, Unauthorized
from lading.pypi._pages import fetch_digests, has_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lading._core.call import CallSender
    from lading._core.sender import Sender
    from lading.pypi._indexes import Index


@dataclass(frozen=True, slots=True)
class Listing:
    """What the index lists of one project.

    Attributes:
        problem: Why that is not known; empty when it is.
        files: The digests of the project's files, by file name.
        served_at: The index's clock when it responded, where it says.
        read_at: Our clock then.
    """

    problem: str = ""
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, "Mapping[str, str]"])
    served_at: datetime | None = None
    read_at: float = 0.0

    def time_at(self, moment: float) -> datetime | None:
        """Return the index's time at *moment* of our clock, where it says what time it is."""
        return self.served_at and self.served_at + timedelta(seconds=max(moment - self.read_at, 0))


class SimpleRoot:
    """Whether the index has a page at its ``simple_url``, as a client finds out once at most."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._found: bool | None = None
        self._locks = LoopLocal(anyio.Lock)

    async def exists(self, sender: CallSender) -> bool:
        """Return whether it has one; true as well when that cannot be found out."""
        async with self._locks.get():
            if self._found is None:
                self._found = await has_root(sender, self._index)
            return self._found is not False


class Listings:
    """The listings of one fan-out: each project's page is read once, for all of its files.

    Args:
        sender: A sender to the index.
        index: The index.
        root: What is known of the index's root.

    Attributes:
        sent: The digests of the files that this fan-out has brought to the index, by file name.
    """

    def __init__(self, sender: Sender, index: Index, root: SimpleRoot) -> None:
        self._sender = sender
        self._index = index
        self._root = root
        self._known: dict[str, Listing] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._files: dict[str, anyio.Lock] = {}
        self.sent: dict[str, Mapping[str, str]] = {}

    def one_at_a_time(self, filename: str) -> anyio.Lock:
        """Return the lock of a file name: two files of one name must not both find that the index has neither."""
        return self._files.setdefault(filename, anyio.Lock())

    def forget(self, project: str) -> None:
        """Look the project up again when it is needed next."""
        self._known.pop(normalize_name(project), None)

    async def get(self, project: str) -> Listing:
        """Return the project's listing, as it was when the fan-out first looked."""
        name = normalize_name(project)
        async with self._locks.setdefault(name, anyio.Lock()):
            if name not in self._known:
                self._known[name] = await self.look(name)
            return self._known[name]

    async def look(self, project: str, sender: CallSender | None = None) -> Listing:
        """Return the project's listing as it is now.

        Args:
            project: The project's name, in any spelling.
            sender: A sender to use instead of the fan-out's own.
        """
        if self._index.simple_url is None:
            return Listing("the index has no simple_url")
        sender = sender or self._sender
        try:
            files, response = await fetch_digests(sender, self._index, project)
        except (Unauthorized, Forbidden) as error:
            return Listing(f"the index's listing could not be read (HTTP {error.status})")
        problem = ""
        if files is None and not await self._root.exists(sender):
            problem = "the index has neither this project nor a page at simple_url, which may be wrong"
        return Listing(problem, files or {}, response.date, self._clock())

    @property
    def _clock(self) -> Callable[[], float]:
        return self._sender.settings.clock

    def now(self, listing: Listing) -> datetime | None:
        """Return the index's time, as far as *listing* says it."""
        return listing.time_at(self._clock())
