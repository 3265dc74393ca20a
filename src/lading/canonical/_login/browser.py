"""The interaction of a person with Candid, in a browser."""

from __future__ import annotations

import inspect
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from lading._core.call import Call
from lading._macaroons.bakery_json import BakeryMacaroon, DischargeToken
from lading.canonical._login.third_party import PROTOCOL, read_discharge
from lading.errors import ApiError, InputError, InvalidResponse, RequestTimeout
from lading.types import Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading._core.messages import Response
    from lading._core.service import Service
    from lading.canonical._login.candid import Discharges
    from lading.canonical._login.third_party import Refusal

T = TypeVar("T")

WAIT = 900.0
"""Seconds to wait for the person; Candid itself ends the wait after ten minutes, by default."""

_METHOD = "browser-window"


class Browser:
    """Has a person log in on a page.

    Args:
        open_url: Called with the URL of the page; returns when the page has been opened.
    """

    private_key: Any = None

    def __init__(self, open_url: Callable[[str], Awaitable[object]]) -> None:
        self._open_url = open_url

    async def interact(
        self, discharges: Discharges, service: Service, refusal: Refusal
    ) -> DischargeToken | BakeryMacaroon:
        """Open the page, and wait until the person has logged in."""
        methods = refusal.methods
        if methods is None and refusal.info.get("VisitURL"):
            # As it was before there were several ways: the wait ends with the discharge itself.
            visit, wait = refusal.info["VisitURL"], refusal.info.get("WaitURL")
            url = discharges.resolve(service.base_url, wait)
            await self._open(discharges.resolve(service.base_url, visit))
            return await _wait(discharges, service, url, lambda response: _read_macaroon(service, response))
        window = (methods or {}).get(_METHOD)
        if not isinstance(window, dict):
            raise discharges.no_method_error(refusal, _METHOD, "tokens.login_agent")
        url = discharges.resolve(service.base_url, window.get("WaitTokenURL"))
        await self._open(discharges.resolve(service.base_url, window.get("VisitURL")))
        return await _wait(discharges, service, url, lambda response: _read_token(service, response))

    async def _open(self, url: str) -> None:
        opening: Any = self._open_url(url)
        if not inspect.isawaitable(opening):
            raise InputError("open_url= must be an async function", argument="open_url")
        await opening


async def _wait(discharges: Discharges, service: Service, url: str, parse: Callable[[Response], T]) -> T:
    """Wait for the person. Nothing is repeated: a service that waited in vain would be waited for again."""
    sender = discharges.sender.to(service)
    timeout = replace(sender.settings.timeout, read=WAIT)
    call = Call("GET", url, parse, headers=PROTOCOL, success=frozenset({200}), timeout=timeout, template="wait")
    try:
        return await sender.with_settings(retry=Retry(attempts=1)).send(call)
    except RequestTimeout as error:
        if error.phase != "receive":
            raise
        raise _in_vain(service) from error
    except ApiError as error:
        ended = error.status is not None and error.status >= 500 and "timed out" in error.detail
        if error.status not in (204, 408, 504) and not ended:
            raise
        raise _in_vain(service) from error


def _in_vain(service: Service) -> RequestTimeout:
    text = f"{service.name}: nobody logged in on the page in time: call tokens.login_candid again"
    return RequestTimeout(text, phase="receive", request_sent=True, final=True)


def _read_macaroon(service: Service, response: Response) -> BakeryMacaroon:
    found = read_discharge(service, response, "Macaroon")
    if not isinstance(found, BakeryMacaroon):
        raise found.error
    return found


def _read_token(service: Service, response: Response) -> DischargeToken:
    found = _find_token(response.json())
    if isinstance(found, str):
        raise InvalidResponse(f"{service.name}: the login ended {found}")
    return found


def _find_token(value: dict[str, Any]) -> DischargeToken | str:
    """Return the token, or what is wrong: a frame that raised an error would hold it."""
    kind, plain, encoded = (value.get(name) for name in ("kind", "token", "token64"))
    if not isinstance(kind, str) or not kind:
        return "with a token without a kind"
    if isinstance(plain, str) and plain:
        return DischargeToken(kind, plain.encode("utf-8", "surrogatepass"))
    try:
        data = b64decode(encoded) if isinstance(encoded, str) else b""
    except NotBase64:
        data = b""
    return DischargeToken(kind, data) if data else "without a token"
