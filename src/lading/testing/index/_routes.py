"""The routes of the embedded index, and their handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lading.testing._server.routing import Route, Router
from lading.testing.index._pages import json_project, provenance, simple_list, simple_project
from lading.testing.index._refusals import ApiRefusal, json_not_found, moved
from lading.testing.index._request_body import read_form
from lading.testing.index._tokens import identify
from lading.testing.index._upload import Upload
from lading.testing.messages import ServerRequest, ServerResponse

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing.index._oidc import Mint
    from lading.testing.index._state import IndexState

_ANYTHING = "*/*"
_READ_ONLY = ("simple", "pypi", "packages", "integrity")
_NO_SLASH = "An upload was attempted to /legacy but the expected upload URL is /legacy/ (with a trailing slash)"
_REMOVED_ACTIONS = ("submit", "submit_pkg_info", "doc_upload")
_HTML = {"Content-Type": "text/html; charset=UTF-8"}
# PyPI too responds to a form that is no upload with 200 and an HTML page: "2xx" alone does not prove an upload.
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
    """The request handler of the embedded index.

    Attributes:
        directory: Where files are stored; set before the first request.
    """

    directory: Path

    def __init__(self, state: IndexState, mint: Mint, max_file_size: int) -> None:
        self._state = state
        self._max_file_size = max_file_size
        self._router = Router(
            [
                Route("POST", "/legacy", self._legacy_without_slash),
                Route("POST", "/legacy/", self._upload),
                Route(None, "/legacy", self._help),
                Route(None, "/legacy/", self._help),
                Route("GET", "/simple", self._simple_without_slash),
                Route("GET", "/simple/", self._simple_list),
                Route("GET", "/simple/{name}", self._simple_project_without_slash),
                Route("GET", "/simple/{name}/", self._simple_project),
                Route("GET", "/pypi/{name}/json", self._json),
                Route("GET", "/pypi/{name}/{version}/json", self._json),
                Route("GET", "/packages/{place:path}", self._file),
                Route("GET", "/integrity/{name}/{version}/{filename}/provenance", self._provenance),
                Route("GET", "/_/oidc/audience", mint.show_audience),
                Route("POST", "/_/oidc/mint-token", mint.mint_token),
                Route("POST", "/_/oidc/github/mint-token", mint.mint_token),
                Route("GET", "/_/github/{publisher_id}", mint.issue_identity_token),
            ]
        )

    async def respond(self, request: ServerRequest) -> ServerResponse:
        """Respond to a request."""
        area = request.path.removeprefix("/").partition("/")[0]
        if area in _READ_ONLY and request.method not in ("GET", "HEAD"):
            raise ApiRefusal(405, "Method Not Allowed")
        match = self._router.find(request.method, request.path)
        if match is None:
            raise ApiRefusal(404, "Not Found")
        response: ServerResponse = await match.route.handler(request, **match.values)
        return response

    async def _legacy_without_slash(self, _: ServerRequest) -> ServerResponse:
        return moved(308, "/legacy/", _NO_SLASH)

    async def _help(self, _: ServerRequest) -> ServerResponse:
        return ServerResponse(200, _HTML, _HELP)

    async def _upload(self, request: ServerRequest) -> ServerResponse:
        form = await read_form(request, self.directory)
        try:
            action = request.query.get(":action") or form.fields.get(":action")
            if action in _REMOVED_ACTIONS:
                raise ApiRefusal(410, f"The action {action} is no longer supported: upload files instead.")
            if action != "file_upload":
                return await self._help(request)
            identity = identify(self._state, request.headers.get("Authorization"), request.base_url)
            upload = Upload(self._state, identity, form, request.base_url, self._max_file_size)
            await request.in_thread(upload.run)
        finally:
            if form.content is not None:
                await request.in_thread(form.content.discard)
        return ServerResponse(200, _HTML)

    async def _simple_without_slash(self, _: ServerRequest) -> ServerResponse:
        return moved(301, "/simple/")

    async def _simple_list(self, request: ServerRequest) -> ServerResponse:
        with self._state.lock:
            return simple_list(self._state, request.headers.get("Accept", _ANYTHING))

    async def _simple_project_without_slash(self, _: ServerRequest, name: str) -> ServerResponse:
        project = self._state.project(name)
        if project is None:
            raise ApiRefusal(404, "Not Found")
        return moved(301, f"/simple/{project.key}/")

    async def _simple_project(self, request: ServerRequest, name: str) -> ServerResponse:
        with self._state.lock:
            project = self._state.project(name)
            if project is None or name != project.key:
                return await self._simple_project_without_slash(request, name)
            return simple_project(project, request.headers.get("Accept", _ANYTHING), request.base_url)

    async def _json(self, request: ServerRequest, name: str, version: str | None = None) -> ServerResponse:
        with self._state.lock:
            project = self._state.project(name)
            if project is None:
                return json_not_found()
            if name != canonicalize_name(name):
                return moved(301, f"/pypi/{project.key}/{'' if version is None else f'{version}/'}json")
            try:
                wanted = None if version is None else str(Version(version))
            except InvalidVersion:
                return json_not_found()
            return json_project(project, wanted, request.base_url)

    async def _file(self, _: ServerRequest, place: str) -> ServerResponse:
        path = f"/packages/{place.removesuffix('.metadata')}"
        file = self._state.files.get(path.rpartition("/")[2])
        if file is None or path != file.url_path:
            raise ApiRefusal(404, "Not Found")
        if not place.endswith(".metadata"):
            headers = {"Content-Type": "application/octet-stream", "ETag": f'"{file.digests["md5"]}"'}
            return ServerResponse(200, headers, file.path)
        if file.metadata_sha256 is None:
            raise ApiRefusal(404, "Not Found")
        return ServerResponse(200, {"ETag": f'"{file.metadata_sha256}"'}, file.metadata_path)

    async def _provenance(self, _: ServerRequest, name: str, version: str, filename: str) -> ServerResponse:
        file = self._state.files.get(filename)
        if file is None or (file.project, file.version) != (canonicalize_name(name), version):
            return json_not_found()
        return provenance(file)
