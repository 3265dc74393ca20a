"""Remote services, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lading._core.call import PATH_SAFE
from lading._core.messages import Response, ResponseHead
from lading._core.responses import api_error
from lading.errors import ApiError, ConfigError

ErrorReader = Callable[["Service", Response, str, Iterable[str]], ApiError]
"""From (service, response, method, secrets to mask) to the error."""

ResponseObserver = Callable[[ResponseHead], Iterable[str]]
"""From the head of any response to the notices in it, such as a deprecation. Pure."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PORTS = {"http": 80, "https": 443}


def _default_error(service: Service, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
    return api_error(service.name, response, method=method, secrets=secrets)


@dataclass(frozen=True, slots=True)
class Service:
    """One remote service: what tells one store from another, as data.

    Attributes:
        name: What errors and events call it.
        base_url: Where relative paths start; ends in a slash.
        hosts: The origins (``https://host:port``) that credentials may be sent to. The base URL's is one.
        read_error: From a response that is no success to the error to raise. What it raises itself is caught, and
            the error is then read from the status and the usual places in the body.
        on_response: From the head of every response to the notices in it.
        headers: Sent with every request, unless the call has its own of that name.
        accept: The ``Accept`` header, where a call has none of its own.
        product: What the ``User-Agent`` begins with, at a store whose gate checks it.
        path_safe: Characters that are not percent-encoded in path parameters.
        late_work: Seconds for which the store may go on working on a request that it has received, after the
            connection has ended. Only then does the absence of a write's work prove that it was not done.
        keeps_after_head: Whether its connections are used again after a response to HEAD that announces a body. Some
            servers send that body all the same, which would be taken for the next response: ``True`` only where a
            store is known not to.
    """

    name: str
    base_url: str
    hosts: frozenset[str] = frozenset()
    read_error: ErrorReader = field(default=_default_error, repr=False)
    on_response: ResponseObserver | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    accept: str = "application/json"
    product: str = ""
    path_safe: str = PATH_SAFE
    late_work: float = 0.0
    keeps_after_head: bool = False

    def error_of(self, response: Response, method: str, secrets: Iterable[str]) -> ApiError:
        """Return the error to raise for a response that is no success."""
        secrets = tuple(secrets)
        try:
            return self.read_error(self, response, method, secrets)
        except MemoryError:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a reader of hostile bodies raises
            error = _default_error(self, response, method, secrets)
            error.add_note(f"its body could not be read: {type(failure).__name__}")
            return error

    def may_send_credentials(self, url: str) -> bool:
        """Return whether credentials may go to *url*."""
        if url.startswith(self.base_url):
            return True
        there = origin(url)
        return there in self.hosts or there == origin(self.base_url)

    def may_fetch(self, url: str) -> bool:
        """Return whether *url*, which a server gave us, may be fetched: it is https, or at a configured origin."""
        return origin(url).startswith("https://") or self.may_send_credentials(url)

    @staticmethod
    def host_of(url: str) -> str:
        """Return host and port of *url*, without user information; empty when it is no URL."""
        try:
            parts = urlsplit(url)
            _ = parts.port  # raises when it is none: part of a password, perhaps
            return parts.netloc.rpartition("@")[2]
        except ValueError:
            return ""


def origin(url: str) -> str:
    """Return scheme, host and port of *url*, the port always named; empty, which no service has, when it is no URL."""
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return ""
        return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS.get(parts.scheme, 0)}"
    except ValueError:
        return ""


def validate_base_url(
    url: str,
    what: str,
    *,
    allow_http: bool = False,
    otherwise: str = "pass allow_http=True in a network that you trust",
) -> str:
    """Return *url* with a slash at its end; ``ConfigError`` when credentials must not be sent there.

    Plain http is accepted for this machine itself, or where *allow_http* says that the network is trusted.

    Args:
        url: The URL.
        what: What the error calls it.
        allow_http: Accept plain http for any host.
        otherwise: How the caller can accept plain http; empty if there is no way.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none
    except ValueError:
        raise ConfigError(f"{what} is not a URL") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        found = "no host" if parts.scheme in _PORTS else f"the scheme {parts.scheme!r}" if parts.scheme else "no scheme"
        raise ConfigError(f"{what} must be an https:// URL, such as https://host/path/, and has {found}")
    if parts.username or parts.password:
        raise ConfigError(f"{what} has a user name or password in it: pass credentials separately (auth=)")
    if parts.query or parts.fragment:
        raise ConfigError(f"{what} must not have a query or fragment")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not allow_http:
        hint = f", or {otherwise}" if otherwise else ""
        raise ConfigError(f"{what} is http://, which exposes credentials to the network; use https://{hint}")
    return url if url.endswith("/") else url + "/"
