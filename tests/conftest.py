"""What every test stands on: both loops, no blocking calls on them, and nothing of this machine's environment."""

from __future__ import annotations

import ast
import gc
import importlib.util
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from blockbuster import BlockBuster

from tests.support.memory_keyring import MemoryKeyring, installed
from tests.support.open_files import open_descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.testing import EmbeddedCharmhub, EmbeddedSnapStore
    from tests.support.aws_proxy import Aws
    from tests.support.copr_double import FakeClock, SteppedCopr
    from tests.support.copr_frontend import CannedFrontend, RecordingCopr
    from tests.support.gateway_double import Gateway
    from tests.support.moto_aws import Backdoor

try:
    import uvloop
except ImportError:  # it has no Windows wheels
    uvloop = None

# Set for the workers of pytest-xdist, which are measured. The programs that tests start are not: measuring slows them
# down, and what it imports and prints is not theirs.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

STRANGE = (
    "ACTIONS_",
    "GITHUB_",
    "GITLAB_",
    "TWINE_",
    "UV_PUBLISH",
    "PYPI_",
    "SSL_CERT",
    "COPR_",
    "NTLM_",
    "AWS_",
    "BOTO_",
    "STARTIFACT_",
    "CHARMCRAFT_",
    "SNAPCRAFT_",
)

