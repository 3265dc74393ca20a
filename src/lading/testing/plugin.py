"""Fixtures for your test suite; the package registers them with pytest by itself.

Nothing but pytest is imported until one of them is used.

* ``lading_index`` is a running :class:`~lading.testing.EmbeddedIndex`, a fresh one for every test.
* ``lading_copr`` is a running :class:`~lading.testing.EmbeddedCopr`, likewise.

The others give a function that starts a server for the time of the test:

* ``lading_server(handler, **options)``: a :class:`~lading.testing.Server`.
* ``lading_fault_proxy(upstream_url, **options)``: a :class:`~lading.testing.FaultProxy`.

Example:
    A test of your own code against your own server, with one answer lost on the way::

        def test_upload_survives_a_lost_answer(lading_fault_proxy, my_index_url):
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

    from lading.testing.copr import EmbeddedCopr
    from lading.testing.faults import Faults
    from lading.testing.index import EmbeddedIndex
    from lading.testing.proxy import FaultProxy
    from lading.testing.server import Handler, Server

    class StartServer(Protocol):
        """How ``lading_server`` is called."""

        def __call__(  # noqa: D102 - the fixture says it
            self, handler: Handler, *, faults: Faults | None = None, tls: ssl.SSLContext | None = None
        ) -> Server: ...

    class StartFaultProxy(Protocol):
        """How ``lading_fault_proxy`` is called."""

        def __call__(  # noqa: D102 - the fixture says it
            self,
            upstream_url: str,
            *,
            faults: Faults | None = None,
            tls: ssl.SSLContext | None = None,
            upstream_tls: ssl.SSLContext | None = None,
        ) -> FaultProxy: ...


@pytest.fixture
def lading_index() -> Iterator[EmbeddedIndex]:
    """A package index with nothing in it.

    It is up before the test begins and goes after it has ended, so that no running event loop waits for that.
    """
    with _load("index", "EmbeddedIndex")() as index:
        yield index


@pytest.fixture
def lading_copr() -> Iterator[EmbeddedCopr]:
    """A Copr with nothing in it but its user; up before the test begins, and gone after it has ended."""
    with _load("copr", "EmbeddedCopr")() as store:
        yield store


@pytest.fixture
def lading_server() -> Iterator[StartServer]:
    """Start servers with handlers of your own, which end with the test."""
    server_class = _load("server", "Server")
    with ExitStack() as running:

        def start(handler: Handler, **options: Any) -> Server:
            server: Server = running.enter_context(server_class(handler, **options))
            return server

        yield start


@pytest.fixture
def lading_fault_proxy() -> Iterator[StartFaultProxy]:
    """Start proxies that inject faults in front of real servers, which end with the test."""
    proxy_class = _load("proxy", "FaultProxy")
    with ExitStack() as running:

        def start(upstream_url: str, **options: Any) -> FaultProxy:
            proxy: FaultProxy = running.enter_context(proxy_class(upstream_url, **options))
            return proxy

        yield start


def _load(module: str, name: str) -> Any:
    """A name of lading.testing, or a failure that says what to install."""
    try:
        return getattr(importlib.import_module(f"lading.testing.{module}"), name)
    except ImportError as error:
        pytest.fail(f"this fixture needs 'lading[testing]', please install that ({error})", pytrace=False)
