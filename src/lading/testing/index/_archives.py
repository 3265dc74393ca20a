"""Checks of distributions: of their file names, and of their required members."""

from __future__ import annotations

import tarfile
import zipfile
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from lading.testing.index._refusals import ApiRefusal

if TYPE_CHECKING:
    from pathlib import Path

_ENDS = {"bdist_wheel": (".whl",), "sdist": (".tar.gz", ".zip")}


def check_filename(filename: str, filetype: str) -> None:
    """Check that *filename* is one of a distribution of that type."""
    if "/" in filename or "\\" in filename:
        raise ApiRefusal(400, "Cannot upload a file with '/' or '\\' in its name.")
    if not filename.endswith((".whl", ".tar.gz", ".zip")):
        raise ApiRefusal(400, "Invalid file extension: Use .tar.gz, .whl or .zip extension.")
    if not filename.endswith(_ENDS[filetype]):
        raise ApiRefusal(
            400, f"Invalid file extension: Use {' or '.join(_ENDS[filetype])} extension for this filetype."
        )


def check_agreement(filename: str, filetype: str, name: str, version: Version) -> None:
    """Check that a file name has the project and the version of the metadata, as PEP 427 and 625 spell them."""
    try:
        if filetype == "bdist_wheel":
            found, found_version, _, _ = parse_wheel_filename(filename)
        else:
            found, found_version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
        raise ApiRefusal(400, f"Invalid filename: {filename!r}. {error}") from None
    escaped = canonicalize_name(name).replace("-", "_")
    if found != canonicalize_name(name):
        raise ApiRefusal(400, f"Start filename for {name!r} with {escaped + '-'!r}.")
    if found_version != version:
        raise ApiRefusal(400, f"Version in filename should be {str(version)!r} not {str(found_version)!r}.")
    if filetype == "sdist" and filename != f"{escaped}-{version}.tar.gz":
        raise ApiRefusal(400, f"Filename {filename!r} should be {f'{escaped}-{version}.tar.gz'!r}.")


def inspect(path: Path, filename: str, filetype: str) -> bytes | None:
    """Return a wheel's metadata; ``None`` for an sdist.

    Raises:
        ApiRefusal: The file is damaged, or a required member is missing.
    """
    try:
        if filetype == "bdist_wheel":
            return _wheel(path, filename)
        _sdist(path, filename)
        return None
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise ApiRefusal(400, f"Invalid distribution file. {type(error).__name__}: {error}") from None


def _wheel(path: Path, filename: str) -> bytes:
    stem = "-".join(filename.split("-")[:2])
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        for needed in ("WHEEL", "METADATA"):
            place = f"{stem}.dist-info/{needed}"
            if place not in names:
                raise ApiRefusal(400, f"Invalid distribution file. {needed} not found at {place}")
        return archive.read(f"{stem}.dist-info/METADATA")


def _sdist(path: Path, filename: str) -> None:
    place = f"{filename.removesuffix('.tar.gz')}/PKG-INFO"
    with tarfile.open(path, "r:gz") as archive:
        if not any(member.name.removeprefix("./") == place and member.isfile() for member in archive):
            raise ApiRefusal(400, f"Invalid distribution file. PKG-INFO not found at {place}")
