"""Charmhub, the Snap Store, their storage host, Ubuntu One and Candid: fixed responses, and a record of the requests.

Everything that is random in a macaroon is made once, so that both clients get the same ones and requests compare
byte for byte. Macaroons are issued by pymacaroons and macaroonbakery.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

from macaroonbakery import bakery, checkers, httpbakery
from pymacaroons import MACAROON_V1, MACAROON_V2, Macaroon
from pymacaroons.serializers.json_serializer import JsonSerializer

from lading.testing import ServerResponse
from tests.conformance.craft_case_data import (
    ACCOUNT,
    CHANNEL_MAP,
    EMAIL,
    HISTORY,
    OTP,
    PACKAGE,
    PASSWORD,
    RELEASES,
    RESOURCE_REVISION,
    REVISIONS,
    TOKEN,
    WHOAMI,
)
from tests.conformance.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.recorder import Recorded

CAVEAT_ID = json.dumps({"secret": "x", "version": 1})
NEVER = "2099-01-01T00:00:00"


@dataclass(frozen=True)
class Sent:
    """A request, and to whom."""

    service: str
    request: Recorded


def refusal(status: int, code: str, message: str = "no", headers: dict[str, str] | None = None) -> ServerResponse:
    return ServerResponse.json({"error_list": [{"code": code, "message": message}]}, status, headers or {})


class CaseServer:
    """All services.

    Attributes:
        sent: The requests.
        second_factor: Whether the account has one.
        macaroons: The version of Ubuntu One's macaroons.
        bakery: The version of Candid's macaroons.
        interaction: How one logs in at Candid: ``"window"``, ``"legacy"``, ``""`` for not at all.
        member: What Candid's token is in.
        caveats: How many caveats for Candid its root macaroon has.
        gate: The status with which Candid requires macaroons for access to itself; 0 for none.
        locations: Those of the caveats of Ubuntu One's root macaroon; ``None`` for its host.
        prefix: What a proxy takes away from the paths of requests.
        override: The response to a request instead of the usual one, by service.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.reset()
        self.services = {
            name: Recorder(lambda request, name=name: self._respond(name, request))
            for name in ("api", "storage", "login")
        }
        self._cache: dict[Any, Any] = {}

    def reset(self) -> None:
        self.second_factor = False
        self.macaroons = MACAROON_V1
        self.bakery = bakery.LATEST_VERSION
        self.interaction = "window"
        self.member = "token64"
        self.caveats = 1
        self.gate = 0
        self.locations: tuple[str | None, ...] = (None,)
        self.override: Callable[[str, Recorded], ServerResponse | None] = lambda _, __: None
        self.prefix = ""
        self.sent.clear()

    def take(self) -> list[Sent]:
        taken, self.sent = self.sent, []
        return taken

    def __enter__(self) -> Self:
        for recorder in self.services.values():
            recorder.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for recorder in self.services.values():
            recorder.server.stop()

    @property
    def errors(self) -> list[Any]:
        return [error for recorder in self.services.values() for error in recorder.server.errors]

    def url(self, service: str) -> str:
        return self.services[service].server.url

    def _respond(self, service: str, request: Recorded) -> ServerResponse:
        self.sent.append(Sent(service, request))
        found = self.override(service, request)
        if found is not None:
            return found
        path = request.target.partition("?")[0].removeprefix(self.prefix)
        if service == "storage":
            return ServerResponse.json({"successful": True, "upload_id": "upload-1"})
        if service == "login":
            return self._ubuntu_one(path, request) if path.startswith("/api/") else self._candid(path, request)
        return self._api(request, path)

    def _api(self, request: Recorded, path: str) -> ServerResponse:
        method = request.method
        issued: dict[str, Callable[[], str]] = {
            "/v1/tokens/usso": self.root,
            "/dev/api/acl/": self.root,
            "/v1/tokens": self.candid_root,
            "/api/v2/tokens": self.candid_root,
            "/v1/tokens/usso/exchange": lambda: TOKEN,
            "/v1/tokens/exchange": lambda: TOKEN,
            "/api/v2/tokens/exchange": lambda: TOKEN,
        }
        if method == "POST" and path in issued:
            return ServerResponse.json({"macaroon": issued[path]()})
        for known, pattern, body in _ROUTES:
            if known == method and re.fullmatch(pattern, path):
                found = body(request) if callable(body) else body
                return ServerResponse.json(found, 202 if path.endswith("-push/") else 200)
        return refusal(404, "resource-not-found", f"{method} {path}")

    def _ubuntu_one(self, path: str, request: Recorded) -> ServerResponse:
        body = json.loads(request.body)
        if path == "/api/v2/tokens/refresh":
            return ServerResponse.json({"discharge_macaroon": self.discharge(1)})
        assert path == "/api/v2/tokens/discharge"
        if body["password"] != PASSWORD:
            return refusal(401, "invalid-credentials", "Provided email/password is not correct.")
        if self.second_factor and body.get("otp") != OTP:
            return refusal(401, "twofactor-required", "2-factor authentication required.")
        if (body["email"], body["caveat_id"]) != (EMAIL, CAVEAT_ID):
            return refusal(400, "invalid-data", "there is no such caveat")
        return ServerResponse.json({"discharge_macaroon": self.discharge()})

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def root(self) -> str:
        """A root macaroon for Ubuntu One."""

        def make() -> str:
            macaroon = Macaroon(location="the-store", identifier="root-1", key="root-key", version=self.macaroons)
            here = self.url("login").removeprefix("http://")
            for location in self.locations:
                key_id = CAVEAT_ID if location is None or len(self.locations) == 1 else "another"
                macaroon.add_third_party_caveat(here if location is None else location, "caveat-key", key_id)
            return str(macaroon.serialize())

        return str(self._once(("root", self.macaroons, self.locations), make))

    def discharge(self, refreshed: int = 0) -> str:
        macaroon = Macaroon(location="sso", identifier=CAVEAT_ID, key="caveat-key", version=self.macaroons)
        macaroon.add_first_party_caveat(f"login.ubuntu.com|expires|{NEVER}")
        macaroon.add_first_party_caveat(f"refreshed {refreshed}")
        return str(macaroon.serialize())

    def pair(self) -> str:
        """Credentials as they are stored after a login by Ubuntu One."""
        return json.dumps({"t": "u1-macaroon", "v": {"r": self.root(), "d": self.discharge()}})

    @cached_property
    def key(self) -> bakery.PrivateKey:
        return bakery.generate_key()

    @property
    def identity(self) -> str:
        return f"{self.url('login')}/identity"

    def candid_root(self) -> str:
        """A root macaroon for Candid, of the bakery's version that is set."""
        return str(self._once(("candid", self.bakery, self.caveats), self._make_candid_root))

    def _make_candid_root(self) -> str:
        locator = bakery.ThirdPartyStore()
        locator.add_info(self.identity, bakery.ThirdPartyInfo(version=self.bakery, public_key=self.key.public_key))
        store = bakery.Bakery(location="store", locator=locator, key=bakery.generate_key())
        caveats = [checkers.Caveat(location=self.identity, condition=f"is-{number}") for number in range(self.caveats)]
        made = store.oven.macaroon(self.bakery, _soon(), caveats, [bakery.Op("store", "x")])
        return str(made.serialize_json())

    def _candid(self, path: str, request: Recorded) -> ServerResponse:
        if path == "/identity/wait-token":
            token = "alice" if self.member == "token" else b64encode(b"\xff\x00").decode()
            return ServerResponse.json({"kind": "macaroon", self.member: token})
        if path == "/identity/wait":
            return ServerResponse.json({"Macaroon": self._cache["last"]})
        assert path == "/identity/discharge"
        if self.gate and "Cookie" not in request.headers:
            made = self._once(
                "gate", lambda: Macaroon(location="identity", identifier="x", key="k", version=MACAROON_V2)
            )
            macaroon = bakery.Macaroon.from_dict(json.loads(made.serialize(JsonSerializer())))
            body, _ = httpbakery.discharge_required_response(macaroon, "/", "identity")
            return ServerResponse(self.gate, {"Content-Type": "application/json", "WWW-Authenticate": "Macaroon"}, body)
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        fixed = {name: value for name, value in form.items() if not name.startswith("token")}
        self._cache["last"] = discharge = self._once(str(sorted(fixed.items())), lambda: self._discharge(fixed))
        if not self.interaction or "token-kind" in form:
            return ServerResponse.json({"Macaroon": discharge})
        info: dict[str, Any] = {"VisitURL": f"{self.identity}/login", "WaitURL": f"{self.identity}/wait"}
        if self.interaction == "window":
            urls = {"VisitURL": f"{self.identity}/login", "WaitTokenURL": f"{self.identity}/wait-token"}
            info["InteractionMethods"] = {"browser-window": urls, "agent": {"login-url": "x"}}
        body = {"Code": "interaction required", "Message": "authentication required", "Info": info}
        return ServerResponse.json(body, 401, {"WWW-Authenticate": "Macaroon"})

    def _discharge(self, form: dict[str, str]) -> Any:
        made = httpbakery.discharge(checkers.AuthContext(), form, self.key, bakery.ThirdPartyStore(), _Anybody())
        return made.to_dict()


