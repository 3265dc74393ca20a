"""Small wheels and sdists, written directly: the same arguments give the same bytes on every machine."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def core_metadata(
    name: str = "demo",
    version: str = "1.0",
    *more: tuple[str, str],
    metadata_version: str = "2.1",
    description: str | None = None,
) -> bytes:
    """A METADATA or PKG-INFO file with these headers, and the description as its body where there is one."""
    headers = [("Metadata-Version", metadata_version), ("Name", name), ("Version", version), *more]
    text = "".join(f"{key}: {value}\n" for key, value in headers)
    return (text if description is None else f"{text}\n{description}").encode()


def wheel(
    directory: Path,
    name: str = "demo",
    version: str = "1.0",
    *,
    metadata: bytes | None = None,
    tag: str = "py3-none-any",
    payload: bytes = b"",
) -> Path:
    """The path of a wheel that installers take, with *payload* in it."""
    stem = f"{_escaped(name)}-{version}"
    files = {
        f"{_escaped(name).lower()}/__init__.py": b"",
        f"{_escaped(name).lower()}/payload": payload,
        f"{stem}.dist-info/METADATA": metadata or core_metadata(name, version),
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = _record(files, record)
    path = directory / f"{stem}-{tag}.whl"
    path.write_bytes(zipped(files))
    return path


def sdist(
    directory: Path, name: str = "demo", version: str = "1.0", *, metadata: bytes | None = None, suffix: str = ".tar.gz"
) -> Path:
    """The path of an sdist, as ``.tar.gz`` or ``.zip``."""
    stem = f"{_escaped(name)}-{version}"
    files = {
        f"{stem}/pyproject.toml": f'[project]\nname = "{name}"\nversion = "{version}"\n'.encode(),
        f"{stem}/src/nested/PKG-INFO": core_metadata("nested", "0"),  # not the one that counts
        f"{stem}/PKG-INFO": metadata or core_metadata(name, version),
    }
    path = directory / (stem + suffix)
    path.write_bytes(zipped(files) if suffix == ".zip" else tarred(files))
    return path


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive; its members are as old as zip files can be, so that it is always the same."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return target.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive without times."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def sha256(path: Path) -> str:
    """The file's hex digest."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _escaped(name: str) -> str:
    return re.sub("[-_]+", "_", name)


def _record(files: Mapping[str, bytes], itself: str) -> bytes:
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{itself},,\n"]).encode()
