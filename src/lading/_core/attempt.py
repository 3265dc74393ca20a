"""One attempt of a call: building the request, the auth flow, redirects, and judging the answer's head."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from lading import errors
from lading._core.auth import Auth
from lading._core.body import BytesBody, MeteredReader
from lading._core.call import SAFE_METHODS, UNSET, Call, Request, Response
from lading._core.progress import ProgressReporter
from lading._core.redact import one_line, safe_url, scrub
from lading.types import Retry, Timeout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.call import Backend, ResponseStream
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading.types import Hook

_SMALL_BODY = 64 * 1024
_MAX_REDIRECTS = 5
_MAX_ERROR_BODY = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What may follow a read to a host that the store sent us to but that was not configured.
_HARMLESS = {"user-agent", "accept", "accept-encoding", "range", "if-range", "if-none-match", "cache-control"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_AUTH = Auth()


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What ``with_options`` may change: shared by all resources of one client."""

    auth: Auth = _NO_AUTH
    timeout: Timeout = field(default_factory=Timeout)
    retry: Retry = field(default_factory=Retry)
    hooks: tuple[Hook, ...] = ()
    user_agent: str = "lading"


def is_streamed(call: Call[Any]) -> bool:
    """Whether the call's body is sent piece by piece: a file, or what somebody watches the progress of."""
    body = call.body
    return body is not None and not (
        isinstance(body, BytesBody) and len(body.data) <= _SMALL_BODY and call.on_progress is None
    )


