"""Why an exchange over the transport failed, before it becomes an error of lading's or of httpx's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.redact import one_line, scrub
from lading.errors import NetworkError, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.errors import Phase, WriteOutcome


class TransportError(Exception):
    """An exchange failed.

    Attributes:
        phase: Where it failed; as :attr:`lading.NetworkError.phase`.
        timed_out: Whether it took too long.
        request_sent: Whether the last byte of the request had left.
        final: Whether another attempt would end the same way.
    """

    timed_out = False

    def __init__(self, message: str, phase: Phase, *, final: bool = False) -> None:
        super().__init__(message)
        self.phase: Phase = phase
        self.request_sent = False
        self.final = final


class ConnectFailed(TransportError):
    """No connection could be made."""

    def __init__(self, message: str, phase: Phase = "connect", *, final: bool = False) -> None:
        super().__init__(message, phase, final=final)


class WriteFailed(TransportError):
    """The connection was lost while the request was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "send")


class ReadFailed(TransportError):
    """The connection was lost before the response was complete."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "receive")


class ProtocolError(TransportError):
    """The response is not HTTP/1.1, or ended too early."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "receive")


class TimedOut(TransportError):
    """A phase took longer than its timeout."""

    timed_out = True


class UnsendableRequest(Exception):
    """The request cannot be sent as it is. The message never quotes header values."""


_DESCRIPTIONS: Mapping[Phase, str] = {
    "resolve": "the name could not be resolved",
    "connect": "no connection",
    "tls": "the TLS connection was refused by this side or the other",
    "proxy": "the proxy would not connect",
    "pool": "no connection was free",
    "send": "the connection was lost while the request was sent",
    "receive": "the connection was lost before the response was complete",
}


def network_error(
    error: Exception, host: str, phase: Phase, *, timed_out: bool, request_sent: bool, final: bool = False
) -> NetworkError:
    """Make the error that callers get.

    Args:
        error: What happened.
        host: Host and port of the request.
        phase: Where it happened.
        timed_out: Whether a phase took too long.
        request_sent: Whether the last byte of the request had left.
        final: Whether another attempt would end the same way.
    """
    outcome: WriteOutcome = "unknown" if phase in ("send", "receive") else "not_done"
    reason = describe(error)
    if timed_out:
        return RequestTimeout(f"{host}: timed out: {reason}", phase=phase, outcome=outcome, request_sent=request_sent)
    text = f"{host}: {_DESCRIPTIONS[phase]}: {reason}"
    if phase == "tls" and "certificate" in text:
        text += ". If the server is yours, pass its CA certificates (tls=)"
    return NetworkError(text, phase=phase, outcome=outcome, request_sent=request_sent, final=final)


def without_frames(error: BaseException) -> BaseException:
    """Return *error* without the frames it passed, nor those of its causes: their variables hold credentials."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


def describe(error: BaseException) -> str:
    """Return the message of *error* in one line, without what looks like a secret."""
    return one_line(scrub(str(error))) or type(error).__name__
