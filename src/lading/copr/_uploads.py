"""Files in forms: uploaded from a path, or from a body that the caller has made."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from lading._core.body import Body
from lading._core.multipart import FilePart
from lading.errors import InputError

if TYPE_CHECKING:
    from lading._core.files import StrPath


def upload_filename(source: StrPath | Body, filename: str | None, *, argument: str = "filename") -> str:
    """Return the file name to send for *source*: *filename*, else the file's own.

    Args:
        source: The file or body.
        filename: The name that the caller passed.
        argument: The name of the argument that *filename* was passed as.

    Raises:
        InputError: *source* is a body, which has no name, and no *filename* was passed.
    """
    if filename is not None:
        return filename
    if isinstance(source, Body):
        raise InputError(f"a body has no file name: pass {argument}=", argument=argument)
    return PurePath(os.fspath(source)).name


async def upload_part(name: str, source: StrPath | Body, filename: str, content_type: str) -> FilePart:
    """Create the form field *name* for *source*, sent under *filename*.

    Args:
        name: The field's name.
        source: The file or body.
        filename: The file name that is sent.
        content_type: The content type of a file; a body has its own.
    """
    if isinstance(source, Body):
        return FilePart(name, source, filename)
    return replace(await FilePart.from_path(name, source, content_type), filename=filename)
