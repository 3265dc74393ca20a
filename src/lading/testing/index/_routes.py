"""Which request is about what, at the embedded index."""

from __future__ import annotations

from dataclasses import replace
from email.utils import format_datetime
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lading.testing.index._pages import json_project, provenance, simple_list, simple_project
from lading.testing.index._refusals import ApiRefusal, json_not_found, moved, render
from lading.testing.index._request_body import read_form
from lading.testing.index._tokens import identify
from lading.testing.index._upload import Upload
from lading.testing.messages import Fields, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from lading.testing.index._oidc import Mint
    from lading.testing.index._state import IndexState

_ANYTHING = "*/*"
_MAX_MINT = 1 << 20
_NO_SLASH = "An upload was attempted to /legacy but the expected upload URL is /legacy/ (with a trailing slash)"
_GONE = ("submit", "submit_pkg_info", "doc_upload")
# PyPI too answers 200 to a form that is no upload, with a page for people: "2xx" alone does not prove an upload.
_HELP = b"""<!DOCTYPE html>
<html>
  <head><title>Uploads</title></head>
  <body>
    <form action="/search/"><input name="q"></form>
    <h1>This is where tools upload distributions to</h1>
    <p>There is nothing here for a browser, and what was sent here is no upload.</p>
  </body>
</html>
"""


class IndexApp:
    """The handler of the embedded index.

    Attributes:
        folder: Where files are put; given before the first request comes.
    """

    folder: Path

    def __init__(self, state: IndexState, mint: Mint, max_file_size: int, scheme: str) -> None:
        self._state = state
        self._mint = mint
        self._max_file_size = max_file_size
        self._scheme = scheme
        self._areas: dict[str, Callable[[ServerRequest, list[str]], Awaitable[ServerResponse]]] = {
            "legacy": self._legacy,
            "simple": self._simple,
            "pypi": self._json,
            "packages": self._file,
            "integrity": self._integrity,
            "_": self._trusted,
        }

    async def answer(self, request: ServerRequest) -> ServerResponse:
        """One answer, dated by the index's clock."""
        area, *rest = request.path.removeprefix("/").split("/")
        try:
            response = await self._handler(request.method, area)(request, rest)
        except ApiRefusal as refused:
            response = render(refused, request.headers.get("Accept"))
        date = ("Date", format_datetime(self._state.now, usegmt=True))
        return replace(response, headers=(*Fields(response.headers).pairs, date))

    def _handler(self, method: str, area: str) -> Callable[[ServerRequest, list[str]], Awaitable[ServerResponse]]:
        if area not in self._areas:
            raise ApiRefusal(404, "Not Found")
        if method not in ("GET", "HEAD") and area not in ("legacy", "_"):
            raise ApiRefusal(405, "Method Not Allowed")
        return self._areas[area]

    def _base_url(self, request: ServerRequest) -> str:
        """The address that the client knows the index by, which may be a proxy's."""
        return f"{self._scheme}://{request.headers.get('Host', '127.0.0.1')}"

    async def _legacy(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        if rest not in ([], [""]):
            raise ApiRefusal(404, "Not Found")
        if request.method != "POST":
            return ServerResponse(200, {"Content-Type": "text/html; charset=UTF-8"}, _HELP)
        if not rest:
            return moved(308, "/legacy/", _NO_SLASH)
        form = await read_form(request, self.folder)
        base_url = self._base_url(request)
        try:
            action = request.query.get(":action") or form.fields.get(":action")
            if action in _GONE:
                raise ApiRefusal(410, f"The action {action} is no longer supported: upload files instead.")
            if action != "file_upload":
                return ServerResponse(200, {"Content-Type": "text/html; charset=UTF-8"}, _HELP)
            identity = identify(self._state, request.headers.get("Authorization"), base_url)
            await request.in_thread(Upload(self._state, identity, form, base_url, self._max_file_size).run)
        finally:
            if form.content is not None:
                await request.in_thread(form.content.discard)
        return ServerResponse(200, {"Content-Type": "text/html; charset=UTF-8"})

    async def _simple(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        accept = request.headers.get("Accept", _ANYTHING)
        if not rest:
            return moved(301, "/simple/")
        name, *more = rest
        with self._state.lock:
            if not name and not more:
                return simple_list(self._state, accept)
            if more not in ([], [""]):
                raise ApiRefusal(404, "Not Found")
            project = self._state.project(name)
            if project is None:
                raise ApiRefusal(404, "Not Found")
            if name != project.key or not more:
                return moved(301, f"/simple/{project.key}/")
            return simple_project(project, accept, self._base_url(request))

    async def _json(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        if not 2 <= len(rest) <= 3 or rest[-1] != "json":
            raise ApiRefusal(404, "Not Found")
        name, version = rest[0], rest[1] if len(rest) == 3 else None
        with self._state.lock:
            project = self._state.project(name)
            if project is None:
                return json_not_found()
            if name != canonicalize_name(name):
                return moved(301, "/".join(["/pypi", project.key, *rest[1:]]))
            try:
                wanted = None if version is None else str(Version(version))
            except InvalidVersion:
                return json_not_found()
            return json_project(project, wanted, self._base_url(request))

    async def _file(self, _: ServerRequest, rest: list[str]) -> ServerResponse:
        name = rest[-1]
        wants_metadata = name.endswith(".metadata")
        file = self._state.files.get(name.removesuffix(".metadata"))
        if file is None or f"/packages/{'/'.join(rest)}".removesuffix(".metadata") != file.place:
            raise ApiRefusal(404, "Not Found")
        if not wants_metadata:
            headers = {"Content-Type": "application/octet-stream", "ETag": f'"{file.digests["md5"]}"'}
            return ServerResponse(200, headers, file.path)
        if file.metadata_sha256 is None:
            raise ApiRefusal(404, "Not Found")
        return ServerResponse(200, {"ETag": f'"{file.metadata_sha256}"'}, file.metadata_path)

    async def _integrity(self, _: ServerRequest, rest: list[str]) -> ServerResponse:
        if len(rest) != 4 or rest[3] != "provenance":
            raise ApiRefusal(404, "Not Found")
        name, version, filename = rest[:3]
        file = self._state.files.get(filename)
        if file is None or (file.project, file.version) != (canonicalize_name(name), version):
            return json_not_found()
        return provenance(file)

    async def _trusted(self, request: ServerRequest, rest: list[str]) -> ServerResponse:
        match request.method, rest:
            case "GET", ["oidc", "audience"]:
                return self._mint.say_audience()
            case "POST", ["oidc", "mint-token"] | ["oidc", "github", "mint-token"]:
                return self._mint.mint(await request.read(_MAX_MINT))
            case "GET", ["github", publisher_id]:
                return self._mint.give_identity(request, publisher_id)
        raise ApiRefusal(404, "Not Found")
