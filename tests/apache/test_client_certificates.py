"""Locations of a real Apache that require a client certificate, which it requests once it knows the location."""

from __future__ import annotations

import hashlib
import ssl
from typing import TYPE_CHECKING, Any

import pytest

import lading
from lading import Call, StreamBody
from tests.apache.apache import BUFFER, LARGE_BUFFER, VERSIONS
from tests.support.transport_client import MIB, Source, as_response, make_client

if TYPE_CHECKING:
    import trustme

    from tests.apache.apache import Apache

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("version", VERSIONS)]

SMALL = b"a small body"
PIECE = bytes(range(256)) * 1024


def make_context(authority: trustme.CA, *, shown: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if shown:
        authority.issue_cert("client@lading.test").configure_cert(context)
        context.post_handshake_auth = True
    return context


@pytest.fixture
def with_certificate(authority: trustme.CA) -> ssl.SSLContext:
    """What users hand in: their certificate, and that it may be requested after the handshake."""
    return make_context(authority, shown=True)


@pytest.fixture
def without_certificate(authority: trustme.CA) -> ssl.SSLContext:
    """A context without a certificate."""
    return make_context(authority, shown=False)


@pytest.fixture
def willing_without_certificate(authority: trustme.CA) -> ssl.SSLContext:
    """A context without a certificate, whose handshake says that it may be requested."""
    context = make_context(authority, shown=False)
    context.post_handshake_auth = True
    return context


def upload(path: str, size: int) -> Call[Any]:
    return Call("POST", path, as_response, body=StreamBody(lambda: Source(size, PIECE), size))


def response(version: str, verified: str, body: bytes) -> bytes:
    return f"{version} {verified} {hashlib.sha256(body).hexdigest()}\n".encode()


async def test_get_and_small_post(version: str, apache: Apache, with_certificate: ssl.SSLContext) -> None:
    """Again and again over one connection, open locations among them."""
    get, post = Call("GET", "closed", as_response), Call("POST", "closed", as_response, body=lading.BytesBody(SMALL))
    async with make_client(apache.urls[version], with_certificate, timeout=lading.Timeout(read=20)) as client:
        opened = await client.send(Call("GET", "open", as_response))
        assert opened.body.startswith(f"{version} ".encode())
        for _ in range(3):
            assert (await client.send(get)).body == response(version, "SUCCESS", b"")
            assert (await client.send(post)).body == response(version, "SUCCESS", SMALL)


async def test_post_first(version: str, apache: Apache, with_certificate: ssl.SSLContext) -> None:
    post = Call("POST", "closed", as_response, body=lading.BytesBody(SMALL))
    async with make_client(apache.urls[version], with_certificate, timeout=lading.Timeout(read=20)) as client:
        assert (await client.send(post)).body == response(version, "SUCCESS", SMALL)


async def test_large_upload(version: str, apache: Apache, with_certificate: ssl.SSLContext) -> None:
    """The server keeps the whole body before it requests the certificate."""
    size = LARGE_BUFFER // 2
    async with make_client(
        apache.urls[version], with_certificate, timeout=lading.Timeout(upload_response=60)
    ) as client:
        found = await client.send(upload("closed-large", size))
        assert found.body == response(version, "SUCCESS", PIECE * (size // len(PIECE)))
        # The same connection, which knows the certificate by now.
        assert (await client.send(upload("closed-large", 4 * MIB))).body == response(version, "SUCCESS", PIECE * 16)


async def test_upload_above_what_the_server_keeps(
    version: str, apache: Apache, with_certificate: ssl.SSLContext
) -> None:
    """``SSLRenegBufferSize``: it is refused before it has been read; after another request it is not."""
    size = BUFFER * 8
    async with make_client(apache.urls[version], with_certificate, timeout=lading.Timeout(read=20)) as client:
        with pytest.raises(lading.PayloadTooLarge):
            await client.send(upload("closed", size))


async def test_no_certificate(version: str, apache: Apache, without_certificate: ssl.SSLContext) -> None:
    """Refused at once, and never by a timeout; open locations still work."""
    calls = [Call("GET", "closed", as_response), upload("closed-large", 4 * MIB)]
    async with make_client(apache.urls[version], without_certificate, timeout=lading.Timeout(read=20)) as client:
        for call in calls:
            with pytest.raises((lading.Forbidden, lading.NetworkError)) as caught:
                await client.send(call)
            assert not isinstance(caught.value, lading.RequestTimeout)
            if version == "TLSv1.3":  # the server knows from the handshake that it need not request one
                assert isinstance(caught.value, lading.Forbidden)
        assert (await client.send(Call("GET", "open", as_response))).body.startswith(version.encode())


async def test_no_certificate_when_it_is_requested(
    version: str, apache: Apache, willing_without_certificate: ssl.SSLContext
) -> None:
    async with make_client(
        apache.urls[version], willing_without_certificate, timeout=lading.Timeout(read=20)
    ) as client:
        with pytest.raises((lading.Forbidden, lading.NetworkError)) as caught:
            await client.send(Call("GET", "closed", as_response))
        assert not isinstance(caught.value, lading.RequestTimeout)
