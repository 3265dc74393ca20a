"""Calls: requests as data, with how to read their responses and how to sign them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol
from urllib.parse import quote, urlencode

from lading._core.unset import UNSET
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator

    from typing_extensions import TypeVar

    from lading._core.body import Body
    from lading._core.messages import Request, Response
    from lading.types import OnProgress, Retry, Timeout

    T = TypeVar("T", default=Response)
    T_co = TypeVar("T_co", covariant=True)
    R = TypeVar("R")
else:
    from typing import TypeVar

    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)

Param = str | int | float | bool | None
Params = Mapping[str, Param | Sequence[Param]]

MAX_RESPONSE = 16 * 1024 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PATH_SAFE = "@:+"
"""What stays as it is in a path segment: ``@group``, ``gtk+`` and ``demo:pr:1``, as stores write them."""

_IDEMPOTENT_METHODS = SAFE_METHODS | {"PUT", "DELETE"}
_NONE: Mapping[str, Any] = MappingProxyType({})
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLACEHOLDER = re.compile(r"\{(\w+)(:path)?\}")


def _none() -> Mapping[str, Any]:
    return _NONE


class SupportsValidateJson(Protocol[T_co]):
    """A model class, which validates JSON."""

    def model_validate_json(self, json_data: bytes, /) -> T_co:
        """Validate *json_data* and return the model."""
        ...


class ServiceInfo(Protocol):
    """What an auth flow may know of the service.

    Attributes:
        name: What errors and events call it.
        base_url: Where relative paths start; ends in a slash.
    """

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str: ...


class SupportsRetry(Protocol):
    """Settings, of which an auth flow may know how long to retry.

    Attributes:
        retry: How long to retry.
    """

    @property
    def retry(self) -> Retry: ...


class CallSender(Protocol):
    """What sends a call: all that an auth flow needs to know of a sender.

    Attributes:
        service: The service.
        settings: The client's settings.
    """

    @property
    def service(self) -> ServiceInfo: ...

    @property
    def settings(self) -> SupportsRetry: ...

    def send(self, call: Call[T]) -> Awaitable[T]:
        """Send *call* and return what it parses from the response."""
        ...

    # A Service; its type stands on this module.
    def to(self, service: Any, auth: Auth | None = None) -> CallSender:
        """Return a sender to another service of the same client."""
        ...

    def with_settings(self, *, retry: Retry = ...) -> CallSender:
        """Return a sender to the same service with other settings."""
        ...

    def retrying(self, step: Callable[[int], Awaitable[R]]) -> Awaitable[R]:
        """Run ``step(number)`` under the retry rule, and return what it returns."""
        ...


class Auth:
    """How requests are authenticated. This base class leaves them unchanged.

    ``flow`` is a generator without I/O. It yields the request it was given, changed as needed, and is sent the
    :class:`Response` (with its body unless that is a success); when it yields the request again, that is sent
    again. In between it may yield another :class:`Call`, and is sent that call's result.
    Anything that waits for something other than a store belongs in ``prepare``, which is awaited before each flow, and
    once more when the flow yields ``PREPARE``.
    """

    PREPARE: ClassVar[Any] = object()

    async def prepare(self, sender: CallSender) -> None:
        """Prepare what ``flow`` needs: read a keyring or a file, or send a call (which has no credentials)."""
        del sender

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Yield the steps of one attempt."""
        yield request

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets that are masked in errors and logs, because a store may echo them."""
        return ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


NO_AUTH = Auth()
"""No credentials."""


@dataclass(frozen=True, slots=True, repr=False)
class Call(Generic[T]):
    """One request as data, and how its response is parsed.

    Args:
        method: The HTTP method, in capitals.
        path: Below the service's base URL, as a template: ``"build/{id}"``. Or an absolute http(s) URL.
        parse: A :class:`lading.Model` subclass that validates the response's JSON, or a function from
            :class:`Response` to a value. Without it the result is the :class:`Response`.
        path_params: Values of the template's placeholders, percent-encoded. ``{name}`` fills one path segment,
            ``{name:path}`` may fill several.
        params: The query. ``None`` is left out, a list repeats its name, booleans are ``true`` and ``false``.
        headers: Headers of this call alone.
        json: Sent as a JSON body, unless UNSET.
        form: Sent as a URL-encoded form, with values as in *params*.
        body: Sent as it is. Only one of *json*, *form* and *body*.
        idempotent: Whether sending it twice does no more than sending it once. By default true for GET, HEAD,
            OPTIONS, PUT and DELETE.
        auth: The credentials: by default the client's, ``None`` for none, or an :class:`Auth` for this call. They
            go to the service's own hosts only.
        success: The only statuses that are a success, instead of 2xx.
        allow_statuses: Statuses that ``parse`` accepts besides those of a success; a redirect among them is not
            followed.
        max_response_size: Bytes: a longer response that is read into memory is refused.
        template: What hooks and logs show for ``path`` when that is an absolute URL.
        timeout: Seconds by phase, instead of the client's.
        on_progress: Called with how much of the body has been sent.

    Raises:
        InputError: The arguments contradict each other, or a value cannot be a path parameter.
    """

    method: str
    path: str
    parse: Callable[[Response], T] | SupportsValidateJson[T] | None = None
    _: KW_ONLY
    path_params: Mapping[str, str | int] = field(default_factory=_none)
    params: Params = field(default_factory=_none)
    headers: Mapping[str, str] = field(default_factory=_none)
    json: Any = UNSET
    form: Params | None = None
    body: Body | None = None
    idempotent: bool | None = None
    auth: Auth | None = UNSET
    success: frozenset[int] = frozenset()
    allow_statuses: frozenset[int] = frozenset()
    max_response_size: int = MAX_RESPONSE
    template: str = ""
    timeout: Timeout | None = None
    on_progress: OnProgress | None = None

    def __post_init__(self) -> None:
        if isinstance(self.parse, type) and self.parse.__module__ == "builtins":
            raise InputError(
                f"{self!r}: parse={self.parse.__name__} cannot read a response; give a model class or a function from "
                "Response, or leave it out for the Response itself",
                argument="parse",
            )
        if (self.json is not UNSET) + (self.form is not None) + (self.body is not None) > 1:
            raise InputError(f"{self!r}: give only one of json, form and body", argument="body")
        if both := self.success & self.allow_statuses:
            raise InputError(f"{self!r}: {sorted(both)} is in success and in allow_statuses", argument="success")
        for name, value in self.path_params.items():
            given: object = value
            if not isinstance(given, (str, int)) or isinstance(given, bool):
                raise InputError(
                    f"{self!r}: path parameter {name!r} must be a str or an int, not {type(given).__name__}",
                    argument=name,
                )
        if self.headers and not all(isinstance(part, str) for pair in self.headers.items() for part in pair):
            raise InputError(f"{self!r}: names and values of headers must be str", argument="headers")
        if len(self.headers) > 1 and len({name.lower() for name in self.headers}) != len(self.headers):
            raise InputError(f"{self!r}: a header is given twice, its name in different case", argument="headers")

    def __repr__(self) -> str:
        # Nothing else: parameters, headers and bodies may carry secrets.
        return f"<Call {self.method} {self.url_template}>"

    @property
    def url_template(self) -> str:
        """The path as hooks and logs show it: no identifiers, no query."""
        return self.template or ("(url)" if _ABSOLUTE.match(self.path) else self.path.partition("?")[0])

    @property
    def repeatable(self) -> bool:
        """Whether an attempt whose outcome is unknown may be repeated."""
        return self.method in _IDEMPOTENT_METHODS if self.idempotent is None else self.idempotent

    def is_success(self, status: int) -> bool:
        """Return whether the result is parsed from a response with *status*."""
        if status in self.allow_statuses:
            return True
        return status in self.success if self.success else 200 <= status < 300

    def url(self, base_url: str, *, safe: str = PATH_SAFE) -> str:
        """Return the absolute URL at a service.

        Args:
            base_url: The service's; ends in a slash.
            safe: Characters that stay as they are in path parameters.
        """
        path = self.path
        # A URL that a server gave us may have braces of its own.
        if "{" in path and (self.path_params or not _ABSOLUTE.match(path)):
            path = _PLACEHOLDER.sub(lambda found: self._fill(found, safe), path)
        url = path if _ABSOLUTE.match(path) else base_url + path.removeprefix("/")
        if not self.params:
            return url
        query = encode_query(self.params)
        if query is None:
            raise InputError(f"{self!r}: params= has characters that UTF-8 cannot encode", argument="params")
        return f"{url}{'&' if '?' in url else '?'}{query}" if query else url

    def _fill(self, placeholder: re.Match[str], safe: str) -> str:
        name, several = placeholder[1], placeholder[2]
        try:
            value = str(self.path_params[name])
        except KeyError:
            raise InputError(f"{self!r} needs a value for {name!r}", argument=name) from None
        segments = value.split("/") if several else (value,)
        if not {"", ".", ".."}.isdisjoint(segments):
            raise InputError(f"{name} must not be {value!r}", argument=name)
        try:
            return quote(value, safe=f"{safe}/" if several else safe)
        except UnicodeEncodeError:
            raise InputError(f"{name} has characters that UTF-8 cannot encode", argument=name) from None


def encode_query(params: Params) -> str | None:
    """Encode *params* as a query string, which is a url-encoded form as well; ``None`` when UTF-8 cannot.

    It raises nothing itself, for its frame holds the values.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in params.items():
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        pairs += ((name, _to_string(one)) for one in values if one is not None)
    try:
        return urlencode(pairs)
    except UnicodeEncodeError:
        return None


def _to_string(value: Param) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
