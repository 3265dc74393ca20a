"""Who is known to the embedded Copr, and what they may do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from lading.testing.copr._state import Project

TOKEN_DAYS = 180


@dataclass(slots=True, eq=False)
class CoprUser:
    """Someone with an account at the embedded Copr.

    Attributes:
        name: What owns projects, and what ``auth-check`` says.
        id: Its number.
        login: The first half of the API token; another one after a rotation.
        token: The second half.
        expiration: The last day on which they are taken.
        groups: The groups it is in, without ``@``.
        admin: Whether it may do what only the administrators of the service may.
    """

    name: str
    id: int
    login: str
    token: str = field(repr=False)
    expiration: date
    groups: frozenset[str] = frozenset()
    admin: bool = False


def new_token() -> tuple[str, str]:
    """A login and a token, as long as the frontend makes them."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(secrets.choice(letters) for _ in range(20)), "".join(secrets.choice(letters) for _ in range(30))


def can_build(user: CoprUser, project: Project) -> bool:
    """Whether *user* may build in *project*."""
    return can_edit(user, project) or project.permissions.get(user.name, {}).get("builder") == "approved"


def can_edit(user: CoprUser, project: Project) -> bool:
    """Whether *user* may change *project*."""
    mine = project.group in user.groups if project.group else project.ownername == user.name
    return mine or user.admin or project.permissions.get(user.name, {}).get("admin") == "approved"
