"""Who is who at the embedded Copr, and what does not fit anywhere else."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from lading.testing._copr_people import can_build
from lading.testing.copr._refusals import ApiRefusal, apache_unauthorized
from lading.testing.copr._request import session_user
from lading.testing.copr._serializers import show_user
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest


def home(_: CoprRequest) -> dict[str, Any]:
    """That this is API v3."""
    return {"version": 3}


def check(call: CoprRequest) -> dict[str, Any]:
    """Who is asking."""
    return show_user(call.user)


def rotate(call: CoprRequest) -> dict[str, Any]:
    """Another login and token; those that the request came with are worth nothing any more."""
    user = call.user
    call.state.rotate(user)
    return {"api_login": user.login, "api_token": user.token, "expiration": user.expiration.isoformat()}


def gssapi_login(call: CoprRequest, accepted: str | None) -> ServerResponse:
    """A session for somebody with a ticket: any ticket is taken, for the user called *accepted*."""
    user = session_user(call.state, call.headers)
    if user is not None:
        return ServerResponse.json(show_user(user))
    if accepted is None:
        raise ApiRefusal(403, "Can't log-in using GSSAPI: Kerberos authentication failed (no credentials provided)")
    scheme, _, ticket = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "negotiate" or not ticket.strip():
        return apache_unauthorized()
    user = call.state.users[accepted]
    session = secrets.token_urlsafe(32)
    call.state.sessions[session] = user.name
    headers = {"Set-Cookie": f"session={session}; HttpOnly; Path=/"}
    return ServerResponse.json(show_user(user), headers=headers)


def build_module(call: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """A module, as frontends took it while they had modules."""
    project = call.state.project(ownername, projectname)
    if not can_build(call.user, project):
        raise ApiRefusal(403, f"User {call.user.name} is not allowed to build in the copr: {project.full_name}")
    file, url = call.body.files.get("modulemd"), call.fields.get("scmurl")
    if file is None and not url:
        raise ApiRefusal(400, "scmurl: This field is required.")
    name = file.filename.partition(".")[0] if file is not None else str(url).rstrip("/").rpartition("/")[2]
    return {"nsv": f"{name}-{call.fields.get('branch', 'master')}-{call.state.next_id('module')}"}
