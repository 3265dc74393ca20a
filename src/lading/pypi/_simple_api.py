"""The wire of a package index: the upload form, Simple API pages, and what errors say. Pure."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from lading.errors import InvalidResponse
from lading.pypi._models import File, ProjectList, ProjectPage, Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from packaging.metadata import RawMetadata

    from lading._artifacts.python import Distribution
    from lading._core.messages import Response

SIMPLE_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

# What the form calls metadata fields whose name it does not take from packaging's. Wrong names are ignored by the
# official index without a word, so `license_files` would silently lose the licences.
_FORM_NAMES = {
    "platforms": "platform",
    "supported_platforms": "supported_platform",
    "license_files": "license_file",
    "import_names": "import_name",
    "import_namespaces": "import_namespace",
}


def form_fields(distribution: Distribution) -> list[tuple[str, str]]:
    """The fields of the upload form before the file itself, in the order they are sent."""
    return [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        *_metadata_fields(distribution.metadata),
        ("filetype", distribution.filetype),
        ("pyversion", distribution.pyversion),
        *((f"{name}_digest", digest) for name, digest in distribution.hashed.digests.items()),
    ]


def _metadata_fields(metadata: RawMetadata) -> Iterator[tuple[str, str]]:
    for key, value in metadata.items():
        # setuptools wrote License-File into older metadata, which the official index then refuses whole.
        if key == "license_files" and not _at_least(metadata, "2.4"):
            continue
        name = _FORM_NAMES.get(key, key)
        for text in _values(key, value):
            if text:
                yield name, text


def _values(key: str, value: Any) -> list[str]:
    if key == "keywords":
        return [", ".join(value)]
    if key == "project_urls":
        return [f"{label}, {url}" for label, url in value.items()]
    return [value] if isinstance(value, str) else list(value)


def _at_least(metadata: RawMetadata, version: str) -> bool:
    try:
        return Version(metadata.get("metadata_version", "0")) >= Version(version)
    except InvalidVersion:
        return False


def upload_warnings(reply: Response) -> tuple[str, ...]:
    """What an index says besides yes; ``ValueError`` for a page that is no answer to an upload.

    The official index answers 200 with a help page to a form that it does not recognise as an upload.
    """
    if reply.media_type == "text/html" and re.search(rb"(?i)<html", reply.body[:2000]) and b"<form" in reply.body:
        raise InvalidResponse(
            "the index answered the upload with a page for people: is upload_url right?", outcome="unknown"
        )
    if reply.media_type not in ("", "text/plain"):
        return ()
    return tuple(line.strip() for line in reply.text.splitlines() if line.strip() not in ("", "OK"))


def read_project_page(reply: Response) -> ProjectPage:
    """A project's page, in JSON or HTML by what the answer says it is; file addresses made whole."""
    at = served_at(reply)
    if reply.media_type.endswith("json"):
        page = ProjectPage.model_validate_json(reply.body)
        _check_version(page.meta.api_version)
        files = [f.model_copy(update={"url": urljoin(reply.url, f.url)}) for f in page.files]
        return page.model_copy(update={"files": tuple(files), "served_at": at})
    return ProjectPage(files=tuple(_links(reply).files), served_at=at)


def read_page_or_none(reply: Response) -> ProjectPage:
    """The same; a page without files for a project that the index has not."""
    return ProjectPage(files=(), served_at=served_at(reply)) if reply.status == 404 else read_project_page(reply)


def read_project_list(reply: Response) -> tuple[str, ...]:
    """The names of all projects, in JSON or HTML."""
    if reply.media_type.endswith("json"):
        page = ProjectList.model_validate_json(reply.body)
        _check_version(page.meta.api_version)
        return tuple(project.name for project in page.projects)
    return tuple(_links(reply).folders)


def served_at(reply: Response) -> datetime | None:
    """What the server's clock showed, by its ``Date`` header."""
    try:
        moment = parsedate_to_datetime(reply.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def version_of(filename: str) -> str | None:
    """The version by a file's name, where alone the Simple API says it; ``None`` for what is no distribution."""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def group_releases(project: str, files: Iterable[File]) -> list[Release]:
    """The releases that *files* make up, newest first. Files of unknown kinds belong to none."""
    versions: dict[Version, list[File]] = {}  # 1 and 1.0 are the same
    for file in files:
        version = version_of(file.filename)
        if version is not None:
            versions.setdefault(Version(version), []).append(file)
    return [
        Release(project=project, version=str(version), files=tuple(found), yanked=all(f.is_yanked for f in found))
        for version, found in sorted(versions.items(), reverse=True)
    ]


def _links(reply: Response) -> _SimplePageParser:
    if reply.media_type not in ("text/html", "application/vnd.pypi.simple.v1+html"):
        raise InvalidResponse(f"the index answered with {reply.media_type or 'no stated type'}, neither JSON nor HTML")
    parser = _SimplePageParser(reply.url)
    parser.feed(reply.text)
    parser.close()
    _check_version(parser.api_version)
    return parser


def _check_version(version: str) -> None:
    if version.partition(".")[0] != "1":
        raise InvalidResponse(f"the index speaks version {version[:20]} of the Simple API; lading knows 1")


class _SimplePageParser(HTMLParser):
    """The files of an HTML page (PEP 503, 629): attributes and the fragment tell what JSON has by name."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._base = url
        self.api_version = "1.0"
        self.files: list[File] = []
        self.folders: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "base" and found.get("href"):
            self._base = urljoin(self._base, found["href"])
        elif tag == "meta" and found.get("name") == "pypi:repository-version":
            self.api_version = found.get("content", "")
        elif tag == "a" and found.get("href"):
            parts = urlsplit(urljoin(self._base, found["href"]))
            if not parts.path.endswith("/"):
                self.files.append(self._file(parts, found))
            elif len(parts.path) > len(urlsplit(self._base).path):  # not the folder above
                self.folders.append(unquote(parts.path.rstrip("/").rpartition("/")[2]))

    def _file(self, parts: SplitResult, found: dict[str, str]) -> File:
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
    """``sha256=abc`` as a mapping; empty for anything else."""
    match = re.fullmatch(r"(\w+)=([0-9a-fA-F]+)", text)
    return {match[1].lower(): match[2].lower()} if match else {}
