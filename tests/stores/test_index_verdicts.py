"""Real distributions, uploaded to the embedded index: its verdicts are those of warehouse's own code.

The files (160 MB) are downloaded from the official index: ``tox -e verdicts``. What follows from their names alone is
tested without them, in tests/integration.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lading import BadRequest, PyPI
from lading.testing import EmbeddedIndex

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif("LADING_VERDICTS" not in os.environ, reason="downloads distributions: tox -e verdicts"),
]
_DATA = Path(__file__).parents[1] / "integration" / "index_verdicts.json"
TABLE: dict[str, Any] = json.loads(_DATA.read_text("utf-8"))
NOT_RENDERED = "The description failed to render"


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the distributions are, also those of earlier runs if a directory is given."""
    where = os.environ.get("LADING_VERDICTS", "")
    path = Path(where) if os.path.isabs(where) else tmp_path_factory.mktemp("distributions")
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture
def index():
    with EmbeddedIndex() as index:
        yield index
    assert not index.errors


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(("filename", "expected"), TABLE["verdicts"].items())
async def test_a_real_distribution(index: EmbeddedIndex, directory: Path, filename: str, expected: str):
    path = directory / filename
    stem = filename.removesuffix(".zip").removesuffix(".tar.gz")
    project = filename.partition("-")[0] if filename.endswith(".whl") else stem.rpartition("-")[0]
    if not path.exists():
        async with PyPI() as pypi:
            (file,) = [file async for file in pypi.files.list(project) if file.filename == filename]
            await pypi.files.download(file, path)
    async with PyPI(index.index, token=index.create_token()) as pypi:
        try:
            verdict = (await pypi.releases.upload(path)).status
        except BadRequest as refused:
            verdict = str(refused)
    if filename in TABLE["descriptions"]:
        assert NOT_RENDERED in verdict
    elif expected == "ok":
        assert verdict == "uploaded"
    else:
        first = expected.removeprefix("metadata: ").split("; ")[0].removesuffix(".")
        assert first in verdict
