"""Requests made by aiobotocore's clients, over lading's transport and under lading's retry rule."""

from __future__ import annotations

import io
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import anyio
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpxsession import HttpxSession
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError

from lading._core.body import BytesBody
from lading._core.call import Call
from lading.errors import ApiError, InvalidResponse, LadingError
from lading.s3._aws.errors import (
    EXPIRED,
    bucket_region_of,
    client_error,
    invalid_response,
    translate_botocore_errors,
    unreadable_file,
)
from lading.s3._aws.logs import suppress_botocore_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lading._core.body import Body
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.s3._aws.renewal import Renewal
    from lading.types import OnProgress

# Redirects among them: a request is sent to the hosts that botocore chose, and to none that a server names.
_EVERY_STATUS = frozenset(range(300, 600))
_PAGE = re.compile(rb"(?i)\s*(?:<!doctype html|<html)")
_MAX_RESPONSE = 16 * 1024 * 1024


class BotocoreBody(io.RawIOBase):
    """A body that botocore treats as a file and lading streams: botocore reads none of it."""

    def __init__(self, body: Body, on_progress: OnProgress | None) -> None:
        super().__init__()
        self.body = body
        self.on_progress = on_progress

    def __len__(self) -> int:
        return self.body.length or 0

    def readable(self) -> bool:
        """Return true: botocore checks it."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Do nothing: botocore rewinds before an attempt, and every attempt opens the body anew."""
        del offset, whence
        return 0


@dataclass(slots=True)
class _RequestContext:
    """Which of lading's requests botocore is sending.

    Attributes:
        sender: Sends it.
        operation: What events call it.
        attempt: The number of the attempt.
        streamed: Whether a successful response is kept in *response*, its body unread.
        response: That response.
        is_page: Whether the last response was an HTML page.
        token: The session token that signed the last request.
        secrets: What signed the last request, as far as the request shows it.
        failure: What sending it raised: errors of the caller's own file among it.
    """

    sender: Sender
    operation: str
    attempt: int
    streamed: bool = False
    response: ResponseStream | None = None
    is_page: bool = False
    token: str | None = None
    secrets: tuple[str, ...] = ()
    failure: Exception | None = None


_current: ContextVar[_RequestContext | None] = ContextVar("lading s3 request", default=None)


class BotocoreClient:
    """Makes requests through one aiobotocore client, under lading's retry rule.

    Args:
        client: The client.
        sender: Sends its requests.
        name: What errors call the service.
        credentials: What it signs with.
    """

    def __init__(self, client: Any, sender: Sender, name: str, credentials: Renewal) -> None:
        self.client = client
        self.sender = sender
        self.name = name
        self._credentials = credentials

    def with_sender(self, sender: Sender) -> BotocoreClient:
        """Return the same client, with the settings of *sender*."""
        return BotocoreClient(self.client, sender, self.name, self._credentials)

    async def call(
        self,
        operation: str,
        *,
        reads: bool = False,
        needs: Sequence[str] = (),
        on_lost: Callable[[], None] = lambda: None,
        **params: Any,
    ) -> Any:
        """Call an operation and return its result.

        All operations that are used here may be repeated: they are reads, say what is to be there in the end, or
        carry a condition that a second request does not meet.

        Args:
            operation: The method of aiobotocore's client.
            reads: Whether it changes nothing.
            needs: What the result has at every server that speaks the protocol.
            on_lost: Called for each attempt whose response was lost.
            params: Its parameters.

        Raises:
            InvalidResponse: A success that is no response of the service.
            LadingError: Its outcome is that of all attempts: unknown when the response to any of them was lost.
        """
        lost = False

        async def step(number: int) -> Any:
            nonlocal lost
            context = _RequestContext(self.sender, _operation_name(operation), number)
            try:
                found = await self._call_renewing(context, operation, params, reads=reads)
                self._check(found, context, needs, reads=reads)
            except LadingError as error:
                if error.outcome == "unknown":
                    lost = True
                    on_lost()
                raise
            return found

        try:
            return await self.sender.retrying(step)
        except LadingError as error:
            if reads:
                error.outcome = "not_done"
            elif lost:
                error.outcome = "unknown"
            raise

    def _check(self, found: Any, context: _RequestContext, needs: Sequence[str], *, reads: bool) -> None:
        if context.is_page:
            raise invalid_response(self.name, context.operation, "is an HTML page", reads=reads)
        for name in needs:
            if found.get(name) is None:
                raise invalid_response(self.name, context.operation, f"has no {name}", reads=reads)

    async def stream(self, operation: str, attempt: int, **params: Any) -> ResponseStream:
        """Call a read in a single attempt and return its response, the body unread; the caller closes it.

        Args:
            operation: The method of aiobotocore's client.
            attempt: The number of the attempt, for events.
            params: Its parameters.
        """
        context = _RequestContext(self.sender, _operation_name(operation), attempt, streamed=True)
        try:
            await self._call_renewing(context, operation, params, reads=True)
        except BaseException:
            if context.response is not None:
                with anyio.CancelScope(shield=True):
                    await context.response.aclose()
            raise
        assert context.response is not None  # noqa: S101 - the session below sets it, else botocore raises
        return context.response

    async def _call_renewing(
        self, context: _RequestContext, operation: str, params: dict[str, Any], *, reads: bool
    ) -> Any:
        """Call an operation, and once more with renewed credentials when they have expired."""
        try:
            return await self._call_once(context, operation, params, reads=reads)
        except ApiError as error:
            # A response to HEAD has no body that would say why.
            unsaid = context.operation == "HeadObject" and error.status == 400 and not bucket_region_of(error)
            if not (error.code in EXPIRED or unsaid) or not self._credentials.expire(context.token):
                raise
        return await self._call_once(context, operation, params, reads=reads)

    async def _call_once(self, context: _RequestContext, operation: str, params: dict[str, Any], *, reads: bool) -> Any:
        token = _current.set(context)
        try:
            with suppress_botocore_logs():
                return await translate_botocore_errors(getattr(self.client, operation)(**params))
        except ClientError as error:
            # Credentials are fetched with requests of their own.
            own = error.operation_name == context.operation
            raise client_error(
                self.name if own else "sts",
                error.operation_name,
                error,
                reads=reads or not own,
                secrets=context.secrets,
            ) from None
        except InvalidResponse as error:
            error.outcome = "not_done" if reads else error.outcome
            raise
        except LadingError:
            raise
        except OSError as error:
            if error is context.failure:
                raise
            raise unreadable_file(error) from error
        finally:
            _current.reset(token)