class Attempt:
    """One attempt.

    Attributes:
        sent: Bytes of the body written so far, for the event.
    """

    def __init__(
        self,
        call: Call[Any],
        service: Service,
        settings: ClientSettings,
        exchange: Backend,
        *,
        number: int,
        streamed_answer: bool,
    ) -> None:
        self._call = call
        self._service = service
        self._settings = settings
        self._exchange = exchange
        self._number = number
        self._streamed_answer = streamed_answer
        self._reader: MeteredReader | None = None
        self._content = b"" if call.json is UNSET else _encode_json(call)

    @property
    def sent(self) -> int:
        """Bytes of the body written so far."""
        return len(self._content) if self._reader is None else self._reader.meter.count

    async def send(self, sender: Sender) -> tuple[ResponseStream, Response]:
        """A good answer, its body not read yet, and its head as a reply; the error that the store gave otherwise.

        Args:
            sender: Makes the other calls that the credentials want made, within this one's slot.
        """
        request = self._build_request()
        trusted = self._call.auth and self._service.may_send_credentials(request.url)
        auth = self._settings.auth if trusted else _NO_AUTH
        await auth.prepare(sender)
        flow = auth.flow(request)
        try:
            step = next(flow)
            while True:
                if step is Auth.PREPARE:
                    await auth.prepare(sender)
                    step = next(flow)
                    continue
                if isinstance(step, Call):
                    # Without auth, whatever it says: it would ask for itself again.
                    step = flow.send(await sender.send(replace(step, auth=False)))
                    continue
                incoming, reply = await self._send(step)
                try:
                    step = flow.send(reply)
                except StopIteration:
                    return await self._raise_for_status(incoming, reply, auth)
                except BaseException:
                    await incoming.aclose()
                    raise
                if self._call.body is not None and not self._call.body.replayable:
                    return await self._raise_for_status(incoming, reply, auth)
                await incoming.aclose()
        finally:
            flow.close()

    async def _raise_for_status(
        self, incoming: ResponseStream, reply: Response, auth: Auth
    ) -> tuple[ResponseStream, Response]:
        if reply.status // 100 == 2 or reply.status in self._call.allow_statuses:
            return incoming, reply
        await incoming.aclose()
        raise self._service.read_error(self._service, reply, self._call.method, auth.secrets())

    def _build_request(self) -> Request:
        call, settings = self._call, self._settings
        headers = {
            "User-Agent": settings.user_agent,
            "Accept": self._service.accept,
            # A download is wanted byte for byte, for digests and ranges.
            "Accept-Encoding": "identity" if self._streamed_answer else "gzip, deflate",
            **call.headers,
        }
        if call.json is not UNSET:
            headers["Content-Type"] = "application/json"
        elif call.body is not None and call.body.content_type:
            headers["Content-Type"] = call.body.content_type
        return Request(call.method, call.url(self._service.base_url), headers, settings.timeout)

    async def _send(self, request: Request) -> tuple[ResponseStream, Response]:
        """The answer after redirects; with an error's body in the reply."""
        status = 0
        for _ in range(_MAX_REDIRECTS + 1):
            incoming = await self._exchange_once(request)
            try:
                if incoming.status in _REDIRECTS and "location" in incoming.headers:
                    status = incoming.status
                    request = self._follow_redirect(request, incoming)
                    await incoming.aclose()
                    continue
                body = b""
                if incoming.status >= 400 and incoming.status not in self._call.allow_statuses:
                    body = await self._error_body(incoming)
            except BaseException:
                await incoming.aclose()
                raise
            return incoming, Response(incoming.status, incoming.headers, body, incoming.url, incoming.reason)
        raise errors.ApiError(
            f"{self._service.name}: {request.method} {self._call.url_template} was redirected more than "
            f"{_MAX_REDIRECTS} times",
            service=self._service.name,
            status=status,
        )

    async def _exchange_once(self, request: Request) -> ResponseStream:
        _check_headers(request.headers)
        body = self._call.body
        if body is None:
            request.content = self._content
        elif isinstance(body, BytesBody) and not is_streamed(self._call):
            request.content = self._content = body.data
        else:
            meter = ProgressReporter(self._call.on_progress, body.length, self._number)
            request.content = self._reader = MeteredReader(body, meter)
        try:
            return await self._exchange.send(request)
        except errors.LadingError as error:
            if error.outcome == "not_done":
                self._content = b""  # none of it left
            raise
        finally:
            if self._reader is not None:
                await self._reader.aclose()

    async def _error_body(self, incoming: ResponseStream) -> bytes:
        """What the store said; nothing when it cannot be read, for the status says more than that failure."""
        try:
            return await incoming.read(_MAX_ERROR_BODY)
        except (errors.InvalidResponse, errors.NetworkError):
            return b""

    def _follow_redirect(self, request: Request, incoming: ResponseStream) -> Request:
        name, call = self._service.name, self._call
        try:
            target = urljoin(request.url, incoming.headers["location"])
        except ValueError:
            target = ""
        secrets = self._settings.auth.secrets()
        shown = one_line(scrub(safe_url(target), secrets)) or "no address"
        if call.method not in SAFE_METHODS:
            raise errors.ApiError(
                f"{name}: {call.method} {call.url_template} was redirected to {shown}. A write is never redirected: "
                "configure that address if it is the right one",
                service=name,
                status=incoming.status,
                detail=one_line(scrub(incoming.reason, secrets)),
            )
        if self._service.may_send_credentials(target):
            return replace(request, url=target)
        why = "" if self._service.may_fetch(target) else "which is not https"
        if call.body is not None or call.json is not UNSET:
            why = "where its body is not to be shown"
        if why:
            raise errors.ApiError(
                f"{name}: {call.method} {call.url_template} was redirected to {shown}, {why}; not followed",
                service=name,
                status=incoming.status,
            )
        headers = {k: v for k, v in request.headers.items() if k.lower() in _HARMLESS}
        return replace(request, url=target, headers=headers)


def _encode_json(call: Call[Any]) -> bytes:
    try:
        return json.dumps(call.json, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # Its text may quote the value.
        raise errors.InputError(f"{call!r}: json= cannot be written as JSON", argument="json") from error


def _check_headers(headers: Mapping[str, str]) -> None:
    """``InputError`` for what no header can carry. Said here, for an HTTP library may quote the value."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise errors.InputError(f"{name[:40]!r} is not a header name", argument="headers")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise errors.InputError(
                f"the value of header {name} has a character that HTTP does not allow there", argument="headers"
            )
