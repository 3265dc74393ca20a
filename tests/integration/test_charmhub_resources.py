"""Resources of charms at a publisher gateway."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from lading import Forbidden, InputError, InvalidResponse, NetworkError, NotFound, Progress, ReviewRejected
from lading.canonical import ResourceBase
from lading.testing import DropAfter, DropBefore, Fault, Respond, RespondAfter
from tests.support.fake_gateway import FakeGateway
from tests.support.instant_clock import InstantClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
DATA = b"a resource"
SHA3_384 = hashlib.sha3_384(DATA).hexdigest()
LIST = "GET /v1/charm/demo/resources/file/revisions"
UPLOAD = "POST /unscanned-upload/"
PUSH = "POST /v1/charm/demo/resources/file/revisions"
REVIEW = "GET /v1/charm/demo/revisions/review?upload-id=upload-1"
BLOB = "POST /v1/charm/demo/resources/file/oci-image/blob"
AMD64 = ResourceBase(architectures=("amd64",))
ALL = {"name": "all", "channel": "all", "architectures": ["all"]}


@pytest.fixture
def demo(fake: FakeGateway) -> FakeGateway:
    """The gateway, with the package ``demo`` that declares the resource ``file``."""
    fake.add_package("demo")
    fake.resources["demo", "file"] = []
    return fake


def listed(**fields: Any) -> dict[str, Any]:
    """A revision that is the same file."""
    return {"revision": 4, "size": len(DATA), "sha3-384": SHA3_384, "type": "file", "bases": [ALL], **fields}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file on disk."""
    found = tmp_path / "file.bin"
    found.write_bytes(DATA)
    return found


async def test_a_file_becomes_a_revision(demo: FakeGateway, path: Path):
    seen: list[Progress] = []
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", path, on_progress=seen.append)
    assert demo.seen == [LIST, UPLOAD, PUSH, REVIEW]
    assert demo.files == {"upload-1": DATA}
    assert demo.sent(PUSH) == [{"upload-id": "upload-1"}]
    assert (done.name, done.resource, done.revision, done.status) == ("demo", "file", 1, "uploaded")
    assert (done.sha3_384, done.size) == (SHA3_384, len(DATA))
    assert done.review is not None
    assert done.review.is_approved
    assert seen[-1].completed == seen[-1].total


async def test_type_and_bases_are_sent_where_they_are_given(demo: FakeGateway):
    base = ResourceBase(name="ubuntu", channel="24.04", architectures=("amd64", "arm64"))
    async with demo.client() as charmhub:
        await charmhub.resources.upload("demo", "file", DATA, filename="x", type="file", bases=[base, AMD64])
    ubuntu = {"name": "ubuntu", "channel": "24.04", "architectures": ["amd64", "arm64"]}
    amd64 = {"name": "all", "channel": "all", "architectures": ["amd64"]}
    assert demo.sent(PUSH) == [{"upload-id": "upload-1", "type": "file", "bases": [ubuntu, amd64]}]


@pytest.mark.parametrize(
    "there",
    [
        listed(),
        listed(bases=None),
        listed(type=None),
        # As a server that describes the file apart.
        {"revision": 4, "bases": [ALL], "download": {"size": len(DATA), "hash-sha3-384": SHA3_384}},
    ],
)
async def test_a_file_that_is_a_revision_is_not_sent(demo: FakeGateway, there: Any):
    demo.resources["demo", "file"] = [listed(revision=2), there, listed(revision=5, size=1)]
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x", type="file")
    assert (done.revision, done.status, done.review) == (4, "unchanged", None)
    assert demo.seen == [LIST]


@pytest.mark.parametrize(
    "other", [{"type": "oci-image"}, {"bases": [{**ALL, "architectures": ["amd64"]}]}, {"sha3-384": "0"}]
)
async def test_a_file_for_other_bases_or_of_another_type_is_sent(demo: FakeGateway, other: Any):
    demo.resources["demo", "file"] = [listed(**other)]
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x", type="file")
    assert done.status == "uploaded"


