"""The routes of the embedded Copr, and their dispatch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lading.testing._server.routing import Route, Router
from lading.testing.copr import _account as account
from lading.testing.copr import _builds as builds
from lading.testing.copr import _chroots as chroots
from lading.testing.copr import _modules as modules
from lading.testing.copr import _packages as packages
from lading.testing.copr import _permissions as permissions
from lading.testing.copr import _projects as projects
from lading.testing.copr import _submit as submit
from lading.testing.copr._fork import fork
from lading.testing.copr._refusals import no_endpoint
from lading.testing.copr._request import CoprRequest, identify
from lading.testing.copr._request_body import read_body
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lading.testing._server.routing import Match
    from lading.testing.copr._lifecycle import BuildLifecycle
    from lading.testing.copr._results import Results
    from lading.testing.copr._state import CoprState
    from lading.testing.messages import ServerRequest


@dataclass(frozen=True, slots=True)
class CoprOptions:
    """The optional features of a store.

    Attributes:
        gssapi: The name of the user that logs in with any Kerberos ticket.
        modules: Whether modules are accepted.
        rpm_upload: Whether binary packages are accepted as builds.
        auto_advance: Whether a build advances by one state after each response that shows it.
    """

    gssapi: str | None = None
    modules: bool = False
    rpm_upload: bool = False
    auto_advance: bool = False


def _home(_: CoprRequest) -> dict[str, Any]:
    """Return the version of the API."""
    return {"version": 3}


_P = "{ownername}/{projectname}"
# All of them serve GET.
_PUBLIC: dict[str, Callable[..., Any]] = {
    "": _home,
    "/project": projects.get,
    "/project/list": projects.get_list,
    "/project/search": projects.search,
    f"/project/permissions/can_build_in/{{who}}/{_P}": permissions.can_build_in,
    "/build/{build_id:int}": builds.get,
    "/build/list": builds.get_list,
    "/build/source-chroot/{build_id:int}": builds.source_chroot,
    "/build/source-build-config/{build_id:int}": builds.source_build_config,
    "/build/built-packages/{build_id:int}": builds.built_packages,
    "/package": packages.get,
    "/package/list": packages.get_list,
    "/monitor": packages.monitor,
    "/project-chroot": chroots.get,
    "/project-chroot/build-config": chroots.build_config,
    "/build-chroot": builds.chroot,
    "/build-chroot/list": builds.chroot_list,
    "/build-chroot/build-config": chroots.of_build_config,
    "/build-chroot/built-packages": builds.chroot_built_packages,
    "/mock-chroots/list": chroots.mock_list,
}
_PRIVATE: dict[str, tuple[str, Callable[..., Any]]] = {
    "/auth-check": ("GET", account.check),
    "/api-token": ("POST", account.rotate_token),
    "/project/add/{ownername}": ("POST", projects.add),
    f"/project/edit/{_P}": ("PUT", projects.edit),
    f"/project/delete/{_P}": ("DELETE", projects.delete),
    f"/project/fork/{_P}": ("POST", fork),
    f"/project/regenerate-repos/{_P}": ("PUT", projects.regenerate),
    f"/project/permissions/get/{_P}": ("GET", permissions.get),
    f"/project/permissions/set/{_P}": ("PUT", permissions.put),
    f"/project/permissions/request/{_P}": ("PUT", permissions.request),
    "/build/cancel/{build_id:int}": ("PUT", builds.cancel),
    "/build/delete/{build_id:int}": ("DELETE", builds.delete),
    "/build/delete/list": ("DELETE", builds.delete_list),
    "/build/create/url": ("POST", submit.from_urls),
    "/build/create/upload": ("POST", submit.from_upload),
    "/build/check-before-build": ("POST", submit.check_before),
    f"/package/add/{_P}/{{package_name}}/{{source_type}}": ("POST", packages.add),
    f"/package/edit/{_P}/{{package_name}}": ("POST", packages.edit),
    f"/package/edit/{_P}/{{package_name}}/{{source_type}}": ("POST", packages.edit),
    "/package/reset": ("PUT", packages.reset),
    "/package/build": ("POST", packages.build),
    "/package/delete": ("DELETE", packages.delete),
    f"/project-chroot/edit/{_P}/{{chrootname}}": ("PUT", chroots.edit),
    f"/webhook/generate/{_P}": ("POST", projects.webhook),
}
_SOURCES = ("scm", "distgit", "pypi", "rubygems", "custom")
_ROUTES = [
    *(Route("GET", path, handler) for path, handler in _PUBLIC.items()),
    *(Route(method, path, handler, private=True) for path, (method, handler) in _PRIVATE.items()),
    *(Route("POST", f"/build/create/{kind}", submit.from_source(kind), private=True) for kind in _SOURCES),
]


def _optional_routes(options: CoprOptions) -> Iterator[Route]:
    yield Route("GET", "/gssapi_login", partial(account.gssapi_login, accepted=options.gssapi))
    if options.rpm_upload:
        yield Route("POST", "/build/create/rpm-upload", submit.from_rpm, private=True)
    if options.modules:
        yield Route("POST", f"/module/build/{_P}", modules.build, private=True)


class CoprApp:
    """The request handler of the embedded Copr: the API below ``/api_3``, results everywhere else."""

    def __init__(self, state: CoprState, results: Results, lifecycle: BuildLifecycle, options: CoprOptions) -> None:
        self._state = state
        self._results = results
        self._lifecycle = lifecycle
        self._auto_advance = options.auto_advance
        self._router = Router([*_ROUTES, *_optional_routes(options)])

    async def respond(self, request: ServerRequest) -> ServerResponse:
        """Respond to a request."""
        path = request.path
        if path == "/api_3" or path.startswith("/api_3/"):
            return await self._respond_api(request, path.removeprefix("/api_3").removesuffix("/"))
        if request.method not in ("GET", "HEAD"):
            return ServerResponse(405, {"Allow": "GET, HEAD"})
        return await request.in_thread(self._respond_result, path)

    def _respond_result(self, path: str) -> ServerResponse:
        with self._state.lock:
            return self._results.respond(path)

    async def _respond_api(self, server_request: ServerRequest, path: str) -> ServerResponse:
        body = await read_body(server_request, self._results.directory)
        query, headers, method = server_request.query, server_request.headers, server_request.method
        request = CoprRequest(self._state, self._results, query, headers, body, server_request.base_url)
        try:
            if method == "GET" and not self._auto_advance:
                return self._dispatch(request, method, path)
            # The handlers of other requests may write or remove files.
            return await server_request.in_thread(self._dispatch, request, method, path)
        finally:
            if body.files:
                await server_request.in_thread(body.discard)

    def _dispatch(self, request: CoprRequest, method: str, path: str) -> ServerResponse:
        matches = self._router.matches(path)
        if method == "OPTIONS" and matches:
            allowed = ", ".join(sorted({"OPTIONS", *(str(match.route.method) for match in matches)}))
            return ServerResponse(200, {"Allow": allowed, "Content-Type": "text/html; charset=utf-8"})
        for match in matches:
            # Old clients send POST where the frontend wants PUT or DELETE.
            deprecated = method == "POST" and match.route.method in ("PUT", "DELETE")
            if deprecated or match.route.accepts(method):
                with self._state.lock:
                    return self._call(match, request, deprecated)
        raise no_endpoint()

    def _call(self, match: Match, request: CoprRequest, deprecated: bool) -> ServerResponse:
        route = match.route
        if route.private:
            request.sender = identify(self._state, request.headers, request.base)
        result = route.handler(request, **match.values)
        if self._auto_advance and route.handler in (builds.get, builds.get_list):
            # The response shows the states from before: the next request sees the new ones.
            for shown in result.get("items", [result]):
                self._lifecycle.advance(self._state.builds[shown["id"]])
        if isinstance(result, ServerResponse):
            return result
        warning = f"This method is deprecated: Use {route.method} method instead of POST"
        return ServerResponse.json(result, headers={"Warning": warning} if deprecated else {})
