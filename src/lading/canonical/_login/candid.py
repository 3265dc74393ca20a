"""Logging in by Candid: third parties discharge the caveats of a root macaroon, after an interaction with each.

The protocol is the bakery's: ``POST {location}/discharge`` with the caveat; the response has the discharge, or names
ways to interact, after one of which the request is sent again with the token that it ended with.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading._core.redact import one_line, safe_url
from lading._core.service import origin
from lading._macaroons.bakery_json import (
    LOCAL,
    BakeryMacaroon,
    encode_macaroons,
    parse_bakery_macaroon,
    read_bakery_macaroon,
)
from lading.canonical._login.secret import Masked, Secret
from lading.canonical._login.third_party import DISCHARGE_REQUIRED, INTERACTION_REQUIRED, discharge_call, secret_of
from lading.canonical._login.token_request import changing_nothing, get_root
from lading.canonical._signing import read_token
from lading.canonical._stored import StoredCredentials
from lading.errors import InvalidResponse, LadingError, Unauthorized

if TYPE_CHECKING:
    from lading._core.sender import Sender
    from lading._core.service import Service
    from lading._macaroons.bakery_json import DischargeToken, ThirdPartyCaveat
    from lading._macaroons.macaroon import Macaroon
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._login.third_party import Refusal
    from lading.canonical._login.token_request import TokenRequest
    from lading.canonical._services import Services

_MOST_DISCHARGES = 20
_MOST_ATTEMPTS = 3
_COOKIE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Interactor(Protocol):
    """A way to interact with a third party.

    Attributes:
        private_key: The client's own key, which discharges caveats for it.
    """

    @property
    def private_key(self) -> Any: ...

    async def interact(
        self, discharges: Discharges, service: Service, refusal: Refusal
    ) -> DischargeToken | BakeryMacaroon:
        """Interact, and return the token to request the discharge with; or the discharge itself."""
        ...


async def log_in(
    sender: Sender,
    endpoints: Endpoints,
    services: Services,
    request: TokenRequest,
    *,
    interactor: Interactor,
    bakery: Any,
) -> StoredCredentials:
    """Log in, and return credentials in the form in which craft-store stores them.

    Args:
        sender: A sender to the store.
        endpoints: The store.
        services: Its services.
        request: What the login is restricted to.
        interactor: How to interact with third parties.
        bakery: The module ``lading._macaroons.bakery``.
    """
    with changing_nothing():
        root = await get_root(sender, endpoints, services, request)
        macaroon = parse_bakery_macaroon(root.value)
        if isinstance(macaroon, str):
            raise InvalidResponse(f"{endpoints.name}: the root macaroon that it issued is none: {macaroon}")
        macaroons = await Discharges(sender, services, interactor, bakery).discharge_all(macaroon)
        bundle = Secret(encode_macaroons(macaroons))
    # It may be repeated: a token whose response was lost is one that nobody has.
    call = Call(
        "POST",
        endpoints.exchange,
        lambda response: StoredCredentials("candid", read_token(response)),
        headers={"Macaroons": bundle.value},
        json={},
        idempotent=True,
    )
    return await sender.to(services.api, Masked(bundle)).send(call)


class Discharges:
    """Obtains the discharges that one login needs.

    Args:
        sender: A sender to the store.
        services: Its services.
        interactor: How to interact with third parties.
        bakery: The module ``lading._macaroons.bakery``.

    Attributes:
        sender: The sender.
        bakery: The module.
    """

    def __init__(self, sender: Sender, services: Services, interactor: Interactor, bakery: Any) -> None:
        self.sender = sender
        self.bakery = bakery
        self._services = services
        self._interactor = interactor
        self._left = _MOST_DISCHARGES
        # By origin and name, of this login alone.
        self._cookies: dict[str, dict[str, Secret]] = {}

    async def discharge_all(self, root: BakeryMacaroon) -> list[Macaroon]:
        """Return the macaroon and the discharges of all of its caveats and of theirs, bound to it."""
        found = [root.macaroon]
        needed = deque(root.third_party_caveats())
        while needed:
            if not self._left:
                name = self._services.login.name
                raise InvalidResponse(
                    f"{name}: more than {_MOST_DISCHARGES} discharges are needed: do they form a loop?"
                )
            self._left -= 1
            discharge = await self._discharge(needed.popleft())
            found.append(self.bakery.bind_macaroon(root.macaroon, discharge.macaroon))
            needed += discharge.third_party_caveats()
        return found

    async def _discharge(self, caveat: ThirdPartyCaveat) -> BakeryMacaroon:
        if caveat.location == LOCAL:
            return self._discharge_local(caveat)
        location = self.resolve(self._services.login.base_url, caveat.location)
        service = replace(self._services.login, base_url=location if location.endswith("/") else f"{location}/")
        found = await self.send(service, discharge_call(service, caveat))
        if isinstance(found, BakeryMacaroon):
            return found
        if found.code != INTERACTION_REQUIRED:
            raise found.error
        token = await self._interactor.interact(self, service, found)
        if isinstance(token, BakeryMacaroon):
            return token
        found = await self.send(service, discharge_call(service, caveat, token), secret_of(caveat, token))
        if isinstance(found, BakeryMacaroon):
            return found
        raise found.error

    def _discharge_local(self, caveat: ThirdPartyCaveat) -> BakeryMacaroon:
        key = self._interactor.private_key
        if key is None:
            text = "it requires a proof that the client has an agent's key: log in with tokens.login_agent"
            raise make_api_error(Unauthorized, self._services.login.name, text)
        content = caveat.id if caveat.content is None else caveat.content
        return BakeryMacaroon(self.bakery.discharge_local(caveat.id, content, key))

    async def send(
        self, service: Service, call: Call[BakeryMacaroon | Refusal], *secrets: Secret
    ) -> BakeryMacaroon | Refusal:
        """Send a request to a third party; where that requires macaroons of its own, obtain them and send it again."""
        attempts = 0
        while True:
            attempts += 1
            cookies = self._cookies.get(origin(service.base_url), {})
            headers = dict(call.headers)
            if cookies:
                headers["Cookie"] = "; ".join(f"{name}={value.value}" for name, value in cookies.items())
            masked = Masked(*secrets, *cookies.values())
            found = await self.sender.to(service, masked).send(replace(call, headers=headers))
            if isinstance(found, BakeryMacaroon):
                return found
            found = replace(found, secrets=masked.secrets())
            if not found.code:
                raise found.error
            if found.code != DISCHARGE_REQUIRED:
                return found
            if attempts == _MOST_ATTEMPTS:
                raise found.error
            await self._obtain_cookie(service, found)

    async def _obtain_cookie(self, service: Service, refusal: Refusal) -> None:
        """Discharge the macaroon that a third party requires for access to itself."""
        if refusal.info.get("Macaroon") is None:
            raise refusal.error
        macaroon = read_bakery_macaroon(refusal.info["Macaroon"])
        if isinstance(macaroon, str):
            raise InvalidResponse(f"{service.name}: the macaroon that it requires is none: {macaroon}")
        suffix = refusal.info.get("CookieNameSuffix")
        name = f"macaroon-{suffix if isinstance(suffix, str) and _COOKIE_NAME.fullmatch(suffix) else 'auth'}"
        value = Secret(encode_macaroons(await self.discharge_all(macaroon)))
        self._cookies.setdefault(origin(service.base_url), {})[name] = value

    def resolve(self, base: str, given: object) -> str:
        """Return the URL that a server gave, relative to *base*.

        Raises:
            InvalidResponse: It is none.
            Unauthorized: It is neither https nor at an origin of the endpoints.
        """
        name = self._services.login.name
        try:
            url = urljoin(base, given) if isinstance(given, str) and given else ""
        except ValueError:
            url = ""
        if not origin(url):
            raise InvalidResponse(f"{name}: a URL that the login needs is missing or invalid")
        if not (self._services.api.may_fetch(url) or self._services.login.may_fetch(url)):
            shown = one_line(safe_url(url), 100)
            text = f"the login leads to {shown}, which is neither https nor at api_url or login_url: not followed"
            raise make_api_error(Unauthorized, name, text)
        return url

    def no_method_error(self, refusal: Refusal, wanted: str, instead: str) -> LadingError:
        """Return the error for a third party that does not offer a way to interact.

        Args:
            refusal: What it offers.
            wanted: The way.
            instead: The method of ours for another way.
        """
        offered = ", ".join(sorted(refusal.methods or {})) or "none"
        text = f"the login requires an interaction, and {wanted} is not among those offered ({offered}): see {instead}"
        return make_api_error(Unauthorized, self._services.login.name, text, status=refusal.error.status)
