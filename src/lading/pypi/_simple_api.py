"""Reading responses of the Simple API, in steps that hold the event loop for a few milliseconds each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lading._artifacts.python import parse_filename
from lading.errors import InputError, InvalidResponse
from lading.pypi._models import File, ProjectPage, ProjectStatus, Release
from lading.pypi._simple_files import digests_of, read_file
from lading.pypi._simple_pages import SIMPLE_HTML, SIMPLE_JSON, SimplePage

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from packaging.version import Version

    from lading._core.messages import Response

SIMPLE_ACCEPT = f"{SIMPLE_JSON}, {SIMPLE_HTML};q=0.2, text/html;q=0.01"
# How many files are looked at in one step.
_STEP = 200


def read_project_page(response: Response) -> Generator[None, None, ProjectPage]:
    """Read a project's page, JSON or HTML by its media type; the files' URLs become absolute."""
    page = SimplePage(response)
    files: list[File] = []
    entries = 0
    for batch in page.files():
        entries += len(batch)
        for start in range(0, len(batch), _STEP):
            base = page.base
            files += [f for raw in batch[start : start + _STEP] if (f := read_file(raw, base)) is not None]
            yield
        yield
    if entries and not files:
        raise InvalidResponse("none of the files on the page has a name and a URL")
    name = page.members.get("name")
    # Constructed: all of it has been validated, and doing so again would be one long step.
    return ProjectPage.model_construct(
        name=name if isinstance(name, str) else "",
        files=tuple(files),
        versions=tuple(page.versions),
        project_status=_status(page.members.get("project-status")),
        served_at=response.date,
    )


def read_digests(response: Response) -> Generator[None, None, dict[str, dict[str, str]]]:
    """Read a project's page for the digests of its files by their names, and nothing else."""
    found: dict[str, dict[str, str]] = {}
    for batch in SimplePage(response).files():
        for raw in batch:
            if isinstance(raw, dict) and isinstance(filename := raw.get("filename"), str):
                found[filename] = digests_of(raw)
        yield
    return found


def read_project_list(response: Response) -> Generator[None, None, tuple[str, ...]]:
    """Read the names of all projects, JSON or HTML by the media type."""
    names: list[str] = []
    for batch in SimplePage(response).projects():
        names += batch
        yield
    return tuple(names)


def _status(raw: Any) -> ProjectStatus:
    try:
        return ProjectStatus() if raw is None else ProjectStatus.model_validate(raw)
    except ValidationError:
        return ProjectStatus()


def version_of(filename: str) -> str | None:
    """Return the version in a file's name, the only place where the Simple API has it; ``None`` where it has none."""
    version = parse_version(filename)
    return None if version is None else str(version)


def group_releases(project: str, files: Iterable[File]) -> Generator[None, None, list[Release]]:
    """Return the releases that *files* are of, newest first. Files of unknown kinds belong to none."""
    versions: dict[Version, list[File]] = {}  # 1 and 1.0 are the same
    for number, file in enumerate(files, 1):
        version = parse_version(file.filename)
        if version is not None:
            versions.setdefault(version, []).append(file)
        if number % _STEP == 0:
            yield
    releases: list[Release] = []
    for version in sorted(versions, reverse=True):
        releases.append(release_of(project, versions[version]))
        if len(releases) % _STEP == 0:
            yield
    return releases


def files_of_version(version: Version, files: Iterable[File]) -> Generator[None, None, list[File]]:
    """Return those of *files* that are of *version*."""
    found: list[File] = []
    for number, file in enumerate(files, 1):
        if parse_version(file.filename) == version:
            found.append(file)
        if number % _STEP == 0:
            yield
    return found


def release_of(project: str, files: list[File]) -> Release:
    """Return the release that has *files*, all of one version, in the spelling of the first."""
    version = parse_version(files[0].filename)
    return Release(project=project, version=str(version), files=tuple(files), yanked=all(f.is_yanked for f in files))


def parse_version(filename: str) -> Version | None:
    """Return the version in a file's name, if it has one."""
    try:
        return parse_filename(filename).version
    except InputError:
        return None
