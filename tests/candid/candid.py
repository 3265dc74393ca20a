"""A Candid on loopback, built from Debian's source package."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Self

from macaroonbakery import bakery

PACKAGES = ("golang-github-canonical-candid-dev", "golang-go")
SOURCES = Path("/usr/share/gocode")
PROGRAM = "github.com/canonical/candid/cmd/candidsrv"
PERSON, PASSWORD = "alice", "a-password"
AGENT = "admin@candid"
# Seconds after which it gives up waiting for a person.
WAIT = 3

_CONFIGURATION = """
listen-address: 127.0.0.1:{port}
location: {location}
private-addr: 127.0.0.1
public-key: {public}
private-key: {private}
storage: {{type: memory}}
resource-path: {resources}
rendezvous-timeout: {wait}s
admin-agent-public-key: {agent}
identity-providers:
  - type: static
    name: static
    users:
      {person}: {{password: {password}, name: A Person, email: {person}@example.com}}
"""
# The package has none of its pages: the least that it needs to show the form and its end.
_PAGES = {
    "authentication-required": "{{range .IDPs}}<a href='{{.URL}}'>log in</a>{{end}}",
    "login-form": "<form method='post' action='{{.Action}}'>{{.Error}}</form>",
    "login": "logged in as {{.Username}}",
}


class NotHere(Exception):
    """This machine cannot run a Candid; the text says why."""


def built(directory: Path) -> Path:
    """The path of the program, which is built in *directory* when it is not there, of packages that are installed."""
    program = directory / "candidsrv"
    if program.exists():
        return program
    if not (SOURCES / "src" / PROGRAM).is_dir() or shutil.which("go") is None:
        _install()
    directory.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(SOURCES),
        "GOCACHE": str(directory / "go-cache"),
        "GOFLAGS": "",
    }
    _run(["go", "build", "-o", str(program), PROGRAM], environment)
    return program


def _install() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotHere(f"{PACKAGES[0]} is missing, and installing it needs root and apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update"], environment)
    _run(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], environment)


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise NotHere(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")


class Candid:
    """The service.

    Attributes:
        location: Its URL.
        public_key: What caveats for it are encrypted with.
        agent_key: The private key of its agent.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        key, self._agent = bakery.generate_key(), bakery.generate_key()
        self._key = key
        self.public_key = key.public_key
        self.agent_key = str(self._agent)
        self.location = ""

    def __enter__(self) -> Self:
        self._root = Path(tempfile.mkdtemp(prefix="lading-candid-"))
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        self.location = f"http://127.0.0.1:{port}"
        (self._root / "templates").mkdir()
        for name, page in _PAGES.items():
            (self._root / "templates" / name).write_text(page, "utf-8")
        configuration = self._root / "candid.yaml"
        configuration.write_text(
            _CONFIGURATION.format(
                port=port,
                location=self.location,
                public=self.public_key,
                private=self._key,
                resources=self._root,
                wait=WAIT,
                agent=self._agent.public_key,
                person=PERSON,
                password=PASSWORD,
            ),
            "utf-8",
        )
        with (self._root / "candid.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(self._program), str(configuration)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _await(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._root / "candid.log").read_text("utf-8", "replace")[-2000:])
            try:
                with urllib.request.urlopen(f"{self.location}/discharge/info", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._root, ignore_errors=True)
