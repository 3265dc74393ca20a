"""Downloading the results of builds."""

from __future__ import annotations

import os
import stat
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args
from urllib.parse import quote

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.download import Expected, download
from lading._core.files import safe_name
from lading._core.progress import CombinedProgress
from lading._core.threads import run_in_thread
from lading._core.unretried import unwrap
from lading.copr._arguments import build_number, check_list
from lading.copr._errors import extend_message
from lading.copr._models.builds import Build, BuiltPackages
from lading.copr._models.chroots import BuildChroot
from lading.copr._pagination import PAGE_SIZE, ListPage, paginate
from lading.copr._queries import get_build, get_built_packages, get_project
from lading.errors import ApiError, InputError, InvalidResponse, NotFound
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping

    from lading._core.files import StrPath
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.types import OnProgress

T = TypeVar("T")

Kind = Literal["rpms", "spec", "logs", "info", "review"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# The files that a directory of results can have; which a build has depends on its kind and time.
_LOGS = ("builder-live.log", "backend.log", "build.log", "root.log", "state.log", "hw_info.log")
_INFO = ("results.json", "build.info", "success")
_REVIEW = ("review.txt", "review.json", "fedora-review.log", "licensecheck.txt", "rpmlint.txt")
# Made when imported: the first use of a generic model reads the file system, which must not happen on the event loop.
_CHROOT_PAGE = ListPage[BuildChroot]
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class _ResultFile:
    """One file to download.

    Attributes:
        target: The path to download it to.
        urls: The URLs that it may be at, in the order to try them.
        needed: Whether it is an error when it is at none of them.
    """

    target: Path
    urls: tuple[str, ...]
    needed: bool


async def download_results(
    sender: Sender,
    build: int | Build,
    to: StrPath,
    *,
    chroots: Iterable[str] | None,
    kinds: Iterable[Kind],
    limit: int,
    on_progress: OnProgress | None,
) -> tuple[Path, ...]:
    """Download the results of one build and return the paths of the files; see :meth:`Builds.download`."""
    wanted_kinds = frozenset(check_list("kinds", kinds))
    if unknown := wanted_kinds - set(KINDS):
        raise InputError(f"kinds has {sorted(unknown)}; known are {list(KINDS)}", argument="kinds")
    number = build_number(build)
    wanted_chroots = None if chroots is None else check_list("chroots", chroots)
    result_urls = await _fetch_result_urls(sender, number, wanted_chroots)
    files = await _list_files(sender, number, result_urls, wanted_kinds, Path(to))
    await run_in_thread(_make_directories, Path(to), {file.target.parent for file in files})
    total = CombinedProgress(on_progress)

    async def fetch(file: _ResultFile) -> Path | None:
        try:
            return await _fetch(sender, file, total)
        except ApiError as error:
            extend_message(error, f"it was requested as {file.target.parent.name}/{file.target.name} of build {number}")
            raise

    async def fetch_all() -> list[Path | None]:
        async with fan_out(fetch, files, limit=limit) as outcomes:
            paths = [outcome.value async for outcome in outcomes]
        total.end()
        return paths

    return tuple(sorted(path for path in await unwrap(fetch_all()) if path is not None))


async def _fetch_result_urls(sender: Sender, build: int, chroots: tuple[str, ...] | None) -> dict[str, str]:
    """Return the URL of the directory of results of each chroot."""
    pager = paginate(
        sender,
        "build-chroot/list",
        _CHROOT_PAGE,
        {"build_id": build},
        key=lambda chroot: chroot.name,
        page_size=PAGE_SIZE,
        max_items=None,
    )
    found = {chroot.name: chroot.result_url async for chroot in pager}
    if missing := set(chroots or ()) - found.keys():
        raise make_api_error(
            NotFound,
            sender.service.name,
            f"build {build} has no chroot {', '.join(sorted(missing))}; it has "
            f"{', '.join(sorted(found)) or 'none yet'}",
        )
    # None: the build has not started in that chroot, so there is nothing to download.
    return {
        name: checked_result_url(sender, url)
        for name, url in found.items()
        if url and (chroots is None or name in chroots)
    }


def checked_result_url(sender: Sender, url: str) -> str:
    """Return *url*, of a directory that the frontend named, with a slash at its end.

    Results are on another host than the frontend. The URL must be https, or plain http where the frontend's is.

    Raises:
        InvalidResponse: It is neither.
    """
    service = sender.service
    plain = service.base_url.startswith("http://") and url.startswith("http://")
    if not service.host_of(url) or not (plain or service.may_fetch(url)):
        raise InvalidResponse(f"{service.name}: the URL of the results is not https; not followed")
    return url if url.endswith("/") else url + "/"


async def _list_files(
    sender: Sender, build: int, result_urls: dict[str, str], kinds: frozenset[Kind], to: Path
) -> list[_ResultFile]:
    """Return the files to download below *to*."""
    files: list[_ResultFile] = []
    packages: dict[str, BuiltPackages] = {}
    about: Build | None = None
    devel = False
    if "rpms" in kinds:
        packages = await sender.send(get_built_packages(build))
    if "spec" in kinds or packages:
        about = await sender.send(get_build(build))
    if packages and about is not None:
        project = await sender.send(get_project(about.ownername, about.projectname))
        devel = bool(project.devel_mode)
    for chroot, url in result_urls.items():
        directory = to / safe_name(chroot)
        for nevra in packages.get(chroot, BuiltPackages()).packages:
            name = safe_name(nevra.filename)
            urls = [url + quote(name, safe="+~")]
            if devel and f"/{chroot}/" in url:
                # Pulp keeps the packages of such projects in a repository of its own, and frontends do not report
                # reliably which projects it keeps.
                urls.append(f"/{chroot}-devel/".join(url.rsplit(f"/{chroot}/", 1)) + quote(name, safe="+~"))
            files.append(_ResultFile(directory / name, tuple(urls), needed=True))
        spec = about.source_package.name if about is not None and "spec" in kinds else None
        files += (_ResultFile(directory / name, (at,), needed=False) for name, at in _other_files(url, kinds, spec))
    return files


def _other_files(url: str, kinds: frozenset[Kind], package: str | None) -> Iterator[tuple[str, str]]:
    """Yield name and URL of each file that may be in the directory of results at *url*."""
    if package is not None:
        name = safe_name(f"{package}.spec")
        yield name, url + quote(name, safe="+~")
    if "logs" in kinds:
        # Compressed when the chroot has ended, plain before.
        yield from ((f"{name}.gz", f"{url}{name}.gz") for name in _LOGS)
    if "info" in kinds:
        yield from ((name, url + name) for name in _INFO)
    if "review" in kinds:
        yield from ((f"fedora-review-{name}", f"{url}fedora-review/{name}") for name in _REVIEW)


async def _fetch(sender: Sender, file: _ResultFile, total: CombinedProgress) -> Path | None:
    """Download one file and return its path; ``None`` when it is at none of its URLs and not needed."""
    missing: NotFound | None = None
    for url in file.urls:
        if await _is_current(sender, url, file.target):
            return file.target
        source = _TimedSource(sender)
        call = Call("GET", url, auth=None, template="(result)", headers=_HEADERS)
        try:
            path = await download(source, call, file.target, promise=Expected(), on_progress=total.child(file.target))
        except NotFound as error:
            missing = error
            continue
        await run_in_thread(_set_time, path, source.last_modified)
        return path
    if file.needed and missing is not None:
        raise missing
    return None


async def _is_current(sender: Sender, url: str, path: Path) -> bool:
    """Return whether *path* is the file at *url*, by size and time of last change: Copr lists no digests.

    A file of that size alone may be of another build, or damaged.
    """
    found = await run_in_thread(_size_and_time, path)
    if found is None:
        return False
    head = Call("HEAD", url, auth=None, template="(result)", headers=_HEADERS, allow_statuses=frozenset({404}))
    response = await sender.send(head)
    length, changed = response.headers.get("content-length", ""), _last_modified(response.headers)
    if response.status != 200 or not length.isdigit() or changed is None:
        return False
    return found == (int(length), changed * 10**9)


class _TimedSource:
    """Opens the responses of one download, and notes when the file was last changed.

    Attributes:
        service: The store.
        last_modified: The time, in seconds since the epoch, where the store sent it.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.service: Service = sender.service
        self.last_modified: int | None = None

    @asynccontextmanager
    async def stream(self, call: Call[Any], *, attempt: int | None = None) -> AsyncIterator[ResponseStream]:
        """Open the response to *call*."""
        async with self._sender.stream(call, attempt=attempt) as response:
            self.last_modified = _last_modified(response.headers)
            yield response

    async def retrying(self, step: Callable[[int], Awaitable[T]]) -> T:
        """Run ``step(number)`` under the client's retry rule."""
        return await self._sender.retrying(step)


def _last_modified(headers: Mapping[str, str]) -> int | None:
    try:
        return int(parsedate_to_datetime(headers.get("last-modified", "")).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


def _set_time(path: Path, seconds: int | None) -> None:
    # Without it the file is downloaded again the next time.
    with suppress(OSError, OverflowError):
        if seconds is not None:
            os.utime(path, (seconds, seconds))


def _size_and_time(path: Path) -> tuple[int, int] | None:
    """Return size and time of last change of a file; ``None`` where there is none, or only a link to one."""
    try:
        info = path.lstat()
    except OSError:
        return None
    # In nanoseconds: a download sets whole seconds, what others wrote in the same second does not have.
    return (info.st_size, info.st_mtime_ns) if stat.S_ISREG(info.st_mode) else None


def _make_directories(to: Path, directories: Iterable[Path]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for directory in directories:
        directory.mkdir(exist_ok=True)
        if directory.resolve() != to.resolve() / directory.name:
            raise InputError(f"{directory} is a link to another directory; nothing was written to it", argument="to")
