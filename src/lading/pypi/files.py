"""Files of a package index: list them, download them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lading._core.call import UNSET, Call
from lading._core.download import Expected, download
from lading._core.files import safe_name
from lading._core.paging import Page, Pager
from lading._core.threads import run_in_thread
from lading.errors import ConfigError, InvalidResponse
from lading.pypi._simple_api import SIMPLE_ACCEPT, read_page_or_none, read_project_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading._core.call import CallSender
    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading.pypi._indexes import Index
    from lading.pypi._models import File, ProjectPage
    from lading.types import OnProgress

# The strongest first; md5 only tells a broken transfer, and is better than nothing for that.
_DIGESTS = ("sha512", "sha384", "sha256", "blake2b", "sha3_256", "sha1", "md5")


class Files:
    """The files that an index has; reached as ``pypi.files``."""

    __slots__ = ("_index", "_sender")

    def __init__(self, sender: Sender, index: Index) -> None:
        self._sender = sender
        self._index = index

    def list(self, project: str, *, max_items: int | None = None) -> Pager[File]:
        """The files of *project*, in the index's order. Simple API has no pages: there is one.

        Args:
            project: Its name; normalised as PEP 503 says.
            max_items: Stop after so many.

        Raises:
            NotFound: The index has no such project.
            InvalidResponse: The answer is no page of the Simple API.

        Source: ``GET <simple_url>/<project>/`` (PEP 503, 629, 691); JSON or HTML, by what the index answers.
        """

        async def fetch(_: object) -> Page[File]:
            page = await self._fetch_page(project)
            return Page(page.files, None, len(page.files))

        return Pager(fetch, max_items=max_items)

    async def find(self, project: str, filename: str) -> File | None:
        """The file of that name, past every cache that heeds us; ``None`` when the index has none.

        Raises:
            ConfigError: The index has no ``simple_url``.

        Source: as for :meth:`list`, with ``Cache-Control: no-cache``.
        """
        page = await self.look(project, self._sender)
        return next((file for file in page.files if file.filename == filename), None)

    async def download(self, file: File, to: StrPath, *, on_progress: OnProgress | None = None) -> Path:
        """The path of the downloaded file; its size and digest are as the index listed them.

        Nothing is at that path until both are verified. A transfer that breaks off is resumed where the index's file
        host can do that.

        Args:
            file: One of :meth:`list`.
            to: Where to: a folder that exists, or the path of the file. A file that is there is replaced.
            on_progress: Told how many bytes have come.

        Raises:
            IntegrityError: Size or digest do not match.
            InvalidResponse: The index lists the file at an address that is not https, or under a name that is no name.
            OSError: The file cannot be written.

        Source: the ``url`` of a Simple API file entry.
        """
        service = self._sender.service
        if not service.may_fetch(file.url):
            raise InvalidResponse(
                f"{service.name}: {file.filename} is listed at an address that is not https; not followed"
            )
        target = Path(to)
        if await run_in_thread(target.is_dir):
            target /= safe_name(file.filename)
        name = next((n for n in _DIGESTS if n in file.hashes and n in hashlib.algorithms_available), None)
        promise = Expected(
            size=file.size,
            digests={} if name is None else {name: file.hashes[name]},
            hashers={} if name is None else {name: getattr(hashlib, name)},
        )
        call = Call(
            "GET",
            file.url,
            template="(file)",
            headers={"Accept": "*/*"},
            auth=UNSET if self.sends_credentials_to_read else None,
        )
        return await download(self._sender, call, target, promise=promise, on_progress=on_progress)

    async def _fetch_page(self, project: str) -> ProjectPage:
        """A project's whole page; ``NotFound`` when the index has no such project."""
        return await self._sender.send(self._page(project, read_project_page))

    async def look(self, project: str, sender: CallSender) -> ProjectPage:
        """A project's page as it is now; one without files when the index has no such project.

        Args:
            project: Its name.
            sender: Asks; within another call, with that call's slot.
        """
        return await sender.send(self._page(project, read_page_or_none, fresh=True))

    def _page(self, project: str, read: Callable[[Response], ProjectPage], *, fresh: bool = False) -> Call[ProjectPage]:
        headers = {"Accept": SIMPLE_ACCEPT}
        if fresh:
            headers["Cache-Control"] = "no-cache"
        return Call(
            "GET",
            self.require_simple_url + "{project}/",
            read,
            path_params={"project": canonicalize_name(project)},
            headers=headers,
            auth=UNSET if self.sends_credentials_to_read else None,
            allow_statuses=frozenset({404}) if fresh else frozenset(),
            template="{project}/",
        )

    @property
    def require_simple_url(self) -> str:
        """The root of the Simple API; ``ConfigError`` when the index has none."""
        if self._index.simple_url is None:
            raise ConfigError(f"{self._index.name}: the index has no simple_url, so nothing can be looked up")
        return self._index.simple_url

    @property
    def sends_credentials_to_read(self) -> bool:
        """Whether credentials go with reads: tokens of the official indexes are for uploads alone."""
        return not self._index.official
