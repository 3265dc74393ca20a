"""lading against a real index behind a proxy that makes trouble: nothing is lost, nothing is doubled."""

from __future__ import annotations

import pytest

import lading
from lading import Conflict, PyPI, Retry
from lading.testing import DropAfter, DropBefore, DropDuring, FaultProxy, Respond
from tests.stores.conftest import PASSWORD, Attempts, PyPIServer, index_at, listed, stored
from tests.support.distributions import sha256

pytestmark = pytest.mark.anyio


@pytest.fixture
def proxy(pypiserver: PyPIServer):
    with FaultProxy(pypiserver.url) as proxy:
        yield proxy


@pytest.fixture
async def behind_proxy(proxy: FaultProxy, attempts: Attempts):
    async with PyPI(index_at(proxy.url), token=PASSWORD, hooks=[attempts], retry=Retry(backoff=0)) as client:
        yield client


@pytest.mark.parametrize("reset", [False, True])
async def test_a_response_lost_after_the_work_is_confirmed(
    behind_proxy, proxy, pypiserver, attempts, a_wheel, project, reset
):
    proxy.faults.add(DropAfter(reset=reset), method="POST")
    uploaded = await behind_proxy.releases.upload(a_wheel)
    assert uploaded.status == "confirmed"
    # The project is not there at first: whether anything is at simple_url is found out once.
    assert [event.path for event in attempts] == ["{project}/", "(simple)", "(upload)", "{project}/"]
    assert len(proxy.faults.happened) == 1
    assert await listed(behind_proxy, project) == [a_wheel.name]
    assert stored(pypiserver, project) == {a_wheel.name: sha256(a_wheel)}


@pytest.mark.parametrize("fault", [DropBefore(), DropBefore(reset=True), DropDuring(after=300)], ids=repr)
async def test_a_connection_lost_before_the_work_is_sent_again(
    behind_proxy, proxy, pypiserver, attempts, a_wheel, project, fault
):
    proxy.faults.add(fault, method="POST")
    uploaded = await behind_proxy.releases.upload(a_wheel)
    assert uploaded.status == "uploaded"
    # Not before the index was queried for the file.
    assert [event.path for event in attempts] == ["{project}/", "(simple)", *["(upload)", "{project}/"], "(upload)"]
    assert [event.attempt for event in attempts.posts] == [1, 2]
    assert stored(pypiserver, project) == {a_wheel.name: sha256(a_wheel)}


async def test_refused_for_now_is_sent_again_without_a_lookup(
    behind_proxy, proxy, pypiserver, attempts, a_wheel, project
):
    proxy.faults.add(Respond(503, retry_after=0), method="POST")
    proxy.faults.add(Respond(429, retry_after=0), method="POST")
    assert (await behind_proxy.releases.upload(a_wheel)).status == "uploaded"
    assert [event.status for event in attempts.posts] == [503, 429, 200]
    assert len(attempts) == 5
    assert stored(pypiserver, project) == {a_wheel.name: sha256(a_wheel)}


async def test_an_upload_that_cannot_be_verified_says_so(behind_proxy, proxy, attempts, a_wheel, project):
    proxy.faults.add(DropAfter(), method="POST")
    page = f"/simple/{project}/"
    proxy.faults.add(Respond(404), method="GET", path=page)  # the first look, before the upload
    proxy.faults.add(Respond(400), method="GET", path=page)  # the look-up afterwards
    with pytest.raises(lading.NetworkError) as caught:
        await behind_proxy.releases.upload(a_wheel)
    assert caught.value.outcome == "unknown"
    assert isinstance(caught.value.__cause__, lading.BadRequest)
    assert len(attempts.posts) == 1
    # Calling again finds out.
    assert (await behind_proxy.releases.upload(a_wheel)).status == "unchanged"


async def test_already_there_by_somebody_faster(behind_proxy, proxy, attempts, a_wheel, another):
    assert (await behind_proxy.releases.upload(a_wheel)).status == "uploaded"
    proxy.faults.add(Respond(404), method="GET")  # as if it had not been there at the look-up
    assert (await behind_proxy.releases.upload(a_wheel)).status == "confirmed"
    proxy.faults.add(Respond(404), method="GET")
    with pytest.raises(Conflict, match="another file"):
        await behind_proxy.releases.upload(another)
    assert [event.status for event in attempts.posts] == [200, 409, 409]


async def test_an_interrupted_download_is_completed(behind_proxy, proxy, tmp_path, a_wheel, project):
    await behind_proxy.releases.upload(a_wheel)
    (file,) = await behind_proxy.files.list(project)
    proxy.faults.add(DropBefore(), method="GET", path="/packages/*")
    got = await behind_proxy.files.download(file, tmp_path / "got.whl")
    assert got.read_bytes() == a_wheel.read_bytes()
