"""lading against a real index: pypiserver, from upload to ``pip download``."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

import lading
from lading import Conflict, Forbidden, Limits, Progress, PyPI
from tests.stores.conftest import PASSWORD, USER, Attempts, PyPIServer, listed, pip_download, stored
from tests.support.distributions import core_metadata, sdist, sha256, wheel

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pypi(pypiserver: PyPIServer, attempts: Attempts):
    async with PyPI(pypiserver.index, token=PASSWORD, hooks=[attempts]) as client:
        yield client


async def test_upload_list_download(pypi, pypiserver, tmp_path, project):
    paths = [wheel(tmp_path, project), sdist(tmp_path, project)]
    for path in paths:
        uploaded = await pypi.releases.upload(path)
        assert uploaded == type(uploaded)(path.name, project, "1.0", path.stat().st_size, sha256(path), "uploaded")
    assert stored(pypiserver, project) == {path.name: sha256(path) for path in paths}

    files = {file.filename: file async for file in pypi.files.list(project.upper())}
    (tmp_path / "got").mkdir()
    for path in paths:
        file = files[path.name]
        assert file.hashes == {"sha256": sha256(path)}
        assert file.url == f"{pypiserver.url}/packages/{path.name}"
        got = await pypi.files.download(file, tmp_path / "got")
        assert got == tmp_path / "got" / path.name
        assert got.read_bytes() == path.read_bytes()


async def test_a_zip_sdist_and_a_user_name(pypiserver, tmp_path, project):
    path = sdist(tmp_path, project, suffix=".zip")
    async with PyPI(pypiserver.index, auth=lading.BasicAuth(USER, PASSWORD)) as pypi:
        assert (await pypi.releases.upload(path)).status == "uploaded"
    assert stored(pypiserver, project) == {path.name: sha256(path)}


async def test_what_is_there_already_is_not_sent(pypi, attempts, a_wheel):
    await pypi.releases.upload(a_wheel)
    attempts.clear()
    again = await pypi.releases.upload(a_wheel)
    assert again.status == "unchanged"
    assert [(event.method, event.sent) for event in attempts] == [("GET", 0)]


async def test_other_content_of_that_name_is_a_conflict_before_a_byte_is_sent(
    pypi, pypiserver, attempts, a_wheel, another, project
):
    await pypi.releases.upload(a_wheel)
    attempts.clear()
    with pytest.raises(Conflict, match=f"another file {another.name}") as caught:
        await pypi.releases.upload(another)
    assert caught.value.status is None
    assert caught.value.outcome == "not_done"
    assert [(event.method, event.sent) for event in attempts] == [("GET", 0)]
    assert stored(pypiserver, project) == {a_wheel.name: sha256(a_wheel)}


async def test_a_server_that_replaces_files(overwriting_pypiserver, attempts, a_wheel, another, project):
    async with PyPI(overwriting_pypiserver.index, token=PASSWORD, hooks=[attempts]) as pypi:
        await pypi.releases.upload(a_wheel)
        with pytest.raises(Conflict, match="pass overwrite=True if this index replaces files"):
            await pypi.releases.upload(another)
        attempts.clear()
        assert (await pypi.releases.upload(another, overwrite=True)).status == "uploaded"
        assert [event.path for event in attempts] == ["{project}/", "(upload)", "{project}/"]
        assert stored(overwriting_pypiserver, project) == {another.name: sha256(another)}
        assert (await pypi.releases.upload(another, overwrite=True)).status == "unchanged"


async def test_a_server_that_does_not_replace_files(pypi, pypiserver, a_wheel, another, project):
    await pypi.releases.upload(a_wheel)
    with pytest.raises(Conflict, match="another file"):
        await pypi.releases.upload(another, overwrite=True)
    assert stored(pypiserver, project) == {a_wheel.name: sha256(a_wheel)}


async def test_an_upload_url_that_is_none(pypiserver, a_wheel):
    wrong = lading.Index(f"{pypiserver.url}/simple/x", f"{pypiserver.url}/simple/", "index")
    async with PyPI(wrong, token=PASSWORD) as pypi:
        with pytest.raises(lading.ApiError, match=r"POST simple/x/ at 127.*: is upload_url right\? \(HTTP 40"):
            await pypi.releases.upload(a_wheel)


async def test_a_wrong_password(pypiserver, a_wheel, project):
    async with PyPI(pypiserver.index, token="wr0ng-secret") as pypi:
        with pytest.raises(Forbidden) as caught:
            await pypi.releases.upload(a_wheel)
    error = caught.value
    assert (error.status, error.service, error.attempts, error.outcome) == (403, "index", 1, "not_done")
    assert str(error) == "index: Forbidden: the token or password is wrong, or is not for this project (HTTP 403)"
    assert stored(pypiserver, project) == {}


async def test_no_credentials(pypiserver, a_wheel):
    async with PyPI(pypiserver.index) as pypi:
        with pytest.raises(lading.Unauthorized, match=r"^index: Unauthorized: give a token .*\(HTTP 401\)$"):
            await pypi.releases.upload(a_wheel)


async def test_no_such_project(pypi, project):
    with pytest.raises(lading.NotFound, match=rf"^index: .*{project}.*\(HTTP 404\)$"):
        await pypi.files.list(project)


async def test_thirty_mebibytes_with_progress(pypi, pypiserver, attempts, tmp_path, project):
    path = wheel(tmp_path, project, payload=random.Random(1).randbytes(30 * 1024 * 1024))
    seen: list[Progress] = []
    uploaded = await pypi.releases.upload(path, on_progress=seen.append)
    assert uploaded.size == path.stat().st_size > 30 * 1024 * 1024
    assert stored(pypiserver, project) == {path.name: sha256(path)}

    counts = [progress.completed for progress in seen]
    assert counts == sorted(counts)
    assert {(progress.attempt, progress.total) for progress in seen} == {(1, seen[-1].total)}
    # The body is the file and the form around it.
    assert uploaded.size < seen[-1].completed == seen[-1].total < uploaded.size + 4096
    assert attempts.posts[0].sent == seen[-1].total

    (tmp_path / "got").mkdir()
    seen.clear()
    (file,) = await pypi.files.list(project)
    await pypi.files.download(file, tmp_path / "got", on_progress=seen.append)
    assert sha256(tmp_path / "got" / path.name) == uploaded.sha256
    assert seen[-1].completed == seen[-1].total == uploaded.size


async def test_twenty_at_once(pypiserver, attempts, tmp_path, project):
    paths = [make(tmp_path, project, f"1.{number}") for number in range(10) for make in (wheel, sdist)]
    async with PyPI(pypiserver.index, token=PASSWORD, limits=Limits(max_uploads=20), hooks=[attempts]) as pypi:
        async with lading.fan_out(pypi.releases.upload, paths, limit=20) as outcomes:
            results = {outcome.item: outcome.value.status async for outcome in outcomes}
        assert results == dict.fromkeys(paths, "uploaded")
        assert await listed(pypi, project) == sorted(path.name for path in paths)
    assert len(attempts.posts) == 20
    assert stored(pypiserver, project) == {path.name: sha256(path) for path in paths}


async def test_pip_downloads_what_was_published(pypi, pypiserver, tmp_path, project):
    metadata = core_metadata(project, "1.0", ("Requires-Python", ">=3.8"), ("Requires-Dist", "not-there"))
    paths = [wheel(tmp_path, project, "1.0", metadata=metadata), sdist(tmp_path, project, "1.1")]
    for path in paths:
        await pypi.releases.upload(path)
    # An sdist would have to be built to be looked at, with tools from the index.
    await pip_download(f"{pypiserver.url}/simple/", tmp_path / "pip", project, "--only-binary=:all:")
    assert [path.name for path in (tmp_path / "pip").iterdir()] == [paths[0].name]
    assert (tmp_path / "pip" / paths[0].name).read_bytes() == paths[0].read_bytes()


async def test_a_file_that_is_not_what_the_index_lists(pypi, pypiserver, tmp_path, a_wheel, project):
    await pypi.releases.upload(a_wheel)
    (file,) = await pypi.files.list(project)
    wrong = replace(file, hashes={"sha256": "0" * 64})
    (tmp_path / "got").mkdir()
    with pytest.raises(lading.IntegrityError, match="sha256"):
        await pypi.files.download(wrong, tmp_path / "got")
    assert list((tmp_path / "got").iterdir()) == []
