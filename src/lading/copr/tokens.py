"""The token of a Copr account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from lading._core.call import Call
from lading._core.threads import run_in_thread
from lading.copr._auth import TokenPairAuth
from lading.copr._config_file import validate_config_file, write_token
from lading.copr._models.builds import ApiToken, User
from lading.errors import ConfigError, Unauthorized

if TYPE_CHECKING:
    from datetime import date

    from lading._core.files import StrPath
    from lading._core.sender import Sender


class Tokens:
    """The token in use; reached as ``copr.tokens``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    @property
    def expires_on(self) -> date | None:
        """The day that the token ends on, where the configuration file tells or it was rotated here."""
        auth = self._sender.settings.auth
        return auth.expires_on if isinstance(auth, TokenPairAuth) else None

    @property
    def days_left(self) -> int | None:
        """How many days the token still is good for, today's not counted; ``None`` where nobody says."""
        return None if self.expires_on is None else (self.expires_on - datetime.now(UTC).date()).days

    async def whoami(self) -> User:
        """The user that the credentials belong to.

        Raises:
            Unauthorized: The token is wrong, or has expired: they last 180 days.

        Source: ``GET /api_3/auth-check``.
        """
        return await self._sender.send(Call("GET", "auth-check", User))

    async def check(self) -> User:
        """The user, once the frontend has accepted the credentials; for the beginning of a long job.

        Raises:
            Unauthorized: The token is wrong, or has expired; the text says when, where that is known.

        Source: as for :meth:`whoami`.
        """
        try:
            return await self.whoami()
        except Unauthorized as error:
            if self.days_left is None or self.days_left >= 0:
                raise
            name = self._sender.service.name
            text = f"{name}: the token ended on {self.expires_on}; {error.detail}"
            raise Unauthorized(text, service=name, status=error.status, detail=error.detail) from error

    async def rotate(self, *, save_to: StrPath | None = None) -> ApiToken:
        """A new login and token. The old ones end at once; this client, and its copies, go on with the new.

        It is sent once and never again by itself. When its answer was lost (``outcome`` is ``"unknown"``) the old
        token may be gone and the new one in nobody's hands: get another on the web.

        Args:
            save_to: A configuration file, such as ``~/.config/copr``, to put them into. It is checked first, other
                lines stay, and it is replaced in one step, for its owner's eyes only.

        Raises:
            ConfigError: The client has no login and token of its own, or *save_to* is no such file: nothing was sent.
            OSError: The file could not be written; the client has the new token all the same.

        Source: ``POST /api_3/api-token``.
        """
        auth = self._sender.settings.auth
        if not isinstance(auth, TokenPairAuth):
            raise ConfigError(
                f"{self._sender.service.name}: only a client with login= and token= can rotate its token, for it goes "
                "on with the new one"
            )
        if save_to is not None:
            await run_in_thread(validate_config_file, save_to)
        once = self._sender.with_settings(retry=replace(self._sender.settings.retry, attempts=1))
        token = await once.send(Call("POST", "api-token", ApiToken, idempotent=False))
        auth.replace(token.login, token.token, token.expiration)
        if save_to is not None:
            with anyio.CancelScope(shield=True):  # the file's old token is worth nothing any more
                await run_in_thread(write_token, save_to, token)
        return token