BACKENDS = [
    pytest.param(("asyncio", {"debug": False}), id="asyncio"),
    pytest.param(("trio", {"restrict_keyboard_interrupt_to_checkpoints": True}), id="trio"),
]
# What uvloop differs in from asyncio, it does with any Python: it is tested with the oldest.
if uvloop is not None and sys.version_info < (3, 12):
    BACKENDS.insert(1, pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"))


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every async test runs on asyncio and on trio; with the oldest Python on asyncio with uvloop, too."""
    return request.param


def let_coverage_block(blockbuster: BlockBuster) -> None:
    """Measuring coverage takes locks and looks at files, wherever it happens to be. Refusing that would leave its locks
    taken for good."""
    spec = importlib.util.find_spec("coverage")
    if spec is None or spec.origin is None:
        return
    for path in Path(spec.origin).parent.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for function in blockbuster.functions.values():
            function.can_block_in(f"coverage/{path.name}", names)
    # Its tracer in C takes this one with no Python function of its own on the stack.
    running = importlib.import_module("coverage").Coverage.current()
    lock = running and running._collector and running._collector.data_lock
    acquire = blockbuster.functions["threading.Lock.acquire"]
    may_block = acquire.can_block_predicate
    acquire.can_block_predicate = lambda taken, *args, **options: taken is lock or may_block(taken, *args, **options)


def let_botocore_block(blockbuster: BlockBuster) -> None:
    """botocore reads its service descriptions and AWS's configuration files when clients are made and credentials
    looked for, and has no other way. Once they are there, nothing may."""
    for function in blockbuster.functions.values():
        function.can_block_in("lading/s3/_aws/regions.py", {"open_regions", "open_elsewhere"})


def watcher(*modules: str) -> BlockBuster:
    """What refuses blocking calls on the event loop, in these modules or everywhere."""
    blockbuster = BlockBuster(*modules)
    let_coverage_block(blockbuster)
    let_botocore_block(blockbuster)
    return blockbuster


@pytest.fixture(scope="session")
def blockbuster() -> BlockBuster:
    """What refuses blocking calls, wherever they are."""
    return watcher()


@pytest.fixture(autouse=True)
def no_blocking_calls(blockbuster: BlockBuster) -> Iterator[None]:
    """A blocking call on the event loop fails the test."""
    blockbuster.activate()
    try:
        yield
    finally:
        blockbuster.deactivate()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, token or configuration of whoever runs the tests reaches them."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(STRANGE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # Otherwise botocore requests credentials from the metadata service of the machine, and waits for it.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Nor does their keyring; and keyring takes every backend that a test defines for one of the machine's.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority of the tests' own."""
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """What a server on loopback shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """A context that trusts the tests' authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority's certificate as a file."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one AWS for all tests; each begins with an empty one (``aws_backdoor``).

    In a process of its own: else it would wait for the interpreter that runs the tests, and be measured with them.
    """
    from tests.support.moto_aws import botocore_data_read_once, close_direct
    from tests.support.servers import running

    def command(port: int) -> list[str]:
        serve = "from moto.server import main; main()"
        return [sys.executable, "-c", serve, "-H", "127.0.0.1", "-p", str(port)]

    log = tmp_path_factory.mktemp("moto") / "log"
    with running(command, log, "/moto-api/data.json", b"{") as url, botocore_data_read_once():
        yield url
        close_direct()


@pytest.fixture
def aws_backdoor(moto: str, monkeypatch: pytest.MonkeyPatch) -> Backdoor:
    """Three regions with a bucket each, looked at past every proxy; and credentials."""
    from tests.support.moto_aws import KEY, SECRET, Backdoor

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    backdoor = Backdoor(moto)
    backdoor.begin()
    return backdoor


@pytest.fixture
def aws(aws_backdoor: Backdoor, moto: str) -> Iterator[Aws]:
    """The same regions as a stager sees them: through a proxy that counts requests and injects faults."""
    from tests.support.aws_proxy import Aws

    with Aws(moto) as aws:
        yield aws


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    """A keyring in memory instead of the machine's; it must be queried off the event loop."""
    memory = MemoryKeyring()
    with installed(memory):
        yield memory
    assert memory.threads <= {"lading keyring"}


@pytest.fixture
def copr_store() -> Iterator[SteppedCopr]:
    """The embedded Copr, with the project ``demo``, whose builds the test advances."""
    from tests.support.copr_double import SteppedCopr

    with SteppedCopr() as store:
        yield store


@pytest.fixture
def embedded_charmhub() -> Iterator[EmbeddedCharmhub]:
    """The embedded Charmhub, without packages."""
    from lading.testing import EmbeddedCharmhub

    with EmbeddedCharmhub() as store:
        yield store
    assert store.errors == []


@pytest.fixture
def embedded_snap_store() -> Iterator[EmbeddedSnapStore]:
    """The embedded Snap Store, without snaps."""
    from lading.testing import EmbeddedSnapStore

    with EmbeddedSnapStore() as store:
        yield store
    assert store.errors == []


@pytest.fixture
async def copr(copr_store: SteppedCopr) -> Any:
    """A client of it."""
    async with copr_store.client() as copr:
        yield copr


@pytest.fixture
def copr_clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Time that passes only by waiting for builds."""
    from tests.support.copr_double import FakeClock

    return FakeClock(monkeypatch)


@pytest.fixture
def publishing_gateway() -> Iterator[Gateway]:
    """A publisher gateway with the package ``my-charm``, and its storage host."""
    from tests.support.gateway_double import Gateway

    with Gateway() as gateway:
        yield gateway
    assert gateway.server.errors == []


@pytest.fixture
def logs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows a build's log does not wait between two looks."""
    from lading._core.polling import PollInterval
    from lading.copr._builds import log as _logs

    monkeypatch.setattr(_logs, "_PACE", PollInterval(0, 1, 0))


@pytest.fixture
def demo_store() -> Iterator[RecordingCopr]:
    """The embedded Copr, with the project ``demo``, that writes down all that it is sent."""
    from tests.support.copr_frontend import RecordingCopr

    with RecordingCopr() as store:
        store.add_project("demo")
        yield store
    assert store.errors == []


@pytest.fixture
def frontend() -> Iterator[CannedFrontend]:
    """A frontend that rejects every request, until a test configures other responses."""
    from tests.support.copr_frontend import CannedFrontend, refusal

    with CannedFrontend(refusal(403, "no")) as frontend:
        yield frontend


def open_files() -> set[str]:
    """What this process has open, by descriptor: sockets and files. Linux."""
    gc.collect()
    return open_descriptors()


def threads() -> set[str]:
    """Names of the threads that are running."""
    return {thread.name for thread in threading.enumerate()}
