"""The checks of the upload form, in warehouse's order and with its messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lading.testing.index._metadata import check_metadata, metadata_fault
from lading.testing.index._refusals import ApiRefusal

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

    from lading.testing.index._request_body import UploadForm
    from lading.testing.messages import Fields

_NAME = re.compile(r"(?:[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])\Z", re.IGNORECASE | re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}\Z", re.IGNORECASE)
_DIGESTS = ("md5_digest", "sha256_digest", "blake2_256_digest")
_LONGEST_SHOWN = 60
_MAY_BE_FILES = ("content", "gpg_signature")


def check_form(form: UploadForm) -> RawMetadata:
    """Check an upload form and return its metadata.

    Raises:
        ApiRefusal: The form has errors; the refusal names the first one in warehouse's order.
    """
    fields = form.fields
    if fields.get("protocol_version", "1") != "1":
        raise ApiRefusal(400, "Unknown protocol version.")
    for name in form.with_filename:
        if name not in _MAY_BE_FILES:
            raise ApiRefusal(400, f"{name}: Should not be a tuple.")
    _check_name(fields)
    _check_rest(fields)
    metadata = check_metadata(fields)
    if form.content is None:
        raise ApiRefusal(400, "Upload payload does not have a file.")
    return metadata


def _check_name(fields: Fields) -> None:
    name = fields.get("name", "")
    if not name:
        raise metadata_fault("'' is an invalid value for Name. Error: This field is required.")
    if not _NAME.match(name):
        shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:30]}...{name[-30:]}"
        raise metadata_fault(
            f"{shown!r} is an invalid value for Name. Error: Start and end with a letter or numeral containing only "
            "ASCII numeric and '.', '_' and '-'."
        )


def _check_rest(fields: Fields) -> None:
    faults: dict[str, str] = {}
    for name, kind in (("sha256_digest", "SHA256"), ("blake2_256_digest", "BLAKE2")):
        if fields.get(name, "").strip() and not _HEX.match(fields[name]):
            faults[name] = f"Use a valid, hex-encoded, {kind} message digest."
    filetype = fields.get("filetype", "")
    if not filetype:
        faults["filetype"] = "This field is required."
    elif filetype not in ("sdist", "bdist_wheel"):
        faults["filetype"] = "Use a known file type."
    if faults:
        name = min(faults)
        raise ApiRefusal(400, f"Invalid value for {name}. Error: {faults[name]}")
    pyversion = fields.get("pyversion", "")
    if filetype != "sdist" and not pyversion:
        raise ApiRefusal(
            400, "Invalid value for pyversion. Error: Python version is required for binary distribution uploads."
        )
    if filetype == "sdist" and pyversion not in ("", "source"):
        raise ApiRefusal(400, "Invalid value for pyversion. Error: Use 'source' as Python version for an sdist.")
    if not any(fields.get(name) for name in _DIGESTS):
        raise ApiRefusal(400, "Error: Include at least one message digest.")
