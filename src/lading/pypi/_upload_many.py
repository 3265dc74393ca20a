"""Uploading many files: awaited as one, or with results as they come."""

from __future__ import annotations

from contextlib import suppress
from glob import glob, has_magic
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lading._artifacts.python import parse_filename
from lading._core.progress import CombinedProgress
from lading._core.threads import run_in_thread
from lading._core.unretried import Unretried
from lading.errors import InputError
from lading.fanout import FanOut, Result, fan_out
from lading.pypi._release_order import ReleaseOrder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterable, Mapping
    from types import TracebackType

    from lading._core.files import StrPath
    from lading.pypi._models import UploadResult
    from lading.types import OnProgress, Progress

    class Upload(Protocol):
        """Uploads one file."""

        def __call__(self, path: Path, /, *, on_progress: OnProgress | None) -> Awaitable[UploadResult]:
            """Upload the file at *path*."""
            ...


_HOW = "await it, or write: async with releases.upload_many(...) as results: async for result in results: ..."


class UploadMany:
    """The uploads of ``releases.upload_many``: to be awaited, or to be entered for results as they come.

    Awaiting it uploads all and returns their results, in the order of the files. When one failed it raises the error of
    the first of them after all have ended, with a note of what became of the others.

    As an async context manager it gives an async iterator of :class:`lading.Result`. Leaving the block normally waits
    for the rest, and raises the error of the first file that failed and whose result was not read; an exception
    cancels what is still running.

    Attributes:
        skipped: The files of a directory or pattern that are neither wheels, sdists nor attestations, once it has been
            awaited or entered.
    """

    def __init__(
        self, upload: Upload, paths: StrPath | Iterable[StrPath], limit: int, on_progress: OnProgress | None = None
    ) -> None:
        if limit < 1:
            raise InputError("limit must be 1 or more", argument="limit")
        self._upload = upload
        self._limit = limit
        self._on_progress = on_progress
        self._place: str | None = None
        self._order = ReleaseOrder(())
        self._used = False
        self.skipped: tuple[Path, ...] = ()
        if isinstance(paths, bytes):
            raise InputError("paths must be str or a path, not bytes", argument="paths")
        if isinstance(paths, (str, PathLike)):
            self._place = fspath(paths)
        else:
            self._order = _order(paths)
            if not self._order.paths:
                raise InputError("paths has no files to upload", argument="paths")

    def __await__(self) -> Generator[object, None, list[UploadResult]]:
        return self._run().__await__()

    async def _run(self) -> list[UploadResult]:
        done: dict[Path, Result[Path, UploadResult]] = {}
        async with self as results:
            async for result in results:
                done[result.item] = result
        ordered = [done[path] for path in self._order.paths]
        _raise_first(ordered)
        return [result.value for result in ordered]

    async def __aenter__(self) -> UploadResults:
        if self._used:
            raise InputError(f"upload_many() can be used once: {_HOW}")
        self._used = True
        if self._place is not None:
            found, self.skipped = await run_in_thread(_find, self._place)
            self._order = _order(found)
        progress = _FilesProgress(self._on_progress, await self._sizes())

        async def upload(path: Path) -> UploadResult:
            return await self._upload(path, on_progress=progress.child(path))

        async def run(path: Path) -> UploadResult:
            try:
                result = await self._order.run(upload, path)
            except Exception:
                progress.finish(path)
                raise
            progress.finish(path)
            return result

        work = fan_out(run, self._order.paths, limit=self._limit)
        self._results = UploadResults(work, progress)
        await work.__aenter__()
        return self._results

    async def _sizes(self) -> dict[Path, int]:
        """Return the size of each file, where somebody wants to know; a missing one's upload says so itself."""

        def sizes() -> dict[Path, int]:
            found: dict[Path, int] = {}
            for path in self._order.paths:
                try:
                    found[path] = path.stat().st_size
                except OSError:
                    found[path] = 0
            return found

        return {} if self._on_progress is None else await run_in_thread(sizes)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        rest: list[Result[Path, UploadResult]] = []
        try:
            if kind is None:
                rest = [result async for result in self._results]
        finally:
            await self._results._end(kind, error, trace)  # noqa: SLF001 - of this module
        _raise_first(rest)

    def __aiter__(self) -> UploadResults:
        raise InputError(f"upload_many() is not an iterator itself: {_HOW}")


