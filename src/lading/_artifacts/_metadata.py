"""Core metadata of Python distributions, read from METADATA and PKG-INFO within limits."""

from __future__ import annotations

from email import policy
from email.parser import BytesHeaderParser
from functools import partial
from typing import TYPE_CHECKING, Literal

from packaging.metadata import RawMetadata, parse_email

from lading._artifacts._archives import ArchiveFault, read_tar_gz_member, read_zip_member, reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Filetype = Literal["bdist_wheel", "sdist"]
"""What the upload form of an index calls the kinds of distributions."""

# Some releases have a few thousand Requires-Dist, and a changelog of thirty thousand lines as their description.
MAX_LINES = 200_000
MAX_FIELDS = 20_000
# The specification has 35; the cost of parsing grows with the product of this and the number of fields.
MAX_NAMES = 200


def read_metadata(path: Path, filetype: Filetype) -> RawMetadata:
    """Return the metadata of the wheel or sdist at *path*. For a worker thread, where slow imports hold up nobody.

    Raises:
        InputError: It is damaged, exceeds a limit, or has no metadata that can be used.
    """
    with reading(path.name):
        with path.open("rb") as file:
            if filetype == "bdist_wheel":
                content = read_zip_member(file, partial(_choose_metadata, path.name))
            elif path.suffix == ".gz":
                content = read_tar_gz_member(file, _is_pkg_info)
            else:
                content = read_zip_member(file, lambda names: next(filter(_is_pkg_info, names), None))
        if content is None:
            raise ArchiveFault(f"has no metadata where a {filetype} keeps them")
        return parse_metadata(content)


def _choose_metadata(filename: str, names: Sequence[str]) -> str | None:
    """Return the name of the wheel's METADATA: in the directory that is named as the file is, or in the only one."""
    expected = f"{'-'.join(filename.split('-')[:2])}.dist-info/METADATA"
    found = {name for name in names if name.count("/") == 1 and name.endswith(".dist-info/METADATA")}
    if expected in found:
        return expected
    if len(found) > 1:
        raise ArchiveFault(f"has several .dist-info directories, and none of them is {expected.partition('/')[0]}")
    return next(iter(found), None)


def _is_pkg_info(name: str) -> bool:
    """Return whether a member of an sdist is the PKG-INFO in its top directory."""
    parts = name.removeprefix("./").split("/")
    return len(parts) == 2 and parts[1] == "PKG-INFO"


def parse_metadata(content: bytes) -> RawMetadata:
    """Parse the content of METADATA or PKG-INFO.

    Raises:
        ArchiveFault: A limit is exceeded, or a field is malformed, or there twice. Unknown fields do no harm.
        Exception: The content cannot be parsed.
    """
    _check_limits(content)
    metadata, unparsed = parse_email(content)
    # Known fields that are malformed would be missing at the index unnoticed.
    known = RawMetadata.__annotations__.keys()
    names = {header: header.replace("-", "_") for header in unparsed}
    if lost := [header for header, name in names.items() if not known.isdisjoint({name, name + "s"})]:
        raise ArchiveFault(f"has metadata with fields that are malformed, or there twice: {', '.join(sorted(lost))}")
    return metadata


def _check_limits(content: bytes) -> None:
    if content.count(b"\n") + content.count(b"\r") > 2 * MAX_LINES:
        raise ArchiveFault(f"has metadata of more than {MAX_LINES} lines")
    # This parser takes the body as it is; the one of parse_email() also reads messages that are nested in it.
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
    names = headers.keys()
    if len(names) > MAX_FIELDS or len(set(names)) > MAX_NAMES:
        raise ArchiveFault(f"has metadata of more than {MAX_FIELDS} fields, or {MAX_NAMES} different ones")
    if headers.get_content_maintype() in ("multipart", "message"):
        raise ArchiveFault("has metadata that are a message of several parts")
