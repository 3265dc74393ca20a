"""The latest version of a project: a pointer object that loses no change, and a parameter for old readers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from lading._core.api_errors import make_api_error
from lading.errors import Conflict, Forbidden, LadingError
from lading.s3._layout import LatestRecord, becomes_latest, highest, is_above

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectStore, ParameterStore
    from lading.s3._layout import Configuration
    from lading.s3._regions import Regions

# With eight concurrent writers, some needed 25 attempts; with waiting in between, far fewer.
_ATTEMPTS = 60
_BACKOFF = 0.05
_BACKOFF_MAX = 1.0
_MIRRORS = 5


@dataclass(frozen=True, slots=True)
class LatestState:
    """What one region says about a project's latest version.

    Attributes:
        pointer: The pointer object's content.
        etag: The pointer object's ETag.
        parameter: The parameter's value, the only one that old writers change.
        parameter_readable: Whether the parameter may be read.
        pointer_readable: Whether the pointer object may be read.
    """

    pointer: LatestRecord | None
    etag: str | None = None
    parameter: str | None = None
    parameter_readable: bool = True
    pointer_readable: bool = True

    @property
    def version(self) -> str | None:
        """The latest version by this region."""
        if self.pointer is None:
            return self.parameter
        # A parameter counts only above everything that a pointer ever named: else setting a lower version on purpose
        # would be undone.
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


def latest_of(states: list[LatestState]) -> str | None:
    """Return the latest version by several regions: that of the pointer changed most often, then the highest."""
    most = max((one.counter for one in states), default=0)
    pointers = [one.pointer for one in states if one.pointer is not None]
    pointed = highest(*(pointer.version for pointer in pointers if pointer.counter == most))
    known = highest(*(pointer.highest for pointer in pointers if pointer.counter == most))
    # Higher versions that those pointers never named: they cannot have been replaced by a lower one on purpose.
    unknown = [
        pointer.version
        for pointer in pointers
        if becomes_latest(pointer.version, pointed) and known is not None and is_above(pointer.version, known)
    ]
    return highest(pointed, *unknown, *_of_old_writers(states))


def _of_old_writers(states: list[LatestState]) -> list[str]:
    """Return what old writers have written to parameters, above everything that a pointer ever named."""
    above = highest(*(one.pointer.highest for one in states if one.pointer is not None))
    found = [one.parameter for one in states if one.parameter is not None]
    return [version for version in found if above is None or is_above(version, above)]


def pointer_of(regions: Regions, region: str, project: str) -> LatestPointer:
    """Return the pointer of *project* in *region*."""
    parameters = regions.known[region].parameters
    return LatestPointer(regions.buckets[region], parameters, regions.require_configuration, project)


class LatestPointer:
    """The pointer to one project's latest version, in one region.

    Args:
        store: The region's bucket.
        parameters: The region's parameters.
        configuration: Names of keys and parameters.
        project: The project.

    Attributes:
        warnings: Problems so far that did not make it fail.
    """

    def __init__(
        self, store: ObjectStore, parameters: ParameterStore, configuration: Configuration, project: str
    ) -> None:
        self.warnings: list[str] = []
        self._store = store
        self._parameters = parameters
        self._key = configuration.pointer_key(project)
        self._parameter = configuration.latest_param(project)
        self._artifact_key = configuration.key
        self._project = project
        self._changed = False

    async def read(self) -> LatestState:
        """Read pointer and parameter."""
        pointer, etag, pointer_readable = None, None, True
        try:
            found = await self._store.get(self._key)
            if found is not None:
                pointer, etag = LatestRecord.load(found[0], self._key), found[1].etag
        except Forbidden:
            pointer_readable = False
            self._warn("s3:GetObject or s3:ListBucket is missing: the pointer to the latest version cannot be read")
        try:
            parameter = await self._parameters.get(self._parameter)
        except Forbidden:
            self._warn("ssm:GetParameter is missing for the latest version: an older one may take its place")
            return LatestState(pointer, etag, parameter_readable=False, pointer_readable=pointer_readable)
        return LatestState(pointer, etag, parameter, pointer_readable=pointer_readable)

    async def advance(
        self,
        version: str,
        sha256: str,
        *,
        latest: bool | None,
        is_new: bool = True,
        counter: int = 0,
        named: str | None = None,
        state: LatestState | None = None,
    ) -> str | None:
        """Decide which version is the latest now that *version* is staged; write and return it.

        Args:
            version: The version.
            sha256: The artifact's digest.
            latest: Whether it becomes the latest; ``None`` to decide by the versions.
            is_new: Whether it is new in this region. One that was there before does not replace a lower version that
                was set on purpose.
            counter: The highest counter of the other regions.
            named: The highest version that was ever named in other regions; a lower one that is set on purpose is
                recorded as lower than that one too.
            state: What this region said a moment ago; read when it is not given.

        Raises:
            LadingError: Its outcome is unknown once the pointer or the parameter may have been written.
        """
        try:
            return await self._advance(
                version, sha256, latest=latest, is_new=is_new, counter=counter, named=named, state=state
            )
        except LadingError as error:
            if self._changed:
                error.outcome = "unknown"
            raise

    async def _advance(
        self,
        version: str,
        sha256: str,
        *,
        latest: bool | None,
        is_new: bool,
        counter: int,
        named: str | None,
        state: LatestState | None,
    ) -> str | None:
        for attempt in range(_ATTEMPTS):
            state = state or await self.read()
            current = state.version if is_new else highest(state.version, state.highest)
            wanted = becomes_latest(version, current) if latest is None else latest
            chosen = version if wanted else state.version
            if chosen is None:
                return None
            # Set on purpose, it must outdo regions that say something else and do not have this version.
            outdone = latest and (counter > state.counter or highest(state.highest, named) != state.highest)
            if state.pointer is not None and state.pointer.version == chosen == state.version and not outdone:
                await self._mirror(state)
                return chosen
            digest = sha256 if chosen == version else ""
            if await self._write(state, chosen, digest, counter, named if latest else None):
                return chosen
            if not state.pointer_readable:
                # The pointer is there and may not be read: like an old writer, we can write the parameter alone.
                await self._write_parameter(state, chosen)
                return None
            state = None
            await anyio.sleep(random.random() * min(_BACKOFF_MAX, _BACKOFF * 2**attempt))  # noqa: S311 - jitter
        raise make_api_error(Conflict, "s3", f"the pointer of {self._project} was changed by others all the time")

    async def _write(self, state: LatestState, version: str, sha256: str, counter: int, named: str | None) -> bool:
        """Write pointer and parameter; return whether the pointer was unchanged until then.

        Where the store does not honour ``If-Match``, the parameter is written alone, as startifact does.
        """
        if not await self._store.can_replace(self._key):
            self._warn("the store does not honour If-Match: the latest version is kept in the parameter alone")
            await self._write_parameter(state, version)
            return True
        above = highest(version, state.highest, named) or version
        key = self._artifact_key(self._project, version)
        pointer = LatestRecord(version, max(counter, state.counter) + 1, above, key, sha256)
        try:
            etag = await self._store.put_small(
                self._key, pointer.dump(), if_match=state.etag, if_none_match=state.etag is None
            )
        except Conflict as error:
            # Unknown: perhaps with our own first request, whose response was lost.
            self._changed = self._changed or error.outcome == "unknown"
            return False
        self._changed = True
        await self._mirror(LatestState(pointer, etag, state.parameter, parameter_readable=state.parameter_readable))
        return True

    async def _mirror(self, state: LatestState) -> None:
        """Write the pointer's version to the parameter.

        SSM has no conditional writes. So the pointer is read again afterwards, and mirrored once more when another
        writer has changed it in between: the last one to write the parameter is the last one to have read the pointer.
        """
        for _ in range(_MIRRORS):
            if state.pointer is None or not await self._write_parameter(state, state.pointer.version):
                return
            again = await self.read()
            if again.pointer is None or (again.pointer.counter == state.counter and not again.parameter_readable):
                return
            state = again

    async def _write_parameter(self, state: LatestState, version: str) -> bool:
        """Write *version* to the parameter; return whether it was written."""
        if state.parameter == version:
            return False
        try:
            await self._parameters.put(self._parameter, version)
        except Forbidden:
            self._warn("ssm:PutParameter is missing: old readers do not see the latest version")
            return False
        self._changed = True
        return True

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
