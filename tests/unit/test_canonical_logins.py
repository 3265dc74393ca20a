"""Parts of logins that do no I/O: which caveat is discharged, what is requested, and errors."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lading import Forbidden, InputError, Response, Unauthorized
from lading._macaroons.codec import Caveat
from lading.canonical import CHARMHUB, CHARMHUB_CANDID, SNAP_STORE, SNAP_STORE_CANDID, Agent, Endpoints, Session
from lading.canonical._errors import read_api_error, read_error, wants_second_factor
from lading.canonical._login.secret import Masked, Secret
from lading.canonical._login.token_request import _body, make_token_request
from lading.canonical._login.ubuntu_one import Person, _choose_caveat
from lading.canonical._services import services_of
from lading.canonical._stored import StoredCredentials, try_decode


def third_party(*locations: bytes | None) -> list[Caveat]:
    return [Caveat(b"%d" % number, b"v", location) for number, location in enumerate(locations)]


@pytest.mark.parametrize(
    ("locations", "usso", "acl"),
    [
        ((b"login.ubuntu.com",), 0, 0),
        ((b"https://login.ubuntu.com/",), 0, 0),
        ((b"a.example.com", b"login.ubuntu.com"), 1, 1),
        ((b"a.example.com", b"https://LOGIN.ubuntu.com/api"), 1, 1),
        ((b"a.example.com", b"b.example.com"), 0, None),
        ((b"", b"b.example.com"), 1, None),
        ((None, b"b.example.com"), 1, None),
        ((None, b""), 0, None),
        ((b"a.example.com",), 0, None),
        ((b"evil-login.ubuntu.com", b"login.ubuntu.com.example.com"), 0, None),
        ((b"\xff\xfe",), 0, None),
    ],
)
def test_which_of_several_third_party_caveats_is_discharged(locations: Any, usso: int, acl: int | None):
    caveats = third_party(*locations)
    assert _choose_caveat(CHARMHUB, caveats) is caveats[usso]
    assert _choose_caveat(SNAP_STORE, caveats) is (None if acl is None else caveats[acl])


@pytest.mark.parametrize(
    ("endpoints", "keys"),
    [
        (CHARMHUB, ["permissions", "ttl"]),
        (CHARMHUB_CANDID, ["permissions", "description", "ttl"]),
        (SNAP_STORE, ["permissions", "description", "expires"]),
        (SNAP_STORE_CANDID, ["permissions", "description", "expires"]),
    ],
)
def test_the_request_for_a_root_macaroon(endpoints: Any, keys: list[str]):
    request = make_token_request(endpoints, permissions=None, packages=(), channels=(), ttl=90.7, description=None)
    body = _body(endpoints, request)
    assert list(body) == keys
    if "expires" in keys:
        left = datetime.fromisoformat(body["expires"]) - datetime.now(UTC)
        assert timedelta(seconds=60) < left <= timedelta(seconds=90)
    else:
        assert body["ttl"] == 90


def refused(status: int, body: bytes, reader: Any = read_error, **headers: str) -> Any:
    service = services_of(CHARMHUB, allow_http=False).api
    headers = {"content-type": "application/json", **headers}
    return reader(service, Response(status, headers, body), "POST", ())


def test_the_code_outside_the_list_is_one_of_the_errors():
    error = refused(
        401, b'{"code": "INVALID_CREDENTIALS", "message": "m", "error_list": [{"code": "c", "message": "n"}]}'
    )
    assert error.errors == (("c", "n"), ("INVALID_CREDENTIALS", "m"))
    assert error.code == "c"
    error = refused(401, b'{"code": "SAME_ONE", "error_list": [{"code": "same-one", "message": "n"}]}')
    assert error.errors == (("same-one", "n"),)
    error = refused(403, b'{"code": "FLAT", "message": "m"}')
    assert (error.code, error.errors, error.detail) == ("FLAT", (("FLAT", "m"),), "m")


def test_a_second_factor_is_wanted_in_any_spelling():
    for body in (
        b'{"code": "TWOFACTOR_REQUIRED"}',
        b'{"error_list": [{"code": "twofactor-required", "message": ""}]}',
        b'{"error-list": [{"code": "x-twofactor_required-y", "message": ""}]}',
        b'{"error_list": [{"code": "", "message": "An OTP required here"}]}',
    ):
        assert wants_second_factor(refused(401, body))
    for body in (b"", b"[]", b'{"code": "TWOFACTOR_FAILURE"}', b'{"message": "no"}'):
        assert not wants_second_factor(refused(401, body))


@pytest.mark.parametrize(
    ("endpoints", "variable"), [(CHARMHUB, "CHARMCRAFT_AUTH"), (SNAP_STORE, "SNAPCRAFT_STORE_CREDENTIALS")]
)
def test_a_401_of_the_api_names_the_variable_for_new_credentials(endpoints: Endpoints, variable: str):
    service = services_of(endpoints, allow_http=False).api
    error = service.read_error(service, Response(401, {}, b""), "GET", ())
    assert f"log in again (tokens.login) or pass new ones (token= or {variable})" in str(error)


def test_a_401_of_the_api_says_what_to_do_and_others_do_not():
    body = b'{"error_list": [{"code": "macaroon-permission-required", "message": "m"}]}'
    error = refused(401, body, read_api_error)
    assert isinstance(error, Unauthorized)
    assert str(error).startswith("charmhub: m: the credentials have expired or were revoked; log in again")
    assert refused(401, body).detail == "m"
    assert isinstance(refused(403, body, read_api_error), Forbidden)
    assert "log in again" in str(refused(401, b"", read_api_error))
    services = services_of(CHARMHUB, allow_http=False)
    assert services.login.read_error is services.storage.read_error is services.info.read_error is read_error


@pytest.mark.parametrize("seconds", [1, 177, 1e6, 1234567, 0.5])
def test_the_seconds_in_the_body_keep_their_digits(seconds: float):
    error = refused(429, b'{"status": 429, "code": "register_window", "retry_after": %s}' % str(seconds).encode())
    assert error.retry_after == seconds


def test_no_repr_shows_a_secret():
    secret = Secret("s3cret")
    shown = [secret, Person("e", secret, secret), Masked(secret), Agent(username="n", private_key="s3cret")]
    shown.append(StoredCredentials("ubuntu-one", "s3cret", "s3cret", "s3cret"))
    assert not [one for one in map(repr, shown) if "s3cret" in one]
    assert Masked(secret, Secret("")).secrets() == ("s3cret",)


def test_when_a_root_expires():
    stored = StoredCredentials("token", "no macaroon")
    assert (stored.expires_at, stored.root_expires_at) == (None, None)
    assert try_decode("no macaroon") is None


def test_sessions_pickle():
    session = Session(session_id="s1")
    assert pickle.loads(pickle.dumps(session)) == session
    assert replace(CHARMHUB, name="x").name == "x"


@pytest.mark.parametrize("ttl", [0, 0.9, -1, float("nan"), float("inf")])
def test_what_is_sent_as_no_second_is_refused(ttl: float):
    with pytest.raises(InputError, match="1 or more") as caught:
        make_token_request(CHARMHUB, permissions=None, packages=(), channels=(), ttl=ttl, description=None)
    assert caught.value.argument == "ttl"
