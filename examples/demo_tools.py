"""What the demo needs and is not about lading: projects to build, a pypiserver to run, and a progress line."""

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

# pypiserver, with room for more than the five waiting connections that the standard library's server has.
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
description = "A project that exists to be published"
requires-python = ">=3.11"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""


def write_projects(folder: Path) -> list[Path]:
    """The folders of some small projects, each with data that does not compress."""
    made = []
    for number, name in enumerate(PROJECTS):
        project, package = folder / name, name.replace("-", "_")
        (project / package).mkdir(parents=True)
        (project / "pyproject.toml").write_text(PYPROJECT.format(name=name, number=number, package=package))
        (project / package / "__init__.py").write_text(f'"""{name}."""\n')
        (project / package / "data.bin").write_bytes(random.Random(number).randbytes(DATA_SIZE))
        made.append(project)
    return made


async def build(project: Path, to: Path) -> None:
    """Build a project's wheel and sdist, as ``python -m build`` would."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(to)]
    done = await anyio.run_process(command, cwd=project, check=False)
    if done.returncode:
        raise RuntimeError(f"{project.name} cannot be built: {done.stderr.decode(errors='replace')}")


async def sha256(path: Path) -> str:
    """The file's digest."""

    def digest() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return await anyio.to_thread.run_sync(digest)


class RunningPyPIServer:
    """A real pypiserver on this machine, from ``with`` to its end.

    Attributes:
        url: Where it is, without a slash at the end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""

    def __enter__(self) -> Self:
        packages = self._folder / "index"
        packages.mkdir()
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        passwords = self._folder / "htpasswd"
        passwords.write_text(f"__token__:{{SHA}}{digest}\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = ["--host", "127.0.0.1", "--port", str(port), "--passwords", str(passwords)]
        options += ["--authenticate", "update", "--disable-fallback", str(packages)]
        with (self._folder / "index.log").open("wb") as log:
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
        raise RuntimeError(f"pypiserver does not start: {(self._folder / 'index.log').read_text()}")

    def __exit__(self, *exc_info: object) -> None:
        self._process.terminate()
        self._process.wait()


class ProgressLine:
    """One line on a terminal that says how far all uploads are; silent where the output is no terminal."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._finished = 0
        self._seen: dict[Path, lading.Progress] = {}
        self._shown = sys.stdout.isatty()

    def update(self, path: Path, progress: lading.Progress) -> None:
        """Note how far one upload is."""
        self._seen[path] = progress
        self._draw()

    def finish_one(self) -> None:
        """Note that an upload has ended."""
        self._finished += 1
        self._draw()

    def _draw(self) -> None:
        sent = sum(progress.completed for progress in self._seen.values())
        total = sum(progress.total or 0 for progress in self._seen.values())
        repeated = sum(progress.attempt - 1 for progress in self._seen.values())
        self._write(
            f"\r  {sent / 1e6:5.1f} of {total / 1e6:5.1f} MB, {self._finished} of {self._files} files, "
            f"{repeated} attempts repeated "
        )

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._write("\r" + " " * 78 + "\r")
        print(text)

    def end(self) -> None:
        """Leave the line as it is."""
        self._write("\n")

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stdout.write(text)
            sys.stdout.flush()


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, tuple("-" * width for width in widths), *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
