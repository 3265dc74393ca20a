"""A request to the embedded Copr as what answers it sees it: who, what about, and how to say no."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading.testing.copr._refusals import ApiRefusal, internal_error, not_logged_in

if TYPE_CHECKING:
    from lading.testing._copr_people import CoprUser
    from lading.testing.copr._request_body import Body
    from lading.testing.copr._results import Results
    from lading.testing.copr._state import CoprState, Project
    from lading.testing.messages import Fields, Headers

_NOT_JSON = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
_UNREADABLE = "The browser (or proxy) sent a request that this server could not understand."


@dataclass(slots=True)
class CoprRequest:
    """One request, its body read.

    Attributes:
        state: What the store knows; its lock is held.
        results: Where results are.
        query: What follows the question mark.
        headers: The headers.
        body: What the body said.
        base: The address that the client knows the store by.
        caller: Who is asking; ``None`` where nobody has to say it.
    """

    state: CoprState
    results: Results
    query: Fields
    headers: Headers
    body: Body
    base: str
    caller: CoprUser | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the body that are not null."""
        return self.body.fields

    @property
    def user(self) -> CoprUser:
        """Who is asking, where that is asked for."""
        if self.caller is None:
            raise not_logged_in(self.base)
        return self.caller

    def argument(self, name: str) -> str:
        """A value that the query has to have."""
        if name not in self.query:
            raise ApiRefusal(400, f"Missing argument {name}")
        return self.query[name]

    def number(self, name: str) -> int:
        """A value that the query has to have, as a number; the database refuses everything else."""
        try:
            return int(self.argument(name))
        except ValueError:
            raise internal_error() from None

    def asked_project(self) -> Project:
        """The project that the query names."""
        # In the order in which they are missed.
        ownername, name = self.argument("ownername"), self.argument("projectname")
        return self.state.project(ownername, name)

    def named_project(self) -> Project:
        """The project that the body names."""
        ownername, name = (self._named(key) for key in ("ownername", "projectname"))
        return self.state.project(ownername, name)

    def _named(self, key: str) -> str:
        value = self.fields.get(key)
        if value:
            return str(value)
        if not self.body.is_json:
            raise ApiRefusal(415, _NOT_JSON)
        if self.body.said is None:
            raise ApiRefusal(400, _UNREADABLE)
        raise internal_error()


def identify(state: CoprState, headers: Headers, base: str) -> CoprUser:
    """Who sent a request: the session's user, whatever else stands there, or the token's.

    Raises:
        Refused: Nobody who is known, or what says it cannot be read.
    """
    user = session_user(state, headers)
    if user is not None:
        return user
    login = token = ""
    if "Authorization" in headers:
        try:
            # Whatever the scheme; a mistake in it is a mistake of the server's, as far as it can tell.
            login, token = b64decode(headers["Authorization"].split()[1]).decode().split(":")
        except (ValueError, IndexError):
            raise internal_error() from None
    for known in state.users.values():
        if login and token and (known.login, known.token) == (login, token) and known.expiration >= state.now.date():
            return known
    raise not_logged_in(base)


def session_user(state: CoprState, headers: Headers) -> CoprUser | None:
    """Whose session the cookie is of, if there is one that is still open."""
    for cookie in headers.get("Cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == "session" and value in state.sessions:
            return state.users.get(state.sessions[value])
    return None
