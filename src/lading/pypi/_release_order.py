"""The order in which a release's files are uploaded: its wheels, and its sdist when the index has all of them."""

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

    If the sdist were uploaded without the wheel, installers would build from source.
    """


class ReleaseOrder:
    """The order of one fan-out.

    Args:
        paths: Wheels and sdists, recognised by name alone; ``InputError`` for anything else. Attestations are skipped.

    Attributes:
        paths: The wheels and sdists, each once, in the order to upload them in.
    """

    def __init__(self, paths: Iterable[StrPath]) -> None:
        self._releases: dict[tuple[str, Version], _Release] = {}
        self._of: dict[Path, _Release] = {}
        wheels: list[Path] = []
        sdists: list[Path] = []
        # Once each: the second of two would wait as an sdist does, and could block the wheels that it waits for.
        for path in dict.fromkeys(map(Path, paths)):
            if path.suffix == ".attestation":
                continue  # sent with its file
            named = parse_filename(path.name)
            release = self._releases.setdefault((named.project, named.version), _Release())
            self._of[path] = release
            if named.filetype == "bdist_wheel":
                release.left.add(path)
                wheels.append(path)
            else:
                sdists.append(path)
        # All wheels come first: an sdist that waits for its wheels never blocks one of them.
        self.paths = [*wheels, *sdists]

    async def run(self, upload: Callable[[Path], Awaitable[T]], path: Path) -> T:
        """Call *upload* with *path* when it may be uploaded, and return what it returns."""
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
