"""Releases of a package index: from files to what users can install."""

from __future__ import annotations

from functools import partial
from os import PathLike
from pathlib import PurePath
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from lading._artifacts.attestations import read_attestations
from lading._artifacts.python import normalize_name, parse_filename, read_distribution
from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import NO_AUTH
from lading._core.paging import Page, Pager
from lading._core.spool import open_source
from lading._core.steps import run_in_steps
from lading._core.threads import run_in_thread
from lading.errors import ConfigError, InputError, NotFound
from lading.pypi._listing import Listings, SimpleRoot
from lading.pypi._pages import fetch_page, fetch_release_info
from lading.pypi._simple_api import files_of_version, group_releases, release_of
from lading.pypi._upload import DistributionUpload
from lading.pypi._upload_many import UploadMany

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from lading._core.files import StrPath
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.pypi._indexes import Index
    from lading.pypi._models import Release, UploadResult
    from lading.pypi.tokens import Tokens
    from lading.types import OnProgress


@checked()
class Releases:
    """The releases of an index's projects; available as ``pypi.releases``."""

    __slots__ = ("_index", "_root", "_sender", "_tokens")

    def __init__(self, sender: Sender, index: Index, tokens: Tokens) -> None:
        self._sender = sender
        self._index = index
        self._tokens = tokens
        self._root = SimpleRoot(index)

    def list(self, project: str, *, max_items: int | None = None) -> Pager[Release]:
        """List the releases of *project*, newest first, each with its files. There is one page.

        Args:
            project: The project's name, in any spelling (PEP 503).
            max_items: Stop after this many items.

        Raises:
            ConfigError: The index has no ``simple_url``.
            NotFound: The index has no such project.
            InvalidResponse: The response is not a page of the Simple API.

        Source: ``GET <simple_url>/<project>/``; versions are read from the files' names.
        """

        async def fetch(_: object) -> Page[Release]:
            page = await fetch_page(self._sender, self._index, project)
            releases = await run_in_steps(group_releases(normalize_name(project), page.files))
            return Page(releases, None, len(releases))

        return Pager(fetch, max_items=max_items)

    async def get(self, project: str, version: str) -> Release:
        """Return one release with its files, and what the JSON API adds where the index has one.

        Args:
            project: The project's name, in any spelling (PEP 503).
            version: The version, in any spelling that is equal by PEP 440.

        Raises:
            ConfigError: The index has no ``simple_url``.
            NotFound: The index has no such project, or no file of that version.
            InputError: *version* is not a version.
            InvalidResponse: The response is not a page of the Simple API.

        Source: ``GET <simple_url>/<project>/`` and ``GET <json_url>/<project>/<version>/json``.
        """
        try:
            wanted = Version(version)
        except InvalidVersion as error:
            raise InputError(f"{version!r} is not a version", argument="version") from error
        page = await fetch_page(self._sender, self._index, project)
        files = await run_in_steps(files_of_version(wanted, page.files))
        if files:
            release = release_of(normalize_name(project), files)
            info = await fetch_release_info(self._sender, self._index, project, release.version)
            return release if info is None else release.model_copy(update={"info": info.info})
        raise make_api_error(NotFound, self._index.name, f"{project} has no files of version {version}")

    async def upload(
        self,
        source: StrPath | ByteSource,
        *,
        filename: str | None = None,
        attestations: Iterable[StrPath] | bool = (),
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> UploadResult:
        """Upload a wheel or sdist and return the result.

        The index is checked first. When it has a file of that name with the same digest, nothing is sent and the status
        is ``"unchanged"``; when the digest differs, :class:`lading.Conflict` is raised before a byte is sent. A token
        that cannot work (of another index, for other projects, expired by the index's clock) is refused before that,
        too. When the response is lost, or says that the file exists, the index's listing decides, so a release is
        neither lost nor uploaded twice; a file that it does not list after the last attempt is waited for, up to 10 s.
        The same holds where the index responds with words, which may be a gate's. What could not be checked, because
        the index does not let itself be read, is said in the ``warnings`` of the result.

        Cancelling the call closes the connection. The index may have the file by then; calling again finds out.

        Args:
            source: The path of a ``.whl``, or of an sdist as ``.tar.gz`` or ``.zip``. It is read in worker threads and
                streamed. Or the bytes of such a file, an async iterable of them, or a function that returns one: these
                are put into a temporary file first, because an index wants the digests before the file.
            filename: The file's name, for bytes and async sources.
            attestations: Files of attestations (PEP 740) to send with it; ``True`` for all files beside it that are
                named ``<file>.<anything>.attestation``. Indexes accept them from trusted publishers only.
            overwrite: Replace another file of that name, at an index that can: a volatile one of devpi, pypiserver with
                ``--overwrite``. Afterwards the index must list the new digest, which may take one more request, and up
                to 10 s where it does not. PyPI and TestPyPI never replace a file.
            on_progress: Called with how many bytes of the request body have been sent.

        Raises:
            InputError: The file is neither a wheel nor an sdist, is damaged, or changed while it was read.
            ConfigError: There are no credentials, or ``overwrite=True`` is given for PyPI or TestPyPI.
            TokenInvalid: The token cannot be used for this; nothing was sent.
            Conflict: The index has another file of that name: bump the version, or see *overwrite*.
            IntegrityError: With *overwrite*, the index accepted the file, and lists another digest.
            Unauthorized: The credentials are wrong (devpi).
            Forbidden: The token or password is wrong, or is not for this project.
            PayloadTooLarge: The index, or a proxy in front of it, refused the size.
            BadRequest: The index refused the file or its metadata; the message says why.
            RateLimited: Too many new projects, or requests; ``retry_after`` may say for how long.
            ServerError: The index failed; ``outcome`` says whether it may have the file.
            NetworkError: There was no response; ``outcome`` says whether the index may have the file.
            OSError: The file cannot be read.

        Source: ``POST <upload_url>``, the legacy upload API as warehouse (August 2026), pypiserver 2.4 and devpi 6.20
        behave.
        """
        return await self._upload(
            self._new_listings(),
            source,
            filename=filename,
            attestations=attestations,
            overwrite=overwrite,
            on_progress=on_progress,
        )

    def _new_listings(self) -> Listings:
        return Listings(self._sender, self._index, self._root)

    async def _upload(
        self,
        listings: Listings,
        source: StrPath | ByteSource,
        *,
        filename: str | None = None,
        attestations: Iterable[StrPath] | bool,
        overwrite: bool,
        on_progress: OnProgress | None = None,
    ) -> UploadResult:
        if overwrite:
            self._index.check_overwrite()
        if self._index.official and self._sender.settings.auth is NO_AUTH:
            raise ConfigError(
                f"{self._index.name} accepts uploads only with a token, and this client has none: pass token=, or "
                "configure one where from_config() looks (UV_PUBLISH_TOKEN, TWINE_PASSWORD, .pypirc, the keyring, "
                "trusted publishing)"
            )
        if attestations is True and not isinstance(source, (str, PathLike)):
            raise InputError("attestations=True means the files beside a path: name them", argument="attestations")
        if isinstance(source, (str, PathLike)) and "." not in PurePath(source).name:
            raise InputError(
                f"{PurePath(source).name!a} is neither a wheel nor an sdist; releases.upload_many uploads those of a "
                "directory",
                argument="source",
            )
        named = "the name of a wheel or an sdist"
        async with open_source(source, filename, wanted=named, check=parse_filename) as path:
            distribution = await read_distribution(path)
            sidecars = await run_in_thread(read_attestations, distribution.path, attestations)
            upload = DistributionUpload(distribution, self._sender, self._index, listings, overwrite=overwrite)
            return await self._send(upload, sidecars, on_progress)

    async def _send(
        self, upload: DistributionUpload, sidecars: Sequence[object], on_progress: OnProgress | None
    ) -> UploadResult:
        """Send it, unless the index has it."""

        async def check_token(now: datetime | None) -> None:
            await self._tokens.check_offline(upload.project, now=now)

        async with upload.alone():
            if await upload.is_there(check_token):
                return upload.result("unchanged")
            return await upload.send(sidecars, on_progress)

    def upload_many(
        self,
        paths: StrPath | Iterable[StrPath],
        *,
        limit: int = 8,
        attestations: bool = False,
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> UploadMany:
        """Upload many files concurrently: awaited, or with their results as they complete.

        A release's wheels are sent first, and its sdist only when the index has all of them; when one fails, the error
        of the sdist is a :class:`NotAttempted`. Otherwise an installer could build from source although a wheel is
        about to follow. Each project's page is read once for all of its files, and again after a lost response.

        ::

            for uploaded in await pypi.releases.upload_many("dist"):
                print(uploaded.filename, uploaded.status)

            async with pypi.releases.upload_many("dist") as results:
                async for result in results:
                    print(result.item.name, result.error or result.value.status)

        Args:
            paths: Wheels and sdists, of any number of projects; or one directory or glob pattern, whose other files
                are skipped. Attestations are skipped as well: they are sent with their files.
            limit: The maximum number of files that are uploaded concurrently.
            attestations: Also send the attestations beside each file.
            overwrite: Replace other files of these names; see :meth:`upload`.
            on_progress: Called with how much of all files is done, in bytes and in files. It never decreases: a file
                that is sent again counts once, and one that has ended counts whole, also when there was nothing to
                send or it failed. What it raises ends all uploads, and is raised.

        Raises:
            ConfigError: ``overwrite=True`` is given for PyPI or TestPyPI.
            InputError: The name of one of *paths* is not that of a wheel or an sdist, or a directory or pattern has
                none; nothing was sent.
        """
        if overwrite:
            self._index.check_overwrite()
        upload = partial(self._upload, self._new_listings(), attestations=attestations, overwrite=overwrite)
        return UploadMany(upload, paths, limit, on_progress)
