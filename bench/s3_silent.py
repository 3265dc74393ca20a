"""S3: what one region of three that accepts connections and never responds adds to each call, with default settings.

Ours is the time beside that region, the peer's the time without it. The regions are moto's, in a process of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench import _measure
from bench._measure import Figure, Options, Reading
from bench._s3_silent_cases import CALLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `s3-silent`."""
    with _measure.scratch() as directory, _moto(directory) as url, _silent() as silent:
        figures = [
            Figure(f"{call}: wall", "s", Reading(f"calls:{silent}", call), {"all respond": Reading("calls", call)})
            for call in CALLS
        ]
        yield from _measure.figures(name, "bench._s3_silent_cases", figures, {"url": url}, options)


@contextmanager
def _silent() -> Iterator[str]:
    """The port of a socket that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        yield str(server.getsockname()[1])


@contextmanager
def _moto(directory: Path) -> Iterator[str]:
    """moto's address for the time, and an environment in which nothing else is reached."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for setting in [setting for setting in os.environ if setting.startswith(("AWS_", "STARTIFACT_"))]:
        del os.environ[setting]
    os.environ.update(
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_CONFIG_FILE=str(directory / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(directory / "credentials"),
        AWS_EC2_METADATA_DISABLED="true",
    )
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
