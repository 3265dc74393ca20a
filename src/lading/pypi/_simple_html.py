"""The HTML pages of the Simple API. Pure."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from lading.pypi._models import File


class SimplePageParser(HTMLParser):
    """Parses a page (PEP 503, 629): attributes and fragments have what JSON has by name.

    Args:
        url: The page's.

    Attributes:
        api_version: The version of the Simple API that the page states.
        files: The files that it links.
        projects: The names of the projects that it links.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url
        self.api_version = "1.0"
        self.files: list[File] = []
        self.projects: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read one tag; called by ``feed``."""
        found = {name: value or "" for name, value in attrs}
        if tag == "base" and found.get("href"):
            self._base = urljoin(self._base, found["href"])
        elif tag == "meta" and found.get("name") == "pypi:repository-version":
            self.api_version = found.get("content", "")
        elif tag == "a" and found.get("href"):
            parts = urlsplit(urljoin(self._base, found["href"]))
            if not parts.path.endswith("/"):
                self.files.append(_file(parts, found))
            elif len(parts.path) > len(urlsplit(self._base).path):  # not a link to the parent
                self.projects.append(unquote(parts.path.rstrip("/").rpartition("/")[2]))


def _file(parts: SplitResult, found: dict[str, str]) -> File:
    metadata = found.get("data-core-metadata", found.get("data-dist-info-metadata"))
    return File(
        filename=unquote(parts.path.rpartition("/")[2]),
        url=parts._replace(fragment="").geturl(),
        hashes=_digest(parts.fragment),
        requires_python=found.get("data-requires-python") or None,
        yanked=found["data-yanked"] or True if "data-yanked" in found else False,
        core_metadata=False if metadata is None else (_digest(metadata) or True),
        provenance=found.get("data-provenance") or None,
    )


def _digest(text: str) -> dict[str, str]:
    """Read ``sha256=abc`` as a mapping; empty for anything else."""
    match = re.fullmatch(r"(\w+)=([0-9a-fA-F]+)", text)
    return {match[1].lower(): match[2].lower()} if match else {}
