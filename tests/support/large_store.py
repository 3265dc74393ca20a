"""A store of large files."""

from __future__ import annotations

from lading.testing import Request, Response, Server
from tests.support.sparse import SIZE


class LargeStore:
    """Takes and gives large files.

    Attributes:
        whole: How many bodies came whole.
    """

    def __init__(self) -> None:
        self.whole = 0
        self.server = Server(self.answer)
        self.faults = self.server.faults

    async def answer(self, request: Request) -> Response:
        async for _ in request.body:
            pass
        self.whole += 1
        return Response(body=bytes(SIZE) if request.method == "GET" else b"")
