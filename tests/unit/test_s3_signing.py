"""Signatures: as botocore's own signer makes them, in headers alone, and made anew for every attempt."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

from lading import ConfigError, Timeout
from lading._core.messages import Request, Response
from lading.s3._aws import errors as _errors
from lading.s3._aws.errors import load_credentials, translate_botocore_errors
from lading.s3._aws.renewal import Renewal
from lading.s3._aws.signing import SigV4

pytestmark = pytest.mark.anyio

KEY, SECRET, TOKEN = "AKIATESTTESTTEST0001", "verysecretkey/+", "averylongsessiontoken=="
URL = "https://b.s3.eu-west-1.amazonaws.com/pre/P%401.2.0%2Bb.5?partNumber=2&uploadId=a~b%2Fc"
EMPTY = hashlib.sha256(b"").hexdigest()


class Changing:
    """Credentials that are others every time, as a role's are."""

    def __init__(self, *found: ReadOnlyCredentials) -> None:
        self._found = list(found)

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self._found.pop(0) if len(self._found) > 1 else self._found[0]


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sign at the same time."""
    now = dt.datetime(2026, 1, 2, 3, 4, 5)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: now)


async def signed(
    headers: dict[str, str], token: str | None = None, method: str = "PUT", url: str = URL
) -> dict[str, str]:
    """The headers that go out, names in lower case."""
    auth = SigV4(Renewal(Changing(ReadOnlyCredentials(KEY, SECRET, token))), "eu-west-1")
    await auth.prepare(None)  # type: ignore[arg-type]
    request = Request(method=method, url=url, headers=dict(headers), timeout=Timeout())
    flow = auth.flow(request)
    out: Any = next(flow)
    assert out.url == url
    found = {name.lower(): value for name, value in out.headers.items()}
    assert len(found) == len(out.headers)  # no header twice
    return found


def theirs(headers: dict[str, str], payload: str, token: str | None = None, method: str = "PUT", url: str = URL) -> str:
    """The signature that botocore's own signer makes of the same."""

    class Known(S3SigV4Auth):
        def payload(self, request: Any) -> str:
            return payload

    request = AWSRequest(method=method, url=url, headers=dict(headers))
    Known(Credentials(KEY, SECRET, token), "s3", "eu-west-1").add_auth(request)
    return str(request.headers["Authorization"])


HEADERS = {
    "x-amz-checksum-crc32": "AQIDBA==",
    "x-amz-sdk-checksum-algorithm": "CRC32",
    "x-amz-meta-lading-sha256": "abc",
    "If-None-Match": "*",
    "Content-Type": "application/x-tar",
}


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("headers", [{}, HEADERS])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_it_is_the_signature_that_botocore_makes(token: str | None, headers: dict[str, str], method: str):
    found = await signed(headers, token, method)
    assert found["authorization"] == theirs(headers, UNSIGNED_PAYLOAD, token, method)
    assert found["x-amz-content-sha256"] == UNSIGNED_PAYLOAD


async def test_a_signed_body_has_its_digest_signed():
    found = await signed({**HEADERS, "x-amz-content-sha256": EMPTY})
    assert found["x-amz-content-sha256"] == EMPTY
    assert found["authorization"] == theirs(HEADERS, EMPTY)
    assert found["authorization"] != (await signed(HEADERS))["authorization"]


async def test_what_is_signed():
    sent = {
        **HEADERS,
        "User-Agent": "x",
        "Accept-Encoding": "identity",
        "Range": "bytes=1-",
        "If-Match": '"e"',
        "Content-MD5": "m",
    }
    found = await signed(sent, TOKEN)
    named = re.search(r"SignedHeaders=([^,]*)", found["authorization"])
    assert named is not None
    assert set(named[1].split(";")) == {
        "content-md5", "content-type", "host", "if-match", "if-none-match", "x-amz-checksum-crc32", "x-amz-content-sha256",
        "x-amz-date", "x-amz-meta-lading-sha256", "x-amz-sdk-checksum-algorithm", "x-amz-security-token",
    }  # fmt: skip
    # The rest goes out as it is.
    assert (found["user-agent"], found["range"]) == ("x", "bytes=1-")


