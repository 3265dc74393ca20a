"""Fetching what an index shows of projects: pages of the Simple API, and the JSON API."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from lading._artifacts.python import normalize_name
from lading._core.call import Call
from lading._core.json_steps import read_members
from lading._core.redact import one_line
from lading._core.steps import run_in_steps
from lading._core.threads import import_in_thread, run_in_thread
from lading.errors import InvalidResponse, LadingError, NetworkError, NotFound, RateLimited, ServerError
from lading.pypi._errors import place_of
from lading.pypi._models import ReleaseInfo
from lading.pypi._simple_api import SIMPLE_ACCEPT, read_digests, read_project_list, read_project_page
from lading.pypi._simple_files import file_adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from lading._core.call import CallSender
    from lading._core.messages import Response
    from lading.pypi._indexes import Index
    from lading.pypi._models import ProjectPage

T = TypeVar("T")

# Bytes. 100,000 files take up to 64 MiB. The official index lists its 700,000 projects in 40 MB, and grows.
_MAX_PAGE = 64 * 1024 * 1024
_MAX_LIST = 128 * 1024 * 1024
# Of the JSON API: the description of a release is one value.
_MAX_INFO = 1024 * 1024
# Parses the pages of indexes that have no JSON.
_HTML_PARSER = "lading.pypi._simple_html"


async def fetch_page(sender: CallSender, index: Index, project: str, *, fresh: bool = False) -> ProjectPage:
    """Fetch a project's page of the Simple API.

    Args:
        sender: A sender to the index.
        index: The index.
        project: The project's name, in any spelling.
        fresh: Bypass caches (``Cache-Control: no-cache``).

    Raises:
        ConfigError: The index has no ``simple_url``.
        NotFound: The index has no such project.
        InvalidResponse: The response is not a page of the Simple API.
    """
    response = await sender.send(_page_call(index, project, fresh=fresh))
    return await _read(index, response, read_project_page)


async def fetch_digests(
    sender: CallSender, index: Index, project: str
) -> tuple[dict[str, dict[str, str]] | None, Response]:
    """Fetch the digests of a project's files by name, bypassing caches, and the response that they were in.

    They are ``None`` for a project that the index does not have.

    Args:
        sender: A sender to the index.
        index: The index.
        project: The project's name, in any spelling.

    Raises:
        ConfigError: The index has no ``simple_url``.
        InvalidResponse: The response is not a page of the Simple API.
    """
    response = await sender.send(_page_call(index, project, fresh=True, missing=True))
    return None if response.status == 404 else await _read(index, response, read_digests), response


def _page_call(index: Index, project: str, *, fresh: bool, missing: bool = False) -> Call[Response]:
    headers = {"Accept": SIMPLE_ACCEPT}
    if fresh:
        headers["Cache-Control"] = "no-cache"
    return Call(
        "GET",
        index.require_simple_url() + "{project}/",
        path_params={"project": normalize_name(project)},
        headers=headers,
        auth=index.read_auth,
        allow_statuses=frozenset({404}) if missing else frozenset(),
        max_response_size=_MAX_PAGE,
        template="{project}/",
    )


async def fetch_project_names(sender: CallSender, index: Index) -> tuple[str, ...]:
    """Fetch the names of all projects; ``ConfigError`` when the index has no ``simple_url``."""
    return await _read(index, await sender.send(_root_call(index, _MAX_LIST)), read_project_list)


def _root_call(index: Index, most: int) -> Call[Response]:
    return Call(
        "GET",
        index.require_simple_url(),
        headers={"Accept": SIMPLE_ACCEPT},
        auth=index.read_auth,
        max_response_size=most,
        template="(simple)",
    )


async def has_root(sender: CallSender, index: Index) -> bool | None:
    """Return whether there is a page at the index's ``simple_url``; ``None`` when the index fails to say.

    Where there is none the URL may be wrong, and a project that is not found means nothing. (Some indexes have
    projects and no such page.)
    """
    if index.official:
        return True
    try:
        await sender.send(_root_call(index, 64 * 1024))
    except NotFound:
        return False
    except (NetworkError, RateLimited, ServerError):
        return None
    except LadingError:  # larger than that, or not for us
        return True
    return True


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
    call: Call[Response] = Call(
        "GET",
        root + path,
        path_params=params,
        auth=index.read_auth,
        max_response_size=_MAX_PAGE,
        template=f"json/{path}",
    )
    try:
        response = await sender.send(call)
    except NotFound:
        return None
    return await _read(index, response, _read_release_info)


def _read_release_info(response: Response) -> Generator[None, None, ReleaseInfo]:
    # All files of all releases are there, too.
    found = {}
    for name, value in read_members(response.body, {"info", "last_serial"}, max_value=_MAX_INFO):
        if name:
            found[name] = value
        yield
    return ReleaseInfo.model_validate(found)


async def _read(index: Index, response: Response, read: Callable[[Response], Generator[None, None, T]]) -> T:
    """Return what *read* reads in *response*; ``InvalidResponse`` for whatever it raises."""
    if not response.media_type.endswith("json"):
        await import_in_thread(_HTML_PARSER)
    if not file_adapter.cache_info().currsize:
        await run_in_thread(file_adapter)
    with reading(index, response):
        return await run_in_steps(read(response))


@contextmanager
def reading(index: Index, response: Response) -> Iterator[None]:
    """Turn whatever is raised while *response* is read into ``InvalidResponse``; memory that is missing apart."""
    where = f"{index.name}: the response to GET {place_of(response.url)}"
    try:
        yield
    except InvalidResponse as error:
        raise InvalidResponse(f"{where}: {error}") from None
    except (LadingError, MemoryError):
        raise
    except Exception as error:
        said = f": {one_line(str(error))}" if type(error) is ValueError else f": {type(error).__name__}"
        raise InvalidResponse(
            f"{where} is {response.status} with {len(response.body)} bytes of "
            f"{response.media_type or 'no stated type'}, which is not what the store promises{said}"
        ) from error
