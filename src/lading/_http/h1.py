"""The bytes of a request's head, checked; and how an answer's body ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11
import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_FRAMING = (b"content-length", b"transfer-encoding")
_MAX_HEAD = 64 * 1024


def request_head(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head as sent; ``LocalProtocolError`` where a line could end early. Values are never quoted in errors."""
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the method or address has a character that HTTP does not allow there")
    lines = [b"%b %b HTTP/1.1" % (method, target)]
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise httpx.LocalProtocolError(f"{name[:40]!r} is not a header name")
        if not _VALUE.fullmatch(value):
            raise httpx.LocalProtocolError(
                f"the value of header {name.decode()} has a line break, a control character or spaces around it"
            )
        lines.append(b"%b: %b" % (name, value))
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def body_length(headers: Iterable[tuple[bytes, bytes]], content: bytes | None) -> int | None:
    """What *headers* say about the body's length; ``None`` when they do not, or it is chunked.

    ``LocalProtocolError`` when they contradict themselves, or the *content* where that is at hand: what follows the end
    that the server sees would be the beginning of the next request.
    """
    found = [(lower, value) for name, value in headers if (lower := name.lower()) in _FRAMING]
    if not found:
        return None
    name, value = found[0]
    if name == b"transfer-encoding":
        length, good = None, content is None and value.lower() == b"chunked"
    else:
        length = int(value) if _LENGTH.fullmatch(value) else None
        good = length is not None and (content is None or length == len(content))
    if len(found) > 1 or not good:
        raise httpx.LocalProtocolError("Content-Length and Transfer-Encoding do not fit each other, or the body")
    return length


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """An answer's head.

    Attributes:
        status: 200 to 599.
        reason: The reason phrase.
        headers: As sent, names in lower case.
        length: Bytes of the body; ``None`` for chunked or until the connection ends.
        chunked: Whether h11 takes the body apart.
        keep_alive: Whether the connection may be used again afterwards.
    """

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    length: int | None
    chunked: bool
    keep_alive: bool


class ResponseParser:
    """One answer, taken apart by h11, which is told only what was asked and never about the body sent."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._h11.send(_h11_request(method))

    def feed(self, data: bytes) -> ResponseHead | None:
        """The head as soon as it is complete; informational ones are passed over. ``b""`` is the end."""
        try:
            if data:
                self._h11.receive_data(data)
            while True:
                event = self._h11.next_event()
                if isinstance(event, h11.Response):
                    return self._head(event)
                if not isinstance(event, h11.InformationalResponse):
                    break
                if event.status_code == 101:
                    raise httpx.RemoteProtocolError("the server switched protocols without being asked")
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(f"the answer is not HTTP/1.1: {_kind(error)}") from None
        if not data:
            raise httpx.RemoteProtocolError("the server ended the connection without an answer")
        return None

    def _head(self, event: h11.Response) -> ResponseHead:
        headers = list(event.headers)
        found = dict(headers)
        bare = self._method == "HEAD" or event.status_code in (204, 304)
        chunked = not bare and b"transfer-encoding" in found
        length = 0 if bare else None
        if not bare and not chunked and b"content-length" in found:
            length = int(found[b"content-length"])  # h11 has checked it, and that there is only one
        options = {o.strip().lower() for name, v in headers if name == b"connection" for o in v.split(b",")}
        keep_alive = b"close" not in options and (event.http_version == b"1.1" or b"keep-alive" in options)
        framed = length is not None or chunked
        return ResponseHead(event.status_code, event.reason, headers, length, chunked, keep_alive and framed)

    def rest(self) -> bytes:
        """What came after the head of an answer that is not chunked."""
        return bytes(self._h11.trailing_data[0])

    def chunk(self, data: bytes | None) -> bytes | None:
        """The next piece of a chunked body; ``b""`` when more is needed, ``None`` at its end."""
        try:
            if data is not None:
                self._h11.receive_data(data)
            event = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(f"the answer's chunks are broken: {_kind(error)}") from None
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            return None
        if data == b"":
            raise httpx.RemoteProtocolError("the answer ended in the middle of its chunks")
        return b""


_asked_before: dict[str, h11.Request] = {}


def _h11_request(method: str) -> h11.Request:
    """What h11 needs to know of the request. Its own checks of the real head would cost nine times ours."""
    request = _asked_before.get(method)
    if request is None:
        request = h11.Request(method=method, target="/", headers=[("host", "-")])
        if len(_asked_before) < 16:
            _asked_before[method] = request
    return request


def _kind(error: h11.RemoteProtocolError) -> str:
    """What h11 found wrong, without what it found it in: that may quote a secret."""
    return str(error).partition(":")[0]
