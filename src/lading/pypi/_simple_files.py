"""What the Simple API lists of files, as JSON has it, and the models of it. Pure."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

from pydantic import TypeAdapter, ValidationError

from lading.pypi._models import File

if TYPE_CHECKING:
    from lading.pypi._simple_html import Anchor

# The kinds of files that indexes have had since there are any, as the ends of their names.
_DISTRIBUTION = re.compile(r"(?i)\.(whl|tar\.(gz|bz2|xz|z|lzma)|tgz|tbz|zip|egg|exe|msi|rpm|deb|dmg)$")
_DIGEST = re.compile(r"(\w+)=([0-9a-fA-F]+)")


@cache
def file_adapter() -> TypeAdapter[File]:
    """Return what validates the entries of files; building it takes 20 ms and more."""
    adapter = TypeAdapter(File)
    adapter.rebuild()
    return adapter


def digests_of(raw: Any) -> dict[str, str]:
    """Return the digests of a file's entry; those that are none are left out."""
    hashes = raw.get("hashes")
    if not isinstance(hashes, dict):
        return {}
    return {name: digest for name, digest in hashes.items() if isinstance(digest, str)}


def read_file(raw: Any, base: str) -> File | None:
    """Return the model of a file's entry; ``None`` when it does not say which file it is, or where.

    What an entry says in a way that nobody knows is as if it said nothing: one of them does not make the others
    unreadable.

    Args:
        raw: The entry, as JSON has it.
        base: What its URL may be relative to.
    """
    if not isinstance(raw, dict):
        return None
    url = raw.get("url")
    if not raw.get("filename") or not url or not isinstance(url, str):
        return None
    if not url.startswith(("https://", "http://")):
        try:
            raw["url"] = urljoin(base, url)
        except ValueError:
            return None
    if raw.get("requires-python") == "":  # devpi's way to say nothing
        del raw["requires-python"]
    try:
        return file_adapter().validate_python(raw)
    except ValidationError:
        return _read_odd(raw)


def _read_odd(raw: dict[str, Any]) -> File | None:
    """Return the model of an entry without what cannot be read of it."""
    known = {name: raw[name] for name in ("filename", "url")}
    kept: dict[str, Any] = {"hashes": digests_of(raw)}
    for name, value in raw.items():
        try:
            file_adapter().validate_python(known | {name: value})
        except ValidationError:
            if name in known:
                return None
            if name == "yanked" and value:
                kept[name] = True
        else:
            kept.setdefault(name, value)
    try:
        return file_adapter().validate_python(kept | known)
    except ValidationError:
        return None


def entry_of(anchor: Anchor) -> dict[str, Any]:
    """Return the entry of a file that an HTML page links: attributes and fragments have what JSON has by name."""
    url, _, fragment = anchor.url().partition("#")
    found = anchor.attributes
    metadata = found.get("data-core-metadata", found.get("data-dist-info-metadata"))
    return {
        "filename": _filename(url),
        "url": url,
        "hashes": _digest(fragment),
        "requires-python": found.get("data-requires-python") or None,
        "yanked": found["data-yanked"] or True if "data-yanked" in found else False,
        "core-metadata": False if metadata is None else (_digest(metadata) or True),
        "provenance": found.get("data-provenance") or None,
    }


def _filename(url: str) -> str:
    """Return the last part of the path; empty where there is none, or where nothing can be downloaded."""
    scheme, _, rest = url.partition("://")
    path = rest.partition("?")[0].partition("/")[2]
    return unquote(path.rpartition("/")[2]) if scheme in ("https", "http") else ""


def is_file(entry: dict[str, Any], anchor: Anchor) -> bool:
    """Return whether a link on a page that nothing marks as one of an index is a file's: other pages link, too."""
    filename = entry["filename"]
    return bool(entry["hashes"]) or anchor.text.strip() == filename or _DISTRIBUTION.search(filename) is not None


def _digest(text: str) -> dict[str, str]:
    """Read ``sha256=abc`` as a mapping; empty for anything else."""
    match = _DIGEST.fullmatch(text)
    return {match[1].lower(): match[2].lower()} if match else {}
