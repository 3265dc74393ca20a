"""Which version is the latest: a pointer object that loses nobody's change, and a parameter for old readers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from lading.errors import Conflict, Forbidden
from lading.s3._layout import LatestRecord, becomes_latest, highest, is_above

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectStore, ParameterStore
    from lading.s3._layout import Configuration

# With eight writers at once some needed 25 attempts; with waiting in between, far fewer.
_ATTEMPTS = 60
_BACKOFF = 0.05
_LONGEST = 1.0
_MIRRORS = 5


@dataclass(frozen=True, slots=True)
class LatestState:
    """What one region says of a project's latest version.

    Attributes:
        pointer: The pointer object.
        etag: Its tag.
        parameter: What the parameter says, which old writers change alone.
        may_read: Whether the parameter could be read.
        may_look: Whether the pointer object could be read.
    """

    pointer: LatestRecord | None
    etag: str | None = None
    parameter: str | None = None
    may_read: bool = True
    may_look: bool = True

    @property
    def version(self) -> str | None:
        """The latest version by this region."""
        if self.pointer is None:
            return self.parameter
        # Only one that no pointer ever named can be news: else going back on purpose would be undone.
        if self.parameter is not None and is_above(self.parameter, self.pointer.highest):
            return self.parameter
        return self.pointer.version

    @property
    def counter(self) -> int:
        """How often the pointer was changed."""
        return 0 if self.pointer is None else self.pointer.counter

    @property
    def highest(self) -> str | None:
        """The highest version that was ever named here."""
        return highest(self.parameter, None if self.pointer is None else self.pointer.highest)


def latest_of(seen: list[LatestState]) -> str | None:
    """The latest version of what several regions say: the pointer that was changed most often, then the greatest."""
    most = max((one.counter for one in seen), default=0)
    pointers = [one.pointer for one in seen if one.pointer is not None]
    pointed = highest(*(pointer.version for pointer in pointers if pointer.counter == most))
    known = highest(*(pointer.highest for pointer in pointers if pointer.counter == most))
    # Greater ones of which those never heard: they cannot have gone back from them.
    unheard = [
        pointer.version
        for pointer in pointers
        if becomes_latest(pointer.version, pointed) and known is not None and is_above(pointer.version, known)
    ]
    return highest(pointed, *unheard, *_news(seen))


def _news(seen: list[LatestState]) -> list[str | None]:
    """What old writers have put into parameters, above everything that a pointer ever named."""
    above = highest(*(one.pointer.highest for one in seen if one.pointer is not None))
    found = [one.parameter for one in seen if one.parameter is not None]
    return [version for version in found if above is None or is_above(version, above)]


class LatestPointer:
    """The pointer of one project in one region."""

    def __init__(
        self,
        store: ObjectStore,
        parameters: ParameterStore,
        configuration: Configuration,
        project: str,
        warnings: list[str],
    ) -> None:
        self._store = store
        self._parameters = parameters
        self._key = configuration.pointer_key(project)
        self._parameter = configuration.latest_param(project)
        self._artifact = configuration.key
        self._project = project
        self._warnings = warnings

    async def read(self) -> LatestState:
        """What this region says."""
        pointer, etag, may_look = None, None, True
        try:
            found = await self._store.get(self._key)
            if found is not None:
                pointer, etag = LatestRecord.load(found[0], self._key), found[1].etag
        except Forbidden:
            may_look = False
            self._warn("s3:GetObject is missing: the pointer to the latest version cannot be read")
        try:
            return LatestState(pointer, etag, await self._parameters.get(self._parameter), may_look=may_look)
        except Forbidden:
            self._warn("ssm:GetParameter is missing for the latest version: an older one may take its place")
            return LatestState(pointer, etag, None, may_read=False, may_look=may_look)

    async def advance(
        self,
        version: str,
        sha256: str,
        *,
        latest: bool | None,
        fresh: bool = True,
        counter: int = 0,
        heard: str | None = None,
        seen: LatestState | None = None,
    ) -> str | None:
        """The latest version of this region, now that *version* is staged there.

        Args:
            version: The version.
            sha256: The artifact's digest.
            latest: Whether it becomes the latest; ``None`` to decide by the versions.
            fresh: Whether it is new in this region. One that was there before does not undo a going back.
            counter: The highest counter that other regions have.
            heard: The highest version that was ever named in other regions. Who goes back on purpose goes back from
                that one too.
            seen: What this region said a moment ago; where not given it is asked.
        """
        for attempt in range(_ATTEMPTS):
            seen = seen or await self.read()
            current = seen.version if fresh else highest(seen.version, seen.highest)
            wanted = becomes_latest(version, current) if latest is None else latest
            chosen = version if wanted else seen.version
            if chosen is None:
                return None
            # Said on purpose, it must count against regions that say something else and do not have this version.
            outdone = latest and (counter > seen.counter or highest(seen.highest, heard) != seen.highest)
            if seen.pointer is not None and seen.pointer.version == chosen == seen.version and not outdone:
                await self._mirror(seen)
                return chosen
            digest = sha256 if chosen == version else ""
            if await self._write(seen, chosen, digest, counter, heard if latest else None):
                return chosen
            if not seen.may_look:
                # It is there, and says what we may not read: we are as an old writer is, who knows the parameter alone.
                await self._write_parameter(seen, chosen)
                return None
            seen = None
            await anyio.sleep(random.random() * min(_LONGEST, _BACKOFF * 2**attempt))  # noqa: S311 - jitter
        raise Conflict(f"s3: the pointer of {self._project} was changed by others all the time", service="s3")

    async def _write(self, seen: LatestState, version: str, sha256: str, counter: int, heard: str | None) -> bool:
        above = highest(version, seen.highest, heard) or version
        pointer = LatestRecord(
            version, max(counter, seen.counter) + 1, above, self._artifact(self._project, version), sha256
        )
        try:
            etag = await self._store.put_small(
                self._key, pointer.dump(), if_match=seen.etag, if_none_match=seen.etag is None
            )
        except Conflict:
            return False
        await self._mirror(LatestState(pointer, etag, seen.parameter, may_read=seen.may_read))
        return True

    async def _mirror(self, seen: LatestState) -> None:
        """Have the parameter say what the pointer says.

        SSM has no condition to write under. So the pointer is read again afterwards: if somebody has changed it in
        between, it is mirrored once more, and the last one to write has looked last.
        """
        for _ in range(_MIRRORS):
            if seen.pointer is None or not await self._write_parameter(seen, seen.pointer.version):
                return
            again = await self.read()
            if again.pointer is None or (again.pointer.counter == seen.counter and not again.may_read):
                return
            seen = again

    async def _write_parameter(self, seen: LatestState, version: str) -> bool:
        """Whether the parameter was made to say *version*."""
        if seen.parameter == version:
            return False
        try:
            await self._parameters.put(self._parameter, version)
        except Forbidden:
            self._warn("ssm:PutParameter is missing: old readers do not see the latest version")
            return False
        return True

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)
