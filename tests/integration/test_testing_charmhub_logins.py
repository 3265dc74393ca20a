"""Logins at the embedded Charmhub's hosts: macaroons are discharged, verified, exchanged, restricted and revoked."""

from __future__ import annotations

import base64
import json
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from lading._core.call import Call
from lading._macaroons import bakery, codec
from lading.canonical import Charmhub, WhoAmI
from lading.errors import Forbidden, Unauthorized
from lading.testing import EmbeddedCharmhub, make_charm
from lading.testing.canonical._sessions import issue_ubuntu_one_root
from lading.testing.canonical._state import Session
from lading.testing.canonical._third_party import bound_signature
from tests.support.charmhub_api import TLS, Api, codes, messages, upload

PASSWORD = "correct horse"


@pytest.fixture
def store():
    """A store with the charm ``hello``."""
    with EmbeddedCharmhub() as store:
        store.add_package("hello")
        yield store
    assert store.errors == []


def send(method: str, url: str, **options: Any) -> httpx.Response:
    return httpx.request(method, url, trust_env=False, verify=TLS, **options)


def root(store: EmbeddedCharmhub, **wanted: Any) -> str:
    """A root macaroon for Ubuntu One."""
    response = send("POST", f"{store.url}/v1/tokens/usso", json=wanted)
    assert response.status_code == 200, response.text
    return response.json()["macaroon"]


def caveat_of(text: str) -> codec.Caveat:
    (caveat,) = (caveat for caveat in codec.decode(text).caveats if caveat.location)
    return caveat


def discharge(store: EmbeddedCharmhub, text: str, **more: str) -> httpx.Response:
    body = {"email": "owner@example.com", "password": PASSWORD, "caveat_id": caveat_of(text).id.decode(), **more}
    return send("POST", f"{store.login_url}/api/v2/tokens/discharge", json=body)


def exchange(store: EmbeddedCharmhub, text: str, bound: str) -> httpx.Response:
    headers = {"Authorization": f"Macaroon root={text}, discharge={bound}"}
    return send("POST", f"{store.url}/v1/tokens/usso/exchange", headers=headers, json={"client-description": "test"})


def refused(response: httpx.Response) -> tuple[int, list[str]]:
    return codes((response.status_code, response.json()))


# --- Ubuntu One


def test_a_login_at_ubuntu_one(store):
    text = root(store, permissions=["package-view"], channels=["edge"], packages=[{"type": "charm", "name": "hello"}])
    assert caveat_of(text).location == store.login_url.partition("://")[2].encode()
    unbound = discharge(store, text).json()["discharge_macaroon"]
    token = exchange(store, text, bakery.bind(text, unbound)).json()["macaroon"]
    who = Api(store, token).get("/v1/tokens/whoami")
    assert who["account"].items() >= {"username": "owner", "email": "owner@example.com"}.items()
    assert who["permissions"] == ["package-view"]
    assert who["channels"] == ["edge"]
    assert who["packages"] == [{"type": "charm", "name": "hello"}]
    (session,) = Api(store, token).get("/v1/tokens")["macaroons"]
    assert session["description"] == "test"


def test_a_discharge_that_is_not_bound_or_is_of_another_root_is_refused(store):
    first, second = root(store), root(store)
    unbound = discharge(store, first).json()["discharge_macaroon"]
    for text, used in ((first, unbound), (second, bakery.bind(second, unbound)), (first, first)):
        assert refused(exchange(store, text, used)) == (401, ["macaroon-authorization-required"])
    assert exchange(store, first, bakery.bind(first, unbound)).status_code == 200


def test_a_macaroon_whose_signature_or_caveat_was_changed_is_refused(store):
    text = root(store)
    bound = bakery.bind(text, discharge(store, text).json()["discharge_macaroon"])
    changed = codec.decode(text)
    changed.caveats[1].id = changed.caveats[1].id.replace(b"expires|2", b"expires|3")
    assert refused(exchange(store, codec.encode(changed), bound))[0] == 401
    restricted = codec.decode(text)
    restricted.add([b"no-such-caveat 1"])  # its signature holds, but nobody knows what it means
    assert refused(exchange(store, codec.encode(restricted), bound))[0] == 401
    token = codec.decode(store.create_token())
    token.caveats.clear()
    assert codes(Api(store, codec.encode(token))("GET", "/v1/tokens/whoami"))[0] == 401


