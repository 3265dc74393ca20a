"""What every store's client is built on: options, connections and settings, and one way to send."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypedDict, TypeVar

from lading._core.arguments import checked
from lading._core.call import NO_AUTH, Auth, Call
from lading._core.loop_local import LoopLocal
from lading._core.sender import Sender
from lading._core.settings import ClientSettings, as_hooks, as_retry, as_timeout
from lading._core.slots import LoopState
from lading._core.unset import UNSET
from lading._http.backend import TransportBackend
from lading._http.httpx_client import HttpxClientBackend
from lading._version import __version__
from lading.errors import ConfigError, InputError, LadingError
from lading.types import Limits, Retry, Timeout

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Generator, Iterable
    from types import TracebackType

    from lading._core.files import StrPath
    from lading._core.messages import Backend
    from lading._core.service import Service
    from lading.types import Clock, Hook

T = TypeVar("T")
C = TypeVar("C", bound="Client")


class ClientOptions(TypedDict, total=False):
    """The options of every client, besides the arguments of its store.

    Attributes:
        user_agent: Put before lading's in the ``User-Agent``.
        tls: An ``ssl.SSLContext``, or a file of CA certificates in PEM.
        http_client: An ``httpx.AsyncClient`` or ``httpx2.AsyncClient`` to send with instead of lading's transport. You
            close it. With it, *tls* and the connections and their expiry in *limits* have no effect.
        timeout: Seconds per phase; a number sets all but ``pool``.
        retry: How long to retry; a number is the number of attempts, the first included.
        limits: How much is done concurrently.
        hooks: Called with every event: plain functions, or one.
        clock: What deadlines and the waits between attempts are measured with: an embedded store's, for tests.
    """

    user_agent: str | None
    tls: ssl.SSLContext | StrPath | None
    http_client: Any
    timeout: Timeout | float
    retry: Retry | int
    limits: Limits
    hooks: Hook | Iterable[Hook]
    clock: Clock


class Connections:
    """The settings and connections of one client, with a backend and slots for each event loop that it is used on.

    Copies share connections and slots, and have settings of their own. Loops in several threads may use it at once.

    Args:
        options: The client's options.
        auth: Credentials for its service.
        product: What the ``User-Agent`` begins with.
        owner: What the error of a closed client calls it.
    """

    def __init__(self, options: ClientOptions, auth: Auth | None = None, *, product: str = "", owner: str) -> None:
        agents = (product, options.get("user_agent"), f"lading/{__version__}")
        self.settings = ClientSettings(
            auth=auth or NO_AUTH,
            timeout=as_timeout(options.get("timeout", Timeout())),
            retry=as_retry(options.get("retry", Retry())),
            hooks=as_hooks(options.get("hooks", ())),
            user_agent=" ".join(filter(None, agents)),
        )
        if (clock := options.get("clock")) is not None:
            self.settings = replace(self.settings, clock=clock.now, sleep=clock.sleep)
        self.owner = owner
        self.is_copy = False
        self.closed = False
        self._shared = _Shared(options)

    def sender(self, service: Service) -> Sender:
        """Return a sender to *service* with the client's settings."""
        return Sender(service, self.settings, self.loop_state)

    def loop_state(self) -> LoopState:
        """Return the running loop's backend and slots; ``ConfigError`` when the client has been closed."""
        if self.closed or self._shared.closed:
            raise self._closed_error()
        state = self._shared.states.get()
        if self._shared.closed:
            # Another thread closed the client meanwhile, and may have missed this one.
            state.backend.retire()  # type: ignore[unreachable]
            raise self._closed_error()
        return state

    def _closed_error(self) -> ConfigError:
        return ConfigError(f"this {self.owner} client has been closed: make a new one")

    def copy(self, **changes: Any) -> Connections:
        """Return a copy that shares connections and slots.

        Args:
            changes: Settings by name; those that are UNSET stay as they are.
        """
        given = {name: value for name, value in changes.items() if value is not UNSET}
        if "auth" in given:
            given["auth"] = given["auth"] or NO_AUTH
        for name, convert in (("timeout", as_timeout), ("retry", as_retry), ("hooks", as_hooks)):
            if name in given:
                given[name] = convert(given[name])
        other = copy.copy(self)
        other.settings = replace(self.settings, **given)
        other.is_copy = True
        return other

    async def aclose(self) -> None:
        """Close all connections, unless this is a copy; closing twice is harmless."""
        self.closed = True
        if not self.is_copy:
            await self._shared.aclose()