def _operation_name(method: str) -> str:
    """Return an operation as AWS spells it: ``HeadObject`` for ``head_object``."""
    return "".join(map(str.title, method.split("_")))


def make_http_session(default: Sender) -> type[HttpxSession]:
    """Make an HTTP session class for aiobotocore that sends through lading: one pool, any event loop.

    Args:
        default: Sends the requests that botocore makes by itself, for its credentials.
    """

    class Session(HttpxSession):  # type: ignore[misc] # aiobotocore has no types
        # It inherits for the base's name alone, by which aiobotocore knows that the event loop need not be asyncio's.
        def __init__(self, **options: Any) -> None:
            del options

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *error: object) -> None:
            return

        async def close(self) -> None:
            """Do nothing: it holds no connections."""

        async def send(self, request: Any) -> Any:
            """Send botocore's request and return its response."""
            return await _send(request, _current.get() or _RequestContext(default, "Credentials", 1))

    return Session


async def _send(request: Any, context: _RequestContext) -> AioAWSResponse:
    headers = {_decode(name): _decode(value) for name, value in request.headers.items()}
    lower = {name.lower(): value for name, value in headers.items()}
    context.token = lower.get("x-amz-security-token")
    context.secrets = tuple(filter(None, (context.token, lower.get("authorization"))))
    try:
        return await _exchange(request, headers, context)
    except Exception as error:
        context.failure = error
        raise


async def _exchange(request: Any, headers: dict[str, str], context: _RequestContext) -> AioAWSResponse:
    for name in ("Content-Length", "Expect"):
        headers.pop(name, None)
    given = request.body if isinstance(request.body, BotocoreBody) else None
    call = Call(
        request.method,
        request.url,
        headers=headers,
        body=_read_body(request.body, headers) if given is None else given.body,
        auth=None,
        allow_statuses=_EVERY_STATUS,
        template=f"({context.operation})",
        on_progress=None if given is None else given.on_progress,
    )
    # One attempt: the loop around botocore's signing makes the others.
    response = await context.sender.stream(call, attempt=context.attempt).__aenter__()
    if context.streamed and response.status < 300:
        context.response = response
        return _make_response(request.url, response.status, response.headers, b"")
    try:
        body = await response.read(_MAX_RESPONSE)
    finally:
        await response.aclose()
    context.is_page = _PAGE.match(body) is not None
    return _make_response(request.url, response.status, response.headers, body)


def _read_body(body: Any, headers: dict[str, str]) -> BytesBody | None:
    data = body.read() if hasattr(body, "read") else body
    if isinstance(data, str):  # a form, as STS expects it
        data = data.encode()
    return BytesBody(bytes(data), headers.pop("Content-Type", "")) if data else None


def _make_response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AioAWSResponse:
    response = AioAWSResponse(url, status, HeadersDict(headers), None)
    response._content = body  # noqa: SLF001 - where its own reader would put it
    return response


def _decode(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
