"""Which version is the latest: a pointer object that loses nobody's change, and a parameter for old readers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from lading.errors import Conflict, Forbidden
from lading.s3._layout import Pointer, becomes_latest, highest

if TYPE_CHECKING:
    from lading.s3._layout import Configuration
    from lading.s3._ports import ObjectStore, ParameterStore

# With eight writers at once some needed 25 attempts; with waiting in between, far fewer.
_ATTEMPTS = 60
_BACKOFF = 0.05
_LONGEST = 1.0
_MIRRORS = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """What one region says of a project's latest version.

    Attributes:
        pointer: The pointer object.
        etag: Its tag.
        parameter: What the parameter says, which old writers change alone.
        may_read: Whether the parameter could be read.
        may_look: Whether the pointer object could be read.
    """

    pointer: Pointer | None
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
        if self.parameter is not None and highest(self.parameter, self.pointer.highest) != self.pointer.highest:
            return self.parameter
        return self.pointer.version

    @property
    def counter(self) -> int:
        """How often the pointer was changed."""
        return 0 if self.pointer is None else self.pointer.counter


def between(seen: list[Seen]) -> str | None:
    """The latest version of what several regions say: the pointer that was changed most often, then the greatest."""
    most = max((one.counter for one in seen), default=0)
    return highest(*(one.version for one in seen if one.counter == most), *_news(seen))


def _news(seen: list[Seen]) -> list[str | None]:
    """What old writers have put into parameters, above everything that a pointer ever named."""
    above = highest(*(one.pointer.highest for one in seen if one.pointer is not None))
    found = [one.parameter for one in seen if one.parameter is not None]
    return [version for version in found if highest(version, above) != above]


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

    async def look(self) -> Seen:
        """What this region says."""
        pointer, etag, may_look = None, None, True
        try:
            found = await self._store.get(self._key)
            if found is not None:
                pointer, etag = Pointer.load(found[0], self._key), found[1].etag
        except Forbidden:
            may_look = False
            self._warn("s3:GetObject is missing: the pointer to the latest version cannot be read")
        try:
            return Seen(pointer, etag, await self._parameters.get(self._parameter), may_look=may_look)
        except Forbidden:
            self._warn("ssm:GetParameter is missing for the latest version: an older one may take its place")
            return Seen(pointer, etag, None, may_read=False, may_look=may_look)

    async def advance(
        self, version: str, sha256: str, *, latest: bool | None, counter: int = 0, seen: Seen | None = None
    ) -> str | None:
        """The latest version of this region, now that *version* is staged there.

        Args:
            version: The version.
            sha256: The artifact's digest.
            latest: Whether it becomes the latest; ``None`` to decide by the versions.
            counter: The highest counter that other regions have.
            seen: What this region said a moment ago; where not given it is asked.
        """
        for attempt in range(_ATTEMPTS):
            seen = seen or await self.look()
            wanted = becomes_latest(version, seen.version) if latest is None else latest
            chosen = version if wanted else seen.version
            if chosen is None:
                return None
            if seen.pointer is not None and seen.pointer.version == chosen and seen.version == chosen:
                await self._mirror(seen)
                return chosen
            if await self._write(seen, chosen, sha256 if chosen == version else "", counter):
                return chosen
            if not seen.may_look:
                # It is there, and says what we may not read: we are as an old writer is, who knows the parameter alone.
                await self._tell(chosen)
                return None
            seen = None
            await anyio.sleep(random.random() * min(_LONGEST, _BACKOFF * 2**attempt))  # noqa: S311 - jitter
        raise Conflict(f"s3: the pointer of {self._project} was changed by others all the time", service="s3")

    async def _write(self, seen: Seen, version: str, sha256: str, counter: int) -> bool:
        above = highest(version, seen.parameter, seen.pointer.highest if seen.pointer else None) or version
        pointer = Pointer(
            version, max(counter, seen.counter) + 1, above, self._artifact(self._project, version), sha256
        )
        try:
            etag = await self._store.put_small(
                self._key, pointer.dump(), if_match=seen.etag, if_none_match=seen.etag is None
            )
        except Conflict:
            return False
        await self._mirror(Seen(pointer, etag, seen.parameter, may_read=seen.may_read))
        return True

    async def _mirror(self, seen: Seen) -> None:
        """Have the parameter say what the pointer says.

        SSM has no condition to write under. So the pointer is read again afterwards: if somebody has changed it in
        between, it is mirrored once more, and the last one to write has looked last.
        """
        for _ in range(_MIRRORS):
            if seen.pointer is None or seen.parameter == seen.pointer.version:
                return
            if not await self._tell(seen.pointer.version):
                return
            again = await self.look()
            if again.pointer is None or (again.pointer == seen.pointer and again.parameter == seen.pointer.version):
                return
            seen = again

    async def _tell(self, version: str) -> bool:
        """Whether the parameter could be written."""
        try:
            await self._parameters.put(self._parameter, version)
        except Forbidden:
            self._warn("ssm:PutParameter is missing: old readers do not see the latest version")
            return False
        return True

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)
