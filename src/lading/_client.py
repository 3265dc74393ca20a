"""What every store's client is: settings, a lifetime, and one way to send."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypedDict, TypeVar

from anyio.lowlevel import current_token

from lading._core.attempt import ClientSettings
from lading._core.auth import Auth
from lading._core.call import UNSET
from lading._core.sender import Sender
from lading._core.slots import LoopState
from lading._http.backend import HttpxClientBackend
from lading._http.transport import Transport
from lading._version import __version__
from lading.errors import ConfigError
from lading.types import Limits, Retry, Timeout

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Generator, Iterable
    from types import TracebackType

    from lading._core.call import Call
    from lading._core.files import StrPath
    from lading._core.service import Service
    from lading.types import Hook

T = TypeVar("T")
C = TypeVar("C", bound="Client")


class ClientOptions(TypedDict, total=False):
    """What every client takes besides its store's own arguments.

    Attributes:
        user_agent: Put before ours in the ``User-Agent``.
        tls: An ``ssl.SSLContext``, or a file of CA certificates in PEM.
        http: An ``httpx.AsyncClient`` or ``httpx2.AsyncClient`` to send with instead of lading's transport. It stays
            yours to close. *tls*, and the connections and idle time of *limits*, are then its business.
        timeout: Seconds per phase.
        retry: How long to go on trying.
        limits: How much is done at the same time.
        hooks: Called with every event.
    """

    user_agent: str | None
    tls: ssl.SSLContext | StrPath | None
    http_client: Any
    timeout: Timeout
    retry: Retry
    limits: Limits
    hooks: Iterable[Hook]


class Connections:
    """The lanes of one client, one for each event loop that it is used on, and their end."""

    def __init__(self, options: ClientOptions) -> None:
        self._http = options.get("http_client")
        self._tls = options.get("tls")
        self._limits = options.get("limits") or Limits()
        self._lanes: dict[Any, LoopState] = {}
        self._exchanges: dict[Any, HttpxClientBackend] = {}
        self.closed = False
        # Fails now, and not at the first request, when http_client= is nothing we can use.
        self._shared = HttpxClientBackend(self._http) if self._http is not None else None

    def lane(self) -> LoopState:
        """The running loop's lane."""
        token = current_token()
        lane = self._lanes.get(token)
        if lane is None:
            lane = self._open(token)
        return lane

    def _open(self, token: Any) -> LoopState:
        # A second loop usually means that the first has ended: its idle sockets are of no use to anybody.
        for exchange in self._exchanges.values():
            exchange.close_idle()
        exchange = self._shared or HttpxClientBackend(transport=Transport(tls=self._tls, limits=self._limits))
        self._exchanges[token] = exchange
        self._lanes[token] = LoopState(exchange, self._limits)
        return self._lanes[token]

    async def aclose(self) -> None:
        self.closed = True
        exchanges, self._exchanges, self._lanes = self._exchanges, {}, {}
        here = current_token()
        for token, exchange in exchanges.items():
            if token == here:
                await exchange.aclose()
            else:
                exchange.close_idle()


class Client:
    """The part that all stores' clients share; see the store's own class.

    Cheap to make, and makes no connection until it is used. Use it as an async context manager, or call
    :meth:`aclose`.
    """

    def __init__(self, service: Service, auth: Auth | None, options: ClientOptions) -> None:
        agents = (service.product, options.get("user_agent"), f"lading/{__version__}")
        self._settings = ClientSettings(
            auth=auth or Auth(),
            timeout=options.get("timeout") or Timeout(),
            retry=options.get("retry") or Retry(),
            hooks=tuple(options.get("hooks") or ()),
            user_agent=" ".join(filter(None, agents)),
        )
        self._service = service
        self._lifetime = Connections(options)
        self._is_copy = False
        self._closed = False
        self._make_resources(Sender(service, self._settings, self._loop_state))

    def _make_resources(self, sender: Sender) -> None:
        """Make the resources, each standing on *sender*."""
        self._sender = sender

    def _loop_state(self) -> LoopState:
        if self._closed or self._lifetime.closed:
            raise ConfigError(f"this {type(self).__name__} client has been closed: make a new one")
        return self._lifetime.lane()

    async def send(self, call: Call[T]) -> T:
        """What *call* reads from its answer: for what lading does not model yet."""
        return await self._sender.send(call)

    def with_options(
        self,
        *,
        auth: Auth | None = UNSET,
        timeout: Timeout = UNSET,
        retry: Retry = UNSET,
        hooks: Iterable[Hook] = UNSET,
    ) -> Self:
        """A copy with other settings, sharing connections and slots: one process, many tenants.

        ``auth=None`` sends no credentials. A copy need not be closed. Closing it ends the copy alone, closing the
        original ends its copies.
        """
        given = {"auth": auth, "timeout": timeout, "retry": retry, "hooks": hooks}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
        if "auth" in changes:
            changes["auth"] = changes["auth"] or Auth()
        if "hooks" in changes:
            changes["hooks"] = tuple(changes["hooks"])
        other = copy.copy(self)
        other._reconfigure(replace(self._settings, **changes))  # noqa: SLF001 - of this class
        return other

    def _reconfigure(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._is_copy = True
        self._make_resources(Sender(self._service, settings, self._loop_state))

    async def aclose(self) -> None:
        """Close all connections. Calls still running end with ``NetworkError``; harmless twice."""
        self._closed = True
        if not self._is_copy:
            await self._lifetime.aclose()

    async def __aenter__(self) -> Self:
        self._loop_state()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service.base_url}>"


class ClientOpener(Generic[C]):
    """A client to be, whose configuration is read off the event loop when it is entered or awaited.

    ``async with PyPI.from_config() as pypi:`` ends it with the block; ``pypi = await PyPI.from_config()`` leaves that
    to ``await pypi.aclose()``.
    """

    def __init__(self, make: Callable[[], Awaitable[C]]) -> None:
        self._make = make
        self._client: C

    def __await__(self) -> Generator[Any, Any, C]:
        return self._make().__await__()

    async def __aenter__(self) -> C:
        self._client = await self._make()
        return await self._client.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
