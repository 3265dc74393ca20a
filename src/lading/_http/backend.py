"""Backends over lading's own transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._http.httpx_client import HttpxClientBackend
from lading._http.transport import Transport

if TYPE_CHECKING:
    import ssl

    from lading._core.files import StrPath
    from lading.types import Limits


class TransportBackend(HttpxClientBackend):
    """Sends requests over lading's own transport."""

    def __init__(self, *, tls: ssl.SSLContext | StrPath | None, limits: Limits) -> None:
        super().__init__(transport=Transport(tls=tls, limits=limits))
