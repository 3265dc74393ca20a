"""S3 and SSM of one region, by way of botocore: its credentials, endpoints, signatures and control requests."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.config import AioConfig
from aiobotocore.httpxsession import HttpxSession
from aiobotocore.session import AioSession
from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from lading._core.auth import Auth
from lading._core.body import BytesBody
from lading._core.call import Call, Reply
from lading._core.retry import attempts
from lading._core.sender import Sender
from lading._core.service import Service
from lading.errors import ApiError, ConfigError
from lading.s3._bucket import Parameters, Placing, S3Bucket
from lading.s3._errors import control_error, read_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
    from contextlib import AsyncExitStack

    from lading._core.call import Outgoing

T = TypeVar("T")

_EVERY_STATUS = frozenset(range(300, 600))
_operation: ContextVar[str] = ContextVar("lading s3 operation", default="request")
# What is signed besides x-amz-*: a condition that got lost on the way would let a winner be overwritten.
_SIGNED = {"content-type", "content-md5", "if-match", "if-none-match"}


class SigV4(Auth):
    """AWS's signature, made anew for every attempt, in headers: none of it is in an address."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._frozen: Any = None

    async def prepare(self, sender: Sender) -> None:
        """Have credentials, refreshed where they were about to end."""
        self._frozen = await _botocore(self._credentials.get_frozen_credentials())

    def flow(self, request: Outgoing) -> Generator[Outgoing | Call[Any], Any, None]:
        """The signed request."""
        signed = {n: v for n, v in request.headers.items() if n.lower().startswith("x-amz-") or n.lower() in _SIGNED}
        wire = AWSRequest(method=request.method, url=request.url, headers=signed)
        _Signer(self._frozen, "s3", self._region).add_auth(wire)
        request.headers.update(wire.headers.items())
        yield request

    def secrets(self) -> tuple[str, ...]:
        """The secret key and the session's token."""
        if self._frozen is None:
            return ()
        return tuple(filter(None, (self._frozen.secret_key, self._frozen.token)))


class _Signer(S3SigV4Auth):  # type: ignore[misc] # botocore has no types
    def _modify_request_before_signing(self, request: Any) -> None:
        digest = request.headers.get("X-Amz-Content-SHA256", UNSIGNED_PAYLOAD)
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = digest

    def payload(self, request: Any) -> str:
        return UNSIGNED_PAYLOAD


async def _botocore(work: Awaitable[T]) -> T:
    """What *work* returns; botocore's own errors as ours."""
    try:
        return await work
    except NoCredentialsError:
        raise _no_credentials() from None
    except BotoCoreError as error:
        raise ConfigError(f"s3: {type(error).__name__}: {error}") from error


def _no_credentials() -> ConfigError:
    return ConfigError("s3: no AWS credentials were found: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or hand in a session")


def session_class(sender: Sender) -> type[HttpxSession]:
    """An HTTP session for aiobotocore that sends by way of *sender*: one pool, both event loops."""

    class Session(HttpxSession):  # type: ignore[misc] # aiobotocore has no types
        # Of its base it keeps the name alone, by which aiobotocore knows that it need not be on asyncio.
        def __init__(self, **options: Any) -> None:
            del options

        async def __aenter__(self) -> Session:
            return self

        async def __aexit__(self, *error: object) -> None:
            return

        async def close(self) -> None:
            """Nothing is open here."""

        async def send(self, request: Any) -> AioAWSResponse:
            headers = {_text(name): _text(value) for name, value in request.headers.items()}
            for name in ("Content-Length", "Expect"):
                headers.pop(name, None)
            body = request.body
            data = body if isinstance(body, (bytes, bytearray)) or body is None else body.read()
            call = Call(
                request.method,
                request.url,
                _as_it_is,
                headers=headers,
                body=BytesBody(bytes(data), headers.pop("Content-Type", "")) if data else None,
                auth=False,
                accept=_EVERY_STATUS,
                label=f"({_operation.get()})",
            )
            reply = await sender.send(call)
            return _response(request.url, reply)

    return Session


def _as_it_is(reply: Reply) -> Reply:
    return reply


