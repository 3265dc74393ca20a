"""Users of the embedded Copr, and their API tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

TOKEN_DAYS = 180


@dataclass(slots=True, eq=False)
class CoprUser:
    """A user of the embedded Copr.

    Attributes:
        name: The user name: the owner of projects, and what ``auth-check`` returns.
        id: The numeric id.
        login: The first half of the API token; it changes when the token is rotated.
        token: The second half of the API token.
        expiration: The last day on which the API token is valid.
        groups: The groups that the user is a member of, without ``@``.
        admin: Whether the user is an administrator of the service.
    """

    name: str
    id: int
    login: str
    token: str = field(repr=False)
    expiration: date
    groups: frozenset[str] = frozenset()
    admin: bool = False


def new_token() -> tuple[str, str]:
    """Create a login and a token, as long as those of the frontend."""
    return _random_letters(20), _random_letters(30)


def _random_letters(count: int) -> str:
    return "".join(secrets.choice(ascii_lowercase) for _ in range(count))
