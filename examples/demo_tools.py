"""Helpers of the demo that do not use lading: projects to build, a pypiserver to run, and a progress line."""

from __future__ import annotations

import base64
import hashlib
import random
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Self

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from pathlib import Path

    import lading

PASSWORD = "made-up-for-the-demo"
PROJECTS = ("demo-anchor", "demo-buoy", "demo-crane", "demo-dock")
DATA_SIZE = 2 * 1024 * 1024

# pypiserver with a longer queue of waiting connections than the five of the standard library's server.
PYPISERVER = (
    "import socketserver; socketserver.TCPServer.request_queue_size = 128; from pypiserver.__main__ import main; main()"
)

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.{number}"
description = "A project of the demo"
requires-python = ">=3.11"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""


def write_projects(directory: Path) -> list[Path]:
    """Write some small projects, each with incompressible data, and return their directories."""
    written = []
    for number, name in enumerate(PROJECTS):
        project, package = directory / name, name.replace("-", "_")
        (project / package).mkdir(parents=True)
        (project / "pyproject.toml").write_text(PYPROJECT.format(name=name, number=number, package=package))
        (project / package / "__init__.py").write_text(f'"""{name}."""\n')
        (project / package / "data.bin").write_bytes(random.Random(number).randbytes(DATA_SIZE))
        written.append(project)
    return written


async def build(project: Path, to: Path) -> None:
    """Build a project's wheel and sdist, as ``python -m build`` does."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(to)]
    done = await anyio.run_process(command, cwd=project, check=False)
    if done.returncode:
        raise RuntimeError(f"{project.name} cannot be built: {done.stderr.decode(errors='replace')}")


async def sha256(path: Path) -> str:
    """Return the file's digest."""

    def digest() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return await anyio.to_thread.run_sync(digest)


class RunningPyPIServer:
    """A real pypiserver on this machine, which runs during a ``with`` block.

    Attributes:
        url: Its URL, without a slash at the end.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.url = ""

    def __enter__(self) -> Self:
        packages = self._directory / "index"
        packages.mkdir()
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        passwords = self._directory / "htpasswd"
        passwords.write_text(f"__token__:{{SHA}}{digest}\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = ["--host", "127.0.0.1", "--port", str(port), "--passwords", str(passwords)]
        options += ["--authenticate", "update", "--disable-fallback", str(packages)]
        with (self._directory / "index.log").open("wb") as log:
            command = [sys.executable, "-c", PYPISERVER, "run", *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self.url = f"http://127.0.0.1:{port}"
        self._wait()
        return self

    def _wait(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while self._process.poll() is None:
            try:
                with opener.open(f"{self.url}/health", timeout=30):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"pypiserver does not start: {(self._directory / 'index.log').read_text()}")

    def __exit__(self, *exc_info: object) -> None:
        self._process.terminate()
        self._process.wait()


class ProgressLine:
    """A line that shows the progress of all uploads on a terminal; prints nothing if the output is not a terminal."""

    def __init__(self) -> None:
        self._shown = sys.stdout.isatty()

    def update(self, progress: lading.Progress) -> None:
        """Show the progress of all uploads together."""
        self._write(
            f"\r  {progress.completed / 1e6:5.1f} of {(progress.total or 0) / 1e6:5.1f} MB, "
            f"{progress.files_completed} of {progress.files_total} files "
        )

    def print(self, text: str) -> None:
        """Print *text* on a line of its own."""
        self._write("\r" + " " * 78 + "\r")
        print(text)

    def end(self) -> None:
        """End the line."""
        self._write("\n")

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stdout.write(text)
            sys.stdout.flush()


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table with columns of the necessary width."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, tuple("-" * width for width in widths), *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
