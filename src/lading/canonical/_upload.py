"""The transfer of a file to the storage host, which both stores share."""

from __future__ import annotations

import hashlib
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.body import FileBody
from lading._core.call import Call
from lading._core.files import hash_file
from lading._core.multipart import FilePart, Multipart
from lading._core.spool import open_source
from lading.errors import LadingError, ServerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading._core.files import FileDigests, StrPath
    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services
    from lading.types import OnProgress


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on the storage host. It is nothing until the store is notified of it, and is deleted after a while.

    Attributes:
        upload_id: What the store calls it.
        filename: The file's name.
        size: Bytes.
        sha3_384: Hex digest of the file.
    """

    upload_id: str
    filename: str
    size: int
    sha3_384: str


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to be uploaded, in the version that was hashed.

    Attributes:
        path: The file.
        filename: The name that is sent.
        hashed: Its version and digest.
    """

    path: StrPath
    filename: str
    hashed: FileDigests

    @property
    def size(self) -> int:
        """Bytes."""
        return self.hashed.stamp.size

    @property
    def sha3_384(self) -> str:
        """Hex digest."""
        return self.hashed.digests["sha3_384"]


@asynccontextmanager
async def open_file(source: StrPath | ByteSource, filename: str | None) -> AsyncIterator[LocalFile]:
    """Yield the file to upload, hashed; bytes are in a temporary file meanwhile.

    Args:
        source: The path of a file, or its bytes.
        filename: The file's name, for bytes.

    Raises:
        InputError: It is not a regular file, it changed while it was read, or *filename* does not fit.
        OSError: It cannot be read.
    """
    async with open_source(source, filename) as path:
        hashed = await hash_file(path, {"sha3_384": hashlib.sha3_384})
        yield LocalFile(path, PurePath(os.fspath(path)).name, hashed)


async def send_file(
    sender: Sender, endpoints: Endpoints, services: Services, file: LocalFile, on_progress: OnProgress | None
) -> Upload:
    """Send a file to the storage host, without credentials, and return the upload.

    Args:
        sender: A sender of the client.
        endpoints: The store.
        services: Its services.
        file: The file.
        on_progress: Called with how many bytes of the request body have been sent.
    """
    part = FilePart("binary", FileBody(file.path, file.hashed.stamp), file.filename)
    call = Call(
        "POST",
        endpoints.upload,
        partial(_read_upload_id, services.storage.name),
        body=Multipart([part]),
        idempotent=True,  # a second upload of the file is another one, and nobody notifies the store of the first
        on_progress=on_progress,
    )
    try:
        upload_id = await sender.to(services.storage).send(call)
    except LadingError as error:
        error.outcome = "not_done"  # for the same reason
        raise
    return Upload(upload_id, file.filename, file.size, file.sha3_384)


def _read_upload_id(service: str, response: Response) -> str:
    """Read ``{"successful": true, "upload_id": "..."}``, whose first member may be missing."""
    body = response.json()
    if body.get("successful", True) is not True:
        text = str(body.get("message") or body.get("error") or "no reason given")
        raise make_api_error(
            ServerError, service, f"it did not accept the file: {text}", detail=text, status=response.status
        )
    upload_id = body["upload_id"]
    if isinstance(upload_id, bool) or not isinstance(upload_id, (str, int)) or upload_id == "":
        raise TypeError("upload_id")
    return str(upload_id)
