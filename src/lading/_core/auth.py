"""Credentials on requests: sans-I/O flows, in the manner of httpx's."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, ClassVar

from lading._core.call import Call, Request, Response
from lading._core.credentials import Credentials, MemoryCredentials
from lading.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.sender import Sender

Flow = "Generator[Outgoing | Call[Any], Any, None]"


class Auth:
    """How requests are signed. This one leaves them as they are.

    ``flow`` is a generator without I/O. It yields the request it was given, changed as it likes, and is sent the
    :class:`Response` (with its body when the status is 400 or more, else without); when it yields the request again,
    that is sent again. In between it may yield another :class:`Call`, and is sent that call's result. Whatever
    waits for something else than a store belongs into ``prepare``, awaited before each flow, and once more when the
    flow yields ``PREPARE``.
    """

    PREPARE: ClassVar[Any] = object()

    async def prepare(self, sender: Sender) -> None:
        """Get ready what ``flow`` needs: read a keyring or a file, or ask a store (by calls without auth)."""
        del sender

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """The steps of one attempt."""
        yield request

    def secrets(self) -> tuple[str, ...]:
        """What must not turn up in an error or a log, for masking what a store echoes."""
        return ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _CredentialAuth(Auth):
    """One ``Authorization`` header made of one secret."""

    def __init__(self, secret: str | Credentials) -> None:
        self.credentials: Credentials = MemoryCredentials(secret) if isinstance(secret, str) else secret
        self._secret: str | None = None
        self._header = ""
        self._secrets: tuple[str, ...] = ()

    async def prepare(self, sender: Sender) -> None:
        del sender
        secret = await self.credentials.get()
        if secret is None:
            raise ConfigError(f"no credentials: {self.credentials!r} has none")
        if secret != self._secret:
            header = self._make_header(secret)
            if not (secret.isprintable() and header.isascii()):
                raise ConfigError(f"the secret from {self.credentials!r} has a character that no header can carry")
            self._secret, self._header = secret, header
            # With the ones before: answers to requests that they signed may still come.
            self._secrets = (secret, header.partition(" ")[2], *self._secrets[:2])

    def _make_header(self, secret: str) -> str:
        raise NotImplementedError

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        request.headers["Authorization"] = self._header
        yield request

    def secrets(self) -> tuple[str, ...]:
        return self._secrets


class BasicAuth(_CredentialAuth):
    """HTTP Basic (RFC 7617), sent with the first request and not only when asked.

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


__all__ = ["Auth", "BasicAuth", "Response", "TokenAuth"]