def test_what_the_client_may_restrict_a_token_to_itself(store):
    token = codec.decode(store.create_token())
    token.add([b"time-before 2020-01-01T00:00:00Z"])
    result = Api(store, codec.encode(token))("GET", "/v1/tokens/whoami")
    assert codes(result) == (401, ["macaroon-needs-refresh"])


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"password": "wrong"}, 401, "invalid-credentials"),
        ({"email": "nobody@example.com"}, 401, "invalid-credentials"),
        ({"caveat_id": "{}"}, 400, "invalid-data"),
    ],
)
def test_a_login_that_ubuntu_one_refuses(store, more, status, code):
    response = discharge(store, root(store), **more)
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code.upper().replace("-", "_"))
    assert body["error_list"][0]["code"] == code


def test_a_second_factor(store):
    ada = store.add_account("ada", otp="123456")
    text = root(store)
    without = discharge(store, text, email=ada.email)
    assert (without.status_code, without.json()["error_list"][0]["code"]) == (401, "twofactor-required")
    wrong = discharge(store, text, email=ada.email, otp="1")
    assert (wrong.status_code, wrong.json()["error_list"][0]["code"]) == (403, "twofactor-failure")
    right = discharge(store, text, email=ada.email, otp="123456")
    token = exchange(store, text, bakery.bind(text, right.json()["discharge_macaroon"])).json()["macaroon"]
    assert Api(store, token).get("/v1/tokens/whoami")["account"]["username"] == "ada"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"ttl": 3}, "3 is less than the minimum of 10 at /ttl"),
        ({"ttl": 31536001}, "31536001 is greater than the maximum of 31536000 at /ttl"),
        ({"ttl": "x"}, "'x' is not of type 'integer' at /ttl"),
        ({"packages": [{"type": "snap", "name": "x"}]}, "'snap' is not one of ['charm', 'bundle'] at /packages/0/type"),
        ({"colour": 1}, "Additional properties are not allowed ('colour' was unexpected) at /"),
    ],
)
def test_a_login_that_the_store_refuses(store, wanted, message):
    response = send("POST", f"{store.url}/v1/tokens/usso", json=wanted)
    assert refused(response) == (400, ["api-error"])
    assert messages((400, response.json())) == [message]


def old_login(store: EmbeddedCharmhub) -> tuple[str, str]:
    """A login as the Snap Store has them: the macaroons themselves sign requests."""
    session = Session("acl", store.now, store.now + timedelta(days=365))
    with store._state.lock:
        text = issue_ubuntu_one_root(store._state, session)
    return text, discharge(store, text).json()["discharge_macaroon"]


def whoami(store: EmbeddedCharmhub, text: str, unbound: str) -> httpx.Response:
    headers = {"Authorization": f"Macaroon root={text}, discharge={bakery.bind(text, unbound)}"}
    return send("GET", f"{store.url}/v1/tokens/whoami", headers=headers)


def refresh(store: EmbeddedCharmhub, unbound: str) -> httpx.Response:
    return send("POST", f"{store.login_url}/api/v2/tokens/refresh", json={"discharge_macaroon": unbound})


def test_a_discharge_expires_and_is_refreshed():
    with EmbeddedCharmhub(discharge_lifetime=3600) as store:
        text, unbound = old_login(store)
        assert whoami(store, text, unbound).json()["account"]["username"] == "owner"
        store.advance_clock(3600)
        expired = whoami(store, text, unbound)
        assert refused(expired) == (401, ["macaroon-needs-refresh"])
        assert expired.headers["WWW-Authenticate"] == "Macaroon needs_refresh=1"
        fresh = refresh(store, unbound).json()["discharge_macaroon"]
        assert whoami(store, text, fresh).status_code == 200


def test_a_discharge_that_is_not_refreshed(store):
    text, unbound = old_login(store)
    assert refresh(store, bakery.bind(text, unbound)).status_code == 401
    assert refresh(store, "x").status_code == 400
    store.advance_clock(1)
    store.change_password(store.owner, "other")
    response = refresh(store, unbound)
    assert (response.status_code, response.json()["code"]) == (401, "INVALID_CREDENTIALS")


