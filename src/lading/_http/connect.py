"""Connecting: names to addresses, and the first of them that responds."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import anyio

from lading._core.threads import run_detached
from lading._http.errors import ConnectFailed
from lading._http.sockets import enable_keep_alive, os_error_message

if TYPE_CHECKING:
    from lading.types import KeepAlive


async def connect(host: str, port: int, keep_alive: KeepAlive | None = None) -> socket.socket:
    """Connect a non-blocking socket: addresses of both families in turn, 0.25 s apart (RFC 8305)."""
    try:
        sock = await _happy_eyeballs(await _resolve(host, port))
    except OSError as error:
        unresolved = isinstance(error, socket.gaierror)
        raise ConnectFailed(os_error_message(error), "resolve" if unresolved else "connect") from error
    if keep_alive is not None:
        enable_keep_alive(sock, keep_alive)
    return sock


_Address = tuple[int, tuple[object, ...]]
_HEAD_START = 0.25


async def _resolve(host: str, port: int) -> list[_Address]:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, (host, port))]
    # Neither anyio's getaddrinfo: on asyncio it takes a thread of the application's default executor. As bytes, for the
    # standard library's own encoding of names refuses some that a resolver knows.
    found = await run_detached("lading resolver", _look_up, host.encode("ascii"), port)
    addresses: list[_Address] = list(dict.fromkeys((family, where) for family, _, _, _, where in found))
    first = addresses[0][0]
    same = [a for a in addresses if a[0] == first]
    other = [a for a in addresses if a[0] != first]
    # The system's order within a family, the families in turn.
    turns = [a for pair in zip(same, other, strict=False) for a in pair]
    return turns + same[len(other) :] + other[len(same) :]


def _look_up(host: bytes, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def _happy_eyeballs(addresses: list[_Address]) -> socket.socket:
    if len(addresses) == 1:
        return await _connect_one(*addresses[0])
    winners: list[socket.socket] = []
    failures: list[OSError] = []

    async def run(address: _Address, over: anyio.Event) -> None:
        try:
            sock = await _connect_one(*address)
        except OSError as error:
            failures.append(error)
            over.set()
            return
        winners.append(sock)
        group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            for address in addresses:
                over = anyio.Event()
                group.start_soon(run, address, over)
                with anyio.move_on_after(_HEAD_START):
                    await over.wait()
    except BaseException:
        for sock in winners:
            sock.close()
        raise
    for late in winners[1:]:
        late.close()
    if winners:
        return winners[0]
    raise failures[0]


async def _connect_one(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            await anyio.wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code)) from None
    except BaseException:
        sock.close()
        raise
    return sock
