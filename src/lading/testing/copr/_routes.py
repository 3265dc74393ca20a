"""Which request is about what, at the embedded Copr."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from lading.testing.copr import _account as users
from lading.testing.copr import _builds as builds
from lading.testing.copr import _chroots as chroots
from lading.testing.copr import _packages as packages
from lading.testing.copr import _permissions as permissions
from lading.testing.copr import _projects as projects
from lading.testing.copr import _submit as submit
from lading.testing.copr._fork import fork
from lading.testing.copr._refusals import ApiRefusal, no_endpoint
from lading.testing.copr._request import CoprRequest, identify
from lading.testing.copr._request_body import read_body
from lading.testing.messages import Fields, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.testing.copr._lifecycle import BuildLifecycle
    from lading.testing.copr._results import Results
    from lading.testing.copr._state import CoprState
    from lading.testing.messages import ServerRequest


@dataclass(frozen=True, slots=True)
class CoprOptions:
    """What a store does beyond the usual."""

    gssapi: str | None = None
    modules: bool = False
    rpm_upload: bool = False
    auto_advance: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """What answers requests with this verb to addresses like this one."""

    verb: str
    pattern: re.Pattern[str]
    answer: Callable[..., Any]
    private: bool


def _route(verb: str, template: str, answer: Callable[..., Any], *, private: bool = False) -> Route:
    pattern = re.sub(r"\{(\w+_id)\}", r"(?P<\1>\\d+)", template)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
    return Route(verb, re.compile(f"{pattern}/?"), answer, private)


_P = "{ownername}/{projectname}"
# Numbers of builds come first, so that "list" is none.
_PUBLIC: dict[str, Callable[..., Any]] = {
    "": users.home,
    "/project": projects.get,
    "/project/list": projects.get_list,
    "/project/search": projects.search,
    f"/project/permissions/can_build_in/{{who}}/{_P}": permissions.can_build_in,
    "/build/{build_id}": builds.get,
    "/build/list": builds.get_list,
    "/build/source-chroot/{build_id}": builds.source_chroot,
    "/build/source-build-config/{build_id}": builds.source_build_config,
    "/build/built-packages/{build_id}": builds.built_packages,
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
    "/auth-check": ("GET", users.check),
    "/api-token": ("POST", users.rotate),
    "/project/add/{ownername}": ("POST", projects.add),
    f"/project/edit/{_P}": ("PUT", projects.edit),
    f"/project/delete/{_P}": ("DELETE", projects.delete),
    f"/project/fork/{_P}": ("POST", fork),
    f"/project/regenerate-repos/{_P}": ("PUT", projects.regenerate),
    f"/project/permissions/get/{_P}": ("GET", permissions.get),
    f"/project/permissions/set/{_P}": ("PUT", permissions.put),
    f"/project/permissions/request/{_P}": ("PUT", permissions.request),
    "/build/cancel/{build_id}": ("PUT", builds.cancel),
    "/build/delete/{build_id}": ("DELETE", builds.delete),
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
    *(_route("GET", template, answer) for template, answer in _PUBLIC.items()),
    *(_route(verb, template, answer, private=True) for template, (verb, answer) in _PRIVATE.items()),
    *(_route("POST", f"/build/create/{kind}", submit.from_source(kind), private=True) for kind in _SOURCES),
]


class CoprApp:
    """The handler of the embedded Copr."""

    def __init__(
        self, state: CoprState, results: Results, travel: BuildLifecycle, options: CoprOptions, scheme: str
    ) -> None:
        self._state = state
        self._results = results
        self._travel = travel
        self._options = options
        self._scheme = scheme

    async def answer(self, request: ServerRequest) -> ServerResponse:
        """One answer, dated by the store's clock."""
        response = await self._answer(request)
        date = ("Date", format_datetime(self._state.now, usegmt=True))
        return replace(response, headers=(*Fields(response.headers).pairs, date))

    async def _answer(self, request: ServerRequest) -> ServerResponse:
        path = request.path
        if not (path == "/api_3" or path.startswith("/api_3/")):
            if request.method not in ("GET", "HEAD"):
                return ServerResponse(405, {"Allow": "GET, HEAD"})
            return await request.in_thread(self._result, path)
        try:
            return await self._api(request, path.removeprefix("/api_3"))
        except ApiRefusal as refused:
            return refused.response()

    async def _api(self, request: ServerRequest, path: str) -> ServerResponse:
        # The address that the client knows the store by, which may be a proxy's.
        base = f"{self._scheme}://{request.headers.get('Host', '127.0.0.1')}"
        body = await read_body(request, self._results.folder)
        call = CoprRequest(self._state, self._results, request.query, request.headers, body, base)
        try:
            if request.method == "GET" and not self._options.auto_advance:
                return self._dispatch(call, request.method, path)
            # What changes something may write or remove files.
            return await request.in_thread(self._dispatch, call, request.method, path)
        finally:
            if body.files:
                await request.in_thread(body.discard)

    def _result(self, path: str) -> ServerResponse:
        with self._state.lock:
            return self._results.answer(path)

    def _dispatch(self, call: CoprRequest, verb: str, path: str) -> ServerResponse:
        with self._state.lock:
            return self._find(call, verb, path)

    def _find(self, call: CoprRequest, verb: str, path: str) -> ServerResponse:
        special = self._special(call, verb, path.rstrip("/"))
        if special is not None:
            return special
        fitting = [(route, match) for route in _ROUTES if (match := route.pattern.fullmatch(path))]
        if verb == "OPTIONS" and fitting:
            allowed = ", ".join(sorted({"OPTIONS", *(route.verb for route, _ in fitting)}))
            return ServerResponse(200, {"Allow": allowed, "Content-Type": "text/html; charset=utf-8"})
        for route, match in fitting:
            old = verb == "POST" and route.verb in ("PUT", "DELETE")
            if route.verb == verb or old or (verb == "HEAD" and route.verb == "GET"):
                values = {name: int(v) if name == "build_id" else v for name, v in match.groupdict().items()}
                if route.private:
                    call.caller = identify(self._state, call.headers, call.base)
                return self._answered(route, route.answer(call, **values), old)
        raise no_endpoint()

    def _answered(self, route: Route, answer: Any, old: bool) -> ServerResponse:
        if self._options.auto_advance and route.answer in (builds.get, builds.get_list):
            # What was shown is what it was: the next look sees more.
            for shown in answer.get("items", [answer]):
                self._travel.step(self._state.builds[shown["id"]])
        if isinstance(answer, ServerResponse):
            return answer
        more = {"Warning": f"This method is deprecated: Use {route.verb} method instead of POST"} if old else {}
        return ServerResponse.json(answer, headers=more)

    def _special(self, call: CoprRequest, verb: str, path: str) -> ServerResponse | None:
        """The answer where it depends on how the store was made."""
        if path == "/gssapi_login" and verb == "GET":
            return users.gssapi_login(call, self._options.gssapi)
        if path == "/build/create/rpm-upload" and verb == "POST" and self._options.rpm_upload:
            call.caller = identify(self._state, call.headers, call.base)
            return ServerResponse.json(submit.from_rpm(call))
        match = re.fullmatch(r"/module/build/([^/]+)/([^/]+)", path)
        if match is not None and verb == "POST" and self._options.modules:
            call.caller = identify(self._state, call.headers, call.base)
            return ServerResponse.json(users.build_module(call, *match.groups()))
        return None
