"""Wheels and sdists on disk: names, metadata and digests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from lading._core.files import FileDigests, StrPath, hash_file
from lading._core.threads import run_in_thread
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from packaging.metadata import RawMetadata

    from lading._artifacts._metadata import Filetype

_RUN_OF_SEPARATORS = re.compile(r"[-_.]+")
_WHEEL_PROJECT = re.compile(r"[\w.]+")
_BUILD_TAG = re.compile(r"(?a:\d+).*")
_SDIST_SUFFIXES = (".tar.gz", ".zip")


@dataclass(frozen=True, slots=True)
class DistributionFilename:
    """What the name of a wheel or sdist says.

    Attributes:
        filetype: What the upload form of an index calls its kind.
        python_tag: The wheel's python tag; ``"source"`` for an sdist.
        project: The project, normalised.
        version: The version.
    """

    filetype: Filetype
    python_tag: str
    project: str
    version: Version


@dataclass(frozen=True, slots=True)
class Distribution:
    """A wheel or sdist that has been read.

    Attributes:
        path: Where it is.
        filetype: What the upload form of an index calls its kind.
        pyversion: The wheel's python tag; ``"source"`` for an sdist.
        metadata: Its core metadata, not interpreted.
        hashed: Its file version, and its sha256 and (where this Python has it) blake2_256.
    """

    path: Path
    filetype: Filetype
    pyversion: str
    metadata: RawMetadata
    hashed: FileDigests

    @property
    def filename(self) -> str:
        """The file's name, which the index keeps."""
        return self.path.name

    @property
    def name(self) -> str:
        """The project's name as the metadata have it."""
        return self.metadata.get("name", "")

    @property
    def version(self) -> str:
        """The version as the metadata have it."""
        return self.metadata.get("version", "")

    @property
    def sha256(self) -> str:
        """The file's sha256 in hex."""
        return self.hashed.digests["sha256"]


def normalize_name(name: str) -> str:
    """Return the normalised name of a project (PEP 503)."""
    return _RUN_OF_SEPARATORS.sub("-", name).lower()


def parse_filename(filename: str) -> DistributionFilename:
    """Parse the name of a wheel or sdist.

    As packaging's ``parse_wheel_filename`` and ``parse_sdist_filename``, which import far more than this needs.

    Raises:
        InputError: It is neither.
    """
    try:
        filename.encode()
        return _parse_wheel(filename) if filename.endswith(".whl") else _parse_sdist(filename)
    except UnicodeEncodeError:
        # Without its cause, which has the name: neither an upload form nor a log can show it.
        shown = filename.encode("utf-8", "backslashreplace").decode()
        raise InputError(f"{shown} has characters in its name that are not UTF-8", argument="path") from None
    except ValueError as error:  # InvalidVersion is one
        raise InputError(f"{filename} is not the name of a wheel or an sdist: {error}", argument="path") from error


def _parse_wheel(filename: str) -> DistributionFilename:
    parts = filename.removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):
        raise ValueError(f"a wheel's name has five or six parts, and this has {len(parts)}")
    project, version, *build = parts[:-3]
    if "__" in project or not _WHEEL_PROJECT.fullmatch(project):
        raise ValueError("its first part is not an escaped project name")
    if build and not _BUILD_TAG.fullmatch(build[0]):
        raise ValueError("its build number does not begin with a digit")
    if "" in (one for part in parts[-3:] for one in part.split(".")):
        raise ValueError("one of its tags is empty")
    if not all(tag.isidentifier() for tag in parts[-3].split(".")):
        raise ValueError("its python tag is not an identifier")
    return DistributionFilename("bdist_wheel", parts[-3], normalize_name(project), Version(version))


def _parse_sdist(filename: str) -> DistributionFilename:
    suffix = next((one for one in _SDIST_SUFFIXES if filename.endswith(one)), None)
    if suffix is None:
        raise ValueError("it must end in .whl, .tar.gz or .zip")
    # A version has no dashes, so the last one separates the two.
    project, _, version = filename.removesuffix(suffix).rpartition("-")
    if not project:
        raise ValueError("an sdist's name has a project and a version, separated by a dash")
    return DistributionFilename("sdist", "source", normalize_name(project), Version(version))


async def read_distribution(path: StrPath) -> Distribution:
    """Read metadata and digests of the wheel or sdist at *path* in worker threads.

    Raises:
        InputError: It is neither, it is damaged, or its name and its metadata contradict each other.
        OSError: It cannot be read.
    """
    path = Path(path)
    named = parse_filename(path.name)
    hashed = await hash_file(path, _hashers())
    metadata = await run_in_thread(_read_metadata, path, named.filetype)
    distribution = Distribution(path, named.filetype, named.python_tag, metadata, hashed)
    _check(distribution, named)
    return distribution


def _hashers() -> Mapping[str, Callable[[], Any]]:
    hashers: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256}
    try:
        blake2b_256()
    except ValueError:  # a FIPS build of OpenSSL
        return hashers
    return {**hashers, "blake2_256": blake2b_256}


def blake2b_256() -> Any:
    """Create a hasher for PyPI's ``blake2_256``: BLAKE2b with a digest of 32 bytes (not the start of a longer one)."""
    return hashlib.blake2b(digest_size=32)


def _read_metadata(path: Path, filetype: Filetype) -> RawMetadata:
    """Read the metadata; in a worker thread, where slow imports hold up nobody."""
    from lading._artifacts._metadata import read_metadata  # noqa: PLC0415

    return read_metadata(path, filetype)


def _check(distribution: Distribution, named: DistributionFilename) -> None:
    """Raise ``InputError`` when the metadata lack what is needed, or contradict the file's name."""
    filename = distribution.filename
    for key in ("metadata_version", "name", "version"):
        if not distribution.metadata.get(key):
            raise InputError(f"the metadata of {filename} have no {key}", argument="path")
    if normalize_name(distribution.name) != named.project:
        raise InputError(
            f"{filename} is of {named.project} by its name, and of {distribution.name!r} by its metadata",
            argument="path",
        )
    try:
        same = Version(distribution.version) == named.version
    except InvalidVersion:
        same = False
    if not same:
        raise InputError(
            f"{filename} is version {named.version} by its name, and {distribution.version!r} by its metadata",
            argument="path",
        )