# --- The identity service


class Bakery:
    """A login at the identity service, step by step."""

    def __init__(self, store: EmbeddedCharmhub) -> None:
        self.store = store
        response = send("POST", f"{store.url}/v1/tokens", json={"permissions": ["package-view"]})
        value = json.loads(response.json()["macaroon"])
        self.root = codec.from_json_value(value.get("m", value))
        (self.caveat,) = (caveat for caveat in self.root.caveats if caveat.location)
        self.fields = {"id64": base64.b64encode(self.caveat.id).decode()}
        if "cdata" in value:
            (self.fields["caveat64"],) = value["cdata"].values()

    def discharge(self, version: str = "3", **more: str) -> httpx.Response:
        headers = {"Bakery-Protocol-Version": version}
        return send("POST", f"{self.store.identity_url}/discharge", data={**self.fields, **more}, headers=headers)

    def exchange(self, discharged: dict[str, Any]) -> httpx.Response:
        found = codec.from_json_value(discharged["Macaroon"].get("m", discharged["Macaroon"]))
        found.signature = bound_signature(self.root.signature, found.signature)
        both = json.dumps([codec.to_json_value(one) for one in (self.root, found)])
        headers = {"Macaroons": base64.urlsafe_b64encode(both.encode()).decode()}
        return send("POST", f"{self.store.url}/v1/tokens/exchange", json={}, headers=headers)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_login_at_the_identity_service(version):
    with EmbeddedCharmhub(bakery_version=version) as store:
        store.add_account("ada")
        login = Bakery(store)
        response = login.discharge()
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Macaroon")
        body = response.json()
        assert body["Code"] == "interaction required"
        method = body["Info"]["InteractionMethods"]["browser-window"]
        person = threading.Timer(0.1, store.visit, [method["VisitURL"], store.add_account("ada")])
        person.start()
        waited = send("GET", method["WaitTokenURL"]).json()
        person.join()
        assert waited["kind"] == "macaroon"
        discharged = login.discharge(**{"token64": waited["token64"], "token-kind": waited["kind"]}).json()
        token = login.exchange(discharged).json()["macaroon"]
        who = Api(store, token).get("/v1/tokens/whoami")
        assert (who["account"]["username"], who["permissions"]) == ("ada", ["package-view"])


def test_an_old_identity_service_waits_for_the_discharge_itself():
    with EmbeddedCharmhub(interactions=["visit-wait"]) as store:
        login = Bakery(store)
        info = login.discharge().json()["Info"]
        assert info.keys() == {"VisitURL", "WaitURL"}
        store.visit(info["VisitURL"])
        assert login.exchange(send("GET", info["WaitURL"]).json()).status_code == 200


def test_a_token_of_a_login_as_text(store):
    store.sends_plain_tokens = True
    login = Bakery(store)
    method = login.discharge().json()["Info"]["InteractionMethods"]["browser-window"]
    assert "<form" in send("GET", method["VisitURL"]).text
    store.visit(method["VisitURL"])
    waited = send("GET", method["WaitTokenURL"]).json()
    assert waited.keys() == {"kind", "token"}
    discharged = login.discharge(**{"token": waited["token"], "token-kind": waited["kind"]}).json()
    assert login.exchange(discharged).status_code == 200


def test_an_agent_with_an_unknown_key_or_a_made_up_token(store):
    file = store.add_agent("robot")
    login = Bakery(store)
    url = login.discharge().json()["Info"]["InteractionMethods"]["agent"]["login-url"]
    robot = urlencode({"username": "robot", "public-key": file["key"]["public"]})
    issued = send("GET", f"{url}&{robot}").json()["macaroon"]
    for username, key in (("owner", file["key"]["public"]), ("robot", "x"), ("nobody", "x")):
        assert send("GET", f"{url}&{urlencode({'username': username, 'public-key': key})}").status_code == 404
    alone = codec.write_binary(codec.from_json_value(issued["m"]))
    for token in (alone, alone + alone, b"x", b"\x02"):
        encoded = base64.b64encode(token).decode()
        assert login.discharge(**{"token64": encoded, "token-kind": "agent"}).status_code == 401


