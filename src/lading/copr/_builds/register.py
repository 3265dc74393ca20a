"""The submissions of this process that are under way, so that none is confirmed with another's build."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from lading.copr._builds.submission import BuildSource, SubmittedBuild
    from lading.copr._models.builds import Build

# How many builds of one project are remembered as claimed, or with their source.
_REMEMBERED = 5000
_MOST_UNCLEAR = 200


# A frontend's number and time: another frontend that is met at the same URL, in tests, begins at 1 again.
_Key = tuple[int, "datetime | None"]


def _key(build: Build) -> _Key:
    return build.id, build.submitted_on


@dataclass(eq=False, slots=True)
class Entry:
    """One submission that is under way.

    Attributes:
        submission: What it submits.
        account: Who submits it, where that is known.
        lost: Whether its response is lost.
        ended: When its request ended, by the clock of its client.
    """

    submission: SubmittedBuild
    account: str | None = None
    lost: bool = False
    ended: float = 0.0


@dataclass(slots=True)
class ProjectRegister:
    """Keeps what this process knows of the submissions to one project of one frontend.

    Attributes:
        entries: The submissions that are under way.
        last_ended: For each submission that was lost: when the last request that is equal to it ended.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    entries: list[Entry] = field(default_factory=list[Entry])
    last_ended: dict[SubmittedBuild, float] = field(default_factory=dict)
    _sources: OrderedDict[_Key, BuildSource] = field(default_factory=OrderedDict)
    _claimed: OrderedDict[_Key, None] = field(default_factory=OrderedDict)
    _unclear: deque[Entry] = field(default_factory=lambda: deque(maxlen=_MOST_UNCLEAR))

    def is_claimed(self, build: Build) -> bool:
        """Return whether *build* is the result of another submission."""
        return _key(build) in self._claimed

    def claim(self, builds: Collection[Build]) -> bool:
        """Make *builds* the result of a submission; ``False`` when one is another's already."""
        with self.lock:
            keys = [_key(build) for build in builds]
            if any(key in self._claimed for key in keys):
                return False
            self._claimed.update(dict.fromkeys(keys))
            while len(self._claimed) > _REMEMBERED:
                self._claimed.popitem(last=False)
            return True

    def source(self, build: Build) -> BuildSource | None:
        """Return the source of *build*, which never changes, if it is remembered."""
        return self._sources.get(_key(build))

    def remember(self, build: Build, source: BuildSource) -> None:
        """Remember the *source* of *build*."""
        with self.lock:
            self._sources[_key(build)] = source
            while len(self._sources) > _REMEMBERED:
                self._sources.popitem(last=False)

    def add(self, entry: Entry) -> None:
        """Add a submission, before its request is sent."""
        with self.lock:
            self.entries.append(entry)

    def remove(self, entry: Entry, *, unclear_at: float | None = None) -> None:
        """Remove a submission that has ended.

        Args:
            entry: The submission.
            unclear_at: When it ended, if its outcome is unclear: a build may be its own all the same.
        """
        with self.lock:
            self.entries.remove(entry)
            if unclear_at is not None:
                entry.lost, entry.ended = True, unclear_at
                self._unclear.append(entry)
            if not self.entries:
                self.last_ended.clear()

    def note_lost(self, entry: Entry, ended: float) -> None:
        """Note that the response to the request of *entry*, which ended then, was lost."""
        with self.lock:
            entry.lost, entry.ended = True, ended
            self.last_ended[entry.submission] = max(ended, self.last_ended.get(entry.submission, ended))

    def others(self, entry: Entry, *, since: float) -> list[Entry]:
        """Return the other submissions that a build may be of: under way, or unclear and not ended before *since*.

        Those of other accounts are left out, where the accounts are known.
        """
        with self.lock:
            unclear = [other for other in self._unclear if other.ended >= since]
            return [
                other
                for other in (*self.entries, *unclear)
                if other is not entry and (None in (other.account, entry.account) or other.account == entry.account)
            ]


_projects: dict[tuple[str, str, str], ProjectRegister] = {}
_lock = threading.Lock()
_MOST_PROJECTS = 1000


def register_of(frontend: str, owner: str, project: str) -> ProjectRegister:
    """Return the register of a project, the same for all clients and event loops of this process."""
    key = (frontend, owner, project)
    with _lock:
        found = _projects.get(key)
        if found is None:
            if len(_projects) >= _MOST_PROJECTS:
                for idle in [name for name, one in _projects.items() if not one.entries]:
                    del _projects[idle]
            found = _projects[key] = ProjectRegister()
        return found
