"""Trusted publishing: short-lived tokens for the identity of a CI job.

Source: ``GET /_/oidc/audience`` and ``POST /_/oidc/mint-token`` at the origin of the upload URL, as warehouse of
August 2026 has them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lading._core.auth import BasicAuth, RefreshingAuth
from lading._core.call import Call
from lading._core.threads import run_in_thread
from lading.errors import InvalidResponse
from lading.pypi._ci_identity import identity_token_flow

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from lading._core.call import CallSender
    from lading._core.messages import Response
    from lading.pypi._ci_identity import IdentityRequest
    from lading.pypi._indexes import Index

# How long a token is valid when the index does not say, and how much of that must be left to begin an upload with it.
_LIFETIME = timedelta(minutes=15)
_MIN_REMAINING = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token minted for this job. Its ``repr`` does not show it.

    Attributes:
        value: The token.
        expires_at: When it expires, in UTC, by the index's clock.
        clock_skew: How far that clock was ahead of this machine's when the token was minted.
    """

    value: str = field(repr=False)
    expires_at: datetime
    clock_skew: timedelta = timedelta(0)

    @property
    def remaining(self) -> timedelta:
        """How long it is still valid."""
        return self.expires_at - datetime.now(UTC) - self.clock_skew


async def mint_token(sender: CallSender, index: Index, env: Mapping[str, str]) -> MintedToken:
    """Mint a token, with a new identity token for every attempt: an index accepts each only once.

    Args:
        sender: A sender to the index.
        index: The index.
        env: The job's environment.
    """
    # Whatever fails, all of it is repeated. If each request were retried as well, the index would receive the same
    # identity token twice.
    once = sender.with_settings(retry=replace(sender.settings.retry, attempts=1))
    parts = urlsplit(index.upload_url)
    root = f"{parts.scheme}://{parts.netloc}/_/oidc"

    async def attempt(_: int) -> MintedToken:
        audience = await once.send(_audience_call(root))
        identity = await _run_flow(once, identity_token_flow(env, audience))
        return await once.send(_mint_call(root, identity))

    minted = await sender.retrying(attempt)
    if env.get("GITHUB_ACTIONS") == "true":
        # GitHub masks it in the job's log from here on. Nothing else ever prints it.
        await run_in_thread(_mask, minted.value)
    return minted


async def _run_flow(sender: CallSender, flow: Generator[IdentityRequest, Any, str]) -> str:
    try:
        step = next(flow)
        while True:
            step = flow.send(await sender.to(step.service, step.auth).send(step.call))
    except StopIteration as stop:
        return str(stop.value)


def _mask(secret: str) -> None:
    sys.stdout.write(f"::add-mask::{secret}\n")
    sys.stdout.flush()


def _audience_call(root: str) -> Call[str]:
    return Call(
        "GET",
        f"{root}/audience",
        lambda response: str(response.json()["audience"]),
        auth=None,
        template="_/oidc/audience",
    )


def _mint_call(root: str, identity: str) -> Call[MintedToken]:
    return Call(
        "POST", f"{root}/mint-token", _read_minted, json={"token": identity}, auth=None, template="_/oidc/mint-token"
    )


def _read_minted(response: Response) -> MintedToken:
    found = response.json()
    expires = found.get("expires")
    here = datetime.now(UTC)
    there = response.date or here
    try:
        at = there + _LIFETIME if expires is None else datetime.fromtimestamp(int(expires), UTC)
    except (OverflowError, OSError):
        raise InvalidResponse("the index minted a token whose expiry is not a date", outcome="unknown") from None
    return MintedToken(str(found["token"]), at, there - here)


class TrustedPublishing(RefreshingAuth[MintedToken]):
    """Credentials that mint a token when one is needed, share it between uploads, and renew it before it expires.

    Args:
        index: The index that mints the tokens.
        env: The job's environment; by default this process's.
    """

    def __init__(self, index: Index, env: Mapping[str, str] | None = None) -> None:
        environment = os.environ if env is None else env

        async def renew(sender: CallSender, _: MintedToken | None) -> MintedToken:
            return await mint_token(sender, index, environment)

        super().__init__(
            renew,
            lambda minted: BasicAuth("__token__", minted.value),
            is_fresh=lambda minted: minted.remaining >= _MIN_REMAINING,
            # An index refuses a valid token for what it may not do, which another one may not do either.
            is_refusal=lambda _: False,
        )
