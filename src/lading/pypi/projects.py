"""Projects of a package index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._artifacts.python import normalize_name
from lading._core.arguments import checked
from lading._core.paging import Page, Pager
from lading._core.steps import run_in_steps
from lading.pypi._models import Project
from lading.pypi._pages import fetch_page, fetch_project_names, fetch_release_info
from lading.pypi._simple_api import group_releases

if TYPE_CHECKING:
    from lading._core.sender import Sender
    from lading.pypi._indexes import Index


@checked()
class Projects:
    """The projects of an index; available as ``pypi.projects``."""

    __slots__ = ("_index", "_sender")

    def __init__(self, sender: Sender, index: Index) -> None:
        self._sender = sender
        self._index = index

    def list(self, *, max_items: int | None = None) -> Pager[str]:
        """List the names of all projects. The Simple API has no pages: there is one, of 40 MB at the official index.

        Args:
            max_items: Stop after this many items.

        Raises:
            ConfigError: The index has no ``simple_url``.
            InvalidResponse: The response is not a page of the Simple API.

        Source: ``GET <simple_url>`` (PEP 503, PEP 691).
        """

        async def fetch(_: object) -> Page[str]:
            names = await fetch_project_names(self._sender, self._index)
            return Page(names, None, len(names))

        return Pager(fetch, max_items=max_items)

    async def get(self, project: str) -> Project:
        """Return one project: its status, versions and files, and what the JSON API adds where the index has one.

        Args:
            project: The project's name, in any spelling (PEP 503).

        Raises:
            ConfigError: The index has no ``simple_url``.
            NotFound: The index has no such project.
            InvalidResponse: The response is not a page of the Simple API.

        Source: ``GET <simple_url>/<project>/`` (PEP 691, 700, 792) and ``GET <json_url>/<project>/json``.
        """
        page = await fetch_page(self._sender, self._index, project)
        info = await fetch_release_info(self._sender, self._index, project)
        versions = page.versions
        if not versions:
            releases = await run_in_steps(group_releases(project, page.files))
            versions = tuple(release.version for release in reversed(releases))
        return Project.model_construct(
            name=page.name or (info.info.name if info else normalize_name(project)),
            status=page.project_status.status,
            status_reason=page.project_status.reason,
            versions=versions,
            files=page.files,
            info=None if info is None else info.info,
        )
