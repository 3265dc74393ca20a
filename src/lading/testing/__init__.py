"""Servers for test suites, on 127.0.0.1 inside the process, with fault injection.

:class:`EmbeddedIndex` is a package index, :class:`EmbeddedCopr` a Copr with its results, :class:`EmbeddedCharmhub` a
Charmhub with its hosts, :class:`EmbeddedSnapStore` a Snap Store with its hosts, :class:`Server` serves a handler of
yours, and :class:`FaultProxy` forwards to a server that is running already. All of them inject :class:`Faults`: respond
with a status, delay, drop the connection before, during or after the work, truncate the response, send it in small
pieces, respond before the body has been received.

Example:
    >>> import httpx
    >>> from lading.testing import RespondEarly, Server, ServerRequest, ServerResponse
    >>> async def handler(request: ServerRequest) -> ServerResponse:
    ...     return ServerResponse(body=b"stored")
    >>> with Server(handler) as server:
    ...     server.faults.add(RespondEarly(413, then="keep-reading"), method="PUT", path="/files/*")
    ...     with httpx.Client(base_url=server.url) as client:
    ...         print(client.put("/files/a", content=bytes(100_000)).status_code)
    ...         print(client.put("/files/a", content=bytes(100_000)).text)
    413
    stored

With pytest, the fixtures ``lading_index``, ``lading_copr``, ``lading_charmhub``, ``lading_snap_store``,
``lading_server`` and ``lading_fault_proxy`` (:mod:`lading.testing.plugin`) start and stop them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lading.testing.canonical import (
        CharmRelease,
        CharmReview,
        CharmRevision,
        EmbeddedCharmhub,
        ReceivedRequest,
        StoreAccount,
        StoredUpload,
        StoreOptions,
        StoreSession,
        make_bundle,
        make_charm,
    )
    from lading.testing.canonical.snap import (
        EmbeddedOnPremSnapStore,
        EmbeddedSnapStore,
        SnapPush,
        SnapRelease,
        SnapRevision,
    )
    from lading.testing.copr import CoprBuild, CoprUser, EmbeddedCopr
    from lading.testing.faults import (
        Delay,
        Drip,
        DropAfter,
        DropBefore,
        DropDuring,
        Fault,
        Faults,
        InjectedFault,
        PlannedFault,
        Respond,
        RespondAfter,
        RespondEarly,
        RespondRaw,
        Truncate,
    )
    from lading.testing.index import EmbeddedIndex, Publisher, Restrictions, StoredFile, User
    from lading.testing.messages import Fields, Headers, ServerRequest, ServerResponse
    from lading.testing.proxy import FaultProxy
    from lading.testing.server import Handler, Server

__all__ = [
    "CharmRelease",
    "CharmReview",
    "CharmRevision",
    "CoprBuild",
    "CoprUser",
    "Delay",
    "Drip",
    "DropAfter",
    "DropBefore",
    "DropDuring",
    "EmbeddedCharmhub",
    "EmbeddedCopr",
    "EmbeddedIndex",
    "EmbeddedOnPremSnapStore",
    "EmbeddedSnapStore",
    "Fault",
    "FaultProxy",
    "Faults",
    "Fields",
    "Handler",
    "Headers",
    "InjectedFault",
    "PlannedFault",
    "Publisher",
    "ReceivedRequest",
    "Respond",
    "RespondAfter",
    "RespondEarly",
    "RespondRaw",
    "Restrictions",
    "Server",
    "ServerRequest",
    "ServerResponse",
    "SnapPush",
    "SnapRelease",
    "SnapRevision",
    "StoreAccount",
    "StoreOptions",
    "StoreSession",
    "StoredFile",
    "StoredUpload",
    "Truncate",
    "User",
    "make_bundle",
    "make_charm",
]

_MODULES = {
    "FaultProxy": "proxy",
    "Handler": "server",
    "Server": "server",
    **dict.fromkeys(("Fields", "Headers", "ServerRequest", "ServerResponse"), "messages"),
    **dict.fromkeys(
        (
            "CharmRelease",
            "CharmReview",
            "CharmRevision",
            "EmbeddedCharmhub",
            "ReceivedRequest",
            "StoreAccount",
            "StoreOptions",
            "StoreSession",
            "StoredUpload",
            "make_bundle",
            "make_charm",
        ),
        "canonical",
    ),
    **dict.fromkeys(("CoprBuild", "CoprUser", "EmbeddedCopr"), "copr"),
    **dict.fromkeys(
        ("EmbeddedOnPremSnapStore", "EmbeddedSnapStore", "SnapPush", "SnapRelease", "SnapRevision"), "canonical.snap"
    ),
    **dict.fromkeys(("EmbeddedIndex", "Publisher", "Restrictions", "StoredFile", "User"), "index"),
}


def __getattr__(name: str) -> Any:
    # Lazy, because every pytest run with lading installed imports this package for its plugin.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'faults')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
