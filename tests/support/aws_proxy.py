"""The regions of AWS behind one proxy that counts requests and injects faults."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import anyio
import anyio.to_thread

from lading.testing import Delay, DropAfter, DropBefore, FaultProxy, Respond, RespondAfter, ServerResponse
from lading.testing._server.connection import Hangup
from lading.testing.messages import Fields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from lading.testing import Fault, ServerRequest

REGIONS = ("eu-west-1", "us-east-1", "ap-south-1")
_BY_METHOD = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that a region was sent.

    Attributes:
        region: The region.
        operation: As AWS calls it.
        path: Bucket and key, decoded.
        headers: Its headers, names in lower case.
        sent: Bytes of its body.
        head: Bytes of its head, about.
    """

    region: str
    operation: str
    path: str
    headers: dict[str, str]
    sent: int
    head: int


@dataclass(slots=True)
class _Plan:
    fault: Fault
    region: str | None
    operation: str
    path: str
    times: int | None

    def fits(self, region: str, operation: str, path: str) -> bool:
        return self.region in {None, region} and self.operation == operation and path.endswith(self.path)


@dataclass(slots=True)
class _Act:
    operation: str
    path: str
    act: Callable[[], object]
    skip: int


@dataclass(frozen=True, slots=True)
class Lack:
    """Headers that a store does not know.

    Attributes:
        headers: What their names begin with, in lower case.
        how: ``"ignored"``; or ``"named"`` and ``"unnamed"``: 501, with and without the header's name; or ``"invalid"``:
            400 with its name.
        operations: Only there; empty for everywhere.
    """

    headers: tuple[str, ...]
    how: str
    operations: tuple[str, ...] = ()

    def response(self, name: str, value: str) -> ServerResponse:
        """Return what the store says to it."""
        if self.how == "invalid":  # Backblaze B2
            message = f"Unsupported header '{name}' received for this API call."
            return _xml(400, error("InvalidArgument", message))
        named = f"Header '{name}' with value '{value}' not implemented"  # Cloudflare R2
        unnamed = "A header you provided implies functionality that is not implemented"  # Storj, Swift
        return _xml(501, error("NotImplemented", named if self.how == "named" else unnamed))


_CHECKSUMS = ("x-amz-checksum-", "x-amz-sdk-checksum-algorithm")
_WRITES = ("PutObject", "CompleteMultipartUpload")
STORES: dict[str, tuple[Lack, ...]] = {
    "b2": (Lack(_CHECKSUMS, "invalid"),),
    "r2": (Lack(_CHECKSUMS, "named"),),
    "r2, no type": (Lack(("x-amz-checksum-type",), "named"),),
    "storj": (Lack(_CHECKSUMS, "unnamed"),),
    "swift": (Lack(("if-match",), "unnamed", _WRITES),),
    "minio of 2024": (Lack(("x-amz-checksum-type", "if-none-match", "if-match"), "ignored", _WRITES),),
    "rgw 16": (Lack(("if-none-match",), "ignored", ("CompleteMultipartUpload",)),),
    "no conditions": (Lack(("if-none-match", "if-match"), "unnamed", _WRITES),),
}


@dataclass(slots=True)
class _Region:
    """How a region behaves.

    Attributes:
        dead: It resets every connection.
        silent: It accepts every request and never responds.
        stops: It begins to respond, and stops in the middle; what has no body gets no response.
        stalls: It never responds to a download.
        forbidden: Operations and ends of paths that it refuses.
    """

    dead: bool = False
    silent: bool = False
    stops: bool = False
    stalls: bool = False
    lacks: tuple[Lack, ...] = ()
    moved: Callable[[], ServerResponse] | None = None
    forbidden: set[tuple[str, str]] = field(default_factory=set)