class _Shared:
    """What a client and its copies share."""

    def __init__(self, options: ClientOptions) -> None:
        self._tls = options.get("tls")
        self._limits = options.get("limits") or Limits()
        http_client = options.get("http_client")
        # Fails now, and not at the first request, when http_client= is nothing we can use.
        self._http_client = HttpxClientBackend(http_client) if http_client is not None else None
        self._notices: set[str] = set()
        self.states: LoopLocal[LoopState] = LoopLocal(self._make, on_loop_end=_retire)
        self.closed = False

    def _make(self) -> LoopState:
        # A second loop usually means that the first has ended: its idle sockets are of no use to anybody.
        for state in self.states.of_closed_loops():
            _retire(state)
        backend: Backend = self._http_client or TransportBackend(tls=self._tls, limits=self._limits)
        return LoopState(backend, self._limits, self._notices)

    async def aclose(self) -> None:
        self.closed = True
        here = self.states.peek()
        for state in self.states.clear():
            if state is here:
                await state.backend.aclose()
            else:
                _retire(state)


def _retire(state: LoopState) -> None:
    state.backend.retire()


class Client:
    """The part that the clients of single services share; see the store's own class.

    Cheap to make, and opens no connection until it is used. Use it as an async context manager, or call
    :meth:`aclose`.
    """

    def __init__(self, service: Service, auth: Auth | None, options: ClientOptions) -> None:
        self._service = service
        self._connections = Connections(options, auth, product=service.product, owner=type(self).__name__)
        self._make_resources(self._connections.sender(service))

    def _make_resources(self, sender: Sender) -> None:
        """Make the resources, each of which uses *sender*."""
        self._sender = sender

    async def send(self, call: Call[T]) -> T:
        """Send *call* and return what it parses from the response: for endpoints that lading does not model."""
        if not isinstance(call, Call):
            raise InputError(f"send: call must be a lading.Call, not a {type(call).__name__}", argument="call")
        return await self._sender.send(call)

    @checked()
    def with_options(
        self,
        *,
        auth: Auth | None = UNSET,
        timeout: Timeout | float = UNSET,
        retry: Retry | int = UNSET,
        hooks: Hook | Iterable[Hook] = UNSET,
    ) -> Self:
        """Return a copy with other settings that shares connections and slots: one process, many tenants.

        A copy need not be closed. Closing it ends the copy alone, closing the original ends its copies.

        Args:
            auth: Other credentials; ``None`` for none.
            timeout: Seconds per phase; a number sets all but ``pool``.
            retry: How long to retry; a number is the number of attempts, the first included.
            hooks: Called with every event: plain functions, or one.
        """
        other = copy.copy(self)
        other._connections = self._connections.copy(auth=auth, timeout=timeout, retry=retry, hooks=hooks)  # noqa: SLF001
        other._make_resources(other._connections.sender(self._service))  # noqa: SLF001 - of this class
        return other

    async def aclose(self) -> None:
        """Close all connections. Calls still running end with ``NetworkError``; closing twice is harmless."""
        await self._connections.aclose()

    async def __aenter__(self) -> Self:
        self._connections.loop_state()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._service.base_url}>"


class ClientOpener(Generic[C]):
    """A client whose configuration is read off the event loop when it is entered or awaited.

    ``async with PyPI.from_config() as pypi:`` ends it with the block; ``pypi = await PyPI.from_config()`` leaves that
    to ``await pypi.aclose()``.
    """

    def __init__(self, make: Callable[[], Awaitable[C]]) -> None:
        self._make = make
        self._client: C

    def __await__(self) -> Generator[Any, Any, C]:
        return self._open().__await__()

    async def _open(self) -> C:
        try:
            return await self._make()
        except LadingError as error:
            # The frames that read the configuration hold credentials, and error reporters show them.
            raise error.with_traceback(None)  # noqa: B904 - it is the same error

    async def __aenter__(self) -> C:
        self._client = await self._open()
        return await self._client.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
