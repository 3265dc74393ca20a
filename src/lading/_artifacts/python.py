"""Wheels and sdists on disk: their names, their metadata, their digests."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from lading._core.files import FileDigests, StrPath, blake2b_256, hash_file
from lading._core.threads import check_cancelled, run_in_thread
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The longest metadata PyPI's own would be cut at is far below; more is a broken or hostile archive.
_MAX_METADATA = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Distribution:
    """A wheel or sdist that was looked at.

    Attributes:
        path: Where it is.
        filetype: What the upload form calls it.
        pyversion: The wheel's python tag; ``"source"`` for an sdist.
        metadata: Its core metadata, not interpreted.
        hashed: Its stamp, and its sha256 and (where this Python has it) blake2_256.
    """

    path: Path
    filetype: Literal["bdist_wheel", "sdist"]
    pyversion: str
    metadata: RawMetadata
    hashed: FileDigests

    @property
    def filename(self) -> str:
        """Its name, which the index keeps it under."""
        return self.path.name

    @property
    def name(self) -> str:
        """The project's name as the metadata write it."""
        return self.metadata.get("name", "")

    @property
    def version(self) -> str:
        """The version as the metadata write it."""
        return self.metadata.get("version", "")

    @property
    def sha256(self) -> str:
        """Hex digest."""
        return self.hashed.digests["sha256"]


async def read_distribution(path: StrPath) -> Distribution:
    """The wheel or sdist at *path*: metadata read and digests taken in worker threads.

    Raises:
        InputError: It is neither, it is damaged, or its name and its metadata contradict each other.
        OSError: It cannot be read.
    """
    path = Path(path)
    filetype, pyversion, name, version = parse_filename(path)
    hashed = await hash_file(path, _hashers())
    metadata = await run_in_thread(_read_metadata, path, filetype)
    distribution = Distribution(path, filetype, pyversion, metadata, hashed)
    _check(distribution, name, version)
    return distribution


def _hashers() -> Mapping[str, Callable[[], Any]]:
    hashers: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256}
    try:
        blake2b_256()
    except ValueError:  # a FIPS build of OpenSSL
        return hashers
    return {**hashers, "blake2_256": blake2b_256}


def parse_filename(path: Path) -> tuple[Literal["bdist_wheel", "sdist"], str, str, Version]:
    """File type, python tag, normalised project and version, by the name of a file alone."""
    try:
        if path.name.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(path.name)
            return "bdist_wheel", path.stem.split("-")[-3], name, version
        name, version = parse_sdist_filename(path.name)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
        raise InputError(f"{path.name} is not the name of a wheel or an sdist: {error}", argument="path") from error
    return "sdist", "source", name, version


def _read_metadata(path: Path, filetype: str) -> RawMetadata:
    try:
        if path.suffix == ".gz":
            with tarfile.open(path, "r:gz") as tar:
                content = _from_tar(tar)
        else:
            with zipfile.ZipFile(path) as archive:
                content = _from_zip(archive, "METADATA" if filetype == "bdist_wheel" else "PKG-INFO")
    except (FileNotFoundError, InputError):
        raise
    except Exception as error:  # reading a damaged archive fails in a dozen ways
        raise InputError(f"{path.name} is damaged: {type(error).__name__}: {error}", argument="path") from error
    if content is None:
        raise InputError(f"{path.name} has no metadata where a {filetype} keeps them", argument="path")
    metadata, unparsed = parse_email(content)
    # Fields that nobody knows do no harm. Those that are known and malformed would be missing at the index unnoticed.
    if lost := [name for name in unparsed if _is_known(name)]:
        raise InputError(
            f"the metadata of {path.name} have fields that are malformed, or there twice: {', '.join(sorted(lost))}",
            argument="path",
        )
    return metadata


def _is_known(header: str) -> bool:
    name = header.replace("-", "_")
    return not RawMetadata.__annotations__.keys().isdisjoint({name, name + "s"})


def _from_zip(archive: zipfile.ZipFile, wanted: str) -> bytes | None:
    for info in archive.infolist():
        folder, _, name = info.filename.rpartition("/")
        if name == wanted and "/" not in folder and (wanted == "PKG-INFO" or folder.endswith(".dist-info")):
            with archive.open(info) as file:
                return _limited(file)
    return None


def _from_tar(archive: tarfile.TarFile) -> bytes | None:
    for member in archive:
        check_cancelled()
        parts = member.name.removeprefix("./").split("/")
        if len(parts) == 2 and parts[1] == "PKG-INFO" and member.isfile():
            file = archive.extractfile(member)
            return None if file is None else _limited(file)
    return None


def _limited(file: IO[bytes]) -> bytes:
    content = file.read(_MAX_METADATA + 1)
    if len(content) > _MAX_METADATA:
        raise InputError(f"the metadata are longer than {_MAX_METADATA} bytes", argument="path")
    return content


def _check(distribution: Distribution, name: str, version: Version) -> None:
    filename = distribution.filename
    for key in ("metadata_version", "name", "version"):
        if not distribution.metadata.get(key):
            raise InputError(f"the metadata of {filename} have no {key}", argument="path")
    if canonicalize_name(distribution.name) != name:
        raise InputError(
            f"{filename} is of {name} by its name, and of {distribution.name!r} by its metadata", argument="path"
        )
    try:
        same = Version(distribution.version) == version
    except InvalidVersion:
        same = False
    if not same:
        raise InputError(
            f"{filename} is version {version} by its name, and {distribution.version!r} by its metadata",
            argument="path",
        )
