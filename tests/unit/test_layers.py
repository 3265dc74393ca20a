"""Imports run one way, and some libraries are known in one place only."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import lading

SOURCE = Path(lading.__file__).parent
STORES = {"copr", "anaconda", "canonical", "pypi", "s3"}
FOUNDATION = {"errors", "types", "_version"}
SHARED = {"_artifacts", "_macaroons"}
# A library, and the modules that alone may import it (everything below a name that ends in a dot).
ONLY_IN = {
    "httpx": ("lading._http.", "lading.testing."),
    "httpx2": (),
    "h11": ("lading._http.", "lading.testing."),
    "aiobotocore": ("lading.s3._aws", "lading.s3._aws."),
    "botocore": ("lading.s3._aws", "lading.s3._aws."),
    "pymacaroons": ("lading._macaroons.bakery",),
    "nacl": ("lading._macaroons.bakery", "lading.testing.canonical."),
    "yaml": ("lading.testing.canonical.",),
    "keyring": ("lading._core.credentials",),
    "awscrt": ("lading.s3._checksums",),
    "semver": ("lading.s3.",),
    "lxml": ("lading.pypi._simple_html",),
    "spnego": ("lading.copr._kerberos",),
    "tenacity": ("lading._core.retry",),
    "opentelemetry": ("lading.otel",),
    "pytest": ("lading.testing.",),
    "asyncio": (),
    "trio": (),
}
# No I/O: requests are data and responses are read by pure functions.
PURE = ("_wire", "_models")
IO_LIBRARIES = {"anyio", "httpx", "h11", "socket", "ssl", "subprocess", "aiobotocore", "keyring"}

CLIENTS = {f"lading.{store}._client" for store in STORES} | {"lading.s3._session"}

MODULES = sorted(SOURCE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(["lading", *parts])


def imports(path: Path, *, at_runtime: bool = False) -> set[str]:
    """The full names a module imports; *at_runtime* leaves out what only type checkers see."""
    tree = ast.parse(path.read_text("utf-8"))
    hidden: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            hidden.update(child for statement in node.body for child in ast.walk(statement))
    found = set()
    for node in ast.walk(tree):
        if at_runtime and node in hidden:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layers"
            found.add(node.module or "")
            if node.module == "lading":
                found.update(f"lading.{alias.name}" for alias in node.names)
    return found


def layer(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def may_import(here: str, there: str) -> bool:
    """The rule: errors, types <- _core <- _http, _artifacts, _macaroons; _client on _core and _http; stores on the rest.

    Only a store's ``_client``, and ``s3._session``, know ``_client``; ``fanout`` stands on ``_core``, below the stores.
    """
    mine, theirs = layer(here), layer(there)
    if theirs in FOUNDATION or mine in {"", "testing"}:
        return True
    if mine in FOUNDATION:
        return theirs in FOUNDATION
    if mine == theirs:
        return True
    if mine in {"_http", "fanout", "otel"} | SHARED:
        return theirs == "_core"
    if mine == "_client":
        return theirs in {"_core", "_http"}
    if mine in STORES:
        return theirs in {"_core", "fanout"} | SHARED or (theirs == "_client" and here in CLIENTS)
    return False


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_run_one_way(path: Path) -> None:
    here = dotted(path)
    wrong = [there for there in imports(path) if there.startswith("lading.") and not may_import(here, there)]
    assert not wrong, f"{here} must not import {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_libraries_are_known_in_one_place(path: Path) -> None:
    here = dotted(path)
    for name in imports(path):
        allowed = ONLY_IN.get(name.partition(".")[0])
        if allowed is not None:
            fits = any(here == a or (a.endswith(".") and here.startswith(a)) for a in allowed)
            assert fits, f"{here} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_nobody_imports_the_embedded_stores(path: Path) -> None:
    if layer(dotted(path)) != "testing":
        assert not [name for name in imports(path) if name.startswith("lading.testing")]


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem in PURE and layer(dotted(p)) in STORES], ids=dotted)
def test_wire_and_models_do_no_io(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imports(path, at_runtime=True)} & IO_LIBRARIES
    assert not [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Await)]


@pytest.mark.parametrize("path", [p for p in MODULES if dotted(p).startswith("lading.s3.")], ids=dotted)
def test_only_the_session_of_s3_knows_aws(path: Path) -> None:
    here = dotted(path)
    if here != "lading.s3._session" and not here.startswith("lading.s3._aws"):
        assert not [name for name in imports(path) if name.startswith("lading.s3._aws")]


def test_no_modules_import_each_other() -> None:
    """Not even for type checkers. Packages are left out: their ``__init__`` names what is in them."""
    graph = {dotted(path): imports(path) for path in MODULES if path.stem != "__init__"}
    TopologicalSorter({here: graph[here] & graph.keys() for here in graph}).prepare()  # CycleError names them


def test_the_rule_can_fail() -> None:
    assert not may_import("lading.pypi.releases", "lading._http.transport")
    assert not may_import("lading._core.sender", "lading._http.backend")
    assert not may_import("lading._core.sender", "lading.pypi")
    assert not may_import("lading.pypi._client", "lading.copr")
    assert not may_import("lading.errors", "lading._core.call")
    assert not may_import("lading.pypi.releases", "lading._client")
    assert not may_import("lading._core.files", "lading._artifacts.python")
    assert not may_import("lading._client", "lading.pypi")
    assert may_import("lading.pypi._client", "lading._client")
    assert may_import("lading._client", "lading._http.transport")
    assert len(MODULES) > 30
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    assert sys.version_info >= (3, 11)
