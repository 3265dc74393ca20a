"""What Charmhub reads from the file of a charm or a bundle."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from lading.testing.canonical._packages import ReadFile

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing.canonical._packages import Base

_LARGEST_MEMBER = 1 << 20
_ANY_BASE: dict[str, str] = {"name": "all", "channel": "all", "architecture": "all"}


class UnreadableFileError(ValueError):
    """A file that is no charm; the message says why."""


def read_charm(path: Path, package_type: str) -> ReadFile:
    """Read a charm or a bundle.

    Args:
        path: The file.
        package_type: What it has to be: ``"charm"`` or ``"bundle"``.

    Raises:
        UnreadableFileError: It is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_bundle(archive) if package_type == "bundle" else _read_charm(archive)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        raise UnreadableFileError("The file is not a valid zip archive") from None


def _read_bundle(archive: zipfile.ZipFile) -> ReadFile:
    bundle = _member(archive, "bundle.yaml")
    if bundle is None:
        raise UnreadableFileError("Missing required file: bundle.yaml")
    return ReadFile(_name(bundle, "bundle.yaml"), _version(archive), [None], "bundle", metadata=_texts(bundle))


def _read_charm(archive: zipfile.ZipFile) -> ReadFile:
    metadata = _member(archive, "metadata.yaml")
    if metadata is None:
        raise UnreadableFileError("Missing required file: metadata.yaml")
    manifest = _member(archive, "manifest.yaml") or {}
    resources = metadata.get("resources") or {}
    if not isinstance(resources, dict) or not all(isinstance(one, dict) for one in resources.values()):
        raise UnreadableFileError("metadata.yaml: resources must be a mapping of mappings")
    return ReadFile(
        _name(metadata, "metadata.yaml"),
        _version(archive),
        _bases(manifest),
        "charm",
        {str(name): str(one.get("type", "file")) for name, one in resources.items()},
        _texts(metadata),
        _member(archive, "charmcraft.yaml"),
    )


def _bases(manifest: dict[str, Any]) -> list[Base | None]:
    """Return one base for each system and architecture of the manifest."""
    found: list[Base | None] = []
    for one in manifest.get("bases") or ():
        if not isinstance(one, dict) or not all(isinstance(one.get(key), str) for key in ("name", "channel")):
            raise UnreadableFileError("manifest.yaml: each of bases must have a name and a channel")
        for architecture in one.get("architectures") or ("all",):
            base = {"name": one["name"], "channel": one["channel"], "architecture": str(architecture)}
            if base not in found:
                found.append(base)
    return found or [dict(_ANY_BASE)]


def _member(archive: zipfile.ZipFile, name: str) -> dict[str, Any] | None:
    try:
        info = archive.getinfo(name)
    except KeyError:
        return None
    if info.file_size > _LARGEST_MEMBER:
        raise UnreadableFileError(f"{name} is too large")
    try:
        value = yaml.safe_load(archive.read(info))
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UnreadableFileError(f"{name} is not valid YAML") from None
    if not isinstance(value, dict):
        raise UnreadableFileError(f"{name} is not a mapping")
    return value


def _name(value: dict[str, Any], where: str) -> str:
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise UnreadableFileError(f"{where} has no name")
    return name


def _version(archive: zipfile.ZipFile) -> str:
    try:
        return archive.read(archive.getinfo("version")).decode().strip()[:64]
    except (KeyError, UnicodeDecodeError):
        return ""


def _texts(value: dict[str, Any]) -> dict[str, str]:
    names = {"display-name": "title", "title": "title", "summary": "summary", "description": "description"}
    return {shown: value[name] for name, shown in names.items() if isinstance(value.get(name), str)}
