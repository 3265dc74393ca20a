"""Tracks of packages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical._gateway import gateway_path, get_package
from lading.errors import Conflict, InputError, InvalidResponse, LadingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.messages import Response
    from lading._core.send_once import Lookup, LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints

_LONGEST = 28
_ALL_DEVICES = 100
_NAME = re.compile(r"[a-zA-Z0-9](?:[_.-]?[a-zA-Z0-9])*")
# Reads and requests of ensure() while others create the same tracks.
_ROUNDS = 3


@checked()
@dataclass(frozen=True, slots=True)
class NewTrack:
    """A track to create.

    Args:
        name: Its name: letters and digits, single dots, dashes and underscores between them, up to 28 in all.
        version_pattern: A regular expression for the versions that may be released to it.
        automatic_phasing_percentage: How many percent of all devices a release to it reaches at first.

    Raises:
        InputError: The name breaks the rule, or the percentage is none.
    """

    name: str
    version_pattern: str | None = None
    automatic_phasing_percentage: float | None = None

    def __post_init__(self) -> None:
        if len(self.name) > _LONGEST or not _NAME.fullmatch(self.name):
            raise InputError(
                f"{self.name[:80]!a} cannot be the name of a track: letters and digits, single dots, dashes and "
                f"underscores between them, up to {_LONGEST} in all",
                argument="tracks",
            )
        percentage = self.automatic_phasing_percentage
        if percentage is not None and not 0 <= percentage <= _ALL_DEVICES:
            raise InputError(
                f"automatic_phasing_percentage is a percentage from 0 to 100, not {percentage}",
                argument="automatic_phasing_percentage",
            )

    def dump(self) -> dict[str, Any]:
        """Return its JSON: what was not given is left out."""
        item: dict[str, Any] = {"name": self.name}
        if self.version_pattern is not None:
            item["version-pattern"] = self.version_pattern
        percentage = self.automatic_phasing_percentage
        if percentage is not None:
            # A number, as charmcraft sends it, which sends whole ones only.
            item["automatic-phasing-percentage"] = int(percentage) if percentage == int(percentage) else percentage
        return item


@checked()
class Tracks:
    """The tracks of packages; available as ``charmhub.tracks``. ``packages.get(name).tracks`` lists them.

    A publisher may create tracks whose names match one of the package's ``track_guardrails``; others are created by the
    store's operators.
    """

    __slots__ = ("_endpoints", "_sender")

    def __init__(self, sender: Sender, endpoints: Endpoints) -> None:
        self._sender = sender
        self._endpoints = endpoints

    async def create(self, name: str, *tracks: str | NewTrack) -> int:
        """Create tracks and return how many the store has created.

        It is sent at most once. After a lost response the package's tracks are read: while none of these is there, it
        is sent again, which may take up to 30 s, because the store may still be working on it. When some are there, it
        cannot be determined whether this call created them: ``outcome`` is ``"unknown"``. Use :meth:`ensure` where that
        does not matter.

        Args:
            name: The package.
            tracks: The tracks, one or more.

        Raises:
            InputError: There is none, or a name breaks the rule; nothing was sent.
            Conflict: One of them exists.
            NotFound: There is no such package.
            BadRequest: The package has no guardrail that one of the names matches.

        Source: ``POST /v1/{namespace}/{name}/tracks``.
        """
        wanted = check_tracks(tracks)
        return await self._sender.send_once(self._create(name, wanted), self._lookup_new(name, wanted))

    async def ensure(self, name: str, *tracks: str | NewTrack) -> tuple[str, ...]:
        """Create those of *tracks* that do not exist, and return their names.

        It may be repeated and called concurrently. A track that exists is left as it is, also when it has another
        pattern or percentage. Where others create the same tracks concurrently, theirs may be among the names.

        Args:
            name: The package.
            tracks: The tracks, one or more.

        Raises:
            InputError: There is none, or a name breaks the rule; nothing was sent.
            NotFound: There is no such package.
            BadRequest: The package has no guardrail that one of the names matches.
            InvalidResponse: The store accepted the tracks, and one of them is not there.

        Source: ``GET /v1/{namespace}/{name}`` and ``POST /v1/{namespace}/{name}/tracks``.
        """
        wanted = check_tracks(tracks)
        created: dict[str, None] = {}
        for last in (*[False] * (_ROUNDS - 1), True):
            there = await self._names(self._sender, name)
            missing = [track for track in wanted if track.name not in there]
            if not missing:
                break
            try:
                number = await self._sender.send_once(
                    self._create(name, missing, idempotent=True), self._lookup_existing(name, missing)
                )
            except Conflict:
                if last:
                    raise
                continue  # somebody else has created one of them in the meantime
            if number < len(missing):
                await self._check_existing(name, missing)
            created.update(dict.fromkeys(track.name for track in missing))
            break
        return tuple(created)

    def _create(self, name: str, tracks: Iterable[NewTrack], *, idempotent: bool = False) -> Call[int]:
        return Call(
            "POST",
            gateway_path(self._endpoints, "{name}/tracks"),
            _read_number,
            path_params={"name": name},
            json=[track.dump() for track in tracks],
            idempotent=idempotent,
        )

    async def _names(self, sender: Sender | LookupSender, name: str) -> set[str]:
        package = await sender.send(get_package(self._endpoints, name))
        if "tracks" not in package.model_fields_set:
            raise InvalidResponse(f"{sender.service.name}: the response has no tracks of {name}, not even none")
        return {track.name for track in package.tracks}

    async def _check_existing(self, name: str, tracks: Iterable[NewTrack]) -> None:
        """Raise ``InvalidResponse`` where a store that has created fewer tracks than it was sent lacks one of them."""
        try:
            there = await self._names(self._sender, name)
        except LadingError as error:
            error.outcome = "unknown"
            raise
        lacking = [track.name for track in tracks if track.name not in there]
        if lacking:
            text = f"{self._sender.service.name}: it accepted the tracks and did not create {', '.join(lacking)}"
            raise InvalidResponse(text, outcome="unknown")

    def _lookup_new(self, name: str, tracks: Iterable[NewTrack]) -> Lookup[int]:
        wanted = {track.name for track in tracks}

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[int]:
            there = wanted & await self._names(sender, name)
            if not there:
                return NOT_FOUND
            text = f"{name} has the tracks {', '.join(sorted(there))} now, created by this call or before it"
            raise make_api_error(Conflict, sender.service.name, text)

        return look_up

    def _lookup_existing(self, name: str, tracks: Iterable[NewTrack]) -> Lookup[int]:
        wanted = {track.name for track in tracks}

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[int]:
            return Found(len(wanted)) if wanted <= await self._names(sender, name) else NOT_FOUND

        return look_up


def check_tracks(tracks: Iterable[str | NewTrack]) -> list[NewTrack]:
    """Return *tracks*, each name once.

    Raises:
        InputError: There is none, or a name breaks the rule.
    """
    found: dict[str, NewTrack] = {}
    for track in tracks:
        new = NewTrack(track) if isinstance(track, str) else track
        found.setdefault(new.name, new)
    if not found:
        raise InputError("give one or more tracks", argument="tracks")
    return list(found.values())


def _read_number(response: Response) -> int:
    number = response.json()["num-tracks-created"]
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError("num-tracks-created")
    return number
