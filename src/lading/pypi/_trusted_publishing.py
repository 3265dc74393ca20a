"""Trusted publishing: short-lived tokens for the identity a CI job has.

Source: ``GET /_/oidc/audience`` and ``POST /_/oidc/mint-token`` at the authority of the upload address, as warehouse of
August 2026 answers them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from lading._core.auth import Auth, BasicAuth
from lading._core.call import Call
from lading._core.loop_local import LoopLocal
from lading._core.threads import run_in_thread
from lading.errors import InvalidResponse
from lading.pypi._ci_identity import identity_token_flow
from lading.pypi._simple_api import served_at

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from lading._core.call import CallSender
    from lading._core.messages import Request, Response
    from lading.pypi._indexes import Index

# How long a token lives when the index does not say, and how much of that must be left to begin an upload with it.
_LIFE = timedelta(minutes=15)
_ENOUGH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token made for this job. Its ``repr`` does not show it.

    Attributes:
        value: The token.
        expires_at: When it ends, in UTC, by the index's clock.
        clock_ahead: How far that clock was ahead of this machine's when it was minted.
    """

    value: str = field(repr=False)
    expires_at: datetime
    clock_skew: timedelta = timedelta(0)

    @property
    def remaining(self) -> timedelta:
        """How long it still is good for."""
        return self.expires_at - datetime.now(UTC) - self.clock_skew


async def mint_token(sender: CallSender, index: Index, env: Mapping[str, str]) -> MintedToken:
    """A new token, with a fresh identity token for every attempt: an index takes each only once."""
    # Whatever fails, all of it is done again. Were the steps tried again by themselves, too, a mint would be sent the
    # same identity token twice.
    once = sender.with_settings(retry=replace(sender.settings.retry, attempts=1))

    async def attempt(_: int) -> MintedToken:
        steps = _steps(index, env)
        step = next(steps)
        try:
            while True:
                step = steps.send(await once.send(step))
        except StopIteration as stop:
            minted: MintedToken = stop.value
            return minted

    minted = await sender.retrying(attempt)
    if env.get("GITHUB_ACTIONS") == "true":
        # From here on the log shows stars for it. Nowhere else is it printed.
        await run_in_thread(_mask, minted.value)
    return minted


def _mask(secret: str) -> None:
    sys.stdout.write(f"::add-mask::{secret}\n")
    sys.stdout.flush()


def _steps(index: Index, env: Mapping[str, str]) -> Generator[Call[Any], Any, MintedToken]:
    parts = urlsplit(index.upload_url)
    root = f"{parts.scheme}://{parts.netloc}/_/oidc"
    audience: str = yield Call(
        "GET",
        f"{root}/audience",
        lambda reply: str(reply.json()["audience"]),
        auth=None,
        template="_/oidc/audience",
    )
    token = yield from identity_token_flow(env, audience)
    # Sent once: the index would refuse the same identity token a second time.
    minted: MintedToken = yield Call(
        "POST", f"{root}/mint-token", _minted, json={"token": token}, auth=None, template="_/oidc/mint-token"
    )
    return minted


def _minted(reply: Response) -> MintedToken:
    found = reply.json()
    expires = found.get("expires")
    here = datetime.now(UTC)
    there = served_at(reply) or here
    try:
        at = there + _LIFE if expires is None else datetime.fromtimestamp(int(expires), UTC)
    except (OverflowError, OSError):
        raise InvalidResponse(
            "the index minted a token without an end that a calendar has", outcome="unknown"
        ) from None
    return MintedToken(str(found["token"]), at, there - here)


class TrustedPublishing(Auth):
    """Tokens minted when they are needed, shared by all uploads, and renewed before they end.

    Args:
        index: The index that mints them.
        env: The job's environment; by default this process's.
    """

    def __init__(self, index: Index, env: Mapping[str, str] | None = None) -> None:
        self._index = index
        self._env = os.environ if env is None else env
        self._minted: MintedToken | None = None
        self._basic: BasicAuth | None = None
        self._lock = LoopLocal(anyio.Lock)

    async def prepare(self, sender: CallSender) -> None:
        """Have a token that lasts a while; many uploads that begin together mint one."""
        async with self._lock.get():
            if self._minted is None or self._minted.remaining < _ENOUGH:
                self._minted = await mint_token(sender, self._index, self._env)
                self._basic = BasicAuth("__token__", self._minted.value)
        if self._basic is not None:
            await self._basic.prepare(sender)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """The request with the token."""
        assert self._basic is not None  # noqa: S101 - prepare() made it
        return self._basic.flow(request)

    def secrets(self) -> tuple[str, ...]:
        """The minted token."""
        return () if self._basic is None else self._basic.secrets()
