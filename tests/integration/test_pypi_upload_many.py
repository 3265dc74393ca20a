"""Many uploads to an index, and the attestations that go along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lading import Forbidden, InputError
from lading.pypi import NotAttempted
from lading.testing import ServerResponse
from tests.support.distributions import sdist, wheel

pytestmark = pytest.mark.anyio


@pytest.fixture
def dist(tmp_path: Path) -> list[Path]:
    """A wheel and an sdist, the wheel with two attestations, and one of another file."""
    paths = [wheel(tmp_path), sdist(tmp_path)]
    for kind in ("publish", "slsa.provenance"):
        (tmp_path / f"{paths[0].name}.{kind}.attestation").write_text(
            json.dumps({"version": 1, "kind": kind, "é": "✓"})
        )
    (tmp_path / "demo-1.0-py3-none-any.whl2.publish.attestation").write_text("not JSON")
    return paths


@pytest.fixture
def everything(dist: list[Path]) -> list[Path]:
    """All that is in the directory, as ``dist/*`` would name it."""
    return sorted(dist[0].parent.glob("demo*"))


def attestations(body: bytes) -> object:
    _, _, rest = body.partition(b'name="attestations"\r\n\r\n')
    return json.loads(rest.partition(b"\r\n--")[0]) if rest else None


async def test_upload_many_with_attestations(fake_index, dist, everything):
    async with fake_index.client() as pypi, pypi.releases.upload_many(everything, attestations=True) as outcomes:
        results = {outcome.item.name: outcome.value.status async for outcome in outcomes}
    assert results == {path.name: "uploaded" for path in dist}
    posts = [
        body for request, body in zip(fake_index.requests, fake_index.bodies, strict=True) if request.method == "POST"
    ]
    expected = [{"version": 1, "kind": kind, "é": "✓"} for kind in ("publish", "slsa.provenance")]
    assert [attestations(body) for body in posts] == [expected, None]


async def test_attestations_are_sent_when_requested(fake_index, dist, tmp_path):
    sidecar = tmp_path / f"{dist[0].name}.publish.attestation"
    async with fake_index.client() as pypi:
        await pypi.releases.upload(dist[0])
        await pypi.releases.upload(dist[1], attestations=[sidecar])
        await pypi.releases.upload(dist[1], attestations=True)
        sent = [attestations(body) for body in fake_index.bodies if body]
        assert sent == [None, [{"version": 1, "kind": "publish", "é": "✓"}], None]
        with pytest.raises(InputError, match=r"whl2.*is not an attestation: it is not JSON"):
            await pypi.releases.upload(
                dist[0], attestations=[tmp_path / "demo-1.0-py3-none-any.whl2.publish.attestation"]
            )
        with pytest.raises(FileNotFoundError):
            await pypi.releases.upload(dist[0], attestations=[tmp_path / "nowhere"])
    assert fake_index.seen.count("POST /legacy/") == 3


async def test_a_failing_wheel_at_an_index(fake_index, dist):
    fake_index.responses = [ServerResponse(403)]
    async with fake_index.client() as pypi, pypi.releases.upload_many(dist, limit=1) as outcomes:
        errors = [(outcome.item, type(outcome.error)) async for outcome in outcomes]
    assert errors == [(dist[0], Forbidden), (dist[1], NotAttempted)]
    assert fake_index.seen == ["GET /simple/demo/", "POST /legacy/"]
