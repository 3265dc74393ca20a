"""Requests to the third parties that discharge caveats, and their responses. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading._macaroons.bakery_json import BakeryMacaroon, discharge_form, read_bakery_macaroon
from lading.canonical._login.secret import Secret
from lading.errors import InvalidResponse

if TYPE_CHECKING:
    from lading._core.messages import Response
    from lading._core.service import Service
    from lading._macaroons.bakery_json import DischargeToken, ThirdPartyCaveat
    from lading.errors import ApiError

PROTOCOL = {"Bakery-Protocol-Version": "3"}
"""The header of every request to a third party."""

INTERACTION_REQUIRED = "interaction required"
DISCHARGE_REQUIRED = "macaroon discharge required"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a third party requires before it discharges a caveat.

    Attributes:
        code: Its code; empty when nothing can be done about it.
        info: What it says of it.
        service: The third party.
        response: The response.
        secrets: What the request had in it.
    """

    code: str
    info: dict[str, Any] = field(repr=False)
    service: Service
    response: Response
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def error(self) -> ApiError:
        """The error, where nothing is done about it."""
        return self.service.error_of(self.response, "POST", self.secrets)

    @property
    def methods(self) -> dict[str, Any] | None:
        """The ways to interact, by kind; ``None`` where it has the form before there were several."""
        found = self.info.get("InteractionMethods")
        return found if isinstance(found, dict) else None


def discharge_call(
    service: Service, caveat: ThirdPartyCaveat, token: DischargeToken | None = None
) -> Call[BakeryMacaroon | Refusal]:
    """Return the call that requests a discharge. It may be repeated: it changes nothing."""
    return Call(
        "POST",
        "discharge",
        lambda response: read_discharge(service, response, "Macaroon"),
        form=discharge_form(caveat, token),
        headers=PROTOCOL,
        allow_statuses=frozenset({401, 407}),
        idempotent=True,
    )


def secret_of(caveat: ThirdPartyCaveat, token: DischargeToken) -> Secret:
    """Return what the request with *token* has in it, as it may be said back."""
    form = discharge_form(caveat, token)
    return Secret(form.get("token") or form.get("token64", ""))


def read_discharge(service: Service, response: Response, name: str) -> BakeryMacaroon | Refusal:
    """Read the macaroon in the member *name* of a response, or what is required before."""
    if response.status < 400:
        found = read_bakery_macaroon(response.json()[name])
        if isinstance(found, str):
            raise InvalidResponse(f"{service.name}: what it issued is no macaroon: {found}")
        return found
    try:
        value = response.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Refusal("", {}, service, response)
    code: object = value.get("Code") or value.get("code")
    info: object = value.get("Info") or value.get("info")
    if not isinstance(info, dict) or code not in (INTERACTION_REQUIRED, DISCHARGE_REQUIRED):
        return Refusal("", {}, service, response)
    return Refusal(str(code), info, service, response)
