"""Logging in and out, and what the credentials in use allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading.canonical._auth import StoreAuth, missing_credentials
from lading.canonical._models import WhoAmI
from lading.canonical._stored import parse_exported
from lading.errors import ConfigError, Conflict

if TYPE_CHECKING:
    from datetime import datetime

    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services


@checked()
class Tokens:
    """The credentials of an account; available as ``charmhub.tokens`` and ``snap_store.tokens``."""

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services

    async def whoami(self) -> WhoAmI:
        """Return the account, and what the credentials in use are restricted to.

        Raises:
            ConfigError: There are no credentials, or they have expired and cannot be refreshed.
            Unauthorized: The store does not accept them.

        Source: ``GET /v1/tokens/whoami`` (Charmhub), ``GET /api/v2/tokens/whoami`` (the Snap Store).
        """
        return await self._sender.send(Call("GET", self._endpoints.whoami, WhoAmI))

    async def export(self) -> str:
        """Return the credentials in use for the official client's environment variable. They are secret.

        Raises:
            ConfigError: There are none, or they are in none of the known forms.
        """
        stored = await self._auth.read()
        if stored is None:
            raise ConfigError(missing_credentials(self._endpoints, repr(self._auth.place)))
        return stored.export()

    async def import_(self, credentials: str) -> None:
        """Store credentials that were exported here or by the official client, and use them from now on.

        Args:
            credentials: Credentials as they were exported, or as they are stored.

        Raises:
            ConfigError: They are in none of the known forms, or cannot be stored.
        """
        await self._auth.use(parse_exported(credentials))

    async def logout(self) -> None:
        """Remove the credentials from where they are stored; harmless when there are none.

        The store is not told: a token that was exported remains valid until it expires.

        Raises:
            ConfigError: They are in an environment variable, or the place cannot be written.
        """
        await self._auth.delete()

    async def expires_at(self) -> datetime | None:
        """Return when the credentials expire, in UTC, as far as they say; ``None`` where they do not.

        Raises:
            ConfigError: They are in none of the known forms.
        """
        stored = await self._auth.read()
        return None if stored is None else stored.expires_at

    @property
    def _auth(self) -> StoreAuth:
        auth = self._sender.settings.auth
        if not isinstance(auth, StoreAuth):
            raise ConfigError(
                f"{self._endpoints.name}: this client has its own auth=, which cannot log in or be stored"
            )
        return auth

    async def _check_absent(self) -> None:
        """Raise ``Conflict`` when there are credentials already, as a login would replace them."""
        if await self._auth.place.get() is not None:
            text = f"there are credentials in {self._auth.place!r}: log out first, or pass overwrite=True"
            raise make_api_error(Conflict, self._endpoints.name, text)
