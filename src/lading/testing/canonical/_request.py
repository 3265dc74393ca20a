"""Requests to the doubles of Canonical's stores as their handlers receive them, and their dispatch."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lading.testing._server.routing import Route, Router
from lading.testing.canonical._refusals import NEEDS_REFRESH, DashboardRefusal, GatewayRefusal, SSORefusal
from lading.testing.canonical._sessions import NO_MACAROON, AuthenticationError, identify
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lading.testing._server.refusals import Refusal
    from lading.testing._server.routing import Match
    from lading.testing.canonical._schema import Schema
    from lading.testing.canonical._state import Session, StoreAccount, StoreState
    from lading.testing.faults import HeaderPairs
    from lading.testing.messages import Fields, Headers, ServerRequest

_MAX_BODY = 8 << 20


class Refuse(Protocol):
    """The shape in which an API refuses requests."""

    def __call__(self, status: int, *errors: tuple[str, str], headers: HeaderPairs = ()) -> Refusal:
        """Return the refusal."""
        ...


def refuse_sso(status: int, *errors: tuple[str, str], headers: HeaderPairs = ()) -> Refusal:  # noqa: ARG001
    """Return a refusal of Ubuntu One."""
    return SSORefusal(status, *errors[0])


@dataclass(slots=True)
class StoreRequest:
    """A request whose body has been read.

    Attributes:
        state: The store's state; its lock is held.
        method: The method.
        query: The parameters of the query.
        headers: The headers.
        body: The body.
        base: The URL under which the client reaches the host.
        refuse: The shape in which the API refuses requests.
        sender: The session that the request was sent with; ``None`` where the route needs none.
    """

    state: StoreState
    method: str
    query: Fields
    headers: Headers
    body: bytes = field(repr=False)
    base: str
    refuse: Refuse
    sender: Session | None = None

    @property
    def session(self) -> Session:
        """The session that the request was sent with, on routes that need one."""
        if self.sender is None:
            raise refuse_authentication(AuthenticationError("missing", NO_MACAROON), self.refuse)
        return self.sender

    @property
    def account(self) -> StoreAccount:
        """The account that sent the request, on routes that need one."""
        account = self.session.account
        if account is None:
            raise refuse_authentication(AuthenticationError("invalid", "Invalid macaroon"), self.refuse)
        return account

    def json(self, schema: Schema) -> Any:
        """Return the JSON in the body.

        Raises:
            Refusal: There is none, it was not sent as JSON, or it does not fit to the schema.
        """
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise self.refuse(415, ("api-error", f"Content-Type must be application/json, not {kind or 'missing'}"))
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.refuse(400, ("api-error", "Error decoding JSON request body")) from None
        errors = [("api-error", message) for message in schema.errors(value)]
        if errors:
            raise self.refuse(400, *errors)
        return value


def refuse_authentication(error: AuthenticationError, refuse: Refuse) -> Refusal:
    """Return the refusal of a request without valid credentials.

    Source: of a macaroon that has expired, ``macaroon-needs-refresh`` with the challenge for it; otherwise
    ``macaroon-authorization-required`` (canonical/snapcraft.io#3040).
    """
    if error.reason == "expired":
        return refuse(401, ("macaroon-needs-refresh", str(error)), headers=NEEDS_REFRESH)
    return refuse(401, ("macaroon-authorization-required", str(error)), headers={"WWW-Authenticate": "Macaroon"})


@dataclass(frozen=True, slots=True)
class Api:
    """Routes whose refusals have one shape.

    Attributes:
        routes: The routes. The handlers of private ones are called with the sender's session in the request.
        refuse: The shape.
    """

    routes: Sequence[Route]
    refuse: Refuse = GatewayRefusal


class StoreApp:
    """Dispatches the requests to one host. Handlers get a ``StoreRequest``, and return JSON or a response.

    They are called in a worker thread, with the state's lock. A handler that is a coroutine function gets the
    ``ServerRequest`` besides, before its body was read, and is called on the event loop, without the lock.
    """

    def __init__(self, state: StoreState, apis: Iterable[Api]) -> None:
        self._state = state
        self._apis = [(Router(api.routes), api.refuse) for api in apis]

    async def respond(self, request: ServerRequest) -> ServerResponse:
        """Respond to a request."""
        refuse: Refuse = self._apis[0][1]
        wrong_method = False
        for router, shape in self._apis:
            matches = router.matches(request.path)
            for match in matches:
                if match.route.accepts(request.method):
                    return await self._call(match, request, shape)
            if matches and not wrong_method:
                refuse, wrong_method = shape, True
        if wrong_method:
            raise refuse(405, ("api-error", "The method is not allowed for the requested URL."))
        raise refuse(404, ("resource-not-found", "The requested URL was not found on the server."))

    async def _call(self, match: Match, server_request: ServerRequest, refuse: Refuse) -> ServerResponse:
        on_loop = inspect.iscoroutinefunction(match.route.handler)
        request = StoreRequest(
            self._state,
            server_request.method,
            server_request.query,
            server_request.headers,
            b"" if on_loop else await server_request.read(_MAX_BODY),
            server_request.base_url,
            refuse,
        )
        if on_loop:
            result = await match.route.handler(request, server_request, **match.values)
        else:
            result = await server_request.in_thread(self._handle, match, request)
        return result if isinstance(result, ServerResponse) else ServerResponse.json(result)

    def _handle(self, match: Match, request: StoreRequest) -> Any:
        try:
            with self._state.lock:
                if match.route.private:
                    request.sender = identify(self._state, request.headers)
                return match.route.handler(request, **match.values)
        except AuthenticationError as error:
            raise refuse_authentication(error, request.refuse) from None


__all__ = ["Api", "DashboardRefusal", "GatewayRefusal", "Route", "StoreApp", "StoreRequest", "refuse_sso"]