def test_old_clients_of_the_identity_service(store):
    login = Bakery(store)
    assert login.discharge(version="0").status_code == 407
    assert login.discharge(version="x").status_code == 407
    assert login.discharge(version="1").json()["Info"].keys() == {"VisitURL", "WaitURL"}
    assert send("POST", f"{store.identity_url}/discharge", data={"id64": "%"}).status_code == 400
    assert send("POST", f"{store.identity_url}/discharge", data={}).status_code == 400
    assert "PublicKey" in send("GET", f"{store.identity_url}/discharge/info").json()


def test_nobody_logs_in_at_the_identity_service():
    with EmbeddedCharmhub(rendezvous_timeout=0.05) as store:
        method = Bakery(store).discharge().json()["Info"]["InteractionMethods"]["browser-window"]
        response = send("GET", method["WaitTokenURL"])
        assert (response.status_code, response.json()["Message"]) == (500, "cannot wait: rendezvous wait timed out")
        wrong = send("POST", method["VisitURL"], data={"username": "owner", "password": "x"})
        assert wrong.status_code == 401


def test_what_the_identity_service_refuses(store):
    login, other = Bakery(store), Bakery(store)
    assert login.discharge(**{"token": "x", "token-kind": "macaroon"}).json()["Code"] == "unauthorized"
    assert login.discharge(id64="AAAA").status_code == 400
    method = login.discharge().json()["Info"]["InteractionMethods"]["browser-window"]
    store.visit(method["VisitURL"])
    waited = send("GET", method["WaitTokenURL"]).json()
    discharged = login.discharge(**{"token64": waited["token64"], "token-kind": waited["kind"]}).json()
    assert refused(other.exchange(discharged)) == (401, ["macaroon-authorization-required"])
    assert send("GET", f"{store.identity_url}/wait-token?did=x").status_code == 404


# --- Tokens


def test_the_permissions_of_a_token(store):
    api = Api.of(store, permissions=["package-manage-revisions", "package-manage-releases"])
    upload_id = api.notify("hello", make_charm("hello"))
    path = "/v1/charm/hello/revisions/review"
    # To manage is not to view, as at the genuine store.
    result = api("GET", f"{path}?upload-id={upload_id}")
    assert codes(result) == (403, ["permission-required"])
    assert messages(result) == ["Missing required permission: package-view-revisions"]
    for method, where, body in (
        ("GET", "/v1/charm", None),
        ("POST", "/v1/charm", {"name": "x"}),
        ("GET", "/v1/charm/hello", None),
        ("PATCH", "/v1/charm/hello", {"title": "x"}),
        ("DELETE", "/v1/charm/hello", None),
        ("POST", "/v1/charm/hello/tracks", [{"name": "1"}]),
        ("GET", "/v1/charm/hello/releases", None),
        ("GET", "/v1/charm/hello/resources", None),
    ):
        assert codes(api(method, where, body)) == (403, ["permission-required"]), (method, where)


def test_a_token_for_some_packages_and_channels(store):
    store.add_package("other")
    Api.of(store).publish("hello", make_charm("hello"))
    api = Api.of(store, packages=["hello"], channels=["edge", "2.*/stable"])
    assert api.get("/v1/charm/hello")["metadata"]["name"] == "hello"
    assert messages(api("GET", "/v1/charm/other")) == ["Package access not allowed"]
    assert messages(api("POST", "/v1/charm", {"name": "third"})) == ["Package access not allowed"]
    assert api.release("hello", {"channel": "latest/edge", "revision": 1})[0] == 200
    assert codes(api.release("hello", {"channel": "stable", "revision": 1})) == (403, ["permission-required"])
    with store._state.lock:
        store._packages.packages["hello"].tracks["2.0"] = store._packages.packages["hello"].tracks["latest"]
    assert api.release("hello", {"channel": "2.0/stable", "revision": 1})[0] == 200


