"""Control requests: by aiobotocore's clients, over lading's transport, by lading's rule for retries."""

from __future__ import annotations

import io
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpxsession import HttpxSession
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError

from lading._core.body import BytesBody
from lading._core.call import Call
from lading.s3._aws.logs import suppress_botocore_logs
from lading.s3._aws.signing import translate_botocore_errors
from lading.s3._errors import botocore_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.body import Body
    from lading._core.messages import ResponseStream
    from lading._core.sender import Sender
    from lading.errors import ApiError
    from lading.types import OnProgress

T = TypeVar("T")

_EVERY_STATUS = frozenset(range(300, 600))
_MAX_ANSWER = 16 * 1024 * 1024


class BotocoreBody(io.RawIOBase):
    """A body that botocore takes for a file, and that is streamed by lading: botocore itself reads none of it."""

    def __init__(self, body: Body, on_progress: OnProgress | None) -> None:
        super().__init__()
        self.body = body
        self.on_progress = on_progress

    def __len__(self) -> int:
        return self.body.length or 0

    def readable(self) -> bool:
        """As botocore wants to know."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Botocore goes back to the beginning before an attempt; every attempt opens the body anew."""
        del offset, whence
        return 0


@dataclass(slots=True)
class _RequestContext:
    """Whose request it is that botocore sends.

    Attributes:
        sender: Sends it.
        operation: What events call it.
        attempt: Which attempt it is.
        streamed: Where a good answer goes, its body not read, when it is wanted so.
    """

    sender: Sender
    operation: str
    attempt: int
    streamed: list[ResponseStream] | None = None


_running: ContextVar[_RequestContext | None] = ContextVar("lading s3 running", default=None)


def make_http_session(default: Sender) -> type[HttpxSession]:
    """An HTTP session for aiobotocore that sends by way of lading: one pool, both event loops.

    Args:
        default: Sends what botocore asks for by itself, for its credentials.
    """

    class Session(HttpxSession):  # type: ignore[misc] # aiobotocore has no types
        # Of its base it keeps the name alone, by which aiobotocore knows that it need not be on asyncio.
        def __init__(self, **options: Any) -> None:
            del options

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *error: object) -> None:
            return

        async def close(self) -> None:
            """Nothing is open here."""

        async def send(self, request: Any) -> Any:
            headers = {_text(name): _text(value) for name, value in request.headers.items()}
            for name in ("Content-Length", "Expect"):
                headers.pop(name, None)
            running = _running.get() or _RequestContext(default, "Credentials", 1)
            given = request.body if isinstance(request.body, BotocoreBody) else None
            call = Call(
                request.method,
                request.url,
                headers=headers,
                body=_read(request.body, headers) if given is None else given.body,
                auth=None,
                allow_statuses=_EVERY_STATUS,
                template=f"({running.operation})",
                on_progress=None if given is None else given.on_progress,
            )
            # One attempt: the loop around botocore's signing makes the others.
            opened = running.sender.stream(call, attempt=running.attempt)
            incoming = await opened.__aenter__()
            if running.streamed is not None and incoming.status < 300:
                running.streamed.append(incoming)
                return _response(request.url, incoming.status, incoming.headers, b"")
            try:
                body = await incoming.read(_MAX_ANSWER)
            finally:
                await incoming.aclose()
            return _response(request.url, incoming.status, incoming.headers, body)

    return Session


def _read(body: Any, headers: dict[str, str]) -> BytesBody | None:
    data = body.read() if hasattr(body, "read") else body
    if isinstance(data, str):  # a form, as STS takes it
        data = data.encode()
    return BytesBody(bytes(data), headers.pop("Content-Type", "")) if data else None


def _response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AioAWSResponse:
    response = AioAWSResponse(url, status, HeadersDict(headers), None)
    response._content = body  # noqa: SLF001 - where its own reader would put it
    return response


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class BotocoreClient:
    """Makes control requests through one aiobotocore client, by lading's rule for retries."""

    def __init__(self, client: Any, sender: Sender, name: str) -> None:
        self.client = client
        self.sender = sender
        self._name = name

    async def call(self, operation: str, *, reads: bool = False, **params: Any) -> Any:
        """What the operation returns. All that are used here may be made again: they are reads, say what is to be
        there in the end, or carry a condition that the second does not meet.

        Args:
            operation: As aiobotocore's clients call it.
            reads: Whether it changes nothing.
            params: Its parameters.
        """

        async def step(number: int) -> Any:
            return await self._once(operation, number, params, reads=reads, streamed=None)

        return await self.sender.retrying(step)

    async def stream(self, operation: str, attempt: int, **params: Any) -> ResponseStream:
        """The answer of a read, its body not read yet: the caller's to close. One attempt."""
        begun: list[ResponseStream] = []
        try:
            await self._once(operation, attempt, params, reads=True, streamed=begun)
        except BaseException:
            with anyio.CancelScope(shield=True):
                for incoming in begun:
                    await incoming.aclose()
            raise
        return begun[0]

    async def _once(
        self, operation: str, number: int, params: dict[str, Any], *, reads: bool, streamed: list[ResponseStream] | None
    ) -> Any:
        shown = "".join(map(str.title, operation.split("_")))
        token = _running.set(_RequestContext(self.sender, shown, number, streamed))
        try:
            with suppress_botocore_logs():
                return await translate_botocore_errors(getattr(self.client, operation)(**params))
        except ClientError as error:
            raise _to_api_error(self._name, shown, error, reads=reads) from None
        finally:
            _running.reset(token)


def _to_api_error(service: str, operation: str, error: ClientError, *, reads: bool) -> ApiError:
    told = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    return botocore_error(
        service,
        operation,
        int(meta.get("HTTPStatusCode", 0)),
        code=str(told.get("Code", "")),
        message=str(told.get("Message", "")),
        headers=meta.get("HTTPHeaders", {}),
        reads=reads,
    )
