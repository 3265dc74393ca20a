"""Control requests: by aiobotocore's clients, over lading's transport, by lading's rule for retries."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.httpxsession import HttpxSession
from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError

from lading._core.body import BytesBody
from lading._core.call import Call
from lading._core.retry import attempts
from lading.s3._aws._logs import unlogged
from lading.s3._aws._signing import as_ours
from lading.s3._errors import control_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.sender import Sender
    from lading.errors import ApiError

_EVERY_STATUS = frozenset(range(300, 600))
_MAX_ANSWER = 16 * 1024 * 1024
# Whose request it is that botocore sends: sender, operation, attempt.
_running: ContextVar[tuple[Sender, str, int] | None] = ContextVar("lading s3 running", default=None)


def session_class(default: Sender) -> type[HttpxSession]:
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
            body = request.body
            data = body.read() if hasattr(body, "read") else body
            if isinstance(data, str):  # a form, as STS takes it
                data = data.encode()
            sender, operation, attempt = _running.get() or (default, "Credentials", 1)
            call = Call(
                request.method,
                request.url,
                bytes,
                headers=headers,
                body=BytesBody(bytes(data), headers.pop("Content-Type", "")) if data else None,
                auth=False,
                accept=_EVERY_STATUS,
                label=f"({operation})",
            )
            # One attempt: the loop around botocore's signing makes the others.
            async with sender.open(call, attempt=attempt) as incoming:
                body = await incoming.read(_MAX_ANSWER)
                return _response(request.url, incoming.status, incoming.headers, body)

    return Session


def _response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AioAWSResponse:
    response = AioAWSResponse(url, status, HeadersDict(headers), None)
    response._content = body  # noqa: SLF001 - where its own reader would put it
    return response


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class Control:
    """Makes control requests through one aiobotocore client, by lading's rule for retries."""

    def __init__(self, client: Any, sender: Sender, name: str) -> None:
        self.client = client
        self._sender = sender
        self._name = name

    async def ask(self, operation: str, *, reads: bool = False, **params: Any) -> Any:
        """What the operation returns. All that are used here may be made again: they are reads, say what is to be
        there in the end, or carry a condition that the second does not meet.

        Args:
            operation: As aiobotocore's clients call it.
            reads: Whether it changes nothing.
            params: Its parameters.
        """
        shown = "".join(map(str.title, operation.split("_")))

        async def step(number: int) -> Any:
            token = _running.set((self._sender, shown, number))
            try:
                with unlogged():
                    return await as_ours(getattr(self.client, operation)(**params))
            except ClientError as error:
                raise _translated(self._name, shown, error, reads=reads) from None
            finally:
                _running.reset(token)

        return await attempts(step, self._sender.settings.retry, lambda _: True)


def _translated(service: str, operation: str, error: ClientError, *, reads: bool) -> ApiError:
    told = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    return control_error(
        service,
        operation,
        int(meta.get("HTTPStatusCode", 0)),
        code=str(told.get("Code", "")),
        message=str(told.get("Message", "")),
        headers=meta.get("HTTPHeaders", {}),
        reads=reads,
    )
