"""Credentials on requests: sans-I/O flows."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

from lading._core.arguments import checked
from lading._core.call import NO_AUTH, Auth
from lading._core.credentials import Credentials, MemoryCredentials
from lading._core.loop_local import LoopLocal
from lading.errors import ApiError, ConfigError, LadingError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from lading._core.call import Call, CallSender
    from lading._core.messages import Request, Response

C = TypeVar("C")


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
            self._use(secret)
        valid = self._secret is not None
        del secret  # this frame is shown with the error
        if not valid:
            raise ConfigError(f"the secret from {self.credentials!r} has a character that no header can carry")

    def _use(self, secret: str) -> None:
        """Sign with *secret*, if a header can carry it."""
        header = self._make_header(secret)
        if not (secret.isprintable() and header.isascii()):
            self._secret = None
            return
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
        username: The user name; it must not contain a colon.
        password: The password, or :class:`Credentials` that read it.
    """

    @checked()
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
        token: The token, or :class:`Credentials` that read it.
        scheme: The scheme in the header, before the token.
    """

    @checked()
    def __init__(self, token: str | Credentials, *, scheme: str = "Bearer") -> None:
        super().__init__(token)
        self.scheme = scheme

    def _make_header(self, secret: str) -> str:
        return f"{self.scheme} {secret}"

    def __repr__(self) -> str:
        return f"TokenAuth(***, scheme={self.scheme!r})"


class RefreshingAuth(Auth, Generic[C]):
    """Credentials that are obtained when they are needed, and renewed when they expire or are refused.

    Many requests that need new ones concurrently, or are refused together, cause one renewal between them; each is then
    sent again, once, with the new ones (unless its body can be read only once).

    A renewal that fails is not repeated for the request that waits for it, which has not been sent.

    Args:
        renew: From (a sender without credentials, the credentials so far or ``None``) to new ones; to those so far when
            there are no others, and then the refusal stands.
        sign: From credentials to the auth that signs requests with them.
        is_fresh: Whether credentials are still valid long enough to begin a request with.
        is_refusal: Whether a response says that the credentials have to be renewed.
    """

    def __init__(
        self,
        renew: Callable[[CallSender, C | None], Awaitable[C]],
        sign: Callable[[C], Auth],
        *,
        is_fresh: Callable[[C], bool] = lambda _: True,
        is_refusal: Callable[[Response], bool] = lambda response: response.status == 401,
    ) -> None:
        self._renew = renew
        self._sign = sign
        self._is_fresh = is_fresh
        self._is_refusal = is_refusal
        self._current: C | None = None
        self._refused: C | None = None
        self._signer: Auth = NO_AUTH
        self._secrets: tuple[str, ...] = ()
        self._lock = LoopLocal(anyio.Lock)

    async def prepare(self, sender: CallSender) -> None:
        """Have fresh credentials; requests that need them concurrently wait for one renewal."""
        async with self._lock.get():
            current = self._current
            if current is None or current is self._refused or not self._is_fresh(current):
                renewed = await self._renew_for(sender, current)
                if renewed is current:
                    self._refused = None
                else:
                    self._current = renewed
                    # With the ones before: responses to requests that they signed may still come.
                    self._secrets = self._signer.secrets()
                    self._signer = self._sign(renewed)
            await self._signer.prepare(sender)

    async def _renew_for(self, sender: CallSender, current: C | None) -> C:
        try:
            return await self._renew(sender, current)
        except LadingError as error:
            # It had attempts of its own, and says nothing of the request that waits for it.
            error.outcome = "not_done"
            if isinstance(error, (ApiError, NetworkError)):
                error.final = True
            raise

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Yield the signed request, and once more with new credentials when these are refused."""
        used = self._current
        response = yield from run_flow(self._signer, request)
        if response is None or not self._is_refusal(response):
            return
        if used is self._current:  # otherwise another request has had them renewed meanwhile
            self._refused = used
            yield self.PREPARE
            if used is self._current:
                return
        yield from run_flow(self._signer, request)

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets of the credentials, and of the ones before."""
        return (*self._signer.secrets(), *self._secrets)


def run_flow(auth: Auth, request: Request) -> Generator[Request | Call[Any], Any, Response | None]:
    """Run the flow of *auth*, and return the last response to *request*; ``None`` when there was none."""
    flow = auth.flow(request)
    response: Response | None = None
    try:
        step = next(flow)
        while True:
            received = yield step
            if step is request:
                response = received
            step = flow.send(received)
    except StopIteration:
        return response


__all__ = ["Auth", "BasicAuth", "RefreshingAuth", "TokenAuth"]
