"""The checks of archives, in warehouse's order and with its messages."""

from __future__ import annotations

import configparser
import csv
import posixpath
import re
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from lading.testing.index._refusals import ApiRefusal
from lading.testing.index._zip_records import find_zip_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# An archive is a bomb when it is longer than the first, and so many times longer than its file.
_MIN_BOMB = 64 << 20
_MAX_RATIO = 50
_ENTRY_POINT = re.compile(r"[\w.-]+")


class Archive:
    """An uploaded wheel or sdist, whose form has been checked.

    Args:
        path: Where it is.
        filename: Its name in the form.
        help_url: The URL of the page about archives.
    """

    def __init__(self, path: Path, filename: str, help_url: str) -> None:
        self._path = path
        self._filename = filename
        self._help_url = help_url
        # Of an sdist, the directory that has all its members.
        self._root = ""

    def check_validity(self) -> None:
        """Check that it is an archive of its kind, with the one required member.

        Raises:
            ApiRefusal: It is damaged, a bomb, or ambiguous, or has no such member.
        """
        is_zip, is_tar = zipfile.is_zipfile(self._path), _is_tar(self._path)
        if is_zip and is_tar:
            raise _invalid("File is both a zip and a tar file")
        try:
            if self._filename.endswith(".tar.gz"):
                self._check_tar(is_tar)
            else:
                self._check_zip(is_zip)
        except (zipfile.BadZipFile, tarfile.ReadError, EOFError, zlib.error, OSError, ValueError):
            # warehouse has no message for it.
            raise _invalid("None") from None

    def _check_zip(self, is_zip: bool) -> None:
        if not is_zip:
            raise _invalid("File is not a zipfile")
        with zipfile.ZipFile(self._path) as archive:
            infos = archive.infolist()
            content, compressed = sum(info.file_size for info in infos), self._path.stat().st_size
            if content > _MIN_BOMB and content / compressed > _MAX_RATIO:
                raise _invalid(f"File exceeds compression ratio of {_MAX_RATIO}")
            if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
                raise _invalid("File does not use a supported compression type")
            if self._filename.endswith(".zip"):
                required = f"{self._single_root(archive.namelist())}/PKG-INFO"
            else:
                required = f"{self._dist_info}/WHEEL"
            if _read(archive, required) is None:
                raise _invalid(f"{required.rpartition('/')[2]} not found at {required}")
            fault = find_zip_fault(archive, self._path)
        if fault is not None:
            raise _invalid(f"ZIP archive not accepted: {fault}. See {self._help_url} for more information")

    def _check_tar(self, is_tar: bool) -> None:
        if not is_tar:
            raise _invalid("File is not a tarfile")
        with tarfile.open(self._path, "r:gz") as archive:
            names = archive.getnames()
            if any(member.issparse() for member in archive.getmembers()):
                raise _invalid(
                    "tar archive not accepted: Sparse members are not allowed. "
                    f"See {self._help_url} for more information"
                )
            required = f"{self._single_root(names)}/PKG-INFO"
            if required not in names:
                raise _invalid(f"PKG-INFO not found at {required}")

    def _single_root(self, names: Sequence[str]) -> str:
        self._root = posixpath.commonpath(names) if names else ""
        if self._root in (".", "/", ""):
            raise _invalid("Incorrect number of top-level directories in sdist")
        return self._root

    @property
    def _dist_info(self) -> str:
        try:
            name, version, _ = self._filename.split("-", 2)
        except ValueError:
            raise _invalid("Unable to parse name and version from wheel filename") from None
        return f"{name}-{version}.dist-info"

    def check_sdist(self, license_files: Sequence[str]) -> None:
        """Check that an sdist has the licences that its metadata name. Its validity has been checked."""
        if not license_files:
            return
        with tarfile.open(self._path, "r:gz") as archive:
            names = archive.getnames()
        for license_file in license_files:
            self._require_license(license_file, posixpath.join(self._root, license_file), names)

    def check_wheel(self, license_files: Sequence[str]) -> bytes:
        """Check the required members of a wheel and return its metadata. Its validity has been checked."""
        directory = self._dist_info
        with zipfile.ZipFile(self._path) as archive:
            for license_file in license_files:
                self._require_license(license_file, f"{directory}/licenses/{license_file}", archive.namelist())
            self._check_record(_read(archive, f"{directory}/RECORD"), f"{directory}/RECORD")
            self._check_entry_points(_read(archive, f"{directory}/entry_points.txt"))
            metadata = _read(archive, f"{directory}/METADATA")
        if metadata is None:
            raise ApiRefusal(
                400, f"Wheel '{self._filename}' does not contain the required METADATA file: {directory}/METADATA"
            )
        return metadata

    def _require_license(self, license_file: str, place: str, names: Sequence[str]) -> None:
        if place not in names:
            raise ApiRefusal(
                400,
                f"License-File {license_file} does not exist in distribution file {self._filename} at {place}",
            )

    def _check_record(self, content: bytes | None, place: str) -> None:
        """Check that there is a RECORD that can be read. Of wrong entries warehouse informs the owner by mail."""
        try:
            if content is not None:
                list(csv.reader(content.decode().splitlines()))
                return
        except (UnicodeError, csv.Error):
            pass
        raise ApiRefusal(400, f"Wheel '{self._filename}' does not contain the required RECORD file: {place}")

    def _check_entry_points(self, content: bytes | None) -> None:
        parser = configparser.ConfigParser(delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        try:
            parser.read_string("" if content is None else content.decode())
        except (UnicodeError, configparser.Error):
            valid = False
        else:
            sections = [parser[name] for name in ("console_scripts", "gui_scripts") if name in parser]
            valid = all(_ENTRY_POINT.fullmatch(name) for section in sections for name in section)
        if not valid:
            raise ApiRefusal(
                400, f"Wheel '{self._filename}' has invalid entry points defined in the entry_points.txt file"
            )


def _invalid(detail: str) -> ApiRefusal:
    return ApiRefusal(400, f"Invalid distribution file. {detail}")


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, OSError, zlib.error):
        return False


def _read(archive: zipfile.ZipFile, name: str) -> bytes | None:
    try:
        return archive.read(name)
    except KeyError:
        return None
