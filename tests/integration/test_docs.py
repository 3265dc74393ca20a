"""The documentation: every example runs and prints what the page says, and every public name is documented once.

The ``python`` blocks of a page run in order, as one program and in one namespace, in a directory that has a ``dist/``. A
``text`` block right after one is its expected output. ``"pypi"`` is an index on loopback, and ``~/.config/copr`` belongs to
the user ada of a Copr on loopback, where builds advance whenever they are read and poll intervals are short. AWS is moto,
with a bucket in each of three regions. Charmhub and the Snap Store are on loopback, for pages that speak of them; the
keyring is empty, and persons type what logs the stores' owner in. An HTML comment that begins with ``setup`` is code for this test only: it prepares
the next block, or checks the effect of the previous one, and its own names are not visible to the program.
Functions named ``test_...`` are called as pytest calls them, with fixtures, and awaited if they are async.
"""

from __future__ import annotations

import ast
import base64
import collections
import doctest
import functools
import hashlib
import importlib
import inspect
import logging
import os
import pkgutil
import re
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import copr.v3
import copr.v3.pagination
import pytest

import lading
import lading.canonical
import lading.copr
import lading.progress
import lading.pypi
import lading.pypi.restrictions
import lading.s3
import lading.testing
from lading._core import polling
from lading.canonical import _review_watch
from lading.copr._builds import log as _logs
from lading.copr._builds import watch as _watching
from lading.pypi import _indexes
from lading.testing import (
    EmbeddedCharmhub,
    EmbeddedCopr,
    EmbeddedOnPremSnapStore,
    EmbeddedSnapStore,
    Server,
    ServerRequest,
    ServerResponse,
    make_charm,
)
from tests.support.memory_keyring import WritableKeyring, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.moto_aws import Backdoor

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^```python\n(?P<python>.*?)^```$|^<!-- setup\n(?P<setup>.*?)^-->$|^```(?P<info>\S*)[^\n]*\n(?P<other>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PRINTED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """One block to run; *line* is where its first line stands, *printed* what it says to print."""

    line: int
    code: str
    hidden: bool
    printed: str | None


def blocks(page: Path) -> list[Block]:
    """What there is to run on *page*."""
    text = page.read_text("utf-8")
    found: list[Block] = []
    end = 0
    for match in BLOCK.finditer(text):
        code = match["python"] or match["setup"]
        if code is not None:
            start = match.start("python" if match["python"] else "setup")
            found.append(Block(text.count("\n", 0, start), code, match["setup"] is not None, None))
            end = match.end()
        elif match["info"] == "text" and found and text[end : match.start()].isspace():
            found[-1] = found[-1]._replace(printed=match["other"])
    return found


EXAMPLES = [page for page in PAGES if blocks(page)]


class TinyIndex:
    """A package index in memory: enough of the upload and the Simple API for the examples."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.users: list[str] = []
        self.server = Server(self.respond)

    async def respond(self, request: ServerRequest) -> ServerResponse:
        """Respond to one request."""
        if request.method == "POST":
            return self.take(request.headers.get("Authorization", ""), await request.read())
        kind, _, name = request.path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return ServerResponse(body=self.files[name])
        files = [file for file in sorted(self.files) if file.startswith(f"{name}-")]
        if kind != "simple" or not files:
            return ServerResponse.json({"message": "Not Found"}, 404)
        return ServerResponse.json(
            {"meta": {"api-version": "1.1"}, "name": name, "files": list(map(self.entry, files))}
        )

    def entry(self, name: str) -> dict[str, Any]:
        """One file as the Simple API lists it."""
        data = self.files[name]
        digest = hashlib.sha256(data).hexdigest()
        return {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}, "size": len(data)}

    def take(self, authorization: str, form: bytes) -> ServerResponse:
        """An upload."""
        scheme, _, pair = authorization.partition(" ")
        user, _, secret = base64.b64decode(pair).decode().partition(":")
        if scheme != "Basic" or secret.startswith("wrong"):
            return ServerResponse.json({"code": "403 Invalid or non-existent authentication information."}, 403)
        boundary, _, _ = form.partition(b"\r\n")
        part = next(part for part in form.split(boundary) if b'name="content"' in part)
        head, _, content = part.partition(b"\r\n\r\n")
        name = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        if name in self.files:
            return ServerResponse.json({"code": f"400 File already exists ('{name}')."}, 400)
        self.files[name] = content.removesuffix(b"\r\n")
        self.users.append(user)
        return ServerResponse()


def make_wheel(directory: Path, project: str, version: str) -> Path:
    """A wheel that an index takes."""
    name = project.replace("-", "_")
    path = directory / f"{name}-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"version = {version!r}\n")
        archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
        archive.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        record = "".join(f"{member},,\n" for member in [*archive.namelist(), f"{name}-{version}.dist-info/RECORD"])
        archive.writestr(f"{name}-{version}.dist-info/RECORD", record)
    return path


@pytest.fixture
def index() -> Iterator[TinyIndex]:
    """A running index; nothing may have gone wrong in it."""
    index = TinyIndex()
    with index.server:
        yield index
    assert not index.server.errors


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedCopr]:
    """A Copr that this machine is set up for."""
    quick = lading.PollInterval(initial=0.01, maximum=0.01)
    monkeypatch.setattr(polling, "PollInterval", lambda *given: lading.PollInterval(*given) if given else quick)
    monkeypatch.setattr(_logs, "_PACE", quick)
    monkeypatch.setattr(_watching, "_RATE", 1000)
    with EmbeddedCopr(auto_advance=True) as store:
        store.write_config(Path("~/.config/copr").expanduser(), store.add_user("ada"))
        yield store
    assert not store.errors


@pytest.fixture
def index_url(index: TinyIndex) -> str:
    """The index's address, for examples of tests."""
    return index.server.url


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel, for examples of tests."""
    return make_wheel(tmp_path, "other", "2.0")


@pytest.fixture(params=["asyncio", "trio"])
def program(
    request: pytest.FixtureRequest,
    index: TinyIndex,
    store: EmbeddedCopr,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, Any]:
    """The namespace of a program, on a machine with something to publish and to build."""
    url = index.server.url
    monkeypatch.setitem(_indexes._BY_NAME, "pypi", lading.Index(f"{url}/legacy/", f"{url}/simple/", "pypi"))
    monkeypatch.setenv("PYPI_TOKEN", "pypi-from-the-environment")
    monkeypatch.setattr(anyio, "run", functools.partial(anyio.run, backend=request.param))
    monkeypatch.chdir(tmp_path)
    Path("dist").mkdir()
    for project in ("demo", "demo-tools", "demo-docs"):
        make_wheel(Path("dist"), project, "1.0")
    Path("hello-1.0-1.src.rpm").write_bytes(b"a source package")
    return {"__name__": "__main__"}


@pytest.fixture
def regions(page: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backdoor | None:
    """What lies in AWS's regions, on a machine that may write there; for pages that want any."""
    if "Stager(" not in page.read_text("utf-8"):
        return None
    url = request.getfixturevalue("moto")
    for service in ("S3", "SSM"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
    monkeypatch.setenv("STARTIFACT_REGIONS", "eu-west-1,us-east-1,ap-south-1")
    aws_backdoor: Backdoor = request.getfixturevalue("aws_backdoor")
    return aws_backdoor


class CanonicalStores(NamedTuple):
    """The stores of Canonical that run for a page."""

    charmhub: EmbeddedCharmhub
    snap_store: EmbeddedSnapStore
    on_prem: EmbeddedOnPremSnapStore


@pytest.fixture
def canonical(page: Path, store: EmbeddedCopr, monkeypatch: pytest.MonkeyPatch) -> Iterator[CanonicalStores | None]:
    """Charmhub and Snap Stores, at a machine with a keyring and a person; for pages that want any."""
    if not re.search(r"Charmhub\b|SnapStore\b", "".join(block.code for block in blocks(page))):
        yield None
        return
    monkeypatch.setattr(_review_watch, "_POLL", lading.PollInterval(initial=0.01, maximum=0.01))
    for variable in ("CHARMCRAFT_AUTH", "SNAPCRAFT_STORE_CREDENTIALS"):
        monkeypatch.setenv(variable, "")
    with (
        installed(WritableKeyring()),
        EmbeddedCharmhub(interactions=["browser-window", "agent"]) as charmhub,
        EmbeddedSnapStore() as snap_store,
        EmbeddedOnPremSnapStore() as on_prem,
    ):
        person = charmhub.owner
        monkeypatch.setitem(lading.Charmhub._known, "production", charmhub.endpoints())
        monkeypatch.setitem(lading.Charmhub._known, "candid", charmhub.endpoints("candid"))
        monkeypatch.setitem(lading.SnapStore._known, "production", snap_store.endpoints())
        monkeypatch.setattr("webbrowser.open", charmhub.visit)
        monkeypatch.setattr("getpass.getpass", lambda _="": person.password)
        monkeypatch.setattr("builtins.input", lambda prompt="": person.email if "mail" in prompt else person.otp)
        yield CanonicalStores(charmhub, snap_store, on_prem)
    assert not [*charmhub.errors, *snap_store.errors, *on_prem.errors]


@contextmanager
def fresh_logging() -> Iterator[None]:
    """Logging as it is when a program starts, and afterwards as it was."""
    loggers = [logging.getLogger(name) for name in (None, "lading")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    loggers[0].handlers.clear()
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_run(
    page: Path,
    program: dict[str, Any],
    index: TinyIndex,
    store: EmbeddedCopr,
    regions: Backdoor | None,
    canonical: CanonicalStores | None,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """Every example runs, on both loops, and prints what the page says."""
    helpers = {
        "index": index,
        "store": store,
        "aws_backdoor": regions,
        "canonical": canonical,
        "make_charm": make_charm,
        "make_wheel": make_wheel,
        "os": os,
        "anyio": anyio,
        "Path": Path,
    }
    for block in blocks(page):
        known = set(program)
        # The blank lines put the traceback of a failure where the block stands on the page.
        code = compile("\n" * block.line + block.code, page, "exec", dont_inherit=True)
        with fresh_logging():
            exec(code, {**program, **helpers} if block.hidden else program)
        for name in [name for name in program if name.startswith("test_") and name not in known]:
            call_test(program[name], request)
        printed = capsys.readouterr().out
        if block.printed is not None and not doctest.OutputChecker().check_output(block.printed, printed, PRINTED):
            pytest.fail(f"{page.name}, line {block.line}, should print\n{block.printed}\nand printed\n{printed}")


def call_test(function: Any, request: pytest.FixtureRequest) -> None:
    """Call an example of a test, as pytest would."""
    fixtures = {name: request.getfixturevalue(name) for name in inspect.signature(function).parameters}
    bound = functools.partial(function, **fixtures)
    if inspect.iscoroutinefunction(function):
        anyio.run(bound)
    else:
        bound()


def modules() -> list[str]:
    """Every module of lading with an interactive example in a docstring."""
    found = pkgutil.walk_packages(lading.__path__, "lading.")
    source = Path(lading.__file__).parent
    paths = {
        m.name: source.joinpath(*m.name.split(".")[1:], *(["__init__"] if m.ispkg else [])).with_suffix(".py")
        for m in found
    }
    return [name for name, path in paths.items() if "    >>> " in path.read_text("utf-8")]


@pytest.mark.parametrize("name", modules())
def test_docstring_examples_run(name: str) -> None:
    """Interactive examples in docstrings print what they say."""
    assert not doctest.testmod(importlib.import_module(name), optionflags=PRINTED).failed


def test_every_public_name_is_in_the_reference_once() -> None:
    """A page of the reference names it in one autodoc directive."""
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = re.findall(r"^\.\. auto(?!module)\w+:: (lading\.[\w.]+)", text, re.MULTILINE)
    homes = {
        m.__name__: m
        for m in (
            lading,
            lading.canonical,
            lading.copr,
            lading.pypi,
            lading.pypi.restrictions,
            lading.s3,
            lading.testing,
        )
    }
    public = {f"{home}.{name}" for home, module in homes.items() for name in module.__all__ if name != "__version__"}
    # These have two homes, and are documented in the outer one.
    public -= {"lading.pypi.PyPI", "lading.pypi.Index", "lading.copr.Copr", "lading.copr.BuildFailed"}
    public -= {"lading.pypi.restrictions.Context", "lading.pypi.restrictions.Restriction"}
    public -= {"lading.canonical.Charmhub", "lading.canonical.SnapStore", "lading.canonical.ReviewRejected"}
    # Constants, which autodoc would show with all their members, and a module.
    public -= {name for name in public if re.fullmatch(r"lading\.canonical\.[A-Z_]+", name)}
    public.discard("lading.canonical.permissions")
    public -= {"lading.s3.RegionResult", "lading.s3.Stager", "lading.s3.VersionExists"}
    public.add("lading.otel.tracing")
    public |= {f"lading.progress.{name}" for name in lading.progress.__all__}
    assert [name for name, count in collections.Counter(named).items() if count > 1] == []
    assert public == {name for name in named if name.rpartition(".")[0] not in public}


def test_links_between_pages_lead_somewhere() -> None:
    """A relative link names a file of the repository; Sphinx checks the anchors."""
    texts = {
        page: re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL) for page in PAGES
    }
    links = [(page, link) for page, text in texts.items() for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)]
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_everything_public_in_python_copr_is_in_the_table() -> None:
    """The page for those who come from there has a row for each."""
    proxies = {
        name: proxy
        for name, proxy in vars(copr.v3.Client({"copr_url": "https://copr.example"})).items()
        if name.endswith("_proxy")
    }
    methods = {
        f"{attribute}.{name}("
        for attribute, proxy in proxies.items()
        # What all of them inherit is listed for the base alone.
        for name in (dir(type(proxy)) if attribute == "base_proxy" else vars(type(proxy)))
        if inspect.isfunction(getattr(type(proxy), name)) and not name.startswith("_")
    }
    methods.remove("base_proxy.create_from_config_file(")  # among the others, as the client's
    others = {name for name, value in vars(copr.v3.exceptions).items() if isinstance(value, type)}
    others |= {f"{helper}(" for helper in ("config_from_file", "wait", "succeeded", *_public(copr.v3.pagination))}
    others |= {*copr.v3.config_from_file(), "connection_attempts", ".create_from_config_file(", "DEFAULT_CONFIG_PATH"}
    text = (ROOT / "docs" / "coming-from-python-copr.md").read_text("utf-8")
    assert len(methods) == 51
    assert [name for name in sorted(methods | others) if f"`{name}" not in text and f"Client{name}" not in text] == []


