"""Reading responses of the Simple API. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from lading._artifacts.python import parse_filename
from lading.errors import InputError, InvalidResponse
from lading.pypi._models import File, ProjectList, ProjectPage, Release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.version import Version

    from lading._core.messages import Response
    from lading.pypi._simple_html import SimplePageParser

SIMPLE_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"


def read_project_page(response: Response) -> ProjectPage:
    """Read a project's page, JSON or HTML by its media type; the files' URLs become absolute."""
    if response.media_type.endswith("json"):
        page = ProjectPage.model_validate_json(response.body)
        _check_version(page.meta.api_version)
        files = [f.model_copy(update={"url": urljoin(response.url, f.url)}) for f in page.files]
        return page.model_copy(update={"files": tuple(files), "served_at": response.date})
    return ProjectPage(files=tuple(_parse_html(response).files), served_at=response.date)


def read_page_or_none(response: Response) -> ProjectPage:
    """Read a project's page; a page without files for a project that the index does not have."""
    if response.status == 404:
        return ProjectPage(files=(), served_at=response.date)
    return read_project_page(response)


def read_project_list(response: Response) -> tuple[str, ...]:
    """Read the names of all projects, JSON or HTML by the media type."""
    if response.media_type.endswith("json"):
        page = ProjectList.model_validate_json(response.body)
        _check_version(page.meta.api_version)
        return tuple(project.name for project in page.projects)
    return tuple(_parse_html(response).projects)


def version_of(filename: str) -> str | None:
    """Return the version in a file's name, the only place where the Simple API has it; ``None`` where it has none."""
    version = _version(filename)
    return None if version is None else str(version)


def group_releases(project: str, files: Iterable[File]) -> list[Release]:
    """Return the releases that *files* are of, newest first. Files of unknown kinds belong to none."""
    versions: dict[Version, list[File]] = {}  # 1 and 1.0 are the same
    for file in files:
        version = _version(file.filename)
        if version is not None:
            versions.setdefault(version, []).append(file)
    return [
        Release(project=project, version=str(version), files=tuple(found), yanked=all(f.is_yanked for f in found))
        for version, found in sorted(versions.items(), reverse=True)
    ]


def _version(filename: str) -> Version | None:
    try:
        return parse_filename(filename).version
    except InputError:
        return None


def _parse_html(response: Response) -> SimplePageParser:
    if response.media_type not in ("text/html", "application/vnd.pypi.simple.v1+html"):
        raise InvalidResponse(
            f"the media type of the response is {response.media_type or 'missing'}, neither JSON nor HTML"
        )
    from lading.pypi._simple_html import SimplePageParser  # noqa: PLC0415 - imported off the loop by then

    parser = SimplePageParser(response.url)
    parser.feed(response.text)
    parser.close()
    _check_version(parser.api_version)
    return parser


def _check_version(version: str) -> None:
    if version.partition(".")[0] != "1":
        raise InvalidResponse(f"the index speaks version {version[:20]} of the Simple API; lading knows 1")