def test_sessions_are_listed_and_revoked(store):
    first, second, other = Api.of(store), Api.of(store), Api.of(store, store.add_account("ada"))
    sessions = first.get("/v1/tokens")["macaroons"]
    assert len(sessions) == 2
    assert codes(other("POST", "/v1/tokens/revoke", {"session-id": sessions[0]["session-id"]}))[0] == 404
    status, _ = second("POST", "/v1/tokens/revoke", {"session-id": sessions[0]["session-id"]})
    assert status == 200
    assert codes(first("GET", "/v1/tokens/whoami")) == (401, ["macaroon-authorization-required"])
    assert len(second.get("/v1/tokens")["macaroons"]) == 1
    revoked = second.get("/v1/tokens?include-inactive=true")["macaroons"][0]
    assert revoked["revoked-by"] == store.owner.id
    assert [bool(session.revoked_at) for session in store.sessions] == [True, False, False]
    store.revoke(store.sessions[1].id)
    assert codes(second("GET", "/v1/tokens/whoami"))[0] == 401
    assert other.get("/v1/tokens/whoami")["account"]["username"] == store.sessions[2].account == "ada"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Macaroon",
        "Macaroon x",
        "Macaroon AgEC",
        "Basic eDp4",
        "Macaroon root=x, discharge=x",
        "Macaroon root=x",
        "Macaroon root=x, discharge=x, more=x",
    ],
)
def test_credentials_that_are_none(store, value):
    for method, path in (("GET", "/v1/tokens/whoami"), ("POST", "/v1/tokens/usso/exchange")):
        response = send(method, store.url + path, headers={"Authorization": value}, json={})
        assert refused(response) == (401, ["macaroon-authorization-required"])


@pytest.mark.parametrize("value", ["", "x", "e30=", "W10=", "W3t9XQ==", "W251bGxd"])
def test_discharges_that_are_none(store, value):
    response = send("POST", f"{store.url}/v1/tokens/exchange", headers={"Macaroons": value}, json={})
    assert refused(response) == (401, ["macaroon-authorization-required"])


def test_macaroons_are_not_used_in_place_of_each_other(store):
    old, unbound = old_login(store)
    assert exchange(store, old, bakery.bind(old, unbound)).status_code == 401
    assert codes(Api(store, old)("GET", "/v1/tokens/whoami"))[0] == 401
    text = root(store)
    unbound = discharge(store, text).json()["discharge_macaroon"]
    assert whoami(store, text, unbound).status_code == 401  # it has to be exchanged


def test_without_credentials(store):
    response = send("GET", f"{store.url}/v1/tokens/whoami")
    assert refused(response) == (401, ["macaroon-authorization-required"])
    assert "macaroon" in send("GET", f"{store.url}/v1/tokens").json()
    assert send("POST", f"{store.url}/v1/tokens/exchange", json={}).status_code == 401


def test_the_storage_host_needs_no_credentials_and_sees_what_it_is_sent(store):
    upload(store, b"x")
    send("POST", f"{store.storage_url}/unscanned-upload/", headers={"Authorization": "Macaroon x"}, data={})
    seen = [request.headers.get("Authorization") for request in store.requests if request.host == "storage"]
    assert seen == [None, "Macaroon x"]


# --- lading's client


@pytest.mark.anyio
async def test_the_client_of_a_store():
    async with EmbeddedCharmhub() as store:
        async with store.client() as charmhub:
            who = await charmhub.tokens.whoami()
            assert (who.account.username, who.permissions) == ("owner", None)
        exported = store.export_token(permissions=["package-view"])
        async with Charmhub(store.endpoints(), token=exported, clock=store.client_clock) as charmhub:
            assert (await charmhub.tokens.whoami()).permissions == ("package-view",)
            assert await charmhub.tokens.export() == exported
            assert await charmhub.tokens.expires_at() == store.now + timedelta(hours=30)
            store.advance_clock(30 * 3600)
            with pytest.raises(Unauthorized, match="log in again"):
                await charmhub.tokens.whoami()
    assert store.errors == []


@pytest.mark.anyio
async def test_the_client_reads_the_refusals_of_a_store():
    async with EmbeddedCharmhub() as store, store.client() as charmhub:
        store.revoke()
        with pytest.raises(Unauthorized) as caught:
            await charmhub.tokens.whoami()
        assert caught.value.code == "macaroon-authorization-required"
        token = store.create_token(permissions=["package-view"])
        async with store.client(token) as restricted:
            with pytest.raises(Forbidden, match="account-view-packages") as forbidden:
                await restricted._sender.send(Call("GET", "v1/charm", WhoAmI))
        assert forbidden.value.code == "permission-required"
        assert token not in repr(forbidden.value)
