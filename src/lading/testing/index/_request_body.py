"""Upload forms as the embedded index receives them: fields in memory, the file on disk, digests computed on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading.testing._server.forms import FieldsTooLongError, Form, receive_form
from lading.testing._server.multipart import MultipartError
from lading.testing.index._refusals import ApiRefusal
from lading.testing.messages import Fields

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing._server.forms import Hasher, UploadedFile
    from lading.testing._server.multipart import Part
    from lading.testing.messages import ServerRequest


@dataclass(slots=True)
class UploadForm:
    """An upload form.

    Attributes:
        fields: The fields, in order.
        with_filename: The names of fields that were sent with a file name, which only the file may have.
        content: The file.
    """

    fields: Fields
    with_filename: list[str]
    content: UploadedFile | None


async def read_form(request: ServerRequest, directory: Path) -> UploadForm:
    """Read the form in *request*, its file into *directory*.

    Raises:
        ApiRefusal: The form is malformed. No file is kept, neither then nor when the client leaves.
    """
    try:
        form = await receive_form(request, directory, is_file=_is_content, hashers=_hashers)
    except FieldsTooLongError:
        raise ApiRefusal(400, "The upload form has too much in its fields.") from None
    except MultipartError as error:
        raise ApiRefusal(400, str(error)) from None
    fields = Fields((part.name, value.decode("utf-8", "replace")) for part, value in form.fields)
    with_filename = [part.name for part, _ in form.fields if part.filename is not None]
    return UploadForm(fields, with_filename, next(iter(form.files), None))


def _is_content(part: Part, form: Form) -> bool:
    """Return whether a part is the file of the form; a second one is refused."""
    if part.name != "content":
        return False
    if form.files:
        raise ApiRefusal(400, "The upload form has more than one file.")
    return part.filename is not None


def _hashers() -> dict[str, Hasher]:
    return {
        "md5": hashlib.md5(usedforsecurity=False),
        "sha256": hashlib.sha256(),
        "blake2b_256": hashlib.blake2b(digest_size=32),
    }
