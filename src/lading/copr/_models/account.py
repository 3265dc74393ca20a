"""Users and their API tokens (API v3, frontend of August 2026)."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from lading._core.model import Model


class User(Model):
    """The user that the credentials belong to.

    Attributes:
        name: The user name.
        id: Its number.
    """

    name: str
    id: int | None = None


class ApiToken(Model):
    """A new login and token. Its ``repr`` does not show the token.

    Attributes:
        login: The login, which is not the user name.
        token: The token.
        expiration: The day that they expire on.
    """

    login: str = Field(alias="api_login")
    token: str = Field(alias="api_token", repr=False)
    expiration: date | None = None