@pytest.mark.parametrize("fault", [DropAfter(), DropAfter(reset=True), RespondAfter(504), RespondAfter(200, b"<html>")])
async def test_a_notification_whose_response_is_lost_is_found_by_its_upload(demo: FakeGateway, fault: Fault):
    demo.faults.add(fault, method="POST", path="*/file/revisions")
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert (done.revision, done.status) == (1, "confirmed")
    assert demo.count(PUSH) == 1
    assert len(demo.resources["demo", "file"]) == 1


async def test_a_notification_that_did_not_arrive_is_sent_again(demo: FakeGateway):
    demo.faults.add(DropBefore(), method="POST", path="*/file/revisions")
    clock = InstantClock()
    async with demo.client(clock=clock) as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert done.status == "uploaded"
    assert clock.time >= 30
    assert len(demo.resources["demo", "file"]) == 1


def reject(fake: FakeGateway) -> None:
    """Let the review reject every resource."""
    fake.verdict = {
        "status": "rejected",
        "revision": None,
        "errors": [{"code": "review-error", "message": "a digest exists"}],
    }


async def test_a_rejected_file(demo: FakeGateway):
    reject(demo)
    async with demo.client() as charmhub:
        with pytest.raises(ReviewRejected, match="a digest exists") as caught:
            await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert caught.value.review.errors[0].code == "review-error"
    assert demo.seen[-1] == LIST


async def test_a_file_that_is_rejected_as_one_that_exists_is_confirmed(demo: FakeGateway):
    reject(demo)
    demo.on_push = lambda: demo.resources["demo", "file"].append(listed())
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert (done.revision, done.status) == (4, "confirmed")


async def test_an_error_after_the_notification_is_unknown_and_names_the_upload(demo: FakeGateway):
    demo.faults.add(Respond(403), method="GET", path="*/review")
    async with demo.client() as charmhub:
        with pytest.raises(Forbidden) as caught:
            await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert caught.value.outcome == "unknown"
    assert "notified of upload upload-1 for the resource file of demo" in str(caught.value.__notes__)


@pytest.mark.parametrize("number", [None, 0])
async def test_an_approval_without_a_revision_is_an_invalid_response(demo: FakeGateway, number: int | None):
    demo.verdict = {"revision": number}
    async with demo.client() as charmhub:
        with pytest.raises(InvalidResponse, match="approved and has no revision"):
            await charmhub.resources.upload("demo", "file", DATA, filename="x")


async def test_a_resource_that_does_not_exist_is_found_before_the_file_is_sent(demo: FakeGateway):
    async with demo.client() as charmhub:
        with pytest.raises(NotFound):
            await charmhub.resources.upload("demo", "nope", DATA, filename="x")
    assert demo.count(UPLOAD) == 0


async def test_a_declared_resource_without_a_revision_may_not_be_found(demo: FakeGateway):
    demo.faults.add(Respond(404), method="GET", path="*/file/revisions")
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert (done.revision, done.status) == (1, "uploaded")


@pytest.mark.parametrize("architectures", [(), ("amd64", "amd64")])
async def test_bases_need_architectures_each_once(demo: FakeGateway, architectures: tuple[str, ...]):
    base = ResourceBase(architectures=architectures)
    async with demo.client() as charmhub:
        with pytest.raises(InputError, match="need architectures, each once"):
            await charmhub.resources.upload("demo", "file", DATA, filename="x", bases=[base])
        with pytest.raises(InputError, match="need architectures, each once"):
            await charmhub.resources.update("demo", "file", {1: [base]})
    assert demo.seen == []


async def test_lists(demo: FakeGateway):
    demo.resources["demo", "file"] = [listed()]
    async with demo.client() as charmhub:
        (resource,) = await charmhub.resources.list("demo")
        _ = await charmhub.resources.list("demo", revision=3)
        (revision,) = await charmhub.resources.revisions("demo", "file")
    assert (resource.name, resource.type, resource.optional) == ("file", "file", True)
    assert (revision.revision, revision.bases) == (4, (ResourceBase(),))
    assert demo.seen == ["GET /v1/charm/demo/resources", "GET /v1/charm/demo/resources?revision=3", LIST]


