"""Requests to the embedded Copr as its handlers receive them, and their authentication."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading.testing.copr._refusals import ApiRefusal, internal_error, not_logged_in

if TYPE_CHECKING:
    from lading.testing.copr._request_body import Body
    from lading.testing.copr._results import Results
    from lading.testing.copr._state import CoprState, Project
    from lading.testing.copr._users import CoprUser
    from lading.testing.messages import Fields, Headers

_NOT_JSON = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
_UNREADABLE = "The browser (or proxy) sent a request that this server could not understand."


@dataclass(slots=True)
class CoprRequest:
    """A request whose body has been read.

    Attributes:
        state: The store's state; its lock is held.
        results: The results backend.
        query: The parameters of the query.
        headers: The headers.
        body: The body.
        base: The URL under which the client reaches the store.
        sender: The user who sent the request; ``None`` where the route needs none.
    """

    state: CoprState
    results: Results
    query: Fields
    headers: Headers
    body: Body
    base: str
    sender: CoprUser | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the body that are not null."""
        return self.body.fields

    @property
    def user(self) -> CoprUser:
        """The user who sent the request, on routes that need one."""
        if self.sender is None:
            raise not_logged_in(self.base)
        return self.sender

    def argument(self, name: str) -> str:
        """Return a required parameter of the query."""
        if name not in self.query:
            raise ApiRefusal(400, f"Missing argument {name}")
        return self.query[name]

    def number(self, name: str) -> int:
        """Return a required parameter of the query as a number; the database refuses anything else."""
        try:
            return int(self.argument(name))
        except ValueError:
            raise internal_error() from None

    def project_from_query(self) -> Project:
        """Return the project that the query names."""
        # The frontend checks for them in this order.
        ownername, name = self.argument("ownername"), self.argument("projectname")
        return self.state.project(ownername, name)

    def project_from_body(self) -> Project:
        """Return the project that the body names."""
        ownername, name = (self._required(key) for key in ("ownername", "projectname"))
        return self.state.project(ownername, name)

    def _required(self, key: str) -> str:
        value = self.fields.get(key)
        if value:
            return str(value)
        if not self.body.is_json:
            raise ApiRefusal(415, _NOT_JSON)
        if self.body.value is None:
            raise ApiRefusal(400, _UNREADABLE)
        raise internal_error()


def identify(state: CoprState, headers: Headers, base: str) -> CoprUser:
    """Return the user who sent a request: that of the session cookie if it is valid, otherwise that of the API token.

    Raises:
        ApiRefusal: The token is unknown or has expired, or the header cannot be read.
    """
    user = session_user(state, headers)
    if user is not None:
        return user
    login = token = ""
    if "Authorization" in headers:
        try:
            # The scheme is ignored, and a malformed header is an unhandled exception in the frontend.
            login, token = b64decode(headers["Authorization"].split()[1]).decode().split(":")
        except (ValueError, IndexError):
            raise internal_error() from None
    for known in state.users.values():
        if (
            login
            and token
            and (known.login, known.token) == (login, token)
            and known.expiration >= state.clock.now.date()
        ):
            return known
    raise not_logged_in(base)


def session_user(state: CoprState, headers: Headers) -> CoprUser | None:
    """Return the user of the session cookie; ``None`` without one, or if the session has ended."""
    for cookie in headers.get("Cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == "session" and value in state.sessions:
            return state.users.get(state.sessions[value])
    return None
