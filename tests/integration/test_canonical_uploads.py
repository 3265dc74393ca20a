"""Files sent to the storage host of Charmhub and the Snap Store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import InputError, InvalidResponse, NetworkError, PayloadTooLarge, Progress, ServerError, TokenAuth
from lading.canonical import Charmhub, Upload
from lading.testing import DropAfter, DropDuring, Respond
from tests.support.gateway_double import TOKEN, Gateway, sha3
from tests.support.recorded_sleeps import with_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 2000


@pytest.fixture
def gateway(publishing_gateway: Gateway) -> Gateway:
    return publishing_gateway


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    path = tmp_path / "my charm ü.charm"
    path.write_bytes(DATA)
    return path


async def pieces() -> AsyncIterator[bytes]:
    for start in range(0, len(DATA), 99_999):
        yield DATA[start : start + 99_999]


async def test_one_part_without_credentials(gateway: Gateway, charm: Path):
    async with gateway.client() as charmhub:
        upload = await charmhub.uploads.upload(charm)
    assert upload == Upload("upload-1", charm.name, len(DATA), sha3(DATA))
    assert gateway.credentials == [None]
    stored = gateway.uploads["upload-1"]
    assert (stored.data == DATA, stored.filename) == (True, charm.name)
    head = gateway.bodies[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[1:] == [
        f'Content-Disposition: form-data; name="binary"; filename="{charm.name}"',
        "Content-Type: application/octet-stream",
    ]


@pytest.mark.parametrize("options", [{"token": TOKEN}, {"auth": TokenAuth("a-secret-token")}], ids=["token", "auth"])
async def test_the_storage_host_is_sent_no_credentials_whatever_the_client_has(
    gateway: Gateway, charm: Path, options: Any
):
    """Also where it is the API's own host."""
    async with gateway.client(**options) as charmhub:
        await charmhub.uploads.upload(charm)
        await charmhub.with_options(auth=TokenAuth("another-token")).uploads.upload(charm)
    assert gateway.credentials == [None, None]


@pytest.mark.parametrize("kind", ["bytes", "iterable", "function"])
async def test_bytes_and_async_sources(gateway: Gateway, kind: str):
    source: Any = {"bytes": DATA, "iterable": pieces(), "function": pieces}[kind]
    async with gateway.client() as charmhub:
        upload = await charmhub.uploads.upload(source, filename="my.charm")
    assert (upload.filename, upload.sha3_384) == ("my.charm", sha3(DATA))
    assert gateway.uploads["upload-1"].data == DATA


@pytest.mark.parametrize("name", [None, "", "../x.charm", "a/b", "a\\b", "C:x", "..", "x\n"])
async def test_a_name_may_come_from_a_stranger(gateway: Gateway, name: str | None):
    async with gateway.client() as charmhub:
        with pytest.raises(InputError) as caught:
            await charmhub.uploads.upload(DATA, filename=name)
    assert caught.value.argument == "filename"
    assert gateway.seen == []


async def test_a_path_has_its_own_name(gateway: Gateway, charm: Path):
    async with gateway.client() as charmhub:
        with pytest.raises(InputError, match="a path has its own name"):
            await charmhub.uploads.upload(charm, filename="x.charm")


async def test_progress(gateway: Gateway, charm: Path):
    reports: list[Progress] = []
    async with gateway.client() as charmhub:
        await charmhub.uploads.upload(charm, on_progress=reports.append)
    assert reports[-1].completed == reports[-1].total == len(gateway.bodies[0])


@pytest.mark.parametrize("fault", [DropAfter(), DropDuring(100_000), Respond(503), Respond(500)], ids=repr)
async def test_a_lost_upload_is_sent_again_byte_for_byte(gateway: Gateway, charm: Path, fault: Any):
    gateway.faults.add(fault, method="POST")
    async with gateway.client() as charmhub:
        upload = await charmhub.uploads.upload(charm)
    assert gateway.uploads[upload.upload_id].data == DATA
    assert len(set(gateway.bodies)) == 1


async def test_an_upload_that_fails_has_changed_nothing(gateway: Gateway, charm: Path):
    gateway.faults.add(DropAfter(), times=None)
    async with gateway.client() as charmhub:
        with pytest.raises(NetworkError) as caught:
            await charmhub.uploads.upload(charm)
    assert caught.value.outcome == "not_done"
    assert len(gateway.bodies) == 3


async def test_a_file_that_changes_between_two_attempts(gateway: Gateway, charm: Path):
    async def change(_: float) -> None:
        await to_thread.run_sync(charm.write_bytes, DATA + b"x")

    gateway.faults.add(DropAfter())
    async with with_time(gateway.client(), sleep=change) as charmhub:
        with pytest.raises(InputError, match="changed while it was being read") as caught:
            await charmhub.uploads.upload(charm)
    assert caught.value.outcome == "not_done"
    assert [upload.data == DATA for upload in gateway.uploads.values()] == [True]


@pytest.mark.parametrize(
    ("response", "upload_id"),
    [({"upload_id": "abc"}, "abc"), ({"successful": True, "upload_id": 7}, "7")],
)
async def test_what_a_storage_host_may_respond(gateway: Gateway, charm: Path, response: Any, upload_id: str):
    gateway.upload_response = response
    async with gateway.client() as charmhub:
        assert (await charmhub.uploads.upload(charm)).upload_id == upload_id


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"successful": False}, ServerError),
        ({"successful": False, "upload_id": "abc", "message": "no room"}, ServerError),
        ({"successful": None, "upload_id": "abc"}, ServerError),
        ({"successful": True}, InvalidResponse),
        ({"successful": True, "upload_id": ""}, InvalidResponse),
        ({"successful": True, "upload_id": None}, InvalidResponse),
        ({"successful": True, "upload_id": True}, InvalidResponse),
        ([], InvalidResponse),
    ],
)
async def test_what_is_no_upload(gateway: Gateway, charm: Path, response: Any, error: type[Exception]):
    gateway.upload_response = response
    async with gateway.client() as charmhub:
        with pytest.raises(error) as caught:
            await charmhub.uploads.upload(charm)
    assert caught.value.outcome == "not_done"  # type: ignore[attr-defined]


async def test_a_file_that_is_too_large(gateway: Gateway, charm: Path):
    gateway.faults.add(Respond(413, b"too large"))
    async with gateway.client() as charmhub:
        with pytest.raises(PayloadTooLarge):
            await charmhub.uploads.upload(charm)


async def test_arguments_of_other_types(charm: Path):
    async with Charmhub() as charmhub:
        with pytest.raises(InputError):
            await charmhub.uploads.upload(7)  # type: ignore[call-overload]
