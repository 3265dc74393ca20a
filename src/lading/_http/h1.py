"""Heads of HTTP/1.1: the bytes of a request's, checked; a response's, parsed; and how its body ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lading._http.errors import ProtocolError, UnsendableRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import h11

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_FRAMING = (b"content-length", b"transfer-encoding")
_MAX_HEAD = 64 * 1024
# Interim responses (100 Continue, 103 Early Hints) before the response itself.
_MAX_INTERIM = 32

# A head as nearly every server sends it; whatever else HTTP allows, or does not, h11 decides.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: ([\t\x20-\x7e]*))?\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t ]*(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?[\t ]*\r\n)+)\r\n"
)
_PLAIN_FIELD = re.compile(r"([^:\r\n]+):[\t ]*(.*?)[\t ]*\r\n")

Fields = list[tuple[str, str]]


def encode_fields(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode header lines; ``UnsendableRequest`` where a line could end early. Values are never quoted in errors."""
    lines: list[bytes] = []
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise UnsendableRequest(f"{name[:40]!r} is not a header name")
        if not _VALUE.fullmatch(value):
            raise UnsendableRequest(
                f"the value of header {name.decode()} has a line break, a control character or spaces around it"
            )
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)


def encode_head(method: bytes, target: bytes, fields: bytes) -> bytes:
    """Encode a request's head.

    Args:
        method: The method.
        target: The path with its query; or what CONNECT and proxies take.
        fields: The header lines, as :func:`encode_fields` gives them.
    """
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise UnsendableRequest("the method or URL has a character that HTTP does not allow there")
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, fields)


def body_length(
    headers: Iterable[tuple[bytes, bytes]], content: bytes | None, streamed: int | None = None
) -> int | None:
    """Return what *headers* say about the body's length; ``None`` when they do not, or it is chunked.

    ``UnsendableRequest`` when they contradict themselves, or the body: what follows the end that the server sees
    would be the beginning of the next request.

    Args:
        headers: The headers.
        content: A body in memory; ``None`` for a streamed one.
        streamed: The length of a streamed body, where known.
    """
    found = [(lower, value) for name, value in headers if (lower := name.lower()) in _FRAMING]
    if not found:
        return None
    name, value = found[0]
    if name == b"transfer-encoding":
        length, good = None, content is None and streamed is None and value.lower() == b"chunked"
    else:
        length = int(value) if _LENGTH.fullmatch(value) else None
        known = streamed if content is None else len(content)
        good = length is not None and known in (None, length)
    if len(found) > 1 or not good:
        raise UnsendableRequest("Content-Length and Transfer-Encoding do not fit each other, or the body")
    return length


@dataclass(slots=True)
class ResponseHead:
    """A response's head.

    Attributes:
        status: 200 to 599.
        reason: The reason phrase.
        fields: As sent, names in lower case.
        length: Bytes of the body; ``None`` for chunked or until the connection ends.
        chunked: Whether h11 takes the body apart.
        keep_alive: Whether the connection may be used again afterwards.
    """

    status: int
    reason: str
    fields: Fields
    length: int | None
    chunked: bool
    keep_alive: bool


def parse_plain_head(method: str, data: bytes, *, keep: bool = False) -> tuple[ResponseHead, bytes] | None:
    """Parse a head that is complete, and as plain as nearly all are; return it with the bytes after it.

    Accepts HTTP/1.1, a status of 200 to 599, ASCII, CRLF, no folded lines, exactly one all-digit Content-Length and no
    Transfer-Encoding. ``None`` for any other, which h11 decides about: the two agree wherever this one accepts.

    Args:
        method: The request's method: a response to HEAD has no body.
        data: The first bytes of the response.
        keep: Whether a response without a body may announce one and leave the connection as it is.
    """
    found = _PLAIN_HEAD.match(data, 0, _MAX_HEAD)
    if found is None:
        return None
    fields: Fields = []
    length, keep_alive = "", True
    for given, value in _PLAIN_FIELD.findall(found[3].decode("ascii")):
        name = given.lower()
        fields.append((name, value))
        if name == "content-length":
            if length or not (value.isdigit() and len(value) <= 18):
                return None
            length = value
        elif name == "transfer-encoding":
            return None
        elif name == "connection" and "close" in value.lower():
            keep_alive = keep_alive and "close" not in [option.strip() for option in value.lower().split(",")]
    if not length:
        return None
    status = int(found[1])
    reason = (found[2] or b"").decode("ascii")
    if method == "HEAD" or status in (204, 304):
        # Servers that send the announced body all the same send it when they like: as the next response's beginning.
        keep_alive = keep_alive and (keep or not int(length))
        length = "0"
    return ResponseHead(status, reason, fields, int(length), False, keep_alive), data[found.end() :]


