"""Requests and answers as data: what a resource builds, and what it reads."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import quote, urlencode

from lading._core.redact import safe_url
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lading._core.body import Body, MeteredReader
    from lading.types import OnProgress, Timeout

T = TypeVar("T")

Param = str | int | float | bool | None
Params = Mapping[str, Param | Sequence[Param]]

MAX_ANSWER = 16 * 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
_NONE: Mapping[str, Any] = MappingProxyType({})
_HOLE = re.compile(r"\{(\w+)\}")


def _none() -> Mapping[str, Any]:
    return _NONE


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()
"""Not given, where a store tells that apart from ``None``."""


@dataclass(frozen=True, slots=True, repr=False)
class Call(Generic[T]):
    """One request as data, with how to read its answer.

    Args:
        method: The HTTP method, in capitals.
        path: Below the store's base address, as a template: ``"build/{id}"``. Or a whole http(s) address.
        read: A model class to validate the answer's JSON with, or a function from :class:`Response` to a value.
        at: Values for the template's holes; each is percent-encoded and fills exactly one path segment.
        params: The query. ``None`` is left out, a list repeats its name, booleans are ``true`` and ``false``.
        headers: Headers of this call alone.
        json: Sent as a JSON body, unless UNSET.
        body: Sent as it is. Only one of *json* and *body*.
        idempotent: Whether sending it twice does no more than sending it once. By default true for GET, HEAD,
            OPTIONS, PUT and DELETE.
        auth: Whether the client's credentials go with it.
        accept: Statuses besides 2xx that ``read`` wants to see for itself.
        max_answer: Bytes: a longer answer read into memory is refused.
        label: What hooks and logs show for ``path`` when that is a whole address.
        on_progress: Told how much of the body has been sent.
    """

    method: str
    path: str
    parse: type[T] | Callable[[Response], T]
    _: KW_ONLY
    path_params: Mapping[str, str | int] = field(default_factory=_none)
    params: Params = field(default_factory=_none)
    headers: Mapping[str, str] = field(default_factory=_none)
    json: Any = UNSET
    body: Body | None = None
    idempotent: bool | None = None
    auth: bool = True
    allow_statuses: frozenset[int] = frozenset()
    max_response_size: int = MAX_ANSWER
    template: str = ""
    on_progress: OnProgress | None = None

    def __repr__(self) -> str:
        # Nothing else: parameters, headers and bodies may carry secrets.
        return f"<Call {self.method} {self.url_template}>"

    @property
    def url_template(self) -> str:
        """The path as hooks and logs show it: no identifiers, no query."""
        if self.template:
            return self.template
        return self.path if "://" not in self.path else "(address)"

    @property
    def repeatable(self) -> bool:
        """Whether an attempt whose outcome is unknown may simply be made again."""
        return self.method in _IDEMPOTENT_METHODS if self.idempotent is None else self.idempotent

    def url(self, base_url: str) -> str:
        """The whole address, for a store at *base_url* (which ends in a slash)."""
        # An address that a server gave us may have braces of its own.
        path = self.path if "://" in self.path and not self.path_params else _HOLE.sub(self._segment, self.path)
        url = path if "://" in path else base_url + path.removeprefix("/")
        if not self.params:
            return url
        query = encode_query(self.params)
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def _segment(self, hole: re.Match[str]) -> str:
        name = hole[1]
        try:
            value = str(self.path_params[name])
        except KeyError:
            raise InputError(f"{self!r} needs a value for {name!r}", argument=name) from None
        if value in {"", ".", ".."}:
            raise InputError(f"{name} must not be {value!r}", argument=name)
        try:
            # "@group", "gtk+" and "demo:pr:1" stay as they are, as stores and their official clients write them.
            return quote(value, safe="@:+")
        except UnicodeEncodeError:
            raise InputError(f"{name} has characters that UTF-8 cannot write", argument=name) from None


def encode_query(params: Params) -> str:
    """*params* as a query string."""
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        pairs += ((name, _text(one)) for one in values if one is not None)
    return urlencode(pairs)


def _text(value: Param) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """An answer read into memory.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name; repeated ones are joined with ``", "``.
        body: The bytes, content encoding undone.
        url: The address that answered, after redirects.
        reason: The reason phrase; empty where the protocol has none (HTTP/2).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        return f"<Response {self.status} from {safe_url(self.url)}, {len(self.body)} bytes>"

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text: UTF-8, bad bytes replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; ``ValueError`` when it is none."""
        try:
            return jsonlib.loads(self.body)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


@dataclass(slots=True, repr=False)
class Request:
    """One attempt, ready for the wire: what an auth flow may still change and an exchange sends."""

    method: str
    url: str
    headers: dict[str, str]
    timeout: Timeout
    content: bytes | MeteredReader | None = None
    body: Body | None = None
    may_redirect: bool = False

    def __repr__(self) -> str:
        return f"<Outgoing {self.method} {safe_url(self.url)}>"


class ResponseStream(Protocol):
    """An answer whose head has arrived; its body is read piece by piece.

    Iterating gives the raw pieces (content encoding still on), each a few hundred KiB at most.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    reason: str

    async def read(self, limit: int) -> bytes:
        """The whole body, content encoding undone; ``InvalidResponse`` above *limit* bytes. Closes."""
        ...

    async def read_into(self, buffer: memoryview) -> int:
        """How many bytes of the body, as sent, were put into *buffer*; 0 at its end."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Give the connection back, or end it when the body was not read to its end."""
        ...


class Backend(Protocol):
    """The seam to an HTTP library: sends one request, once."""

    async def send(self, request: Request) -> ResponseStream:
        """The answer's head. Raises only errors of ours, and what the body's source or callback raised."""
        ...

    async def aclose(self) -> None:
        """Close what this exchange opened."""
        ...
