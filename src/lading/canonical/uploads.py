"""Files on the storage host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading.canonical._upload import open_file, send_file

if TYPE_CHECKING:
    from lading._core.files import StrPath
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services
    from lading.canonical._upload import Upload
    from lading.types import OnProgress


@checked()
class Uploads:
    """The transfer of files to the storage host; available as ``charmhub.uploads`` and ``snap_store.uploads``.

    It is the first part of ``revisions.upload``, which is the complete way from a file to a revision.
    """

    __slots__ = ("_endpoints", "_sender", "_services")

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services

    async def upload(
        self,
        source: StrPath | ByteSource,
        *,
        filename: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> Upload:
        """Upload a file to the storage host and return the upload.

        Nothing comes of an upload that the store is not notified of, so it is sent again after a lost response, and the
        ``outcome`` of an error is always ``"not_done"``. The storage host is never sent credentials.

        Args:
            source: The path of a file, which is hashed in a worker thread and streamed. Or its bytes, an async
                iterable of them, or a function that returns one: these are put into a temporary file first.
            filename: The file's name, for bytes and async sources.
            on_progress: Called with how many bytes of the request body have been sent.

        Raises:
            InputError: It is not a regular file, or changed while it was read; or *filename* does not fit.
            PayloadTooLarge: The storage host, or a proxy in front of it, refused the size.
            ServerError: The storage host failed, or did not accept the file.
            NetworkError: There was no response.
            OSError: The file cannot be read.

        Source: ``POST {storage}/unscanned-upload/``.
        """
        async with open_file(source, filename) as file:
            return await send_file(self._sender, self._endpoints, self._services, file, on_progress)
