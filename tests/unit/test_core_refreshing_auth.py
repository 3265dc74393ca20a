"""Credentials that are renewed: one renewal for many concurrent requests, and each of them sent again once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lading import Auth, Call, InvalidResponse, LadingError, NetworkError, Response, ServerError, Timeout, TokenAuth
from lading._core.auth import RefreshingAuth
from lading._core.messages import Request
from lading._core.retry import is_retryable

pytestmark = pytest.mark.anyio


class Issuer:
    """Issues tokens t1, t2, ...; the store accepts only the last."""

    def __init__(self) -> None:
        self.issued: list[str] = []
        self.before: list[str | None] = []
        self.valid = ""

    async def renew(self, sender: Any, before: str | None) -> str:
        self.before.append(before)
        await anyio.sleep(0)
        self.valid = f"token-{len(self.issued) + 1}"
        self.issued.append(self.valid)
        return self.valid

    def auth(self, **options: Any) -> RefreshingAuth[str]:
        return RefreshingAuth(self.renew, TokenAuth, **options)


async def send(auth: Auth, store: Any) -> list[tuple[int, str]]:
    """Run the flow as an attempt does; return the status and credentials of each request."""
    request = Request("GET", "https://store.test/", {}, Timeout())
    sent: list[tuple[int, str]] = []
    await auth.prepare(None)  # type: ignore[arg-type]
    flow = auth.flow(request)
    step: Any = next(flow)
    while True:
        if step is Auth.PREPARE:
            await auth.prepare(None)  # type: ignore[arg-type]
            try:
                step = next(flow)
            except StopIteration:
                return sent
            continue
        credentials = request.headers["Authorization"].removeprefix("Bearer ")
        await anyio.sleep(0)
        status = store(credentials)
        sent.append((status, credentials))
        try:
            step = flow.send(Response(status, {}, b""))
        except StopIteration:
            return sent


async def test_they_are_obtained_at_the_first_request_and_kept():
    issuer = Issuer()
    auth = issuer.auth()
    assert auth.secrets() == ()
    for _ in range(3):
        assert await send(auth, lambda _: 200) == [(200, "token-1")]
    assert (issuer.issued, issuer.before) == (["token-1"], [None])
    assert "token-1" in auth.secrets()
    assert "token-1" not in repr(auth)


async def test_many_first_requests_cause_one_renewal():
    issuer = Issuer()
    auth = issuer.auth()
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(send, auth, lambda _: 200)
    assert issuer.issued == ["token-1"]


async def test_many_refused_requests_cause_one_renewal_and_are_sent_again_once():
    issuer = Issuer()
    auth = issuer.auth()
    await send(auth, lambda _: 200)
    issuer.valid = "revoked"
    found: list[list[tuple[int, str]]] = []

    async def run() -> None:
        found.append(await send(auth, lambda credentials: 200 if credentials == issuer.valid else 401))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(run)
    again, at_once = [(401, "token-1"), (200, "token-2")], [(200, "token-2")]  # the latter began after the renewal
    assert len(found) == found.count(again) + found.count(at_once) == 20
    assert found.count(again) >= 1
    assert (issuer.issued, issuer.before) == (["token-1", "token-2"], [None, "token-1"])
    assert {"token-1", "token-2"} <= set(auth.secrets())


async def test_new_ones_that_are_refused_too_end_it():
    issuer = Issuer()
    auth = issuer.auth()
    assert await send(auth, lambda _: 401) == [(401, "token-1"), (401, "token-2")]
    assert await send(auth, lambda _: 401) == [(401, "token-2"), (401, "token-3")]


async def test_which_response_is_a_refusal():
    issuer = Issuer()
    auth = issuer.auth(is_refusal=lambda response: response.status == 403)
    assert await send(auth, lambda _: 401) == [(401, "token-1")]
    assert await send(auth, lambda _: 403) == [(403, "token-1"), (403, "token-2")]


async def test_they_are_renewed_before_they_expire():
    issuer = Issuer()
    auth = issuer.auth(is_fresh=lambda credentials: credentials != "token-1")
    assert await send(auth, lambda _: 200) == [(200, "token-1")]
    assert await send(auth, lambda _: 200) == [(200, "token-2")]
    assert await send(auth, lambda _: 200) == [(200, "token-2")]


async def test_a_renewal_that_fails_leaves_the_next_to_try():
    issuer = Issuer()
    fail = [True]

    async def renew(sender: Any, before: str | None) -> str:
        if fail.pop() if fail else False:
            raise ConnectionError
        return await issuer.renew(sender, before)

    auth = RefreshingAuth(renew, TokenAuth)
    with pytest.raises(ConnectionError):
        await send(auth, lambda _: 200)
    assert await send(auth, lambda _: 200) == [(200, "token-1")]
    assert Call("GET", "x", auth=auth).auth is auth


async def test_a_renewal_without_others_lets_the_refusal_stand():
    tokens = iter(["token-1", None, "token-2"])

    async def renew(sender: Any, before: str | None) -> str:
        return next(tokens) or before or ""

    auth = RefreshingAuth(renew, TokenAuth)
    assert await send(auth, lambda _: 401) == [(401, "token-1")]
    assert await send(auth, lambda _: 200) == [(200, "token-1")]
    assert await send(auth, lambda _: 401) == [(401, "token-1"), (401, "token-2")]


async def test_a_renewal_that_fails_says_nothing_of_the_request_that_waits_for_it():
    async def renew(sender: Any, before: str | None) -> str:
        raise error

    for error in (
        NetworkError("lost", phase="receive", outcome="unknown", request_sent=True),
        ServerError("broken", status=503, outcome="unknown"),
        InvalidResponse("html", outcome="unknown"),
    ):
        with pytest.raises(LadingError) as caught:
            await send(RefreshingAuth(renew, TokenAuth), lambda _: 200)
        assert caught.value is error
        assert error.outcome == "not_done"
        assert not is_retryable(error, repeatable=True)  # it had attempts of its own
