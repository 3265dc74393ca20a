"""The embedded Charmhub as tests use it: its hosts, clock, faults, snapshots, and its life."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import httpx
import pytest

from lading._macaroons import codec
from lading.errors import NetworkError
from lading.testing import DropAfter, EmbeddedCharmhub, Faults, Respond, make_charm
from tests.support.charmhub_api import TLS, Api, upload


def send(method, url, **options):
    return httpx.request(method, url, trust_env=False, verify=TLS, **options)


def test_each_host_has_a_port_of_its_own_and_serves_only_its_paths():
    with EmbeddedCharmhub() as store:
        endpoints = store.endpoints()
        assert (endpoints.api_url, endpoints.storage_url, endpoints.info_url, endpoints.login_url) == (
            store.url,
            store.storage_url,
            store.url,
            store.login_url,
        )
        assert len({store.url, store.storage_url, store.login_url, store.identity_url}) == 4
        assert store.endpoints("candid").tokens == "v1/tokens"
        for url in (
            f"{store.url}/unscanned-upload/",
            f"{store.storage_url}/v1/tokens/usso",
            f"{store.url}/api/v2/tokens/discharge",
            f"{store.login_url}/identity/discharge",
        ):
            assert send("POST", url, json={}).status_code == 404
        assert [request.host for request in store.requests] == ["api", "storage", "api", "login"]
    assert store.errors == []


def test_faults_are_injected_on_every_host():
    faults = Faults()
    with EmbeddedCharmhub(faults=faults) as store:
        faults.add(Respond(503), path="/unscanned-upload/")
        faults.add(Respond(502), path="/api/v2/tokens/discharge")
        faults.add(Respond(501), path="/identity/*")
        faults.add(DropAfter(), method="POST", path="/v1/charm")
        assert send("POST", f"{store.storage_url}/unscanned-upload/").status_code == 503
        assert send("POST", f"{store.login_url}/api/v2/tokens/discharge").status_code == 502
        assert send("GET", f"{store.identity_url}/discharge/info").status_code == 501
        with pytest.raises(httpx.RemoteProtocolError):
            Api.of(store)("POST", "/v1/charm", {"name": "lost"})
        assert store.packages == ("lost",)  # the work was done before
        assert len(faults.happened) == 4
    assert store.errors == []


def test_its_clock_is_shown_by_every_host():
    with EmbeddedCharmhub(now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) as store:
        store.advance_clock(55)
        for url in (store.url, store.storage_url, store.login_url, store.identity_url):
            assert send("GET", url).headers["Date"] == "Fri, 02 Jan 2026 03:05:00 GMT"


def test_every_host_can_serve_https(server_tls, client_tls):
    with EmbeddedCharmhub(tls=server_tls) as store:
        for url in (store.url, store.storage_url, store.login_url, store.identity_url):
            assert url.startswith("https://127.0.0.1:")
            assert httpx.get(url, verify=client_tls, trust_env=False).status_code == 404
        headers = {"Bakery-Protocol-Version": "3"}
        macaroon = httpx.post(f"{store.url}/v1/tokens", json={}, verify=client_tls, trust_env=False).json()["macaroon"]
        (caveat,) = (one for one in codec.decode_json(macaroon).caveats if one.location)
        assert caveat.location == store.identity_url.encode()
        fields = {"id64": base64.b64encode(caveat.id).decode()}
        response = httpx.post(
            f"{store.identity_url}/discharge", data=fields, headers=headers, verify=client_tls, trust_env=False
        )
        store.visit(response.json()["Info"]["InteractionMethods"]["browser-window"]["VisitURL"])
    assert store.errors == []


def test_files_are_on_disk_until_it_stops():
    with EmbeddedCharmhub() as store:
        upload(store, b"content", "hello.charm")
        (stored,) = store.uploads
        assert (stored.filename, stored.size, stored.path.read_bytes()) == ("hello.charm", 7, b"content")
        assert stored.digests.keys() == {"sha256", "sha384", "sha512", "sha3_384"}
    assert not stored.path.exists()


def test_what_is_no_upload():
    with EmbeddedCharmhub(max_file_size=10) as store:
        url = f"{store.storage_url}/unscanned-upload/"
        for options in (
            {"content": b"x"},
            {"files": {"file": ("a", b"x")}},
            {"files": {"binary": ("a", b"x")}, "data": {"more": "1"}},
            {"files": [("binary", ("a", b"x")), ("binary", ("b", b"x"))]},
            {"content": b"--b\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
        ):
            response = send("POST", url, **options)
            assert (response.status_code, response.json()["successful"]) == (400, False)
        assert send("POST", url, files={"binary": ("a", b"x" * 11)}).status_code == 413
        assert store.uploads == ()
        assert list(store._state.directory.iterdir()) == []
    assert store.errors == []


def test_a_response_of_the_storage_host_may_lack_successful():
    with EmbeddedCharmhub() as store:
        store.says_successful = False
        response = send("POST", f"{store.storage_url}/unscanned-upload/", files={"binary": ("a", b"x")})
        assert response.json().keys() == {"upload_id"}


def test_accounts_are_created_once():
    with EmbeddedCharmhub() as store:
        ada = store.add_account("ada", validation="verified", display_name="Ada L.", teams=frozenset({"crew"}))
        assert store.add_account("ada") is ada
        who = Api.of(store, ada).get("/v1/tokens/whoami")["account"]
        assert who.items() >= {"display-name": "Ada L.", "validation": "verified"}.items()
        assert Api.of(store, ada)("POST", "/v1/charm", {"name": "x", "team": "crew"})[0] == 200
        assert ada.password not in repr(ada)


def test_mistakes_of_tests_are_reported():
    with EmbeddedCharmhub() as store:
        store.add_package("hello")
        with pytest.raises(ValueError, match="already"):
            store.add_package("hello")
        with pytest.raises(LookupError, match="no package 'other'"):
            store.revisions("other")
        with pytest.raises(LookupError, match="not reviewing"):
            store.decide_review("x", "approved")
    with pytest.raises(RuntimeError, match="only once"):
        store.start()


def test_the_files_of_charms_are_reproducible():
    assert make_charm("hello") == make_charm("hello")
    assert make_charm("hello") != make_charm("hello", padding=b"1")


def test_it_leaves_no_thread_behind():
    before = set(threading.enumerate())
    with EmbeddedCharmhub() as store:
        send("GET", f"{store.url}/v1/tokens")
        upload(store, b"x")
    assert set(threading.enumerate()) <= before


@pytest.mark.anyio
async def test_a_response_lost_on_the_way_to_the_client():
    async with EmbeddedCharmhub() as store, store.client(retry=1) as charmhub:
        store.faults.add(DropAfter(), path="/v1/tokens/whoami")
        with pytest.raises(NetworkError):
            await charmhub.tokens.whoami()
        assert (await charmhub.tokens.whoami()).account.username == "owner"


def test_the_fixture_starts_it(lading_charmhub):
    assert lading_charmhub.packages == ()
    assert lading_charmhub.url.startswith("http://127.0.0.1:")


def test_the_command_serves_it_until_it_is_interrupted():
    command = [sys.executable, "-m", "lading.testing", "charmhub"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        variables = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        assert variables.keys() >= {"CHARMCRAFT_STORE_API_URL", "CHARMCRAFT_STORE_SSO_URL", "CHARMCRAFT_AUTH"}
        assert send("GET", f"{variables['CHARMCRAFT_STORE_API_URL']}/v1/tokens").status_code == 200
        process.send_signal(signal.SIGTERM)  # jobs in the background ignore SIGINT
        assert process.wait(10) == 0