async def test_updating_sets_the_bases_of_revisions(demo: FakeGateway):
    demo.resources["demo", "file"] = [listed(), listed(revision=5)]
    async with demo.client() as charmhub:
        assert await charmhub.resources.update("demo", "file", {4: [AMD64], 5: [ResourceBase(), AMD64]}) == 2
    amd64 = {"name": "all", "channel": "all", "architectures": ["amd64"]}
    updates = [{"revision": 4, "bases": [amd64]}, {"revision": 5, "bases": [ALL, amd64]}]
    assert demo.bodies == [{"resource-revision-updates": updates}]
    assert demo.seen == ["PATCH /v1/charm/demo/resources/file/revisions"]


@pytest.mark.parametrize("updates", [{}, {1: []}, {1: [AMD64], 2: []}])
async def test_nothing_to_update_is_an_input_error(demo: FakeGateway, updates: Any):
    async with demo.client() as charmhub:
        with pytest.raises(InputError, match="needs a revision or more, and a base or more for each"):
            await charmhub.resources.update("demo", "file", updates)
    assert demo.seen == []


async def test_an_update_is_sent_again(demo: FakeGateway):
    demo.resources["demo", "file"] = [listed()]
    demo.faults.add(DropAfter(), method="PATCH")
    async with demo.client() as charmhub:
        assert await charmhub.resources.update("demo", "file", {4: [AMD64]}) == 1
        demo.faults.add(DropAfter(), method="PATCH", times=None)
        with pytest.raises(NetworkError) as caught:
            await charmhub.resources.update("demo", "file", {4: [AMD64]})
    assert caught.value.outcome == "unknown"


async def test_an_image_becomes_a_revision_by_its_digest(demo: FakeGateway):
    digest = "sha256:" + "ab" * 32
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload_image("demo", "file", digest, architectures=["amd64", "arm64"])
    assert demo.seen == [BLOB, LIST, UPLOAD, PUSH, REVIEW]
    assert demo.sent(BLOB) == [{"image-digest": digest}]
    assert json.loads(demo.files["upload-1"])["ImageName"] == f"registry.example/demo/file@{digest}"
    base = {"name": "all", "channel": "all", "architectures": ["amd64", "arm64"]}
    assert demo.sent(PUSH) == [{"upload-id": "upload-1", "type": "oci-image", "bases": [base]}]
    assert (done.revision, done.status) == (1, "uploaded")


@pytest.mark.parametrize("digest", ["", "latest", "sha256:", "sha256:xyz", "registry.example/x@sha256:" + "ab" * 32])
async def test_what_is_not_a_digest_is_not_sent(demo: FakeGateway, digest: str):
    async with demo.client() as charmhub:
        with pytest.raises(InputError, match="digest is that of the manifest"):
            await charmhub.resources.upload_image("demo", "file", digest)
    assert demo.seen == []


async def test_the_credentials_of_the_registry(demo: FakeGateway):
    async with demo.client() as charmhub:
        found = await charmhub.resources.image_credentials("demo", "file")
    assert (found.image_name, found.username, found.password) == ("registry.example/demo/file", "u", "p4ssw0rd")
    assert demo.seen == ["GET /v1/charm/demo/resources/file/oci-image/upload-credentials"]


@pytest.mark.parametrize("there", [{"sha3-384": SHA3_384.upper()}, {"size": None}])
async def test_a_digest_in_capitals_or_without_a_size_is_the_same_file(demo: FakeGateway, there: Any):
    demo.resources["demo", "file"] = [listed(**there)]
    async with demo.client() as charmhub:
        done = await charmhub.resources.upload("demo", "file", DATA, filename="x", type="file")
    assert (done.revision, done.status) == (4, "unchanged")


async def test_a_response_without_revisions_does_not_say_that_there_are_none(demo: FakeGateway):
    demo.faults.add(Respond(200, b"{}", {"content-type": "application/json"}), method="GET")
    async with demo.client() as charmhub:
        with pytest.raises(InvalidResponse):
            await charmhub.resources.upload("demo", "file", DATA, filename="x")
    assert demo.seen == []


async def test_an_invalid_poll_is_refused_before_anything_is_sent(demo: FakeGateway):
    async with demo.client() as charmhub:
        with pytest.raises(InputError, match="PollInterval needs"):
            await charmhub.resources.upload("demo", "file", DATA, filename="x", poll=-1)
        with pytest.raises(InputError, match="PollInterval needs"):
            await charmhub.resources.upload_image("demo", "file", "sha256:" + "0" * 64, poll=-1)
    assert demo.seen == []
