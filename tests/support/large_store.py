"""A store of large files."""

from __future__ import annotations

from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.sparse_files import SIZE


class LargeStore:
    """Takes and gives large files.

    Attributes:
        whole: How many bodies came whole.
    """

    def __init__(self) -> None:
        self.whole = 0
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        async for _ in request.body:
            pass
        self.whole += 1
        return ServerResponse(body=bytes(SIZE) if request.method == "GET" else b"")
