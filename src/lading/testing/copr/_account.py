"""Accounts at the embedded Copr: the current user, API tokens, sessions with Kerberos tickets."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from lading.testing.copr._refusals import ApiRefusal, apache_unauthorized
from lading.testing.copr._request import session_user
from lading.testing.copr._serializers import show_user
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest


def check(request: CoprRequest) -> dict[str, Any]:
    """Return the user who sent the request."""
    return show_user(request.user)


def rotate_token(request: CoprRequest) -> dict[str, Any]:
    """Replace the API token that the request was sent with, and return the new one."""
    user = request.user
    request.state.rotate_token(user)
    return {"api_login": user.login, "api_token": user.token, "expiration": user.expiration.isoformat()}


def gssapi_login(request: CoprRequest, *, accepted: str | None) -> ServerResponse:
    """Open a session for a client with a Kerberos ticket: any ticket is accepted, for the user called *accepted*."""
    user = session_user(request.state, request.headers)
    if user is not None:
        return ServerResponse.json(show_user(user))
    if accepted is None:
        raise ApiRefusal(403, "Can't log-in using GSSAPI: Kerberos authentication failed (no credentials provided)")
    scheme, _, ticket = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "negotiate" or not ticket.strip():
        return apache_unauthorized()
    user = request.state.users[accepted]
    session = secrets.token_urlsafe(32)
    request.state.sessions[session] = user.name
    headers = {"Set-Cookie": f"session={session}; HttpOnly; Path=/"}
    return ServerResponse.json(show_user(user), headers=headers)
