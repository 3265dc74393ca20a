"""The API token of a Copr account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.threads import run_in_thread
from lading.copr._auth import TokenPairAuth
from lading.copr._config_file import validate_config_file, write_token
from lading.copr._models.account import ApiToken, User
from lading.errors import ConfigError, Unauthorized

if TYPE_CHECKING:
    from datetime import date

    from lading._core.files import StrPath
    from lading._core.sender import Sender


@checked()
class Tokens:
    """The API token in use; available as ``copr.tokens``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    @property
    def expires_on(self) -> date | None:
        """The day that the token expires on, where the configuration file contains it or it was rotated here."""
        auth = self._sender.settings.auth
        return auth.expires_on if isinstance(auth, TokenPairAuth) else None

    @property
    def days_left(self) -> int | None:
        """How many days the token is valid for, today not counted; ``None`` where that is not known."""
        return None if self.expires_on is None else (self.expires_on - datetime.now(UTC).date()).days

    async def whoami(self) -> User:
        """Return the user that the credentials belong to.

        Raises:
            Unauthorized: The token is wrong, or has expired: they last 180 days.

        Source: ``GET /api_3/auth-check``.
        """
        return await self._sender.send(Call("GET", "auth-check", User))

    async def verify(self) -> User:
        """Verify the credentials with the frontend and return their user; for the beginning of a long job.

        Raises:
            Unauthorized: The token is wrong, or has expired; the message contains the day, where that is known.

        Source: ``GET /api_3/auth-check``.
        """
        try:
            return await self.whoami()
        except Unauthorized as error:
            if self.days_left is None or self.days_left >= 0:
                raise
            name = self._sender.service.name
            text = f"the token expired on {self.expires_on}; {error.detail}"
            raise make_api_error(Unauthorized, name, text, status=error.status, detail=error.detail) from error

    async def rotate(self, *, save_to: StrPath | None = None) -> ApiToken:
        """Create a new login and token and return them. The old ones become invalid at once.

        This client and its copies use the new ones from then on. The request is never sent again automatically. When
        its response was lost (``outcome`` is ``"unknown"``), the old token may be invalid and the new one unknown:
        create another on the web page.

        Args:
            save_to: A configuration file, such as ``~/.config/copr``, to write them to. It is checked first, its
                other lines stay, and it is replaced in one step, readable by its owner only.

        Raises:
            ConfigError: The client has no login and token of its own, or *save_to* is not a configuration file:
                nothing was sent.
            OSError: The file could not be written; the client has the new token nevertheless.

        Source: ``POST /api_3/api-token``.
        """
        auth = self._sender.settings.auth
        if not isinstance(auth, TokenPairAuth):
            raise ConfigError(
                f"{self._sender.service.name}: only a client with login= and token= can rotate its token, as it "
                "continues with the new one"
            )
        if save_to is not None:
            await run_in_thread(validate_config_file, save_to)
        once = self._sender.with_settings(retry=replace(self._sender.settings.retry, attempts=1))
        token = await once.send(Call("POST", "api-token", ApiToken, idempotent=False))
        auth.replace(token.login, token.token, token.expiration)
        if save_to is not None:
            with anyio.CancelScope(shield=True):  # the old token in the file is invalid now
                await run_in_thread(write_token, save_to, token)
        return token
