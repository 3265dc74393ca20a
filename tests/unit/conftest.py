"""Unit tests open no network socket, and this file holds them to it."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest

_REAL_CONNECT = socket.socket.connect
_REAL_CONNECT_EX = socket.socket.connect_ex
_REAL_BIND = socket.socket.bind


def _check(sock: socket.socket) -> None:
    # Where the system has no socket pairs, the standard library connects one over loopback for the event loop.
    in_socketpair = sys._getframe(2).f_code.co_name in {"socketpair", "_fallback_socketpair"}
    if sock.family in {socket.AF_INET, socket.AF_INET6} and not in_socketpair:
        raise AssertionError("a unit test opened a network socket: such tests belong to tests/integration")


def _connect(self: socket.socket, *args: Any) -> None:
    _check(self)
    _REAL_CONNECT(self, *args)


def _connect_ex(self: socket.socket, *args: Any) -> int:
    _check(self)
    return _REAL_CONNECT_EX(self, *args)


def _bind(self: socket.socket, *args: Any) -> None:
    _check(self)
    _REAL_BIND(self, *args)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that connects or binds a network socket, in whatever thread.

    uvloop calls the system itself and is not seen; the same test runs on asyncio and on trio, where it is.
    """
    monkeypatch.setattr(socket.socket, "connect", _connect)
    monkeypatch.setattr(socket.socket, "connect_ex", _connect_ex)
    monkeypatch.setattr(socket.socket, "bind", _bind)


@pytest.fixture
def part_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Parts of a few bytes; and no waiting for others."""
    from lading.s3._staging import metadata as _metadata
    from lading.s3._staging import source as _source
    from lading.s3._staging import transfer as _transfer

    size: int = getattr(request, "param", 4)
    for module in (_source, _transfer):
        monkeypatch.setattr(module, "PART", size)
    monkeypatch.setattr(_transfer, "_COPY_PART", size)
    monkeypatch.setattr(_metadata, "_EVERY", 0.0)
    monkeypatch.setattr(_metadata, "_ORPHANED", 0.0)
    return size
