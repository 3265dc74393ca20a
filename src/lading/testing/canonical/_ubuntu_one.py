"""Ubuntu One, as login.ubuntu.com: caveats are discharged for an address, a password and a second factor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading._macaroons import codec
from lading.errors import TokenUnreadable
from lading.testing.canonical._refusals import SSORefusal
from lading.testing.canonical._request import Api, Route, refuse_sso
from lading.testing.canonical._schema import STRING, Schema, members
from lading.testing.canonical._sessions import DISCHARGE_PREFIX, account_caveat
from lading.testing.canonical._third_party import discharge

if TYPE_CHECKING:
    from lading._macaroons.codec import Macaroon
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._state import StoreAccount, StoreState

_DISCHARGE = Schema(
    type="object",
    properties={"email": STRING, "password": STRING, "caveat_id": STRING, "otp": STRING},
    required=("email", "password", "caveat_id"),
    open=True,
)
_REFRESH = members({"discharge_macaroon": STRING})


class UbuntuOne:
    """The handlers of Ubuntu One.

    Attributes:
        lifetime: After how many seconds a discharge expires.
    """

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime

    @property
    def api(self) -> Api:
        """The routes."""
        return Api(
            [
                Route("POST", "/api/v2/tokens/discharge", self._discharge),
                Route("POST", "/api/v2/tokens/refresh", self._refresh),
            ],
            refuse=refuse_sso,
        )

    def _discharge(self, request: StoreRequest) -> dict[str, Any]:
        body = request.json(_DISCHARGE)
        account = request.state.account_by_email(body["email"])
        if account is None or account.password != body["password"]:
            raise SSORefusal(401, "invalid-credentials", "Provided email/password is not correct.")
        if account.otp is not None and not body.get("otp"):
            raise SSORefusal(401, "twofactor-required", "2-factor authentication required.")
        if account.otp is not None and body["otp"] != account.otp:
            raise SSORefusal(403, "twofactor-failure", "The provided 2-factor key is not recognised.")
        if body["caveat_id"] not in request.state.caveat_keys:
            raise SSORefusal(400, "invalid-data", "Invalid request data", caveat_id=["Unknown caveat"])
        return {"discharge_macaroon": self.issue(request.state, body["caveat_id"], account)}

    def issue(self, state: StoreState, caveat_id: str, account: StoreAccount, since: str = "") -> str:
        """Issue the discharge of a caveat, not bound, in base64.

        Args:
            state: The store's state.
            caveat_id: The identifier of the caveat.
            account: The account that it declares.
            since: When the account was authenticated, if not now.
        """
        now = state.clock.now
        moments = {
            "valid_since": now,
            "last_auth": now,
            "expires": now + timedelta(seconds=self.lifetime),
        }
        shown = {
            name: moment.replace(tzinfo=None).isoformat(timespec="milliseconds") for name, moment in moments.items()
        }
        if since:
            shown["last_auth"] = since  # refreshing is no authentication
        conditions = [account_caveat(account), *(f"{DISCHARGE_PREFIX}|{name}|{text}" for name, text in shown.items())]
        key = state.caveat_keys[caveat_id]
        return codec.encode(discharge(DISCHARGE_PREFIX, caveat_id.encode(), key, conditions, 1))

    def _refresh(self, request: StoreRequest) -> dict[str, Any]:
        text = request.json(_REFRESH)["discharge_macaroon"]
        try:
            macaroon = codec.decode(text)
        except TokenUnreadable:
            raise SSORefusal(400, "invalid-data", "Invalid request data", discharge_macaroon=["Invalid"]) from None
        caveat_id = macaroon.identifier.decode("utf-8", "replace")
        key = request.state.caveat_keys.get(caveat_id)
        account = _account_of(request, macaroon)
        # A bound discharge does not verify with the caveat's key: only the unbound one is refreshed.
        if key is None or account is None or not macaroon.verifies(key):
            raise SSORefusal(401, "invalid-credentials", "The macaroon is not valid.")
        since = _value(macaroon, "last_auth")
        changed = account.password_changed_at
        if changed is not None and since < changed.replace(tzinfo=None).isoformat(timespec="milliseconds"):
            raise SSORefusal(401, "invalid-credentials", "The password was changed: log in again.")
        return {"discharge_macaroon": self.issue(request.state, caveat_id, account, since)}


def _account_of(request: StoreRequest, macaroon: Macaroon) -> StoreAccount | None:
    wanted = f"{DISCHARGE_PREFIX}|account|{_value(macaroon, 'account')}"
    return next((account for account in request.state.accounts.values() if account_caveat(account) == wanted), None)


def _value(macaroon: Macaroon, name: str) -> str:
    """Return the value of a caveat of Ubuntu One's."""
    start = f"{DISCHARGE_PREFIX}|{name}|".encode()
    found = (caveat.id for caveat in macaroon.caveats if caveat.id.startswith(start))
    return next(found, start).removeprefix(start).decode("utf-8", "replace")
