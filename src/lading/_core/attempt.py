"""One complete attempt of a call: build and sign the request, send it, follow redirects, parse the response."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from lading import errors
from lading._core.api_errors import make_api_error
from lading._core.body import BytesBody, MeteredReader
from lading._core.call import NO_AUTH, SAFE_METHODS, Auth, Call, encode_query
from lading._core.messages import Request, Response
from lading._core.progress import ProgressReporter
from lading._core.redact import one_line, safe_url, scrub
from lading._core.responses import parse_response
from lading._core.unset import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from lading._core.call import CallSender
    from lading._core.messages import Backend, ResponseStream
    from lading._core.service import Service
    from lading._core.settings import ClientSettings

_SMALL_BODY = 64 * 1024
_MAX_REDIRECTS = 5
_MAX_ERROR_BODY = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What may follow a read to a host that the store redirected to but that was not configured.
_HARMLESS = {"user-agent", "accept", "accept-encoding", "range", "if-range", "if-none-match", "cache-control"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_streamed(call: Call[Any]) -> bool:
    """Return whether the call's body is sent piece by piece: a file, or one whose progress is reported."""
    body = call.body
    return body is not None and not (
        isinstance(body, BytesBody) and len(body.data) <= _SMALL_BODY and call.on_progress is None
    )