def _soon() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


class _Anybody(bakery.ThirdPartyCaveatChecker):
    def check_third_party_caveat(self, ctx: Any, info: Any) -> list[checkers.Caveat]:
        return [checkers.declared_caveat("username", "alice")]


def _released(request: Recorded) -> dict[str, Any]:
    """Return what the store has released: what it was sent, without the resources."""
    items = json.loads(request.body)
    return {"released": [{"channel": one["channel"], "revision": one["revision"], "resources": []} for one in items]}


_REVIEW = {"revisions": [{"upload-id": "upload-1", "status": "approved", "revision": 7, "errors": None}]}
_DETAILS = {"processed": True, "code": "ready_to_release", "revision": 7, "can_release": True, "errors": []}
_ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("GET", r"/(v1|api/v2)/tokens/whoami", WHOAMI),
    ("GET", r"/v1/(charm|snap)", {"results": [PACKAGE, {**PACKAGE, "id": "id-2", "name": "other"}]}),
    ("POST", r"/v1/(charm|snap)", {"id": "id-1"}),
    ("DELETE", r"/v1/(charm|snap)/[^/]+", {"package-id": "id-1"}),
    ("GET", r"/v1/(charm|snap)/[^/]+/revisions/review", _REVIEW),
    ("GET", r"/v1/(charm|snap)/[^/]+/revisions", {"revisions": REVISIONS}),
    (
        "POST",
        r"/v1/(charm|snap)/[^/]+/(resources/[^/]+/)?revisions",
        {"status-url": "/v1/charm/demo/revisions/review?upload-id=upload-1"},
    ),
    ("GET", r"/v1/charm/[^/]+/resources", {"resources": [{"name": "image", "type": "file", "revision": 1}]}),
    ("GET", r"/v1/charm/[^/]+/resources/[^/]+/revisions", {"revisions": [RESOURCE_REVISION]}),
    ("PATCH", r"/v1/charm/[^/]+/resources/[^/]+/revisions", {"num-resource-revisions-updated": 2}),
    ("GET", r"/v1/(charm|snap)/[^/]+/releases", RELEASES),
    ("POST", r"/v1/(charm|snap)/[^/]+/releases", _released),
    ("POST", r"/v1/charm/[^/]+/tracks", {"num-tracks-created": 2}),
    ("GET", r"/v1/(charm|snap)/[^/]+", {"metadata": PACKAGE}),
    ("GET", r"/dev/api/account", ACCOUNT),
    ("GET", r"/api/v2/snaps/[^/]+/releases", HISTORY),
    ("GET", r"/api/v2/snaps/[^/]+/channel-map", CHANNEL_MAP),
    ("POST", r"/dev/api/snap-push/", {"success": True, "status_details_url": "/dev/api/snaps/1/builds/2/status"}),
    ("GET", r"/dev/api/snaps/1/builds/2/status", _DETAILS),
    ("POST", r"/dev/api/snap-release/", {"success": True, "opened_channels": ["edge"]}),
    ("POST", r"/dev/api/snaps/[^/]+/close", {"closed_channels": ["edge"], "channel_map_tree": {}}),
    ("POST", r"/dev/api/register-name/", {"snap_id": "id-1", "snap_name": "demo"}),
)
