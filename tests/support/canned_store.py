"""A store with canned responses, and helpers to call it and to compare bodies."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lading import Call, Response
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.transport_client import as_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PLAIN = os.urandom(1000) + b"x" * 700_000


class CannedStore:
    """A store with one canned response.

    Attributes:
        response: The response to every request.
    """

    def __init__(self) -> None:
        self.response = ServerResponse()
        self.server = Server(self.respond)
        self.faults = self.server.faults

    async def respond(self, request: ServerRequest) -> ServerResponse:
        await request.read()
        return self.response


def get(**options: Any) -> Call[Response]:
    """A call for the thing."""
    return Call("GET", "thing", as_response, **options)


def same(one: bytes, other: bytes) -> bool:
    """Whether they are equal. Compared here, pytest does not print a difference line by line for minutes."""
    return one == other


async def chunks(data: bytes, size: int) -> AsyncIterator[bytes]:
    """*data* in pieces."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