class Attempt:
    """One attempt.

    Args:
        call: The call.
        service: Where to.
        settings: The client's.
        backend: Sends the request.
        number: Which attempt it is, from 1.
        streamed: Whether a successful response is returned unread.
        sender: Makes the sender of the other calls that the credentials need, within this one's slot.
        observe: Called with the head of every response.

    Attributes:
        url: The request's URL.
        status: The status of the last response, as soon as there is one.
    """

    __slots__ = (
        "_auth",
        "_backend",
        "_body",
        "_call",
        "_content",
        "_make_sender",
        "_observe",
        "_reader",
        "_service",
        "_settings",
        "_streamed",
        "_succeeded",
        "number",
        "status",
        "url",
    )

    def __init__(
        self,
        call: Call[Any],
        service: Service,
        settings: ClientSettings,
        backend: Backend,
        *,
        number: int,
        streamed: bool,
        sender: Callable[[], CallSender],
        observe: Callable[[ResponseStream], None] | None = None,
    ) -> None:
        self._call = call
        self._service = service
        self._settings = settings
        self._backend = backend
        self._streamed = streamed
        self._make_sender = sender
        self._observe = observe
        self._reader: MeteredReader | None = None
        self._content = b"" if call.json is UNSET and call.form is None else _encode(call)
        self._succeeded = False
        self._body = b""
        self.number = number
        self.status: int | None = None
        self.url = call.url(service.base_url, safe=service.path_safe)
        if not self.url.isascii() and not _is_unicode(self.url):
            raise errors.InputError(f"{call!r}: its URL has characters that UTF-8 cannot encode", argument="path")
        auth = settings.auth if call.auth is UNSET else call.auth
        self._auth = auth if auth is not None and service.may_send_credentials(self.url) else NO_AUTH

    @property
    def sent(self) -> int:
        """Bytes of the body written so far."""
        return len(self._content) if self._reader is None else self._reader.meter.count

    async def run(self) -> Any:
        """Make the attempt; return what the call parses, or the unread response when it is streamed.

        Raises the store's error for a response that is no success.
        """
        request = self._build_request()
        if self._auth is NO_AUTH:
            stream = await self._exchange(request)
        else:
            stream = await self._exchange_signed(request)
        if not self._succeeded:
            error = self._service.error_of(self._read(stream), self._call.method, self._secrets())
            error.request_sent = stream.request_sent
            raise error
        if self._streamed:
            return stream
        self._body = await stream.read(self._call.max_response_size)
        return parse_response(self._service.name, self._call, self._read(stream))

    def _secrets(self) -> tuple[str, ...]:
        """Return what must not be shown of this call: a store may echo what another call has sent it."""
        return (*self._auth.secrets(), *self._settings.auth.secrets())

    def _read(self, stream: ResponseStream) -> Response:
        """Return the response with as much of its body as has been read."""
        return Response(stream.status, stream.headers, self._body, stream.url, stream.reason)

    def _build_request(self) -> Request:
        call, service = self._call, self._service
        headers = {
            "User-Agent": self._settings.user_agent,
            "Accept": service.accept,
            # A download is wanted byte for byte, for digests and ranges.
            "Accept-Encoding": "identity" if self._streamed else "gzip, deflate",
        }
        if service.headers:
            _replace_headers(headers, service.headers)
        if call.headers:
            _replace_headers(headers, call.headers)
        if call.body is not None:
            if call.body.content_type:
                _replace_headers(headers, {"Content-Type": call.body.content_type})
        elif call.json is not UNSET:
            _replace_headers(headers, {"Content-Type": "application/json"})
        elif call.form is not None:
            _replace_headers(headers, {"Content-Type": "application/x-www-form-urlencoded"})
        timeout = call.timeout or self._settings.timeout
        return Request(call.method, self.url, headers, timeout, keeps_after_head=service.keeps_after_head)

    async def _exchange_signed(self, request: Request) -> ResponseStream:
        """Run the auth flow, and return the last response."""
        auth = self._auth
        await auth.prepare(self._make_sender())
        flow = auth.flow(request)
        last: ResponseStream | None = None
        try:
            step = next(flow)
            while True:
                if step is Auth.PREPARE:
                    await auth.prepare(self._make_sender())
                    step = next(flow)
                    continue
                if isinstance(step, Call):
                    # Without auth, whatever it says: it would need itself again.
                    result = await self._make_sender().send(replace(step, auth=None))
                    step = flow.send(result)
                    continue
                last = stream = await self._exchange(step)
                try:
                    step = self._send_back(flow, stream)
                    if self._call.body is not None and not self._call.body.replayable:
                        flow.close()
                        return stream
                except StopIteration:
                    return stream
                except BaseException:
                    await stream.aclose()
                    raise
                await stream.aclose()
        except StopIteration:
            # The flow gave up after a step of its own. A success was closed unread before that.
            if last is None or self._succeeded:
                raise errors.ConfigError(f"the flow of {auth!r} ended without a response") from None
            return last
        finally:
            flow.close()

    def _send_back(self, flow: Generator[Request | Call[Any], Any, None], stream: ResponseStream) -> Any:
        """Return the flow's next step after a response; what it cannot read is no success of ours to lose."""
        try:
            return flow.send(self._read(stream))
        except (StopIteration, errors.LadingError, MemoryError):
            raise
        except Exception as error:
            raise errors.InvalidResponse(
                f"{self._service.name}: the credentials' flow failed on the response to {self._call.method} "
                f"{self._call.url_template}: {type(error).__name__}"
            ) from error

    async def _exchange(self, request: Request) -> ResponseStream:
        """Send *request* and follow redirects; return the response, its body read if it is no success."""
        for _ in range(_MAX_REDIRECTS + 1):
            stream = await self._send(request)
            self.status = stream.status
            try:
                if self._observe is not None:
                    self._observe(stream)
                if (
                    stream.status in _REDIRECTS
                    and "location" in stream.headers
                    and stream.status not in self._call.allow_statuses
                ):
                    request = self._follow_redirect(request, stream)
                    await stream.aclose()
                    continue
                self._succeeded = self._call.is_success(stream.status)
                self._body = b"" if self._succeeded else await self._read_error_body(stream)
            except BaseException:
                await stream.aclose()
                raise
            return stream
        raise make_api_error(
            errors.ApiError,
            self._service.name,
            f"{request.method} {self._call.url_template} was redirected more than {_MAX_REDIRECTS} times",
            status=self.status,
        )

    async def _send(self, request: Request) -> ResponseStream:
        problem = _find_bad_header(request.headers)
        if problem is not None:
            raise errors.InputError(problem, argument="headers")
        body = self._call.body
        if body is None:
            request.content = self._content
        elif isinstance(body, BytesBody) and not is_streamed(self._call):
            request.content = self._content = body.data
        else:
            return await self._send_streamed(request, MeteredReader(body, self._new_reporter(body.length)))
        try:
            return await self._backend.send(request)
        except errors.LadingError as error:
            if error.outcome == "not_done":
                self._content = b""  # none of it left
            raise

    async def _send_streamed(self, request: Request, reader: MeteredReader) -> ResponseStream:
        request.content = self._reader = reader
        try:
            stream = await self._backend.send(request)
        except BaseException:
            await reader.aclose()
            raise
        try:
            await reader.aclose()
        except BaseException:  # the caller's source failed, or was cancelled, after the response had come
            await stream.aclose()
            raise
        return stream

    def _new_reporter(self, length: int | None) -> ProgressReporter:
        return ProgressReporter(self._call.on_progress, length, self.number)

    async def _read_error_body(self, stream: ResponseStream) -> bytes:
        """Read what the store says; nothing when it cannot be read, for the status says more than that failure."""
        try:
            return await stream.read(_MAX_ERROR_BODY)
        except (errors.InvalidResponse, errors.NetworkError):
            return b""

    def _follow_redirect(self, request: Request, stream: ResponseStream) -> Request:
        """Return the request to the new URL, without credentials for a foreign host; an error when not followed."""
        try:
            moved = replace(request, url=urljoin(request.url, stream.headers["location"]))
        except ValueError:
            moved = replace(request, url="")
        own = self._service.may_send_credentials(moved.url)
        error = self._redirect_error(moved.url, stream, own=own)
        if error is not None:
            raise error
        if not own:
            moved.headers = {k: v for k, v in request.headers.items() if k.lower() in _HARMLESS}
        return moved

    def _redirect_error(self, target: str, stream: ResponseStream, *, own: bool) -> errors.ApiError | None:
        """Return why a redirect to *target*, one of the service's *own* URLs or not, is not followed."""
        call = self._call
        shown = one_line(scrub(safe_url(target), self._secrets())) or "no URL"
        text = f"{call.method} {call.url_template} was redirected to {shown}"
        detail, why = "", ""
        if call.method not in SAFE_METHODS:
            why = ". A write is never redirected: configure that URL if it is the right one"
            detail = stream.reason
        elif call.body is not None and not call.body.replayable:
            why = ", and its body cannot be sent again; not followed"
        elif not own and (call.body is not None or call.json is not UNSET or call.form is not None):
            why = ", where its body must not be sent; not followed"
        elif not self._service.may_fetch(target):
            why = ", which is not https; not followed"
        if not why:
            return None
        secrets = self._secrets()
        return make_api_error(
            errors.ApiError,
            self._service.name,
            text + why,
            detail=detail,
            status=stream.status,
            secrets=secrets,
        )


