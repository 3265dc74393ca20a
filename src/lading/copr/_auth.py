"""Credentials: the login and token of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.arguments import checked
from lading._core.auth import Auth, BasicAuth
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import date

    from lading._core.call import Call, CallSender
    from lading._core.credentials import Credentials
    from lading._core.messages import Request


class TokenPairAuth(Auth):
    """The API token of an account: a login and a token. All clients that share it use the new one after a rotation.

    Args:
        login: The login, which is not the user name.
        token: The token, or the place that it is stored in.
        expires_on: The day that they expire on, where known.
    """

    @checked()
    def __init__(self, login: str, token: str | Credentials, *, expires_on: date | None = None) -> None:
        self.expires_on: date | None = expires_on
        self._basic = BasicAuth(login, token)
        self._previous: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """The login."""
        return self._basic.username

    def replace(self, login: str, token: str, expires_on: date | None) -> None:
        """Use another login and token from now on.

        Args:
            login: The login.
            token: The token.
            expires_on: The day that they expire on, where known.
        """
        self._previous = self._basic.secrets()
        self.expires_on = expires_on
        self._basic = BasicAuth(login, token)

    async def prepare(self, sender: CallSender) -> None:
        """Read the token from where it is stored."""
        basic = None
        while basic is not self._basic:  # a rotation may have replaced it in the meantime
            basic = self._basic
            await basic.prepare(sender)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Send the request with login and token."""
        return self._basic.flow(request)

    def secrets(self) -> tuple[str, ...]:
        """Return the token and the previous one."""
        return (*self._basic.secrets(), *self._previous)

    def __repr__(self) -> str:
        return f"TokenPairAuth({self.login!r}, ***)"


class MissingCredentials(Auth):
    """No credentials: a call that needs some raises an error that describes how to get them, before anything is sent.

    Args:
        searched: Where credentials were looked for, for that error.
    """

    def __init__(self, searched: str = "") -> None:
        self._searched = searched

    async def prepare(self, sender: CallSender) -> None:
        """Raise ``ConfigError``."""
        site = sender.service.base_url.removesuffix("api_3/")
        message = (
            f"{sender.service.name}: this needs a login and token: get them at {site}api/, and pass login= and token= "
            "or save the file shown there as ~/.config/copr; or install lading[gssapi] and log in with Kerberos"
        )
        raise ConfigError(f"{message} ({self._searched})" if self._searched else message)
