"""From a URL to the origin that a connection leads to, and what is requested of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from lading._http.errors import UnsendableRequest
from lading._http.pool import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

_PORTS = {"http": 80, "https": 443}
# Requested as it is; whatever else is percent-encoded first.
_TARGET = re.compile(r"/[!$%&'()*+,\-./0-9:;=?@A-Z\[\\\]^_a-z|~]*")
_TARGET_SAFE = "!$%&'()*+,-./:;=?@[\\]^_|~"
# What a name or an address may consist of (RFC 3986 3.2.2); parsers disagree about anything else.
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%-]+")
_LITERAL = re.compile(r"\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~%-]+)?\](?::[0-9]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Destination(NamedTuple):
    """Where a request goes.

    Attributes:
        origin: The origin.
        host: The ``Host`` header: without a default port, and without user information.
        target: The path with its query, percent-encoded.
    """

    origin: Origin
    host: str
    target: str

    def __repr__(self) -> str:
        return f"<Destination {self.host}>"  # the query may hold credentials


class UrlSplitter:
    """Splits URLs, and remembers the origins of one client."""

    def __init__(self) -> None:
        self._origins: dict[str, tuple[Origin, str]] = {}

    def split(self, url: str, to_ascii: Callable[[str], str] | None = None) -> Destination:
        """Split an absolute http(s) URL.

        Args:
            url: The URL.
            to_ascii: Encodes a host name that is not ASCII; without it such a name is refused.

        Raises:
            UnsendableRequest: It is no such URL.
        """
        start = url.find("://") + 3
        end = url.find("/", start)
        root, target = (url, "/") if end < 0 else (url[:end], url[end:])
        known = self._origins.get(root)
        if known is None:
            if _CONTROL.search(url):
                raise UnsendableRequest("the URL has a control character")
            if "?" in root or "#" in root:  # a query without a path
                at = min(i for i in (root.find("?"), root.find("#")) if i >= 0)
                root, target = root[:at], "/" + url[at:]
            known = _parse_root(root, to_ascii)
            if len(self._origins) < 1000:
                self._origins[root] = known
        if not _TARGET.fullmatch(target):
            target = _encode_target(target)
        return Destination(known[0], known[1], target)


def _parse_root(root: str, to_ascii: Callable[[str], str] | None) -> tuple[Origin, str]:
    try:
        parts = urlsplit(root)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:  # its text may quote a password
        raise UnsendableRequest("the URL has no valid host and port") from None
    if scheme not in _PORTS:
        raise UnsendableRequest(f"the URL has scheme {scheme!r}, not http or https")
    if not host or any(c.isspace() for c in host):
        raise UnsendableRequest("the URL has no host")
    if not host.isascii():
        if to_ascii is None:
            raise UnsendableRequest("the URL's host is not ASCII")
        host = to_ascii(host)
    after_user = parts.netloc.rpartition("@")[2]
    if not (_LITERAL.fullmatch(after_user) if "[" in after_user else _HOST.fullmatch(host)) or port == 0:
        raise UnsendableRequest("the URL has no valid host and port")
    port = port or _PORTS[scheme]
    shown = f"[{host}]" if "[" in after_user else host
    return Origin(scheme, host, port), shown if port == _PORTS[scheme] else f"{shown}:{port}"


def _encode_target(target: str) -> str:
    if _CONTROL.search(target):
        raise UnsendableRequest("the URL has a control character")
    path = target.partition("#")[0]
    try:
        return quote(path, safe=_TARGET_SAFE)
    except UnicodeEncodeError:
        raise UnsendableRequest("the URL has characters that UTF-8 cannot encode") from None
