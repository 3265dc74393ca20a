"""Files of a package index."""

from __future__ import annotations

import hashlib
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.download import Expected, download, target_path
from lading._core.download_stream import DownloadStream
from lading._core.paging import Page, Pager
from lading.errors import InvalidResponse, NotFound
from lading.pypi._pages import fetch_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading.pypi._indexes import Index
    from lading.pypi._models import File
    from lading.types import OnProgress

# The strongest first; md5 detects only damage in transfer, which is better than nothing.
_DIGESTS = ("sha512", "sha384", "sha256", "blake2b", "sha3_256", "sha1", "md5")


@checked()
class Files:
    """The files of an index; available as ``pypi.files``."""

    __slots__ = ("_index", "_sender")

    def __init__(self, sender: Sender, index: Index) -> None:
        self._sender = sender
        self._index = index

    def list(self, project: str, *, max_items: int | None = None) -> Pager[File]:
        """List the files of *project*, in the index's order. The Simple API has no pages: there is one.

        Args:
            project: The project's name, in any spelling (PEP 503).
            max_items: Stop after this many items.

        Raises:
            ConfigError: The index has no ``simple_url``.
            NotFound: The index has no such project.
            InvalidResponse: The response is not a page of the Simple API.

        Source: ``GET <simple_url>/<project>/`` (PEP 503, 629, 691); JSON or HTML, whichever the index has.
        """

        async def fetch(_: object) -> Page[File]:
            page = await fetch_page(self._sender, self._index, project)
            return Page(page.files, None, len(page.files))

        return Pager(fetch, max_items=max_items)

    async def find(self, project: str, filename: str) -> File | None:
        """Find one file by name, bypassing caches; ``None`` when the index does not have it.

        Args:
            project: The project's name, in any spelling (PEP 503).
            filename: The file's name.

        Raises:
            ConfigError: The index has no ``simple_url``.
            InvalidResponse: The response is not a page of the Simple API.

        Source: ``GET <simple_url>/<project>/`` with ``Cache-Control: no-cache``.
        """
        try:
            page = await fetch_page(self._sender, self._index, project, fresh=True)
        except NotFound:
            return None
        return next((file for file in page.files if file.filename == filename), None)

    async def download(
        self, file: File, to: StrPath, *, on_progress: OnProgress | None = None, max_size: int | None = None
    ) -> Path:
        """Download *file*, verify its size and digest as the index lists them, and return its path.

        Nothing is at that path until both are verified. A transfer that is interrupted resumes where the index's file
        host supports that.

        Args:
            file: A file from :meth:`list` or :meth:`find`.
            to: An existing directory; a path that ends in a slash, for a directory that is created if it is missing; or
                the path of the file. A file that exists there is replaced.
            on_progress: Called with how many bytes have arrived.
            max_size: Bytes: a longer file is refused. By default a file of which the index lists no size may have
                16 GiB.

        Raises:
            IntegrityError: Size or digest do not match.
            InvalidResponse: The index lists the file at a URL that is not https, or under a name that is not a plain
                file name (a hidden one, ``-rf``, ``con``); or the file is longer than *max_size*.
            InputError: *to* is a device, a pipe or a socket, which would be replaced.
            OSError: The file cannot be written.

        Source: the ``url`` of a file in the Simple API.
        """
        call = self._call(file)
        target = await target_path(to, file.filename)
        return await download(
            self._sender, call, target, promise=_expected(file), on_progress=on_progress, max_size=max_size
        )

    @asynccontextmanager
    async def open(self, file: File) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an async context manager over the bytes of *file* as they arrive.

        An interrupted transfer resumes where the index's file host supports that; where not, it ends with an
        ``InvalidResponse``, because the pieces before cannot be taken back. ::

            async with pypi.files.open(file) as pieces:
                async for piece in pieces: ...

        Args:
            file: A file from :meth:`list` or :meth:`find`.

        Raises:
            IntegrityError: With the last piece: size or digest are not as listed. Discard all pieces then.
            InvalidResponse: The index lists the file at a URL that is not https; or it cannot be resumed.

        Source: the ``url`` of a file in the Simple API.
        """
        label = f"{self._sender.service.name}: {file.filename}"
        stream = DownloadStream(self._sender, self._call(file), _expected(file), label)
        # Leaving the block early releases the connection.
        async with aclosing(stream) as pieces:
            await pieces.start()
            yield pieces

    def _call(self, file: File) -> Call[Response]:
        service = self._sender.service
        if not service.may_fetch(file.url):
            raise InvalidResponse(f"{service.name}: {file.filename} is listed at a URL that is not https; not followed")
        return Call("GET", file.url, template="(file)", headers={"Accept": "*/*"}, auth=self._index.read_auth)


def _expected(file: File) -> Expected:
    name = next((n for n in _DIGESTS if n in file.hashes and n in hashlib.algorithms_available), None)
    if name is None:
        return Expected(size=file.size)
    return Expected(size=file.size, digests={name: file.hashes[name]}, hashers={name: getattr(hashlib, name)})
