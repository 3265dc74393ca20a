"""Bodies of requests to the embedded Copr: JSON, a url-encoded form, or a form in parts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from lading.testing._server.forms import FieldsTooLongError, Form, receive_form
from lading.testing._server.multipart import MultipartError
from lading.testing.copr._refusals import ApiRefusal

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing._server.forms import UploadedFile
    from lading.testing.messages import ServerRequest

_MAX_BODY = 32 << 20


@dataclass(slots=True)
class Body:
    """The body of a request.

    Attributes:
        value: The value of a JSON body; ``None`` if the body is no JSON.
        fields: The fields by name, without those that are null.
        form: The form in parts, empty if the body is none.
        is_json: Whether the body was sent as JSON.
        is_form: Whether the body was sent as a url-encoded form.
    """

    value: Any = None
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    form: Form = field(default_factory=Form)
    is_json: bool = False
    is_form: bool = False

    @property
    def files(self) -> dict[str, UploadedFile]:
        """The files by the names of their parts, on disk until the response is sent unless they are moved away."""
        return {file.name: file for file in self.form.files}

    def set_value(self, value: Any) -> None:
        """Set the JSON value, and add its fields if it is an object."""
        self.value = value
        if isinstance(value, dict):
            self.fields.update({name: item for name, item in value.items() if item is not None})

    def discard(self) -> None:
        """Remove the files that have not been moved away."""
        self.form.discard()


async def read_body(request: ServerRequest, directory: Path) -> Body:
    """Read the body of *request*, its files into *directory*."""
    kind = request.headers.get("Content-Type", "").lower()
    if kind.startswith("multipart/form-data"):
        return _from_form(await _receive(request, directory))
    body, data = Body(), await request.read(_MAX_BODY)
    if kind.startswith("application/json"):
        body.is_json = True
        # Malformed JSON is no error: the frontend continues as if the body were empty.
        body.set_value(_parsed(data))
    elif kind.startswith("application/x-www-form-urlencoded"):
        body.is_form = True
        body.fields = {name: values[0] for name, values in parse_qs(data.decode("utf-8", "replace")).items()}
    return body


async def _receive(request: ServerRequest, directory: Path) -> Form:
    try:
        return await receive_form(
            request, directory, is_file=lambda part, _: part.filename is not None and part.name != "json"
        )
    except FieldsTooLongError as error:
        raise ApiRefusal(413, str(error)) from None
    except MultipartError as error:
        raise ApiRefusal(400, str(error)) from None


def _from_form(form: Form) -> Body:
    body = Body(form=form)
    for part, value in form.fields:
        if part.name == "json" and part.filename is not None:
            body.set_value(_parsed(value))
        else:
            # Without a file name, the frontend reads even the JSON part as a plain field.
            body.fields.setdefault(part.name, value.decode("utf-8", "replace"))
    return body


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