class UploadResults:
    """The results of many uploads: an async iterator of :class:`lading.Result`, in the order of completion."""

    def __init__(self, work: FanOut[Path, UploadResult], progress: _FilesProgress) -> None:
        self._work = work
        self._progress = progress
        self._ended = False

    def __aiter__(self) -> UploadResults:
        return self

    async def __anext__(self) -> Result[Path, UploadResult]:
        if self._ended:
            raise InputError(f"the block of upload_many() has ended: {_HOW}")
        try:
            result = await anext(self._work)
        except StopAsyncIteration:
            self._progress.end()
            raise
        finally:
            self._progress.check()
        return result

    async def _end(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the uploads that are still running."""
        self._ended = True
        await self._work.__aexit__(kind, error, trace)


class _FilesProgress:
    """The progress of all files. What the callback raises ends all uploads, and not only the file's it was called for.

    Args:
        on_progress: The callback.
        sizes: Bytes of each file.
    """

    def __init__(self, on_progress: OnProgress | None, sizes: Mapping[Path, int]) -> None:
        self._sizes = sizes
        self._failure: Exception | None = None
        self._ended = False
        self._on_progress = on_progress
        report = None if on_progress is None else self._report
        self._all = CombinedProgress(report, sum(sizes.values()), files=len(sizes))

    def _report(self, progress: Progress) -> None:
        assert self._on_progress is not None  # noqa: S101 - it is not called otherwise
        try:
            self._on_progress(progress)
        except Exception as error:
            self._failure = self._failure or error
            raise

    def child(self, path: Path) -> OnProgress | None:
        """Return the callback for one file."""
        return None if self._on_progress is None else self._all.child(path, self._sizes[path])

    def finish(self, path: Path) -> None:
        """Report that a file has ended, however it did."""
        if self._on_progress is not None:
            with suppress(Unretried):  # raised by check()
                self._all.finish_file(path, self._sizes[path])

    def end(self) -> None:
        """Report that all files have ended; only once."""
        if not self._ended:
            self._ended = True
            with suppress(Unretried):
                self._all.end()

    def check(self) -> None:
        """Raise what the callback raised."""
        if self._failure is not None:
            raise self._failure


def _order(paths: Iterable[StrPath]) -> ReleaseOrder:
    try:
        return ReleaseOrder(paths)
    except InputError as error:
        error.add_note("upload_many(directory) and upload_many(pattern) skip what is neither a wheel nor an sdist")
        raise


def _find(place: str) -> tuple[list[Path], tuple[Path, ...]]:
    """Return what can be uploaded at a file, in a directory or by a pattern, and the files that cannot."""
    directory = Path(place)
    if directory.is_dir():
        found = sorted(directory.iterdir())
    elif has_magic(place) and not directory.exists():
        found = sorted(map(Path, glob(place, recursive=True)))  # noqa: PTH207 - a pattern that may be absolute
    elif not directory.exists() and not place.endswith((".whl", ".tar.gz", ".zip", ".attestation")):
        raise InputError(f"there is no file or directory {place}", argument="paths")
    else:
        return [directory], ()
    files = [path for path in found if path.suffix == ".attestation" or _is_distribution(path)]
    if not any(path.suffix != ".attestation" for path in files):
        raise InputError(f"{place} has neither a wheel nor an sdist", argument="paths")
    return files, tuple(path for path in found if path not in files)


def _is_distribution(path: Path) -> bool:
    try:
        parse_filename(path.name)
    except InputError:
        return False
    return path.is_file()


def _raise_first(results: list[Result[Path, UploadResult]]) -> None:
    """Raise the error of the first that failed, with a note of what became of the others."""
    failed = [(result.item.name, result.error) for result in results if result.error is not None]
    if not failed:
        return
    (name, first), *others = failed
    first.add_note(f"while uploading {name}; {len(results) - len(failed)} of {len(results)} files were uploaded")
    for name, error in others:
        first.add_note(f"also failed: {name}: {error}")
    raise first
