"""Which threads connecting uses: never the application's, and never those that wait for files."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

import lading
from lading import Transport
from lading._core.threads import run_in_thread
from lading._http import connect as dial
from tests.support.raw_server import Peer, RawServer, until
from tests.support.transport_client import as_response, make_client, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

pytestmark = pytest.mark.anyio


@pytest.fixture
def files() -> Iterator[threading.Event]:
    """Set when the files have been hashed."""
    done = threading.Event()
    yield done
    done.set()


async def test_connecting_does_not_wait_for_files(
    files: threading.Event, server_tls: ssl.SSLContext, ca_file: Path
) -> None:
    """Every thread for files is busy: names are resolved, certificates read and hands shaken all the same."""
    async with RawServer(Peer.serve, server_tls) as server, anyio.create_task_group() as group:
        begun: list[int] = []

        def work() -> None:
            begun.append(1)
            files.wait(30)

        for _ in range(24):
            group.start_soon(run_in_thread, work)
        await until(lambda: len(begun) == 16)
        async with Transport(tls=ca_file) as transport:
            response = await request(transport, f"https://localhost:{server.port}/", connect=20, read=20)
            assert response.body == b"ok"
        assert len(begun) == 16
        files.set()


async def test_names_are_resolved_in_threads_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[threading.Thread] = []
    look_up = dial._look_up

    def looked_up(*arguments: Any) -> Any:
        found.append(threading.current_thread())
        return look_up(*arguments)

    monkeypatch.setattr(dial, "_look_up", looked_up)
    async with RawServer(Peer.serve) as server, Transport() as transport:
        await request(transport, f"http://localhost:{server.port}/")
    (thread,) = found
    assert thread.daemon
    assert thread.name == "lading resolver"


async def test_a_resolver_that_hangs_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call ends at its timeout; the thread, which nothing can interrupt, is left alone, and counted."""
    go = threading.Event()
    begun: list[bytes] = []

    def hang(host: bytes, port: int) -> Any:
        begun.append(host)
        go.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(dial, "_look_up", hang)
    try:
        timeout = lading.Timeout(connect=0.05)
        server = RawServer(Peer.serve)
        async with server, make_client(f"http://localhost:{server.port}", timeout=timeout) as client:
            async with anyio.create_task_group() as group:

                async def one() -> None:
                    with pytest.raises(lading.RequestTimeout) as caught:
                        await client.send(lading.Call("GET", "", as_response))
                    assert (caught.value.phase, caught.value.outcome) == ("connect", "not_done")

                for _ in range(20):
                    group.start_soon(one)
            assert len(begun) == 16
            go.set()
            patient = client.with_options(timeout=lading.Timeout(connect=20))
            assert (await patient.send(lading.Call("GET", "", as_response))).body == b"ok"
    finally:
        go.set()


async def test_handshakes_are_off_the_event_loop(server_tls: ssl.SSLContext, authority: trustme.CA) -> None:
    """All but its first step, which only writes the greeting: the others verify and sign."""
    threads: list[int] = []

    class Recording(ssl.SSLObject):
        def do_handshake(self) -> None:
            threads.append(threading.get_ident())
            super().do_handshake()

    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.sslobject_class = Recording
    async with RawServer(Peer.serve, server_tls) as server, Transport(tls=context) as transport:
        assert (await request(transport, server.url)).body == b"ok"
    first, *others = threads
    assert first == threading.get_ident()
    assert others
    assert threading.get_ident() not in others