# It is not on the Python Package Index: its public names, by hand.
STARTIFACT = """
Session( out= bucket_names= configuration_loader= read_only= regions= .regions .read_only .configuration .bucket_names
.get( .stage( .validate_project_name( .key .metadata_key .version .downloader .metadata_loader .latest_version_loader
.bucket .region .project .discover( .download( load_filename= session= MetadataLoader.loaded
MetadataLoader.any_regions_claim_no_metadata MetadataLoader.key LatestVersionLoader.version
LatestVersionLoader.successes_required ConfigurationLoader( ConfigurationLoader.loaded ConfigurationLoader.out
ConfigurationLoader.operate( BucketNames( BucketNames.add( BucketNames.get( Stager RegionalStager ProjectNameError
NoConfiguration NoRegionsConfigured NoRegionsAvailable CannotStageArtifact CannotDiscoverExistence ParameterStoreError
ParameterNotFound NotAllowedToGetParameter NotAllowedToPutParameter --stage --dry-run --download --info --setup
--version --filename --metadata --log-level
"""


def test_everything_public_in_startifact_is_in_the_table() -> None:
    """The page for those who come from there has a row for each."""
    page = (ROOT / "docs" / "coming-from-startifact.md").read_text("utf-8")
    reported = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert [name for name in STARTIFACT.split() if name not in " ".join(reported)] == []


