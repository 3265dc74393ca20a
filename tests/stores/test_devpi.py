"""lading against a real index: devpi-server, from upload to ``pip download``."""

from __future__ import annotations

import random

import pytest

from lading import BasicAuth, Conflict, Forbidden, Index, Limits, NotFound, PyPI, Unauthorized
from tests.stores.conftest import PASSWORD, Attempts, Devpi, listed, pip_download
from tests.support.distributions import core_metadata, sdist, sha256, wheel

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pypi(devpi: Devpi, attempts: Attempts):
    async with PyPI(devpi.index, auth=BasicAuth("ada", PASSWORD), hooks=[attempts]) as client:
        yield client


async def test_upload_list_download(pypi, devpi, tmp_path, project):
    headers = (("Requires-Python", ">=3.9"), ("Summary", "A démo ✓"))
    paths = [wheel(tmp_path, project, metadata=core_metadata(project, "1.0", *headers)), sdist(tmp_path, project)]
    for path in paths:
        uploaded = await pypi.releases.upload(path)
        assert uploaded == type(uploaded)(path.name, project, "1.0", path.stat().st_size, sha256(path), "uploaded")

    files = {file.filename: file async for file in pypi.files.list(project.upper())}
    (tmp_path / "got").mkdir()
    for path in paths:
        file = files[path.name]
        assert file.hashes == {"sha256": sha256(path)}
        assert file.url.startswith(f"{devpi.url}/ada/dev/+f/")
        got = await pypi.files.download(file, tmp_path / "got")
        assert got.read_bytes() == path.read_bytes()
    assert files[paths[0].name].requires_python == ">=3.9"


async def test_projects_and_releases(pypi, tmp_path, project):
    for path in (wheel(tmp_path, project, "1.0"), sdist(tmp_path, project, "1.0"), wheel(tmp_path, project, "1.10")):
        await pypi.releases.upload(path)
    assert [(r.version, len(r.files)) async for r in pypi.releases.list(project)] == [("1.10", 1), ("1.0", 2)]
    assert len((await pypi.releases.get(project, "v1")).files) == 2
    found = await pypi.projects.get(project)
    assert (found.name, found.status, found.versions, found.info) == (project, "active", ("1.0", "1.10"), None)
    assert project in [name async for name in pypi.projects.list()]


async def test_what_is_there_already_is_not_sent(pypi, attempts, a_wheel):
    await pypi.releases.upload(a_wheel)
    attempts.clear()
    assert (await pypi.releases.upload(a_wheel)).status == "unchanged"
    assert [(event.method, event.sent) for event in attempts] == [("GET", 0)]


async def test_other_content_of_that_name_is_a_conflict_before_a_byte_is_sent(pypi, attempts, a_wheel, another):
    await pypi.releases.upload(a_wheel)
    attempts.clear()
    with pytest.raises(Conflict, match=f"another file {another.name}") as caught:
        await pypi.releases.upload(another)
    assert (caught.value.status, caught.value.outcome) == (None, "not_done")
    assert [(event.method, event.sent) for event in attempts] == [("GET", 0)]


async def test_what_devpi_itself_says_of_duplicates(devpi, a_wheel, another, project):
    """As an index without a Simple API: then its response is all there is."""
    async with PyPI(Index(devpi.index.upload_url, name="index"), auth=BasicAuth("ada", PASSWORD)) as blind:
        assert (await blind.releases.upload(a_wheel)).status == "uploaded"
        assert (await blind.releases.upload(a_wheel)).status == "uploaded"
        with pytest.raises(Conflict, match=r"^index: .*already exists.*\(HTTP 409\)$") as caught:
            await blind.releases.upload(another)
    assert "\n" not in str(caught.value)


async def test_a_volatile_index_replaces_files(devpi, attempts, a_wheel, another, project):
    async with PyPI(devpi.volatile, auth=BasicAuth("ada", PASSWORD), hooks=[attempts]) as pypi:
        await pypi.releases.upload(a_wheel)
        with pytest.raises(Conflict, match="pass overwrite=True if this index replaces files"):
            await pypi.releases.upload(another)
        attempts.clear()
        assert (await pypi.releases.upload(another, overwrite=True)).status == "uploaded"
        assert [event.path for event in attempts] == ["{project}/", "(upload)", "{project}/"]
        (file,) = await pypi.files.list(project)
        assert file.hashes == {"sha256": sha256(another)}
        assert (await pypi.releases.upload(another, overwrite=True)).status == "unchanged"
        (result,) = await pypi.releases.upload_many([a_wheel], overwrite=True)
        assert (result.status, result.sha256) == ("uploaded", sha256(a_wheel))