def _replace_headers(headers: dict[str, str], given: Mapping[str, str]) -> None:
    """Add the *given* headers to *headers*, in place of those with the same names in any case."""
    for name, value in given.items():
        if name not in headers:
            lower = name.lower()
            for other in [other for other in headers if other.lower() == lower]:
                del headers[other]
        headers[name] = value


def _is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode *text*: JSON may hold halves of characters, and URLs come from JSON."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _encode(call: Call[Any]) -> bytes:
    if call.form is not None:
        form = encode_query(call.form)
        if form is None:
            raise errors.InputError(f"{call!r}: form= has characters that UTF-8 cannot encode", argument="form")
        return form.encode("ascii")
    try:
        return json.dumps(call.json, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # Its text may quote the value.
        raise errors.InputError(
            f"{call!r}: json= cannot be written as JSON", argument="json"
        ) from error.with_traceback(None)


def _find_bad_header(headers: Mapping[str, str]) -> str | None:
    """Return what is wrong with what no header can carry, without the value: it, and this frame, hold credentials."""
    names: set[str] = set()
    for name, value in headers.items():
        names.add(name.lower())
        if not _HEADER_NAME.fullmatch(name):
            return f"{name[:40]!r} is not a header name"
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            return f"the value of header {name} has a character that HTTP does not allow there"
    if len(names) != len(headers):
        return "a header is given twice, its name in different case"
    return None