def _response(url: str, reply: Reply) -> AioAWSResponse:
    response = AioAWSResponse(url, reply.status, HeadersDict(reply.headers), None)
    response._content = reply.body  # noqa: SLF001 - where its own reader would put it
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

        async def step(_: int) -> Any:
            token = _operation.set(shown)
            try:
                return await _botocore(getattr(self.client, operation)(**params))
            except ClientError as error:
                raise _translated(self._name, shown, error, reads=reads) from None
            finally:
                _operation.reset(token)

        return await attempts(step, self._sender.settings.retry, lambda _: True)


def _translated(service: str, operation: str, error: ClientError, *, reads: bool) -> ApiError:
    told = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    return control_error(
        service,
        operation,
        int(meta.get("HTTPStatusCode", 0)),
        str(told.get("Code", "")),
        str(told.get("Message", "")),
        dict(meta.get("HTTPHeaders", {})),
        reads=reads,
    )


@dataclass(frozen=True, slots=True)
class Access:
    """How AWS is reached.

    Attributes:
        session: An ``aiobotocore`` session; a new one where not given.
        profile: A profile of AWS's configuration files.
        endpoint_urls: Instead of AWS's own, by service (``s3``, ``ssm``, ``sts``); ``{region}`` in one is replaced.
        path_style: Whether the bucket is in the path and not in the host name.
    """

    session: Any = None
    profile: str | None = None
    endpoint_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    path_style: bool = False

    def endpoint(self, service: str, region: str) -> str | None:
        """The address to use; ``None`` to leave it to botocore, with what the environment says."""
        url = self.endpoint_urls.get(service)
        return None if url is None else url.replace("{region}", region)


class AwsRegion:
    """One region: its parameters, and its buckets.

    Attributes:
        name: The region's name.
        parameters: Its parameters.
    """

    def __init__(
        self, name: str, s3: Any, parameters: Parameters, senders: Senders, credentials: Any, placing: Placing
    ) -> None:
        self.name = name
        self.parameters = parameters
        self._s3 = s3
        self._senders = senders
        self._credentials = credentials
        self._placing = placing

    async def bucket(self, name: str) -> S3Bucket:
        """The bucket of that name."""
        # botocore knows where a bucket is, by addressing style, partition, access point; this is how it tells.
        url = await _botocore(self._s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "-"}))
        base = urlsplit(url)._replace(query="").geturl().removesuffix("-")
        service = Service(name="s3", base_url=base, read_error=read_error, accept="*/*")
        data = self._senders.made(service, SigV4(self._credentials, self.name))
        return S3Bucket(name, Control(self._s3, self._senders.control, "s3"), data, self._placing)


@dataclass(frozen=True, slots=True)
class Senders:
    """Where senders come from.

    Attributes:
        made: From a service and its credentials to a sender.
        control: The sender of control requests, which are signed already.
        once: The same, making each attempt but once.
    """

    made: Callable[[Service, Auth], Sender]
    control: Sender
    once: Sender


async def connect(
    regions: Sequence[str], access: Access, placing: Placing, senders: Senders, closing: AsyncExitStack
) -> dict[str, AwsRegion]:
    """The regions; their clients end with *closing*."""
    session: Any = access.session or AioSession(profile=access.profile)
    config = AioConfig(
        http_session_cls=session_class(senders.once),
        warm_up_loader_caches=True,
        retries={"total_max_attempts": 1, "mode": "standard"},
        signature_version="s3v4",
        s3={"addressing_style": "path"} if access.path_style else None,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    found: dict[str, AwsRegion] = {}
    credentials: Any = None
    for region in regions:
        given: dict[str, Any] = {}
        for service in ("s3", "ssm"):
            client = session.create_client(
                service,
                region_name=region,
                endpoint_url=access.endpoint(service, region),
                config=config if service == "s3" else config.merge(AioConfig(signature_version="v4")),
            )
            given[service] = await _botocore(closing.enter_async_context(client))
        credentials = credentials or await _botocore(session.get_credentials())
        if credentials is None:
            raise _no_credentials()
        parameters = Parameters(Control(given["ssm"], senders.control, "ssm"))
        found[region] = AwsRegion(region, given["s3"], parameters, senders, credentials, placing)
    return found
