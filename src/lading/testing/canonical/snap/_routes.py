"""The routes of the embedded Snap Store, and how its requests are authenticated."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from lading._macaroons import codec
from lading.errors import TokenUnreadable
from lading.testing._server.forms import receive_form
from lading.testing._server.multipart import MultipartError
from lading.testing._server.routing import Route
from lading.testing.canonical._refusals import NEEDS_REFRESH, DashboardRefusal, GatewayRefusal
from lading.testing.canonical._request import Api
from lading.testing.canonical._sessions import AuthenticationError, identify
from lading.testing.canonical.snap import _channel_map as channel_map
from lading.testing.canonical.snap import _confdb as confdb
from lading.testing.canonical.snap import _info as info
from lading.testing.canonical.snap import _metadata as metadata
from lading.testing.canonical.snap import _names as names
from lading.testing.canonical.snap import _push as push
from lading.testing.canonical.snap import _releases as releases
from lading.testing.canonical.snap import _signed as signed
from lading.testing.canonical.snap import _tokens as tokens
from lading.testing.canonical.snap._request import SnapRequest, not_authorized
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lading.testing._server.forms import Form
    from lading.testing._server.refusals import Refusal
    from lading.testing.canonical._request import Refuse, StoreRequest
    from lading.testing.canonical._state import StoreState
    from lading.testing.canonical.snap._request import SnapStoreOptions
    from lading.testing.canonical.snap._state import SnapStoreState
    from lading.testing.canonical.snap._tokens import SnapTokens
    from lading.testing.messages import Headers, ServerRequest

# Method, path, handler, and the permission that credentials need: "" for any, None where none are needed.
_Table = list[tuple[str, str, "Callable[..., Any]", str | None]]

_ID = "/dev/api/snaps/{snap_id}"
_DASHBOARD: _Table = [
    ("GET", "/dev/api/account", names.account, "package_access"),
    ("POST", "/dev/api/account/account-key", signed.register_key, "modify_account_key"),
    ("POST", "/dev/api/register-name/", names.register, "package_register"),
    ("POST", "/dev/api/snap-push/", push.push, "package_push"),
    ("POST", "/dev/api/snap-release/", releases.release, "package_release"),
    ("POST", "/dev/api/snaps/metrics", metadata.metrics, "package_metrics"),
    ("POST", f"{_ID}/close", releases.close, "package_release"),
    ("GET", f"{_ID}/state", channel_map.state, "package_access"),
    # Whoever knows the URL reads the status of a push.
    ("GET", f"{_ID}/builds/{{number:int}}/status", push.status, None),
    ("POST", f"{_ID}/builds", signed.push_build, "package_push"),
    ("POST", f"{_ID}/metadata", metadata.update, "package_update"),
    ("PUT", f"{_ID}/metadata", metadata.update, "package_update"),
    ("GET", f"{_ID}/binary-metadata", metadata.list_media, "package_access"),
    ("GET", f"{_ID}/validations", signed.list_validations, "package_access"),
    ("POST", f"{_ID}/validations", signed.push_validation, "package_manage"),
    ("PUT", f"{_ID}/validations", signed.push_validation, "package_manage"),
]
_DASHBOARD_FORMS: _Table = [
    ("POST", f"{_ID}/binary-metadata", metadata.update_media, "package_update"),
    ("PUT", f"{_ID}/binary-metadata", metadata.update_media, "package_update"),
]
_V2: _Table = [
    ("GET", "/api/v2/tokens/whoami", tokens.whoami, ""),
    ("GET", "/api/v2/snaps/{name}/channel-map", channel_map.channel_map, "package_access"),
    ("GET", "/api/v2/snaps/{name}/releases", channel_map.releases, "package_access"),
    ("POST", "/api/v2/validation-sets/build-assertion", signed.build_validation_set, "package_manage"),
    ("GET", "/api/v2/validation-sets", signed.list_validation_sets, "package_access"),
    ("POST", "/api/v2/validation-sets", signed.publish_validation_set, "package_manage"),
    ("GET", "/api/v2/validation-sets/{name}", signed.list_validation_sets, "package_access"),
    ("POST", "/api/v2/confdb-schemas/build-assertion", confdb.build_schema, "package_manage"),
    ("GET", "/api/v2/confdb-schemas", confdb.list_schemas, "package_access"),
    ("POST", "/api/v2/confdb-schemas", confdb.publish_schema, "package_manage"),
    ("GET", "/api/v2/confdb-schemas/{name}", confdb.list_schemas, "package_access"),
]
_PUBLIC: _Table = [
    ("GET", "/v2/snaps/info/{name}", info.info, None),
    ("GET", "/api/v1/snaps/download/{filename}", info.download, None),
]


class SnapRoutes:
    """Calls the handlers with what they need.

    Args:
        state: The store's state.
        snaps: Its snaps.
        options: How it behaves.
        tokens: The handlers of logins.
    """

    def __init__(self, state: StoreState, snaps: SnapStoreState, options: SnapStoreOptions, tokens: SnapTokens) -> None:
        self._state = state
        self._snaps = snaps
        self._options = options
        self._tokens = tokens

    @property
    def apis(self) -> Iterable[Api]:
        """The APIs, each with the shape of its refusals."""
        acl: _Table = [("POST", "/dev/api/acl/", self._tokens.issue, None)]
        candid: _Table = [
            ("POST", "/api/v2/tokens", self._tokens.issue_for_identity, None),
            ("POST", "/api/v2/tokens/exchange", self._tokens.exchange, None),
        ]
        forms = [
            Route(method, path, partial(self._call_with_form, handler, permission))
            for method, path, handler, permission in _DASHBOARD_FORMS
        ]
        return [
            Api([*self._routes([*acl, *_DASHBOARD]), *forms], refuse=DashboardRefusal),
            Api(self._routes([*candid, *_V2, *_PUBLIC]), refuse=GatewayRefusal),
        ]

    def _routes(self, table: _Table) -> list[Route]:
        return [
            Route(method, path, partial(self._call, handler, permission)) for method, path, handler, permission in table
        ]

    def _call(
        self, handler: Callable[..., Any], permission: str | None, store_request: StoreRequest, **values: Any
    ) -> Any:
        request = self._made(store_request)
        self._authenticate(request, permission)
        try:
            return handler(request, **values)
        except AuthenticationError as error:
            raise self._refused(error, request.headers, request.refuse) from None

    async def _call_with_form(
        self,
        handler: Callable[..., Any],
        permission: str | None,
        store_request: StoreRequest,
        server_request: ServerRequest,
        **values: Any,
    ) -> ServerResponse:
        """Call a handler with the form in parts that a request has."""
        request = self._made(store_request)
        with self._state.lock:
            self._authenticate(request, permission)
        request.form = await self._receive(server_request)

        def call() -> Any:
            with self._state.lock:
                return handler(request, **values)

        try:
            return ServerResponse.json(await server_request.in_thread(call))
        finally:
            await server_request.in_thread(request.form.discard)

    async def _receive(self, server_request: ServerRequest) -> Form:
        kind = server_request.headers.get("Content-Type", "").lower()
        if not kind.startswith("multipart/form-data"):
            raise DashboardRefusal(415, ("bad-request", f"Unsupported media type {kind!r} in request."))
        try:
            return await receive_form(
                server_request, self._state.directory, is_file=lambda part, _: part.name != "info"
            )
        except MultipartError as error:
            raise DashboardRefusal(400, ("bad-request", str(error))) from None

    def _made(self, request: StoreRequest) -> SnapRequest:
        """Return the request as handlers receive it."""
        value = None
        try:
            value = json.loads(request.body) if request.body else None
        except (ValueError, RecursionError):
            value = None  # refused by handlers that need it
        return SnapRequest(
            state=self._snaps,
            now=self._state.clock.now,
            base=request.base,
            method=request.method,
            query=request.query,
            headers=request.headers,
            uploads=self._state.uploads,
            options=self._options,
            refuse=request.refuse,
            value=value,
            data=request.body,
        )

    def _authenticate(self, request: SnapRequest, permission: str | None) -> None:
        """Set the sender of a request, and check that it has a permission."""
        if permission is None:
            return
        try:
            request.sender = identify(self._state, request.headers)
        except AuthenticationError as error:
            raise self._refused(error, request.headers, request.refuse) from None
        if permission:
            request.check_permission(permission)

    def _refused(self, error: AuthenticationError, headers: Headers, refuse: Refuse) -> Refusal:
        """Return the refusal of credentials; where a new discharge would do, it requests that one is obtained."""
        if error.reason != "expired" or self._has_expired_root(headers):
            return not_authorized(refuse)
        code = self._options.refresh_code
        message = str(error) if code == "macaroon-needs-refresh" else "Authorization Required"
        return refuse(401, (code, message), headers=NEEDS_REFRESH)

    def _has_expired_root(self, headers: Headers) -> bool:
        value = headers.get("Authorization", "")
        if "root=" not in value:
            return True
        try:
            root = codec.decode(value.partition("root=")[2].partition(",")[0].strip(' "'))
        except TokenUnreadable:
            return True
        session = self._state.sessions.get(root.identifier.decode("utf-8", "replace"))
        return session is None or session.valid_until <= self._state.clock.now