async def test_no_secret_is_in_the_address_and_the_secret_key_nowhere():
    found = await signed(HEADERS, TOKEN)  # which checks that the address is unchanged
    assert found["x-amz-security-token"] == TOKEN
    assert SECRET not in "".join(found.values())


async def test_every_attempt_is_signed_with_the_credentials_of_that_moment():
    auth = SigV4(
        Renewal(
            Changing(
                ReadOnlyCredentials(KEY, SECRET, "first-token"),
                ReadOnlyCredentials("AKIAOTHER", "other", "second-token"),
            )
        ),
        "r",
    )
    assert auth.secrets() == ()
    outs = []
    for _ in range(2):
        await auth.prepare(None)  # type: ignore[arg-type]
        request = Request(method="PUT", url=URL, headers={}, timeout=Timeout())
        next(auth.flow(request))
        outs.append({name.lower(): value for name, value in request.headers.items()})
    assert [out["x-amz-security-token"] for out in outs] == ["first-token", "second-token"]
    assert "AKIAOTHER" in outs[1]["authorization"]
    assert set(auth.secrets()) >= {"other", "second-token"}


@pytest.mark.parametrize("status", [400, 403])
async def test_credentials_that_have_expired_are_renewed_and_the_request_is_signed_again(status: int):
    given = AioRefreshableCredentials(
        KEY, SECRET, "first-token", dt.datetime(2099, 1, 1, tzinfo=dt.UTC), refresh_using=renewed, method="test"
    )
    auth = SigV4(Renewal(given), "r")
    await auth.prepare(None)  # type: ignore[arg-type]
    request = Request(method="PUT", url=URL, headers=dict(HEADERS), timeout=Timeout())
    flow = auth.flow(request)
    assert next(flow).headers["X-Amz-Security-Token"] == "first-token"
    expired = Response(status, {}, b"<Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error>")
    assert flow.send(expired) is SigV4.PREPARE
    await auth.prepare(None)  # type: ignore[arg-type]
    again = next(flow)
    assert again.headers["X-Amz-Security-Token"] == "second-token"
    assert "AKIAOTHER" in again.headers["Authorization"]
    with pytest.raises(StopIteration):  # once
        flow.send(expired)
    assert {"first-token", "second-token"} <= set(auth.secrets())


async def renewed() -> dict[str, str]:
    return {
        "access_key": "AKIAOTHER",
        "secret_key": "other",
        "token": "second-token",
        "expiry_time": "2099-01-01T00:00:00Z",
    }


async def test_other_credentials_and_other_errors_are_final():
    auth = SigV4(Renewal(Changing(ReadOnlyCredentials(KEY, SECRET, TOKEN))), "r")
    await auth.prepare(None)  # type: ignore[arg-type]
    for code in ("ExpiredToken", "AccessDenied"):
        flow = auth.flow(Request(method="PUT", url=URL, headers={}, timeout=Timeout()))
        next(flow)
        with pytest.raises(StopIteration):
            flow.send(Response(403, {}, f"<Error><Code>{code}</Code></Error>".encode()))


async def test_a_file_of_credentials_that_is_missing_is_named():
    async def load() -> None:
        Path("/nowhere/token").read_text()

    with pytest.raises(ConfigError, match=r"the file /nowhere/token that AWS credentials need cannot be read: No such"):
        await load_credentials(load())


async def test_botocores_errors_are_ours():
    async def none() -> None:
        raise botocore.exceptions.NoCredentialsError

    async def profile() -> None:
        raise botocore.exceptions.ProfileNotFound(profile="x")

    with pytest.raises(ConfigError, match="no AWS credentials were found"):
        await translate_botocore_errors(none())
    with pytest.raises(ConfigError, match="ProfileNotFound"):
        await translate_botocore_errors(profile())
    assert str(_errors.no_credentials()).startswith("s3: ")
