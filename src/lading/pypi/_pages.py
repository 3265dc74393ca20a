"""Fetching what an index shows of projects: pages of the Simple API, and the JSON API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._artifacts.python import normalize_name
from lading._core.call import Call
from lading._core.threads import import_in_thread
from lading.errors import NotFound
from lading.pypi._models import ReleaseInfo
from lading.pypi._simple_api import SIMPLE_ACCEPT, read_page_or_none, read_project_list, read_project_page

if TYPE_CHECKING:
    from lading._core.call import CallSender
    from lading.pypi._indexes import Index
    from lading.pypi._models import ProjectPage

# The official index lists some 700,000 projects, in about 40 MB.
_MAX_LIST = 256 * 1024 * 1024
# Parses the pages of indexes that have no JSON. Imported before the page is there, for parsing is done on the loop.
_HTML_PARSER = "lading.pypi._simple_html"


async def fetch_page(sender: CallSender, index: Index, project: str, *, fresh: bool = False) -> ProjectPage:
    """Fetch a project's page of the Simple API.

    Args:
        sender: A sender to the index.
        index: The index.
        project: The project's name, in any spelling.
        fresh: Bypass caches (``Cache-Control: no-cache``), and return a page without files, instead of raising
            ``NotFound``, for a project that the index does not have.

    Raises:
        ConfigError: The index has no ``simple_url``.
        NotFound: The index has no such project.
        InvalidResponse: The response is not a page of the Simple API.
    """
    headers = {"Accept": SIMPLE_ACCEPT}
    if fresh:
        headers["Cache-Control"] = "no-cache"
    call = Call(
        "GET",
        index.require_simple_url() + "{project}/",
        read_page_or_none if fresh else read_project_page,
        path_params={"project": normalize_name(project)},
        headers=headers,
        auth=index.read_auth,
        allow_statuses=frozenset({404}) if fresh else frozenset(),
        template="{project}/",
    )
    await import_in_thread(_HTML_PARSER)
    return await sender.send(call)


async def fetch_project_names(sender: CallSender, index: Index) -> tuple[str, ...]:
    """Fetch the names of all projects; ``ConfigError`` when the index has no ``simple_url``."""
    call = Call(
        "GET",
        index.require_simple_url(),
        read_project_list,
        headers={"Accept": SIMPLE_ACCEPT},
        auth=index.read_auth,
        max_response_size=_MAX_LIST,
        template="(simple)",
    )
    await import_in_thread(_HTML_PARSER)
    return await sender.send(call)


async def fetch_release_info(
    sender: CallSender, index: Index, project: str, version: str | None = None
) -> ReleaseInfo | None:
    """Fetch what the JSON API has about a release; ``None`` where the index has no such API, or no such release.

    Args:
        sender: A sender to the index.
        index: The index.
        project: The project's name, in any spelling.
        version: The release; by default the newest.

    Source: ``GET <json_url>/<project>/json`` and ``GET <json_url>/<project>/<version>/json``. Cached 15 minutes.
    """
    root = index.json_url
    if root is None:
        return None
    params = {"project": normalize_name(project)} | ({} if version is None else {"version": version})
    path = "{project}/json" if version is None else "{project}/{version}/json"
    call = Call(
        "GET",
        root + path,
        ReleaseInfo,
        path_params=params,
        auth=index.read_auth,
        template=f"json/{path}",
    )
    try:
        return await sender.send(call)
    except NotFound:
        return None
