"""Servers in processes of their own, on loopback."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def running(command: Callable[[int], list[str]], log: Path, health: str, healthy: bytes) -> Iterator[str]:
    """The root of the server that *command* starts on a port; it is ended with the block."""
    for _ in range(5):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with log.open("wb") as output:
            process = subprocess.Popen(command(port), stdout=output, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        if _ready(process, url + health, healthy):
            break
        # Somebody else took the port in between: another one.
    else:
        pytest.fail(f"the server does not start: {log.read_text()}")
    try:
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _ready(process: subprocess.Popen[bytes], health: str, healthy: bytes) -> bool:
    """Whether it responds; ``False`` when it has ended."""
    deadline = time.monotonic() + 90
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with OPENER.open(health, timeout=30) as response:
                return healthy in response.read()
        except OSError:
            time.sleep(0.05)
    process.kill()
    process.wait()
    return False