class ResponseParser:
    """Parses one response. What is not plain is parsed by h11, which knows the method and nothing of the body sent.

    Args:
        method: The request's method.
        plain: Whether :func:`parse_plain_head` goes first.
        keep: As of :func:`parse_plain_head`.
    """

    __slots__ = ("_fed", "_h11", "_interim", "_keep", "_method", "_plain", "_rest")

    def __init__(self, method: str, *, plain: bool = True, keep: bool = False) -> None:
        self._method = method
        self._keep = keep
        self._plain = plain
        self._h11: Any = None
        self._rest = b""
        self._fed = 0
        self._interim = 0

    def feed(self, data: bytes) -> ResponseHead | None:
        """Return the head as soon as it is complete; informational ones are passed over. ``b""`` is the end."""
        if self._plain:
            self._plain = False
            if (found := parse_plain_head(self._method, data, keep=self._keep)) is not None:
                head, self._rest = found
                return head
        return self._feed_h11(data)

    def _feed_h11(self, data: bytes) -> ResponseHead | None:
        h11 = _h11()
        event: Any
        connection = self._h11
        if connection is None:
            connection = self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
            connection.send(_h11_request(self._method))
        self._fed += len(data)
        try:
            if data:
                connection.receive_data(data)
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Response):
                    # h11 bounds a head that comes in pieces only.
                    if self._fed - len(connection.trailing_data[0]) > _MAX_HEAD:
                        raise ProtocolError("the head of the response is too long")
                    return self._read_head(event)
                if not isinstance(event, h11.InformationalResponse):
                    break
                self._interim += 1
                if self._interim > _MAX_INTERIM:
                    raise ProtocolError(f"more than {_MAX_INTERIM} interim responses")
                if event.status_code == 101:
                    raise ProtocolError("the server switched protocols without being asked to")
        except h11.RemoteProtocolError as error:
            raise ProtocolError(f"the response is not HTTP/1.1: {_kind(error)}") from None
        if not data:
            raise ProtocolError("the server closed the connection without a response")
        return None

    def _read_head(self, event: h11.Response) -> ResponseHead:
        fields = _decode_fields(list(event.headers))
        found = dict(fields)
        chunked = "transfer-encoding" in found
        # h11 has checked it, and that there is only one.
        length = int(found["content-length"]) if "content-length" in found else None
        options = {o.strip().lower() for name, v in fields if name == "connection" for o in v.split(",")}
        keep_alive = "close" not in options and (event.http_version == b"1.1" or "keep-alive" in options)
        if chunked:
            # With both, or in HTTP/1.0, two readers may disagree about where the body ends (RFC 9112 6.1).
            keep_alive = keep_alive and length is None and event.http_version == b"1.1"
            length = None
        if self._method == "HEAD" or event.status_code in (204, 304):
            # As in a plain head. 204 and 304 need not announce anything to have no body; a response to HEAD may not.
            announced = chunked or length or (length is None and self._method == "HEAD")
            keep_alive, length, chunked = keep_alive and (self._keep or not announced), 0, False
        elif length is None and not chunked:
            keep_alive = False
        reason = bytes(event.reason).decode("ascii", "ignore")
        return ResponseHead(event.status_code, reason, fields, length, chunked, keep_alive)

    def add(self, data: bytes) -> None:
        """Take more of what comes after the head."""
        if self._h11 is None:
            self._rest += data
        else:
            self._h11.receive_data(data)

    def rest(self) -> bytes:
        """Return what came after the head; of a chunked response, once it is complete, what came after its body."""
        return self._rest if self._h11 is None else bytes(self._h11.trailing_data[0])

    def chunk(self, data: bytes | None) -> bytes | None:
        """Return the next piece of a chunked body; ``b""`` when more is needed, ``None`` at its end."""
        h11 = _h11()
        event: Any
        assert self._h11 is not None  # noqa: S101 - a chunked head was h11's
        try:
            if data is not None:
                self._h11.receive_data(data)
            event = self._h11.next_event()
        except h11.RemoteProtocolError as error:
            raise ProtocolError(f"the response's chunks are broken: {_kind(error)}") from None
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            return None
        if data == b"":
            raise ProtocolError("the response ended in the middle of its chunks")
        return b""


def _decode_fields(headers: list[tuple[bytes, bytes]]) -> Fields:
    """Decode header fields: UTF-8 where all are, else Latin-1."""
    try:
        return [(name.decode("ascii"), value.decode("utf-8")) for name, value in headers]
    except UnicodeDecodeError:
        return [(name.decode("ascii"), value.decode("latin-1")) for name, value in headers]


def _h11() -> Any:
    # The transport has it loaded off the event loop before the first connection: most programs never need it.
    import h11  # noqa: PLC0415

    return h11


_h11_requests: dict[str, h11.Request] = {}


def _h11_request(method: str) -> h11.Request:
    """Return what h11 needs to know of the request. Its own checks of the real head would cost nine times ours."""
    request = _h11_requests.get(method)
    if request is None:
        request = _h11().Request(method=method, target="/", headers=[("host", "-")])
        if len(_h11_requests) < 16:
            _h11_requests[method] = request
    return request


def _kind(error: Exception) -> str:
    """Return what h11 found wrong, without what it found it in: that may quote a secret."""
    return str(error).partition(":")[0]
