"""What tells one store from another, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lading._core.call import Response
from lading._core.responses import api_error
from lading.errors import ApiError, ConfigError

ErrorReader = Callable[["Service", Response, str, Iterable[str]], ApiError]
"""From (service, reply, method, secrets to mask) to the error."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}


def _default_error(service: Service, reply: Response, method: str, secrets: Iterable[str]) -> ApiError:
    return api_error(service.name, reply, method=method, secrets=secrets)


@dataclass(frozen=True, slots=True)
class Service:
    """One store.

    Attributes:
        name: What errors and events call it.
        base_url: Where relative paths start; ends in a slash.
        hosts: The origins (``https://host:port``) that credentials may be sent to. The base address's is one.
        read_error: From an answer that is no success to the error to raise.
        accept: The ``Accept`` header, where a call has none of its own.
        product: What the ``User-Agent`` begins with, at a store whose gate looks at that.
    """

    name: str
    base_url: str
    hosts: frozenset[str] = frozenset()
    read_error: ErrorReader = field(default=_default_error, repr=False)
    accept: str = "application/json"
    product: str = ""

    def may_send_credentials(self, url: str) -> bool:
        """Whether credentials may go to *url*."""
        at = origin(url)
        return at in self.hosts or at == origin(self.base_url)

    def may_fetch(self, url: str) -> bool:
        """Whether *url*, which a server gave us, may be asked: it is https, or at an origin we were configured with."""
        return origin(url).startswith("https://") or self.may_send_credentials(url)

    @staticmethod
    def host_of(url: str) -> str:
        """Host and port of *url*, without user information; empty when it is no address."""
        try:
            return urlsplit(url).netloc.rpartition("@")[2]
        except ValueError:
            return ""


def origin(url: str) -> str:
    """Scheme, host and port of *url*, the port always named; empty, and so nobody's, when it is no address."""
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return ""
        return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 0)}"
    except ValueError:
        return ""


def validate_base_url(url: str, what: str, *, allow_http: bool = False) -> str:
    """*url* with a slash at its end, when it is one that credentials may be sent to; ``ConfigError`` otherwise.

    Plain http is taken for this machine itself, or where *allow_http* says that the network in between is trusted.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none
    except ValueError:
        raise ConfigError(f"{what} is not a web address") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ConfigError(f"{what} must be an https:// address, and has scheme {parts.scheme!r}")
    if parts.username or parts.password:
        raise ConfigError(f"{what} has a user name or password in it: pass credentials by themselves (auth=)")
    if parts.query or parts.fragment:
        raise ConfigError(f"{what} must not have a query or fragment")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not allow_http:
        raise ConfigError(f"{what} is http://, which shows credentials to the network in between; use https://")
    return url if url.endswith("/") else url + "/"
