"""Many files in the order that keeps a release whole: a project's wheels, and its sdist when all of them are in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from lading._artifacts.python import parse_filename
from lading.errors import LadingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from packaging.version import Version

    from lading._core.files import StrPath

T = TypeVar("T")


class NotAttempted(LadingError):
    """An sdist was not sent because a wheel of its release failed.

    With the sdist in and a wheel missing, installers would build from source what they should have found ready.
    """


class ReleaseOrder:
    """The order of one fan-out."""

    def __init__(self, paths: Iterable[StrPath]) -> None:
        """*paths* are looked at by name alone; ``InputError`` for what is neither wheel nor sdist."""
        self._releases: dict[tuple[str, Version], _Release] = {}
        self._of: dict[Path, _Release] = {}
        wheels: list[Path] = []
        sdists: list[Path] = []
        # Once each: the second of two would wait for wheels as an sdist does, and could keep them from their turn.
        for path in dict.fromkeys(map(Path, paths)):
            if path.suffix == ".attestation":
                continue  # goes along with the file it is about
            named = parse_filename(path.name)
            release = self._releases.setdefault((named.project, named.version), _Release())
            self._of[path] = release
            if named.filetype == "bdist_wheel":
                release.left.add(path)
                wheels.append(path)
            else:
                sdists.append(path)
        # All wheels come first: an sdist that waits for its wheels never keeps one of them from its turn.
        self.paths = [*wheels, *sdists]

    async def run(self, upload: Callable[[Path], Awaitable[T]], path: Path) -> T:
        """What *upload* returns for *path*, at its time."""
        release = self._of[path]
        if path in release.left:
            try:
                result = await upload(path)
            except BaseException:
                release.failed.append(path.name)
                raise
            finally:
                release.finish(path)
            return result
        await release.wait()
        if release.failed:
            raise NotAttempted(f"{path.name} was not sent: {', '.join(release.failed)} of the same release failed")
        return await upload(path)


class _Release:
    def __init__(self) -> None:
        self.left: set[Path] = set()
        self.failed: list[str] = []
        self._done: anyio.Event | None = None

    def finish(self, path: Path) -> None:
        self.left.discard(path)
        if not self.left and self._done is not None:
            self._done.set()

    async def wait(self) -> None:
        if self.left:
            self._done = self._done or anyio.Event()
            await self._done.wait()
