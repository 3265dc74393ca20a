"""Credentials on requests: sans-I/O flows."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from lading._core.call import Auth
from lading._core.credentials import Credentials, MemoryCredentials
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.call import Call, CallSender
    from lading._core.messages import Request


class _CredentialAuth(Auth):
    """One ``Authorization`` header made of one secret."""

    def __init__(self, secret: str | Credentials) -> None:
        self.credentials: Credentials = MemoryCredentials(secret) if isinstance(secret, str) else secret
        self._secret: str | None = None
        self._header = ""
        self._secrets: tuple[str, ...] = ()

    async def prepare(self, sender: CallSender) -> None:
        del sender
        secret = await self.credentials.get()
        if secret is None:
            raise ConfigError(f"no credentials: {self.credentials!r} has none")
        if secret != self._secret:
            header = self._make_header(secret)
            if not (secret.isprintable() and header.isascii()):
                raise ConfigError(f"the secret from {self.credentials!r} has a character that no header can carry")
            self._secret, self._header = secret, header
            # With the ones before: responses to requests that they signed may still come.
            self._secrets = (secret, header.partition(" ")[2], *self._secrets[:2])

    def _make_header(self, secret: str) -> str:
        raise NotImplementedError

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        request.headers["Authorization"] = self._header
        yield request

    def secrets(self) -> tuple[str, ...]:
        return self._secrets


class BasicAuth(_CredentialAuth):
    """HTTP Basic (RFC 7617), sent with the first request and not only after a challenge.

    Args:
        username: The user; no colon in it.
        password: The password, or where to find it.
    """

    def __init__(self, username: str, password: str | Credentials) -> None:
        if ":" in username:
            raise ConfigError("a user name with a colon cannot be sent with HTTP Basic")
        super().__init__(password)
        self.username = username

    def _make_header(self, secret: str) -> str:
        return "Basic " + b64encode(f"{self.username}:{secret}".encode()).decode("ascii")

    def __repr__(self) -> str:
        return f"BasicAuth({self.username!r}, ***)"


class TokenAuth(_CredentialAuth):
    """A token in the ``Authorization`` header.

    Args:
        token: The token, or where to find it.
        scheme: The word before it.
    """

    def __init__(self, token: str | Credentials, *, scheme: str = "Bearer") -> None:
        super().__init__(token)
        self.scheme = scheme

    def _make_header(self, secret: str) -> str:
        return f"{self.scheme} {secret}"

    def __repr__(self) -> str:
        return f"TokenAuth(***, scheme={self.scheme!r})"


__all__ = ["Auth", "BasicAuth", "TokenAuth"]