class Aws(FaultProxy):
    """All regions at one address, each under its own name: ``http://127.0.0.1:1234/eu-west-1``.

    ``{region}`` in the URL of an endpoint distinguishes them, so that one server is enough. Faults that
    :class:`lading.testing.Faults` matches by method and path are ``.faults``, those by operation ``.on()``.

    Attributes:
        requests: All of them, in order.
        regions: By name: whether it lives, and what it allows.
        injected: Region, operation and path of every request that got a fault of ``.on()``.
        working: How many requests are being responded to.
    """

    def __init__(self, moto: str) -> None:
        super().__init__(moto)
        self.requests: list[SeenRequest] = []
        self.regions: dict[str, _Region] = {name: _Region() for name in REGIONS}
        self._plans: list[_Plan] = []
        self.injected: list[tuple[str, str, str]] = []
        self._before: list[_Act] = []
        self.working = 0

    @property
    def endpoints(self) -> dict[str, str]:
        """The endpoints as a stager is configured with them."""
        return dict.fromkeys(("s3", "ssm", "sts"), self.url + "/{region}")

    def on(
        self, operation: str, fault: Fault, *, region: str | None = None, path: str = "", times: int | None = 1
    ) -> None:
        """*fault* waits for the next requests of that operation, to keys that end in *path*."""
        self._plans.append(_Plan(fault, region, operation, path, times))

    def forbid(self, *operations: str, path: str = "", regions: Iterable[str] = REGIONS) -> None:
        """Respond them with 403 from now on, for keys and names that end in *path*.

        As ``s3:GetObject`` is what allows ``HeadObject``, and ``s3:ListBucket`` is there: what does not exist is 404.
        """
        for name in regions:
            self.regions[name].forbidden.update((operation, path) for operation in operations)

    def clear(self) -> None:
        """Take away the faults of :meth:`on`, and forget what was requested."""
        self._plans.clear()
        self.injected.clear()
        self.requests.clear()

    def forgive(self) -> None:
        """Allow everything again."""
        for region in self.regions.values():
            region.forbidden.clear()

    def before(self, operation: str, act: Callable[[], object], *, path: str = "", skip: int = 0) -> None:
        """Run *act*, in a thread, before the next such request but *skip* is passed on: what others do just then."""
        self._before.append(_Act(operation, path, act, skip))

    def count(self, operation: str, region: str | None = None) -> int:
        """How often it was requested."""
        return sum(1 for a in self.requests if a.operation == operation and region in {None, a.region})

    async def _forward(self, request: ServerRequest) -> ServerResponse:
        region = self.regions[request.target.removeprefix("/").partition("/")[0]]
        if region.silent:
            await anyio.sleep_forever()
        self.working += 1
        try:
            response = await self._respond_as(region, request)
        finally:
            self.working -= 1
        if not region.stops:
            return response
        data = await _read(response)
        if not data:
            await anyio.sleep_forever()
        pairs = Fields(response.headers).pairs
        headers = [
            (name, value) for name, value in pairs if name.lower() not in {"content-length", "transfer-encoding"}
        ]
        return ServerResponse(response.status, [*headers, ("Content-Length", str(len(data)))], _half(data))

    async def _respond_as(self, region: _Region, request: ServerRequest) -> ServerResponse:
        name, _, rest = request.target.removeprefix("/").partition("/")
        if region.dead:
            raise Hangup(reset=True)
        request.target = "/" + rest
        operation = operation_of(request)
        path = unquote(rest.partition("?")[0])
        headers = {key.lower(): value for key, value in request.headers.pairs}
        head = len(request.target) + sum(len(key) + len(value) + 4 for key, value in request.headers.pairs)
        if operation[:1].islower():  # nothing of S3's: its names are in the body
            data = await request.read()
            path = str(json.loads(data).get("Name", "")) if data[:1] == b"{" else ""
            operation = operation[1:] or dict(pair.split("=") for pair in data.decode().split("&"))["Action"]
            request.body = _pieces(data)
        sent = int(headers.get("content-length", 0))
        self.requests.append(SeenRequest(name, operation, path, headers, sent, head))
        if "X-Amz-Target" not in request.headers:
            if region.moved is not None:
                await _read(request)
                return region.moved()
            for lack in region.lacks:
                if (refused := _lacking(request, operation, lack)) is not None:
                    await _read(request)
                    return refused
        if region.stalls and operation == "GetObject":
            await anyio.sleep_forever()
        allowed_by = "GetObject" if operation == "HeadObject" else operation
        if any(allowed_by == one and path.endswith(end) for one, end in region.forbidden):
            if allowed_by == "GetObject":
                found = await super()._forward(request)
                if found.status == 404:
                    return found
                await _read(found)
            return await _refused(request, operation)
        await self._act(operation, path)
        return await self._faulty(request, self._take(name, operation, path))

    async def _faulty(self, request: ServerRequest, fault: Fault | None) -> ServerResponse:
        match fault:
            case Respond(status=status, body=body):
                await _read(await super()._forward(request) if isinstance(fault, RespondAfter) else request)
                extra = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                headers = {"Content-Type": "application/xml", **dict(Fields(fault.headers).pairs), **extra}
                return ServerResponse(status, headers, body)
            case DropBefore(reset=reset):
                await _read(request)
                raise Hangup(reset=reset)
            case DropAfter(reset=reset):
                await _read(await super()._forward(request))
                raise Hangup(reset=reset)
            case Delay(seconds=seconds):
                await anyio.sleep(seconds)
        return await super()._forward(request)

    async def _act(self, operation: str, path: str) -> None:
        for one in self._before:
            if one.operation == operation and path.endswith(one.path):
                one.skip -= 1
                if one.skip < 0:
                    self._before.remove(one)
                    await anyio.to_thread.run_sync(one.act)
                return

    def _take(self, region: str, operation: str, path: str) -> Fault | None:
        for plan in self._plans:
            if plan.fits(region, operation, path):
                if plan.times is not None:
                    plan.times -= 1
                    if not plan.times:
                        self._plans.remove(plan)
                self.injected.append((region, operation, path))
                return plan.fault
        return None


