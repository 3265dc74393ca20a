"""Many uploads to an index, and the attestations that go along."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from anyio import to_thread

from lading import Forbidden, InputError, Progress
from lading._core import progress
from lading.pypi import NotAttempted
from lading.testing import DropDuring, Respond, ServerResponse
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


async def test_awaited_it_returns_the_results_in_the_order_of_the_files(fake_index, dist):
    async with fake_index.client() as pypi:
        results = await pypi.releases.upload_many(dist)
    assert [(result.filename, result.status) for result in results] == [(path.name, "uploaded") for path in dist]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return wheel(tmp_path, "other")


async def test_awaited_it_raises_when_one_failed_after_all_have_ended(fake_index, dist, other):
    fake_index.responses = [ServerResponse(403), ServerResponse(200)]
    async with fake_index.client() as pypi:
        with pytest.raises(Forbidden) as caught:
            await pypi.releases.upload_many([*dist, other], limit=1)
    assert fake_index.seen.count("POST /legacy/") == 2
    notes = caught.value.__notes__
    assert notes[0] == f"while uploading {dist[0].name}; 1 of 3 files were uploaded"
    assert notes[1].startswith(f"also failed: {dist[1].name}: ")


async def test_a_block_that_reads_nothing_waits_for_all(fake_index, dist):
    async with fake_index.client() as pypi:
        async with pypi.releases.upload_many(dist):
            pass
        assert fake_index.seen.count("POST /legacy/") == 2
        fake_index.responses = [ServerResponse(403)]
        with pytest.raises(Forbidden):
            async with pypi.releases.upload_many(dist):
                pass


async def test_a_block_that_is_left_early_waits_for_the_rest(fake_index, dist):
    async with fake_index.client() as pypi, pypi.releases.upload_many(dist, limit=1) as results:
        async for _ in results:
            break
    assert fake_index.seen.count("POST /legacy/") == 2


async def test_an_exception_in_the_block_cancels_the_rest(fake_index, dist):
    async with fake_index.client() as pypi:
        with pytest.raises(RuntimeError, match="enough"):
            async with pypi.releases.upload_many(dist, limit=1) as results:
                async for _ in results:
                    raise RuntimeError("enough")
    assert fake_index.seen.count("POST /legacy/") == 1


async def test_a_wrong_use_says_how(fake_index, dist):
    async with fake_index.client() as pypi:
        uploads = pypi.releases.upload_many(dist)
        with pytest.raises(InputError, match="await it, or write: async with"):
            async for _ in uploads:
                pass
        async with uploads as results:
            pass
        with pytest.raises(InputError, match="the block of upload_many"):
            await anext(results)
        with pytest.raises(InputError, match="can be used once"):
            await uploads
        with pytest.raises(InputError, match="limit must be 1"):
            pypi.releases.upload_many(dist, limit=0)


@pytest.fixture
def littered(dist: list[Path], tmp_path: Path) -> Path:
    """The directory with what ``uv build`` and signing leave beside the files (uv#11652, twine#855)."""
    for name in (".gitignore", "SHA256SUMS", "demo.asc", f"{dist[0].name}.sigstore.json"):
        (tmp_path / name).write_text("*")
    (tmp_path / "demo-sub").mkdir()
    (tmp_path / "demo-2.0-py3-none-any.whl").mkdir()
    return tmp_path


@pytest.mark.parametrize("place", ["", "/*", "/demo*"])
@pytest.mark.parametrize("kind", [str, Path])
async def test_a_directory_or_a_pattern(fake_index, dist, littered, place, kind):
    async with fake_index.client() as pypi:
        uploads = pypi.releases.upload_many(kind(f"{littered}{place}"))
        results = await uploads
    assert [result.filename for result in results] == [path.name for path in dist]
    assert "demo-sub" in {path.name for path in uploads.skipped}
    assert littered / f"{dist[0].name}.sigstore.json" in uploads.skipped


async def test_one_file(fake_index, dist):
    async with fake_index.client() as pypi:
        assert [result.filename for result in await pypi.releases.upload_many(str(dist[0]))] == [dist[0].name]


@pytest.mark.parametrize("place", ["", "/*.whl"])
async def test_a_place_without_files_is_a_mistake(fake_index, tmp_path, place):
    async with fake_index.client() as pypi:
        with pytest.raises(InputError, match="has neither a wheel nor an sdist"):
            await pypi.releases.upload_many(f"{tmp_path}{place}")
        with pytest.raises(InputError, match=r"there is no file or directory .*nowhere"):
            await pypi.releases.upload_many(tmp_path / "nowhere")
        with pytest.raises(InputError) as caught:
            pypi.releases.upload_many([tmp_path / ".gitignore"])
    assert "skip what is neither" in caught.value.__notes__[0]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two large wheels and an sdist."""
    return [*(wheel(tmp_path, f"p{n}", payload=random.Random(n).randbytes(700_000)) for n in range(2)), sdist(tmp_path)]


async def test_the_progress_of_all_files_never_goes_back(fake_index, files, monkeypatch):
    """Not when an upload is interrupted and sent again, and a file that is there already counts as one."""
    seen: list[Progress] = []
    monkeypatch.setattr(progress, "_EVERY", 0)
    total = await to_thread.run_sync(lambda: sum(path.stat().st_size for path in files))
    fake_index.server.faults.add(DropDuring(after=350_000), method="POST", times=2)
    fake_index.server.faults.add(Respond(503, retry_after=0), method="POST")
    async with fake_index.client() as pypi:
        await pypi.releases.upload_many(files, limit=2, on_progress=seen.append)
    assert len(fake_index.server.faults.happened) == 3
    counts = [(report.completed, report.files_completed) for report in seen]
    assert counts == sorted(counts)
    assert {(report.total, report.files_total, report.attempt) for report in seen} == {(total, 3, 1)}
    assert counts[-1] == (total, 3)
    assert counts.count((total, 3)) == 1
    assert len(seen) > 20


async def test_files_that_are_not_sent_or_fail_count_too(fake_index, files):
    seen: list[Progress] = []
    fake_index.responses = [ServerResponse(403), ServerResponse(403)]
    async with (
        fake_index.client() as pypi,
        pypi.releases.upload_many([*files, files[0].with_name("gone-1.0.tar.gz")], on_progress=seen.append) as results,
    ):
        failed = [result.item.name async for result in results if not result.ok]
    assert len(failed) == 3
    assert seen[-1] == Progress(seen[-1].total, seen[-1].total, files_completed=4, files_total=4)
    # Without anybody who listens, nobody looks.
    async with fake_index.client() as pypi:
        await pypi.releases.upload_many(files)


@pytest.mark.parametrize("way", ["awaited", "entered", "not read"])
@pytest.mark.parametrize("late", [False, True])
async def test_what_the_callback_raises_ends_all(fake_index, files, way, late):
    class Enough(Exception):
        pass

    def stop(progress: Progress) -> None:
        if not late or progress.files_completed == 3:
            raise Enough

    async with fake_index.client() as pypi:
        uploads = pypi.releases.upload_many(files, limit=1, on_progress=stop)
        with pytest.raises(Enough):
            if way == "awaited":
                await uploads
            else:
                async with uploads as results:
                    if way == "entered":
                        async for _ in results:
                            pass
    sent = len([body for body in fake_index.bodies if body])
    assert sent == 3 if late else sent <= 1  # the first may have been sent already


@pytest.mark.parametrize("nothing", [[], (), iter(())], ids=["list", "tuple", "iterator"])
async def test_nothing_to_upload_is_refused_at_the_call(fake_client, nothing):
    """As a directory without distributions is: a job that publishes nothing must not end well."""
    with pytest.raises(InputError, match="no files to upload"):
        fake_client.releases.upload_many(nothing)
