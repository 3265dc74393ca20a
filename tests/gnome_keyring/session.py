"""A GNOME keyring on a D-Bus of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

PACKAGES = ("gnome-keyring", "dbus")
PROGRAMS = ("gnome-keyring-daemon", "dbus-daemon")
ROOT = Path(__file__).parents[2]


class NotHere(Exception):
    """This machine cannot run a keyring; the text says why."""


def install() -> None:
    """Install what is missing, from this machine's own package sources."""
    if all(map(shutil.which, PROGRAMS)):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotHere(f"{' or '.join(PROGRAMS)} is missing, and installing it needs root and apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise NotHere(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")


class Session:
    """A desktop session with nothing but a D-Bus and a keyring.

    Args:
        unlocked: Whether the keyring is there and unlocked, with an empty passphrase.
    """

    def __init__(self, *, unlocked: bool) -> None:
        self._unlocked = unlocked
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        install()
        self._root = Path(tempfile.mkdtemp(prefix="lading-keyring-"))
        self._root.chmod(0o700)
        (self._root / "run").mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DBUS_", "DISPLAY"))}
        self._environment = {
            **kept,
            "HOME": str(self._root),
            "XDG_DATA_HOME": str(self._root / ".local" / "share"),
            "XDG_RUNTIME_DIR": str(self._root / "run"),
            "PYTHONPATH": str(ROOT),
        }
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        bus = self._open(["dbus-daemon", "--session", "--nofork", "--print-address=1"])
        assert bus.stdout is not None
        self._environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        if not self._unlocked:
            return
        daemon = self._open(["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"])
        assert daemon.stdin is not None
        daemon.stdin.write("\n")
        daemon.stdin.close()
        deadline = time.monotonic() + 30
        while "SecretService" not in self.run("import keyring; print(keyring.get_keyring())"):
            assert time.monotonic() < deadline, "the keyring does not start"
            time.sleep(0.1)

    def _open(self, command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._environment,
        )
        self._processes.append(process)
        return process

    def run(self, code: str, **variables: str) -> str:
        """Run a Python program in the session, and return what it prints."""
        environment = {**self._environment, **variables}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)
            for stream in (process.stdin, process.stdout):
                if stream is not None and not stream.closed:
                    stream.close()
        shutil.rmtree(self._root, ignore_errors=True)
