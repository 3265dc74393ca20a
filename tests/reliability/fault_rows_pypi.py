"""The rows of the fault matrix for indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from anyio import to_thread

from lading import PyPI, Retry
from lading.pypi import Index
from lading.testing import EmbeddedIndex, Publisher
from tests.support.distributions import wheel
from tests.support.fault_matrix import MatrixStore, Row


class IndexWithFiles(EmbeddedIndex):
    """An index, and a directory with a wheel to upload.

    Attributes:
        dist: The directory.
    """

    dist: Path

    def prepare(self) -> None:
        """Create the directory."""
        assert self._directory is not None
        self.dist = self._directory / "dist"
        self.dist.mkdir()
        wheel(self.dist, "demo", "1.0")

    @property
    def wheel(self) -> Path:
        """The wheel."""
        return self.dist / "demo-1.0-py3-none-any.whl"

    @property
    def job(self) -> dict[str, str]:
        """The environment of a trusted publisher's job."""
        return self.github_environment(self.add_publisher("demo"))


def client(store: EmbeddedIndex) -> PyPI:
    """A client that does not wait between attempts."""
    return PyPI(store.index, token=store.create_token(), retry=Retry(attempts=3, backoff=0), clock=store.client_clock)


def dump(store: EmbeddedIndex) -> dict[str, Any]:
    """The files, and whose they are."""
    return {file.filename: (file.digests["sha256"], file.project, file.version) for file in store.uploads}


async def finish(store: EmbeddedIndex) -> None:
    """Do the late work: a request after its time."""
    store.advance_clock(100)
    await to_thread.run_sync(httpx.get, store.index.simple_url)


ROWS = (
    Row(
        "pypi.releases.upload",
        lambda pypi, store: pypi.releases.upload(store.wheel),
        "looked up",
        path="/legacy/",
        prepare=IndexWithFiles.prepare,
    ),
    Row(
        "pypi.releases.upload_many",
        lambda pypi, store: pypi.releases.upload_many(store.dist),
        "looked up",
        path="/legacy/",
        prepare=IndexWithFiles.prepare,
    ),
    Row(
        "pypi.tokens.mint",
        lambda pypi, store: pypi.tokens.mint(store.job, audience="pypi"),
        # A token whose response was lost is known to nobody, and expires after 15 minutes.
        "repeated",
        path="/_/oidc/mint-token",
        shown=lambda store: any(isinstance(token.owner, Publisher) for token in store._state.tokens.values()),
    ),
)
READS = frozenset(
    f"pypi.{name}"
    for name in (
        *("aclose", "from_config", "send", "with_options"),
        *("files.download", "files.find", "files.list", "files.open", "projects.get", "projects.list"),
        *("releases.get", "releases.list", "tokens.check_offline", "tokens.current"),
    )
)
PYPI = MatrixStore("pypi", IndexWithFiles, client, dump, finish, ROWS, READS, PyPI(Index("http://127.0.0.1:1/")))
