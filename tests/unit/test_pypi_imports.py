"""What importing the client of an index costs: nothing that is needed later, or not at all."""

from __future__ import annotations

import subprocess
import sys

# Needed by no client that has only been created. Some are needed later, and imported off the event loop then.
LATE = {
    "asyncio",
    "configparser",
    "email.parser",
    "html.parser",
    "httpx",
    "idna",
    "keyring",
    "lxml",
    "packaging.licenses",
    "packaging.metadata",
    "packaging.requirements",
    "packaging.specifiers",
    "packaging.tags",
    "packaging.utils",
    "subprocess",
    "tarfile",
    "tenacity",
    "urllib.request",
    "zipfile",
}

CODE = """
import sys
{before}
before = set(sys.modules)
from lading import PyPI
PyPI()
print(*sorted(set(sys.modules) - before))
"""


def loaded(before: str = "") -> set[str]:
    """The modules that importing and creating the client loads, after *before* has run."""
    command = [sys.executable, "-I", "-c", CODE.format(before=before)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_client_of_an_index_adds_nothing_slow_to_what_all_clients_share() -> None:
    found = loaded("import lading._client, lading._core.responses, lading._core.model")
    assert "lading.pypi.releases" in found
    assert found & LATE == set()


def test_what_only_the_client_of_an_index_could_load() -> None:
    shared = {"email.parser", "httpx", "idna", "urllib.request", "zipfile"}
    assert loaded() & (LATE - shared) == set()