def _public(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]


def test_the_tests_that_the_guide_names_exist() -> None:
    """Each known problem names the tests that prove the behaviour."""
    texts = [(ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in ("copr", "staging")]
    tables = [text[text.index("* - Problem\n") :].split("\n* - ")[1:] for text in texts]
    named = [re.findall(r"`(test_\w+)`", row) for table in tables for row in table]
    written = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [len(table) for table in tables] == [11, 9]
    assert all(named)
    assert [name for row in named for name in row if f"def {name}(" not in written] == []


def test_the_node_ids_that_the_guide_names_exist() -> None:
    """Each problem that publishers of charms and snaps have reported names tests, as pytest is given them."""
    text = (ROOT / "docs" / "charmhub.md").read_text("utf-8")
    rows = text[text.index("* - Problem\n") :].split("\n* - ")[1:]
    named = [re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", row) for row in rows]
    assert len(rows) == 15
    assert all(named)
    assert [one for row in named for one in row if one[1] not in _tests_in(ROOT / one[0])] == []


def _tests_in(path: Path) -> set[str]:
    """Return the tests in a file, by the names that pytest gives them."""
    tree = ast.parse(path.read_text("utf-8"))
    scopes = [("", tree.body)] + [(f"{node.name}::", node.body) for node in tree.body if isinstance(node, ast.ClassDef)]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {scope + node.name for scope, body in scopes for node in body if isinstance(node, kinds)}


def code_blocks(page: Path) -> list[tuple[int, str]]:
    """Return each line of the fenced code on *page*, with its number."""
    lines: list[tuple[int, str]] = []
    fence = ""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.startswith("```"):
            fence = "" if fence else line
        elif fence and not fence.startswith("```{"):
            lines.append((number, line))
    return lines


def test_code_fits_into_the_column() -> None:
    """Code is at most 80 columns wide: more is cut on the rendered page."""
    wide = [(page.name, number) for page in PAGES for number, line in code_blocks(page) if len(line) > 80]
    assert wide == []


def test_every_example_is_linked_from_a_page() -> None:
    """A page of the documentation links to each program in ``examples/``."""
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md"))
    examples = [path for path in (ROOT / "examples").glob("*.py") if "if __name__ ==" in path.read_text("utf-8")]
    assert examples
    assert [path.name for path in examples if f"](../examples/{path.name})" not in text] == []
