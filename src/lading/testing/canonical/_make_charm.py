"""Files of charms for tests."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UBUNTU = (("ubuntu", "24.04", ("amd64",)),)


def make_charm(
    name: str,
    *,
    version: str = "1",
    bases: Iterable[tuple[str, str, Iterable[str]]] = UBUNTU,
    resources: Mapping[str, str] | None = None,
    padding: bytes = b"",
    **metadata: Any,
) -> bytes:
    """Return the file of a charm.

    Args:
        name: The charm's name.
        version: Its version.
        bases: What it runs on: system, version and architectures.
        resources: The resources that it declares, with their types (``"file"``, ``"oci-image"``).
        padding: Something more in it, so that two files with the same content otherwise differ.
        metadata: Further members of ``metadata.yaml``.
    """
    content: dict[str, Any] = {"name": name, "summary": f"The charm {name}", "description": "A charm.", **metadata}
    if resources:
        content["resources"] = {
            resource: {"type": kind, "filename": f"{resource}.bin"} if kind == "file" else {"type": kind}
            for resource, kind in resources.items()
        }
    manifest = {
        "charmcraft-version": "4.5.0",
        "bases": [
            {"name": system, "channel": channel, "architectures": list(architectures)}
            for system, channel, architectures in bases
        ],
    }
    members = {
        "metadata.yaml": yaml.safe_dump(content).encode(),
        "manifest.yaml": yaml.safe_dump(manifest).encode(),
        "version": version.encode(),
        "src/charm.py": b"",
        "padding": padding,
    }
    return _zipped(members)


def make_bundle(name: str, *, padding: bytes = b"") -> bytes:
    """Return the file of a bundle; *padding* as for :func:`make_charm`."""
    return _zipped({"bundle.yaml": yaml.safe_dump({"name": name, "applications": {}}).encode(), "padding": padding})


def _zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, data in members.items():
            # With a fixed time: the same arguments have the same digest.
            archive.writestr(zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0)), data)
    return file.getvalue()
