"""Logging in with a login and token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.auth import Auth, BasicAuth
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import date

    from lading._core.call import Call, CallSender
    from lading._core.credentials import Credentials
    from lading._core.messages import Request


class TokenPairAuth(Auth):
    """The login and token of an account. All clients that share it go on with the new ones after a rotation.

    Args:
        login: The login, which is not the user name.
        token: The token, or where to find it.
        expires_on: The day they end on, where that is known.
    """

    def __init__(self, login: str, token: str | Credentials, *, expires_on: date | None = None) -> None:
        self.expires_on: date | None = expires_on
        self._basic = BasicAuth(login, token)
        self._before: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """The login."""
        return self._basic.username

    def replace(self, login: str, token: str, expires_on: date | None) -> None:
        """Use these from now on."""
        self._before = self._basic.secrets()
        self.expires_on = expires_on
        self._basic = BasicAuth(login, token)

    async def prepare(self, sender: CallSender) -> None:
        """Have the token at hand."""
        basic = None
        while basic is not self._basic:  # a rotation may have put another there meanwhile
            basic = self._basic
            await basic.prepare(sender)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """The request with login and token."""
        return self._basic.flow(request)

    def secrets(self) -> tuple[str, ...]:
        """The token, and the one before."""
        return (*self._basic.secrets(), *self._before)

    def __repr__(self) -> str:
        return f"TokenPairAuth({self.login!r}, ***)"


class MissingCredentials(Auth):
    """Nobody is logged in: what needs it says what to do, before anything is sent."""

    async def prepare(self, sender: CallSender) -> None:
        """``ConfigError``."""
        site = sender.service.base_url.removesuffix("api_3/")
        raise ConfigError(
            f"{sender.service.name}: this needs a login and token: get them at {site}api/, and give login= and token= "
            "or put the file that it shows at ~/.config/copr; or install lading[gssapi] and log in with Kerberos"
        )
