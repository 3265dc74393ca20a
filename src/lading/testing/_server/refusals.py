"""Refused requests, as exceptions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lading.testing.messages import Fields, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.testing.faults import HeaderPairs
    from lading.testing.messages import ServerRequest


class Refusal(Exception):
    """A refused request: handlers raise it, and the double sends its response.

    Args:
        status: The status code.
        body: The body: bytes, or an object that is sent as JSON.
        headers: Headers, as a mapping or as pairs.

    Attributes:
        status: The status code.
        body: The body, encoded.
        headers: All headers.
    """

    def __init__(self, status: int, body: bytes | Mapping[str, Any] = b"", headers: HeaderPairs = ()) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        super().__init__(self.body.decode("utf-8", "replace"))
        kind = () if isinstance(body, bytes) else (("Content-Type", "application/json"),)
        self.headers: tuple[tuple[str, str], ...] = (*Fields(headers).pairs, *kind)

    def response(self, request: ServerRequest) -> ServerResponse:  # noqa: ARG002 - for subclasses that negotiate
        """Return the response to the refused request."""
        return ServerResponse(self.status, self.headers, self.body)
