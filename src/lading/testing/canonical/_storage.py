"""The storage host: files are received before anyone says what they are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lading.testing._server.forms import receive_form
from lading.testing._server.multipart import MultipartError
from lading.testing.canonical._refusals import FlatRefusal
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._state import StoredUpload
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing._server.forms import Hasher, UploadedFile
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._state import StoreState
    from lading.testing.messages import ServerRequest


def _hashers() -> dict[str, Hasher]:
    return {
        "sha256": hashlib.sha256(),
        "sha384": hashlib.sha384(),
        "sha512": hashlib.sha512(),
        "sha3_384": hashlib.sha3_384(),
    }


class Storage:
    """The handlers of the storage host.

    Attributes:
        successful: Whether responses have the member ``successful``, which newer servers leave out.
        max_file_size: The size in bytes up to which files are accepted.
    """

    def __init__(self, max_file_size: int) -> None:
        self.successful = True
        self.max_file_size = max_file_size

    @property
    def api(self) -> Api:
        """The routes. Nothing here needs credentials."""
        return Api([Route("POST", "/unscanned-upload/", self._upload)])

    async def _upload(self, request: StoreRequest, server_request: ServerRequest) -> ServerResponse:
        state = request.state
        try:
            form = await receive_form(server_request, state.directory, hashers=_hashers)
        except MultipartError as error:
            raise FlatRefusal(400, successful=False, error=str(error)) from None
        try:
            file = next((one for one in form.files if one.name == "binary"), None)
            if file is None or len(form.files) > 1 or form.fields:
                raise FlatRefusal(400, successful=False, error="The form must have one file called binary.")
            if file.size > self.max_file_size:
                raise FlatRefusal(413, successful=False, error="The file is too large.")
            return ServerResponse.json(await server_request.in_thread(self._keep, state, file))
        finally:
            await server_request.in_thread(form.discard)

    def _keep(self, state: StoreState, file: UploadedFile) -> dict[str, Any]:
        upload_id = str(uuid4())
        path = state.directory / upload_id
        file.path.rename(path)
        stored = StoredUpload(upload_id, file.filename, path, file.size, file.digests, state.clock.now)
        with state.lock:
            state.uploads[upload_id] = stored
        return {"successful": True, "upload_id": upload_id} if self.successful else {"upload_id": upload_id}