def _lacking(request: ServerRequest, operation: str, lack: Lack) -> ServerResponse | None:
    """Return the refusal of a header that the store lacks; one that it ignores is taken away."""
    if lack.operations and operation not in lack.operations:
        return None
    pairs = request.headers.pairs
    found = [(name, value) for name, value in pairs if name.lower().startswith(lack.headers)]
    if lack.how == "ignored":
        request.headers.pairs = tuple(pair for pair in pairs if pair not in found)
        return None
    return lack.response(*found[0]) if found else None


def _xml(status: int, body: bytes, headers: dict[str, str] | None = None) -> ServerResponse:
    return ServerResponse(status, {"Content-Type": "application/xml", **(headers or {})}, body)


def operation_of(request: ServerRequest) -> str:
    """As AWS calls it; with a small letter before it where it is not S3's."""
    if target := request.headers.get("X-Amz-Target"):
        return "a" + target.rpartition(".")[2]
    if request.target == "/":
        return "a"
    query, method = request.query, request.method
    if "x-amz-copy-source" in request.headers:
        return "UploadPartCopy" if "uploadId" in query else "CopyObject"
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if "uploadId" in query:
        multipart = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return multipart[method]
    return "ListObjectsV2" if "list-type" in query else _BY_METHOD[method]


async def _half(data: bytes) -> AsyncIterator[bytes]:
    yield data[: len(data) // 2]
    await anyio.sleep_forever()


class IdleClock:
    """A clock that passes only while no request is being responded to: nobody is left out for being slow.

    Attributes:
        time: The current time, in seconds.
    """

    def __init__(self, aws: Aws) -> None:
        self.time = 0.0
        self._aws = aws
        self._deadlines: list[float] = []

    def now(self) -> float:
        """Return the current time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        deadline, idle, seen = self.time + seconds, 0, -1
        self._deadlines.append(deadline)
        try:
            while self.time < deadline:
                await anyio.sleep(0.01)
                busy = self._aws.working or len(self._aws.requests) != seen
                idle, seen = 0 if busy else idle + 1, len(self._aws.requests)
                if idle >= 20 and deadline == min(self._deadlines):
                    self.time = deadline
        finally:
            self._deadlines.remove(deadline)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _read(message: Any) -> bytes:
    if isinstance(message.body, bytes):
        return message.body
    return b"".join([piece async for piece in message.body])


async def _refused(request: ServerRequest, operation: str) -> ServerResponse:
    await _read(request)
    if operation.endswith("Parameter"):
        body = json.dumps({"__type": "AccessDeniedException", "message": "you may not"})
        return ServerResponse(400, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
    return ServerResponse(403, {"Content-Type": "application/xml"}, error("AccessDenied", "you may not"))


def error(code: str, message: str = "because") -> bytes:
    """What S3 says when it says no."""
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
