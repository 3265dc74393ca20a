"""Fixtures for test suites, which pytest finds as soon as the package is installed.

Until one of them is used, this module imports nothing but pytest.

* ``lading_index`` is a running :class:`~lading.testing.EmbeddedIndex`, a new one for every test.
* ``lading_copr`` is a running :class:`~lading.testing.EmbeddedCopr`, likewise.
* ``lading_charmhub`` is a running :class:`~lading.testing.EmbeddedCharmhub`, likewise.
* ``lading_snap_store`` is a running :class:`~lading.testing.EmbeddedSnapStore`, likewise.

The others are functions that start a server for the duration of the test:

* ``lading_server(handler, **options)``: a :class:`~lading.testing.Server`.
* ``lading_fault_proxy(upstream_url, **options)``: a :class:`~lading.testing.FaultProxy`.

Example:
    A test of your code against your server, with one lost response::

        def test_upload_after_a_lost_response(lading_fault_proxy, my_index_url):
            proxy = lading_fault_proxy(my_index_url)
            proxy.faults.add(DropAfter(), method="POST")
            publish(to=proxy.url)
            assert proxy.faults.happened
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from lading.testing.canonical import EmbeddedCharmhub
    from lading.testing.canonical.snap import EmbeddedSnapStore
    from lading.testing.copr import EmbeddedCopr
    from lading.testing.faults import Faults
    from lading.testing.index import EmbeddedIndex
    from lading.testing.proxy import FaultProxy
    from lading.testing.server import Handler, Server

    class StartServer(Protocol):
        """How ``lading_server`` is called."""

        def __call__(  # noqa: D102 - documented by the fixture
            self, handler: Handler, *, faults: Faults | None = None, tls: ssl.SSLContext | None = None
        ) -> Server: ...

    class StartFaultProxy(Protocol):
        """How ``lading_fault_proxy`` is called."""

        def __call__(  # noqa: D102 - documented by the fixture
            self,
            upstream_url: str,
            *,
            faults: Faults | None = None,
            tls: ssl.SSLContext | None = None,
            upstream_tls: ssl.SSLContext | None = None,
        ) -> FaultProxy: ...


@pytest.fixture
def lading_index() -> Iterator[EmbeddedIndex]:
    """Run an empty package index.

    It is started before the test and stopped after it, so that no running event loop waits for that.
    """
    with _load("index", "EmbeddedIndex")() as index:
        yield index


@pytest.fixture
def lading_copr() -> Iterator[EmbeddedCopr]:
    """Run a Copr without projects; it is started before the test and stopped after it."""
    with _load("copr", "EmbeddedCopr")() as store:
        yield store


@pytest.fixture
def lading_charmhub() -> Iterator[EmbeddedCharmhub]:
    """Run a Charmhub without packages; it is started before the test and stopped after it."""
    with _load("canonical", "EmbeddedCharmhub")() as store:
        yield store


@pytest.fixture
def lading_snap_store() -> Iterator[EmbeddedSnapStore]:
    """Run a Snap Store without snaps; it is started before the test and stopped after it."""
    with _load("canonical.snap", "EmbeddedSnapStore")() as store:
        yield store


@pytest.fixture
def lading_server() -> Iterator[StartServer]:
    """Start servers with handlers of yours, which are stopped after the test."""
    server_class = _load("server", "Server")
    with ExitStack() as running:

        def start(handler: Handler, **options: Any) -> Server:
            server: Server = running.enter_context(server_class(handler, **options))
            return server

        yield start


@pytest.fixture
def lading_fault_proxy() -> Iterator[StartFaultProxy]:
    """Start proxies that inject faults in front of real servers, and are stopped after the test."""
    proxy_class = _load("proxy", "FaultProxy")
    with ExitStack() as running:

        def start(upstream_url: str, **options: Any) -> FaultProxy:
            proxy: FaultProxy = running.enter_context(proxy_class(upstream_url, **options))
            return proxy

        yield start


def _load(module: str, name: str) -> Any:
    """Return an object of lading.testing, or fail with the name of the extra to install."""
    try:
        return getattr(importlib.import_module(f"lading.testing.{module}"), name)
    except ImportError as error:
        pytest.fail(f"this fixture needs 'lading[testing]', please install that ({error})", pytrace=False)