async def test_an_index_that_is_not_volatile_replaces_nothing(pypi, devpi, a_wheel, another, project):
    await pypi.releases.upload(a_wheel)
    with pytest.raises(Conflict, match="another file"):
        await pypi.releases.upload(another, overwrite=True)
    (file,) = await pypi.files.list(project)
    assert file.hashes == {"sha256": sha256(a_wheel)}


async def test_a_requirement_that_devpi_leaves_empty(pypi, a_wheel, project):
    await pypi.releases.upload(a_wheel)
    (file,) = await pypi.files.list(project)
    assert file.requires_python is None


async def test_a_wrong_password(devpi, a_wheel, project):
    async with PyPI(devpi.index, auth=BasicAuth("ada", "wr0ng-s3cret")) as pypi:
        with pytest.raises(Unauthorized, match=r"^devpi: .*\(HTTP 401\)$") as caught:
            await pypi.releases.upload(a_wheel)
    assert "wr0ng" not in str(caught.value)
    async with PyPI(devpi.index) as pypi:
        with pytest.raises((Unauthorized, Forbidden)):
            await pypi.releases.upload(a_wheel)
        with pytest.raises(NotFound):
            await pypi.files.list(project)


async def test_an_index_that_is_not_there(devpi, a_wheel):
    nowhere = Index(f"{devpi.url}/ada/nowhere/", f"{devpi.url}/ada/nowhere/+simple/", "devpi")
    async with PyPI(nowhere, auth=BasicAuth("ada", PASSWORD)) as pypi:
        with pytest.raises(NotFound, match=r"^devpi: .*nowhere.*\(HTTP 404\)$"):
            await pypi.releases.upload(a_wheel)


async def test_thirty_mebibytes(pypi, attempts, tmp_path, project):
    path = wheel(tmp_path, project, payload=random.Random(2).randbytes(30 * 1024 * 1024))
    uploaded = await pypi.releases.upload(path)
    assert (uploaded.status, uploaded.size) == ("uploaded", path.stat().st_size)
    assert attempts.posts[0].sent > uploaded.size > 30 * 1024 * 1024
    (file,) = await pypi.files.list(project)
    got = await pypi.files.download(file, tmp_path / "got.whl")
    assert sha256(got) == uploaded.sha256 == sha256(path)


async def test_twenty_at_once(devpi, attempts, tmp_path, project):
    paths = [make(tmp_path, project, f"1.{number}") for number in range(10) for make in (wheel, sdist)]
    auth = BasicAuth("ada", PASSWORD)
    async with PyPI(devpi.index, auth=auth, limits=Limits(max_uploads=20), hooks=[attempts]) as pypi:
        async with pypi.releases.upload_many(paths, limit=20) as outcomes:
            results = {outcome.item: outcome.value.status async for outcome in outcomes}
        assert results == dict.fromkeys(paths, "uploaded")
        assert await listed(pypi, project) == sorted(path.name for path in paths)
    assert len(attempts.posts) == 20


async def test_pip_downloads_what_was_published(pypi, devpi, tmp_path, project):
    path = wheel(tmp_path, project, metadata=core_metadata(project, "1.0", ("Requires-Dist", "not-there")))
    await pypi.releases.upload(path)
    await pip_download(f"{devpi.url}/ada/dev/+simple/", tmp_path / "pip", project)
    assert [got.read_bytes() for got in (tmp_path / "pip").iterdir()] == [path.read_bytes()]


async def test_from_a_pypirc(devpi, tmp_path, a_wheel):
    config = tmp_path / "pypirc"
    config.write_text(f"[devpi]\nrepository = {devpi.url}/ada/dev\nusername = ada\npassword = {PASSWORD}\n")
    async with PyPI.from_config("devpi", config_file=config, simple_url=devpi.index.simple_url) as pypi:
        assert (await pypi.releases.upload(a_wheel)).status == "uploaded"
        assert (await pypi.releases.upload(a_wheel)).status == "unchanged"
