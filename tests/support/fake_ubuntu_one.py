"""A store whose logins are by Ubuntu One, and Ubuntu One: macaroons are made and verified by pymacaroons."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pymacaroons import MACAROON_V1, Macaroon, Verifier

from lading import Retry
from lading.canonical import CHARMHUB, SNAP_STORE, Charmhub, SnapStore
from lading.testing import Server, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.canonical import Endpoints

EMAIL = "ada@example.com"
PASSWORD = 'pa&s"w<o>rd-0123456789'
OTP = "135790"
NEVER = "2099-01-01T00:00:00"

_ROOT_KEY = "root-key"
_CAVEAT_KEY = "caveat-key"
_CAVEAT_ID = json.dumps({"secret": "x", "version": 1})


@dataclass
class Seen:
    """A request that arrived."""

    role: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeUbuntuOne:
    """Both services.

    Attributes:
        seen: What arrived.
        second_factor: Whether the account has one.
        version: Of the macaroons.
        locations: Of the root's third-party caveats; ``None`` for Ubuntu One's host.
        caveats: First-party caveats of the root.
        expires: When discharges expire.
        refreshed: How many were.
        needs_refresh: Returns whether a discharge has to be refreshed, by what it expires at.
        sign: How the store says so: ``"code"``, ``"header"`` or ``"both"``.
        override: The response to a request instead of the usual one.
        issued: Every macaroon.
    """

    seen: list[Seen] = field(default_factory=list)
    second_factor: bool = False
    version: int = MACAROON_V1
    locations: tuple[str | None, ...] = (None,)
    caveats: tuple[str, ...] = ()
    expires: str = NEVER
    refreshed: int = 0
    needs_refresh: Callable[[str], bool] = lambda _: False
    sign: str = "both"
    override: Callable[[Seen], ServerResponse | None] = lambda _: None
    token: str = "store-token-0123456789"
    issued: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Server(self._respond_store)
        self.sso = Server(self._respond_sso)

    def __enter__(self) -> Self:
        self.store.start()
        self.sso.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.store.stop()
        self.sso.stop()
        assert self.store.errors == self.sso.errors == []

    @property
    def sso_host(self) -> str:
        return self.sso.url.removeprefix("http://")

    def endpoints(self, base: Endpoints) -> Endpoints:
        from dataclasses import replace

        url = self.store.url
        return replace(base, api_url=url, storage_url=url, info_url=url, login_url=self.sso.url)

    def charmhub(self, **options: Any) -> Charmhub:
        return Charmhub(self.endpoints(CHARMHUB), **{"retry": Retry(attempts=2, backoff=0), **options})

    def snap_store(self, **options: Any) -> SnapStore:
        return SnapStore(self.endpoints(SNAP_STORE), **{"retry": Retry(attempts=2, backoff=0), **options})

    def paths(self) -> list[str]:
        """Service and path of each request, shortened."""
        return [f"{one.role} {one.path.rpartition('/api/v2/')[2].strip('/')}" for one in self.seen]

    async def _note(self, role: str, request: ServerRequest) -> tuple[Seen, ServerResponse | None]:
        body = await request.read()
        seen = Seen(
            role,
            request.method,
            request.path,
            {name.lower(): value for name, value in request.headers.items()},
            json.loads(body) if body else None,
        )
        self.seen.append(seen)
        return seen, self.override(seen)

    async def _respond_store(self, request: ServerRequest) -> ServerResponse:
        seen, response = await self._note("store", request)
        if response is not None:
            return response
        if request.path in ("/v1/tokens/usso", "/dev/api/acl/"):
            return ServerResponse.json({"macaroon": self.root()})
        authorization = request.headers.get("Authorization", "")
        if request.path == "/v1/tokens/usso/exchange":
            refusal = self._verify(authorization)
            return refusal or ServerResponse.json({"macaroon": self.token})
        if request.path.endswith("/tokens/whoami"):
            refusal = None if authorization == f"Macaroon {self.token}" else self._verify(authorization)
            return refusal or ServerResponse.json({"account": {"id": "ACC1", "email": EMAIL}, "permissions": ["p"]})
        raise AssertionError(seen)

    async def _respond_sso(self, request: ServerRequest) -> ServerResponse:
        seen, response = await self._note("sso", request)
        if response is not None:
            return response
        if request.path == "/api/v2/tokens/refresh":
            Macaroon.deserialize(seen.body["discharge_macaroon"])
            self.refreshed += 1
            return ServerResponse.json({"discharge_macaroon": self.discharge()})
        assert request.path == "/api/v2/tokens/discharge"
        if (seen.body["email"], seen.body["password"]) != (EMAIL, PASSWORD):
            return refusal(401, "INVALID_CREDENTIALS", "invalid-credentials", "Provided email/password is not correct.")
        if self.second_factor and "otp" not in seen.body:
            return refusal(401, "TWOFACTOR_REQUIRED", "twofactor-required", "2-factor authentication required.")
        if self.second_factor and seen.body["otp"] != OTP:
            return refusal(403, "TWOFACTOR_FAILURE", "twofactor-failure", "The provided one-time password is wrong.")
        assert seen.body["caveat_id"] == _CAVEAT_ID
        return ServerResponse.json({"discharge_macaroon": self.discharge()})

    def root(self) -> str:
        macaroon = Macaroon(location="the-store", identifier="root-1", key=_ROOT_KEY, version=self.version)
        for caveat in self.caveats:
            macaroon.add_first_party_caveat(caveat)
        for location in self.locations:
            macaroon.add_third_party_caveat(self.sso_host if location is None else location, _CAVEAT_KEY, _CAVEAT_ID)
        self.issued.append(macaroon.serialize())
        return self.issued[-1]

    def discharge(self) -> str:
        macaroon = Macaroon(location="sso", identifier=_CAVEAT_ID, key=_CAVEAT_KEY, version=self.version)
        macaroon.add_first_party_caveat(f"login.ubuntu.com|expires|{self.expires}")
        macaroon.add_first_party_caveat(f"refreshed {self.refreshed}")
        self.issued.append(macaroon.serialize())
        return self.issued[-1]

    def stored(self) -> str:
        """Credentials as snapcraft has them."""
        return json.dumps({"t": "u1-macaroon", "v": {"r": self.root(), "d": self.discharge()}})

    def _verify(self, authorization: str) -> ServerResponse | None:
        """Return a refusal, unless the macaroons verify."""
        scheme, _, rest = authorization.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
        if scheme != "Macaroon" or set(parts) != {"root", "discharge"}:
            return api_refusal(401, "macaroon-permission-required", "no such token")
        discharge = Macaroon.deserialize(parts["discharge"])
        verifier = Verifier()
        verifier.satisfy_general(lambda _: True)
        try:
            verifier.verify(Macaroon.deserialize(parts["root"]), _ROOT_KEY, [discharge])
        except Exception as error:
            return api_refusal(401, "macaroon-authorization-required", type(error).__name__)
        caveats = [one.caveat_id for one in discharge.caveats]
        texts = [one if isinstance(one, str) else one.decode() for one in caveats]
        if self.needs_refresh(texts[-1]):
            code = "macaroon-permission-required" if self.sign == "header" else "macaroon-needs-refresh"
            headers = {} if self.sign == "code" else {"WWW-Authenticate": "Macaroon needs_refresh=1"}
            return api_refusal(401, code, "Expired macaroon", headers)
        return None


def refusal(status: int, code: str, listed: str, message: str) -> ServerResponse:
    """A refusal of Ubuntu One."""
    body = {"code": code, "message": message, "extra": {}, "error_list": [{"code": listed, "message": message}]}
    return ServerResponse.json(body, status)


def api_refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> ServerResponse:
    """A refusal of the store."""
    return ServerResponse.json({"error_list": [{"code": code, "message": message}]}, status, headers or {})
