"""Projects of a package index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lading._core.call import UNSET, Call
from lading._core.paging import Page, Pager
from lading.errors import NotFound
from lading.pypi._models import Project, ReleaseInfo
from lading.pypi._simple_api import SIMPLE_ACCEPT, group_releases, read_project_list

if TYPE_CHECKING:
    from lading._core.sender import Sender
    from lading.pypi._indexes import Index
    from lading.pypi.files import Files

# The official index lists some 700,000 projects, in about 40 MB.
_LIST = 256 * 1024 * 1024


class Projects:
    """The projects that an index has; reached as ``pypi.projects``."""

    __slots__ = ("_files", "_index", "_sender")

    def __init__(self, sender: Sender, index: Index, files: Files) -> None:
        self._sender = sender
        self._index = index
        self._files = files

    def list(self, *, max_items: int | None = None) -> Pager[str]:
        """The names of all projects. The Simple API has no pages: there is one, of some 40 MB at the official index.

        Args:
            max_items: Stop after so many.

        Source: ``GET <simple_url>`` (PEP 503, PEP 691).
        """

        async def fetch(_: object) -> Page[str]:
            call = Call(
                "GET",
                self._files.require_simple_url,
                read_project_list,
                headers={"Accept": SIMPLE_ACCEPT},
                auth=UNSET if self._files.sends_credentials_to_read else None,
                max_response_size=_LIST,
                template="(simple)",
            )
            names = await self._sender.send(call)
            return Page(names, None, len(names))

        return Pager(fetch, max_items=max_items)

    async def get(self, project: str) -> Project:
        """One project: its status, versions and files, and what the JSON API adds where the index has one.

        Raises:
            NotFound: The index has no such project.

        Source: ``GET <simple_url>/<project>/`` (PEP 691, 700, 792) and ``GET <json_url>/<project>/json``.
        """
        page = await self._files._fetch_page(project)
        info = await self._info(project)
        return Project(
            name=page.name or (info.info.name if info else str(canonicalize_name(project))),
            status=page.project_status.status,
            status_reason=page.project_status.reason,
            versions=page.versions or tuple(r.version for r in reversed(group_releases(project, page.files))),
            files=page.files,
            info=None if info is None else info.info,
        )

    async def _info(self, project: str, version: str | None = None) -> ReleaseInfo | None:
        """What the JSON API says of a project's newest release, or of *version*; ``None`` where there is no such API.

        Source: ``GET <json_url>/<project>/json`` and ``GET <json_url>/<project>/<version>/json``. Cached 15 minutes.
        """
        root = self._index.json_url
        if root is None:
            return None
        at = {"project": str(canonicalize_name(project))} | ({} if version is None else {"version": version})
        path = "{project}/json" if version is None else "{project}/{version}/json"
        call = Call(
            "GET",
            root + path,
            ReleaseInfo,
            path_params=at,
            auth=UNSET if self._files.sends_credentials_to_read else None,
            template=f"json/{path}",
        )
        try:
            return await self._sender.send(call)
        except NotFound:
            return None
