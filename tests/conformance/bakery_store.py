"""A store and its identity services, made of macaroonbakery: it issues, discharges and verifies all macaroons."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qsl

from macaroonbakery import bakery, checkers, httpbakery
from pymacaroons import Macaroon

from lading import Retry
from lading._macaroons.codec import read_binary
from lading.canonical import CHARMHUB_CANDID, Charmhub
from lading.errors import TokenUnreadable
from lading.testing import Server, ServerRequest, ServerResponse

OPERATION = bakery.Op("store", "exchange")
TOKEN = "store-token-0123456789"
PERSON = "alice"


@dataclass
class Discharger(bakery.ThirdPartyCaveatChecker):
    """An identity service.

    Attributes:
        locator: Knows the keys of others.
        version: The bakery version that it speaks.
        interaction: How one logs in: ``"window"``, ``"legacy"``, ``"agent"``, or ``""`` for no interaction.
        token_member: What the token of the window is in: ``"token"`` or ``"token64"``.
        relative: Whether its URLs are relative.
        then: Where it requires another discharge.
        gate: Whether it requires macaroons for access to itself, and with which status.
        visited: The pages that were opened.
        forms: The requests for discharges.
    """

    locator: bakery.ThirdPartyStore
    version: int = bakery.LATEST_VERSION
    interaction: str = "window"
    token_member: str = "token64"
    relative: bool = False
    then: list[str] = field(default_factory=list)
    gate: int = 0
    visited: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = bakery.generate_key()
        self.server = Server(self._respond)
        self.own = bakery.Bakery(location="identity", locator=self.locator, key=self.key)

    @property
    def location(self) -> str:
        return f"{self.server.url}/identity"

    def register(self) -> None:
        self.locator.add_info(
            self.location, bakery.ThirdPartyInfo(version=self.version, public_key=self.key.public_key)
        )

    def check_third_party_caveat(self, ctx: Any, info: Any) -> list[checkers.Caveat]:
        self.conditions.append(info.condition)
        further = [checkers.Caveat(location=there, condition="is-member") for there in self.then]
        return [checkers.declared_caveat("username", PERSON), *further]

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        body = (await request.read()).decode()
        path = request.path.removeprefix("/identity/")
        if path in ("login", "wait", "wait-token"):
            assert request.query["did"] == "7"
        if path == "discharge":
            assert request.headers["Bakery-Protocol-Version"] == "3"
            form = dict(parse_qsl(body, strict_parsing=True))
            return self._discharge(request, form)
        if path == "wait-token":
            assert self.visited, "nobody has opened the page"
            value = {"token": PERSON} if self.token_member == "token" else {"token64": b64encode(b"\xff\x00").decode()}
            return ServerResponse.json({"kind": "window", **value})
        if path == "wait":
            assert self.visited
            return ServerResponse.json({"Macaroon": self._issue(self.forms[-1]).to_dict()})
        if path == "login/agent":
            return self._agent_macaroon(request)
        raise AssertionError(request)

    def _discharge(self, request: ServerRequest, form: dict[str, str]) -> ServerResponse:
        if self.gate:
            refusal = self._refuse_access(request)
            if refusal is not None:
                return refusal
        self.forms.append(form)
        if self.interaction and "token-kind" not in form:
            return self._interaction_required()
        if form.get("token-kind") == "agent":
            self._verify_agent(form)
        elif self.interaction:
            assert (form.get("token"), form.get("token64")) in ((PERSON, None), (None, b64encode(b"\xff\x00").decode()))
        return ServerResponse.json({"Macaroon": self._issue(form).to_dict()})

    def _issue(self, form: dict[str, str]) -> bakery.Macaroon:
        return httpbakery.discharge(checkers.AuthContext(), form, self.key, self.locator, self)

    def _interaction_required(self) -> ServerResponse:
        base = "" if self.relative else f"{self.location}/"
        info: dict[str, Any]
        if self.interaction == "legacy":
            info = {"VisitURL": f"{base}login?did=7", "WaitURL": f"{base}wait?did=7"}
        else:
            info = {"InteractionMethods": {"browser-redirect": {"LoginURL": "x", "DischargeTokenURL": "y"}}}
            methods = info["InteractionMethods"]
            if self.interaction == "window":
                methods["browser-window"] = {
                    "VisitURL": f"{base}login?did=7",
                    "WaitTokenURL": f"{base}wait-token?did=7",
                }
            else:
                methods["agent"] = {"login-url": f"{base}login/agent?did=7"}
        body = {"Code": "interaction required", "Message": "authentication required", "Info": info}
        return ServerResponse.json(body, 401, {"WWW-Authenticate": "Macaroon"})

    def _agent_macaroon(self, request: ServerRequest) -> ServerResponse:
        assert (request.query["did"], request.query["username"]) == ("7", "bot@candid")
        key = bakery.PublicKey.deserialize(request.query["public-key"])
        macaroon = self.own.oven.macaroon(
            self.version, _soon(), [bakery.local_third_party_caveat(key, self.version)], [bakery.Op("agent", "login")]
        )
        return ServerResponse.json({"macaroon": macaroon.to_dict()})

    def _verify_agent(self, form: dict[str, str]) -> None:
        """Verify the macaroons, which follow each other without a mark between them."""
        data = form["token"].encode() if "token" in form else b64decode(form["token64"])
        macaroons = []
        while data:
            end = next(end for end in range(1, len(data) + 1) if _is_macaroon(data[:end]))
            macaroons.append(Macaroon.deserialize(urlsafe_b64encode(data[:end]).decode()))
            data = data[end:]
        self.own.checker.auth([macaroons]).allow(checkers.AuthContext(), [bakery.Op("agent", "login")])

    def _refuse_access(self, request: ServerRequest) -> ServerResponse | None:
        operation = bakery.Op("identity", "discharge")
        try:
            headers = {"Cookie": request.headers.get("Cookie")}
            self.own.checker.auth(httpbakery.extract_macaroons(headers)).allow(checkers.AuthContext(), [operation])
        except (bakery.DischargeRequiredError, bakery.PermissionDenied):
            caveats = [checkers.Caveat(location=there, condition="is-known") for there in self.then]
            macaroon = self.own.oven.macaroon(self.version, _soon(), caveats, [operation])
            content, response_headers = httpbakery.discharge_required_response(macaroon, "/", "identity")
            return ServerResponse(self.gate, response_headers, content)
        return None


@dataclass
class BakeryStore:
    """A store.

    Attributes:
        version: The bakery version of its root macaroons.
        bundles: How many macaroons came with each exchange.
        elsewhere: The locations of the root's caveats, instead of those of the services here.
        login_url: The client's, instead of the first service's.
    """

    version: int = bakery.LATEST_VERSION
    bundles: list[int] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    login_url: str = ""

    def __post_init__(self) -> None:
        self.locator = bakery.ThirdPartyStore()
        self.first = Discharger(self.locator)
        self.second = Discharger(self.locator, interaction="")
        self.at: list[Discharger] = [self.first]
        self.server = Server(self._respond)
        self.own = bakery.Bakery(location="store", locator=self.locator, key=bakery.generate_key())

    def __enter__(self) -> Self:
        for server in (self.server, self.first.server, self.second.server):
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.server, self.first.server, self.second.server):
            server.stop()
            assert server.errors == []

    def client(self, **options: Any) -> Charmhub:
        url = self.server.url
        at = {"api_url": url, "storage_url": url, "info_url": url, "login_url": self.login_url or self.first.server.url}
        endpoints = replace(CHARMHUB_CANDID, **at)  # type: ignore[arg-type]
        return Charmhub(endpoints, **{"retry": Retry(attempts=2, backoff=0), **options})

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        body = await request.read()
        if request.path == "/v1/tokens":
            self.requests.append(json.loads(body))
            for one in (self.first, self.second):
                one.version = min(one.version, self.version)
                one.register()
            locations = self.elsewhere or [one.location for one in self.at]
            caveats = [checkers.Caveat(location=one, condition="is-authenticated-user") for one in locations]
            macaroon = self.own.oven.macaroon(self.version, _soon(), caveats, [OPERATION])
            return ServerResponse.json({"macaroon": macaroon.serialize_json()})
        if request.path == "/v1/tokens/exchange":
            assert json.loads(body) == {}
            assert "Authorization" not in request.headers
            macaroons = httpbakery.extract_macaroons({"Macaroons": request.headers["Macaroons"]})
            self.bundles += map(len, macaroons)
            self.own.checker.auth(macaroons).allow(checkers.AuthContext(), [OPERATION])
            return ServerResponse.json({"macaroon": TOKEN})
        assert request.path == "/v1/tokens/whoami"
        assert request.headers["Authorization"] == f"Macaroon {TOKEN}"
        return ServerResponse.json({"account": {"id": "ACC1"}})


def _is_macaroon(data: bytes) -> bool:
    try:
        read_binary(data)
    except TokenUnreadable:
        return False
    return True


def _soon() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
