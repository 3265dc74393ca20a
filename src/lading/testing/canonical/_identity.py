"""An identity service that speaks as Candid does: a person logs in with a browser, an agent with its key."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

import anyio

from lading.testing.canonical import _bakery as bakery
from lading.testing.canonical._agents import AgentLogins
from lading.testing.canonical._bakery import CaveatError, KeyPair
from lading.testing.canonical._refusals import IdentityRefusal
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._third_party import discharge
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading.testing._server.refusals import Refusal
    from lading.testing.canonical._bakery import OpenedCaveat
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._state import StoreAccount, StoreState
    from lading.testing.faults import HeaderPairs
    from lading.testing.messages import ServerRequest

BROWSER, AGENT, LEGACY = "browser-window", "agent", "visit-wait"
INTERACTIONS = (BROWSER, AGENT)
_DISCHARGE_LIFETIME = timedelta(days=1)
_AUTHENTICATED = "is-authenticated-user"


@dataclass(slots=True, eq=False)
class _Login:
    """A login that a client waits for.

    Attributes:
        caveat_id: The identifier of the discharge.
        caveat: The caveat that is to be discharged.
        account: Who has logged in.
        done: Set when somebody has.
    """

    caveat_id: bytes
    caveat: OpenedCaveat
    account: StoreAccount | None = None
    done: anyio.Event = field(default_factory=anyio.Event)


def _refuse(status: int, *errors: tuple[str, str], headers: HeaderPairs = ()) -> Refusal:
    return IdentityRefusal(status, *errors[0], headers=headers)


class IdentityService:
    """The handlers of the identity service.

    Attributes:
        keys: Its key pair; stores encrypt caveats for the public key.
        interactions: How clients may log in: ``"browser-window"``, ``"agent"``, ``"visit-wait"`` (old clients).
        rendezvous_timeout: For how many seconds a client may wait for a login.
        plain_tokens: Whether a token is sent as text (``token``) and not in base64 (``token64``).
    """

    def __init__(self, state: StoreState, interactions: Iterable[str], rendezvous_timeout: float) -> None:
        self.keys = KeyPair()
        self.interactions = set(interactions)
        self.rendezvous_timeout = rendezvous_timeout
        self.plain_tokens = False
        self._state = state
        self._logins: dict[str, _Login] = {}
        self._tokens: dict[bytes, StoreAccount] = {}
        self._agents = AgentLogins(state)

    @property
    def api(self) -> Api:
        """The routes."""
        return Api(
            [
                Route("GET", "/identity/discharge/info", self._info),
                Route("POST", "/identity/discharge", self._discharge),
                Route("GET", "/identity/login", self._form),
                Route("POST", "/identity/login", self._log_in),
                Route("GET", "/identity/login-legacy", self._form),
                Route("POST", "/identity/login-legacy", self._log_in),
                Route("GET", "/identity/wait-token", self._wait_token),
                Route("GET", "/identity/wait-legacy", self._wait_legacy),
                Route("GET", "/identity/login/agent", self._agent),
            ],
            refuse=_refuse,
        )

    def _info(self, _: StoreRequest) -> dict[str, Any]:
        return {"PublicKey": self.keys.public_text, "Version": 3}

    # --- Discharging

    def _discharge(self, request: StoreRequest) -> dict[str, Any]:
        fields = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        caveat_id = _bytes(fields, "id", "id64")
        payload = _bytes(fields, "", "caveat64")
        if caveat_id is None:
            raise IdentityRefusal(400, "bad request", "cannot discharge: no caveat id")
        try:
            caveat = bakery.decode_caveat(payload or caveat_id, self.keys)
        except CaveatError as error:
            raise IdentityRefusal(400, "bad request", f"cannot discharge: {error}") from None
        if caveat.condition != _AUTHENTICATED:
            raise IdentityRefusal(400, "caveat not recognized", f"caveat {caveat.condition!r} not recognized")
        token = _bytes(fields, "token", "token64")
        if token is None:
            raise self._interaction_required(request, caveat_id, caveat)
        kind = fields.get("token-kind", "")
        account = self._agents.account(token) if kind == "agent" else self._tokens.get(token)
        if account is None or kind not in ("agent", "macaroon", "login"):
            raise IdentityRefusal(401, "unauthorized", "cannot discharge: the token is not valid")
        return {"Macaroon": self._issue(caveat_id, caveat, account)}

    def _issue(self, caveat_id: bytes, caveat: OpenedCaveat, account: StoreAccount) -> dict[str, Any]:
        until = (self._state.clock.now + _DISCHARGE_LIFETIME).replace(tzinfo=None).isoformat() + "Z"
        conditions = [f"declared username {account.username}", f"time-before {until}"]
        macaroon = discharge("identity", caveat_id, caveat.key, conditions, 1 if caveat.version == 1 else 2)
        return bakery.envelope(macaroon, caveat.version)

    def _interaction_required(self, request: StoreRequest, caveat_id: bytes, caveat: OpenedCaveat) -> Refusal:
        did = secrets.token_hex(32)
        self._logins[did] = _Login(caveat_id, caveat)
        header = request.headers.get("Bakery-Protocol-Version", "0")
        version = int(header) if header.isdecimal() else 0
        base = f"{request.base}/identity"
        info: dict[str, Any] = {}
        methods: dict[str, Any] = {}
        if AGENT in self.interactions:
            methods[AGENT] = {"login-url": f"{base}/login/agent?did={did}"}
        if BROWSER in self.interactions:
            methods[BROWSER] = {
                "VisitURL": f"{base}/login?did={did}",
                "WaitTokenURL": f"{base}/wait-token?did={did}",
            }
        if methods and version >= 3:
            info["InteractionMethods"] = methods
        if LEGACY in self.interactions or version < 3:
            info |= {"VisitURL": f"{base}/login-legacy?did={did}", "WaitURL": f"{base}/wait-legacy?did={did}"}
        status, challenge = (401, {"WWW-Authenticate": "Macaroon"}) if version >= 1 else (407, {})
        message = "macaroon discharge required: authentication required"
        return IdentityRefusal(status, "interaction required", message, info, challenge)

    # --- A person's login

    def _form(self, request: StoreRequest) -> ServerResponse:
        login_id = request.query.get("did", "")
        self._login(login_id)
        return _page(
            "Log in",
            f'<form method="post" action="?did={quote(login_id)}"><input name="username"><input name="password" '
            'type="password"><input name="otp"><button>Log in</button></form>',
        )

    async def _log_in(self, request: StoreRequest, server_request: ServerRequest) -> ServerResponse:
        login = self._login(request.query.get("did", ""))
        body = await server_request.read()
        fields = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        account = self._state.accounts.get(fields.get("username", ""))
        if account is None or account.password != fields.get("password"):
            return _page("authentication failed for user", escape(fields.get("username", "")), status=401)
        if account.otp is not None and account.otp != fields.get("otp"):
            return _page("a second factor is required", "", status=401)
        login.account = account
        login.done.set()
        return _page("Login successful as", escape(account.username))

    def _login(self, login_id: str) -> _Login:
        try:
            return self._logins[login_id]
        except KeyError:
            raise IdentityRefusal(404, "not found", "rendezvous not found, probably expired") from None

    async def _wait(self, request: StoreRequest) -> tuple[_Login, StoreAccount]:
        login = self._login(request.query.get("did", ""))
        with anyio.move_on_after(self.rendezvous_timeout):
            await login.done.wait()
        if login.account is None:
            raise IdentityRefusal(500, "", "cannot wait: rendezvous wait timed out")
        return login, login.account

    async def _wait_token(self, request: StoreRequest, _: ServerRequest) -> dict[str, Any]:
        account = (await self._wait(request))[1]
        token = secrets.token_hex(20).encode() if self.plain_tokens else b"\xff" + secrets.token_bytes(40)
        with self._state.lock:
            self._tokens[token] = account
        value = {"token": token.decode()} if self.plain_tokens else {"token64": b64encode(token).decode()}
        return {"kind": "macaroon", **value}

    async def _wait_legacy(self, request: StoreRequest, _: ServerRequest) -> dict[str, Any]:
        login, account = await self._wait(request)
        return {"Macaroon": self._issue(login.caveat_id, login.caveat, account)}

    # --- An agent's login

    def _agent(self, request: StoreRequest) -> dict[str, Any]:
        self._login(request.query.get("did", ""))
        return {"macaroon": self._agents.issue(request.query.get("username", ""), request.query.get("public-key", ""))}


def _bytes(fields: dict[str, str], plain: str, encoded: str) -> bytes | None:
    """Return the bytes of a field, from whichever of its two forms is there."""
    if fields.get(plain):
        return fields[plain].encode("latin-1")
    text = fields.get(encoded)
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        return urlsafe_b64decode(padded) if encoded == "caveat64" or {"-", "_"} & set(text) else b64decode(padded)
    except ValueError:
        raise IdentityRefusal(400, "bad request", f"cannot unmarshal parameters: {encoded} is not base64") from None


def _page(title: str, content: str, status: int = 200) -> ServerResponse:
    text = f"<!DOCTYPE html><html><body><h1>{escape(title)}</h1>{content}</body></html>"
    return ServerResponse(status, {"Content-Type": "text/html; charset=utf-8"}, text.encode())


__all__ = ["AGENT", "BROWSER", "INTERACTIONS", "LEGACY", "IdentityService"]
