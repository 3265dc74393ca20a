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

from lading._core.arguments import checked
from lading._core.auth import BasicAuth, RefreshingAuth
from lading._core.call import Call
from lading._core.threads import run_in_thread
from lading.errors import ConfigError, InvalidResponse
from lading.pypi._ci_identity import identity_token_flow, read_text, require_identity
from lading.pypi._indexes import OFFICIAL_AUDIENCES, is_loopback

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


async def mint_token(
    sender: CallSender, index: Index, env: Mapping[str, str], audience: str | None = None
) -> MintedToken:
    """Mint a token, with a new identity token for every attempt: an index accepts each only once.

    Args:
        sender: A sender to the index.
        index: The index.
        env: The job's environment.
        audience: What the identity token is to be valid for; by default what belongs to the index.
    """
    wanted = _audience_of(index, audience)
    require_identity(env, wanted)
    # Whatever fails, all of it is repeated. If each request were retried as well, the index would receive the same
    # identity token twice.
    once = sender.with_settings(retry=replace(sender.settings.retry, attempts=1))
    parts = urlsplit(index.upload_url)
    root = f"{parts.scheme}://{parts.netloc}/_/oidc"

    async def attempt(_: int) -> MintedToken:
        offered = await once.send(_audience_call(root))
        if offered != wanted:
            raise ConfigError(_wrong_audience(index, offered, wanted))
        identity = await _run_flow(once, identity_token_flow(env, wanted))
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
    stream = sys.stdout
    if stream is not None:  # a program without a console has none
        # A command is one at the beginning of a line only, and something may stand on this one already.
        stream.write(f"\n::add-mask::{secret.replace('%', '%25')}\n")
        stream.flush()


def _audience_of(index: Index, given: str | None) -> str:
    """Return the audience that identity tokens for *index* are to have. The index has no say in it.

    Whoever gets an identity token can use it wherever its audience is accepted: an index that could choose would choose
    that of another index, or of a cloud.
    """
    own = index.audience
    if own is not None:
        if given not in (None, own):
            raise ConfigError(f"{index.name}: identity tokens for it have the audience {own!r}")
        return own
    host = urlsplit(index.upload_url).hostname or ""
    if given in OFFICIAL_AUDIENCES and not is_loopback(host):
        raise ConfigError(
            f"{index.name}: the audience {given!r} is another index's; with an identity token for it {index.name} "
            "could publish there"
        )
    return given or host


def _wrong_audience(index: Index, offered: str, wanted: str) -> str:
    hint = "" if index.official else ". If that is right, pass audience= (to TrustedPublishing or tokens.mint)"
    return (
        f"{index.name}: it requests an identity token with the audience {offered[:80]!r}, and may have one with "
        f"{wanted!r} only{hint}"
    )


def _audience_call(root: str) -> Call[str]:
    return Call(
        "GET",
        f"{root}/audience",
        lambda response: read_text(response, "audience"),
        auth=None,
        template="_/oidc/audience",
    )


def _mint_call(root: str, identity: str) -> Call[MintedToken]:
    return Call(
        "POST", f"{root}/mint-token", _read_minted, json={"token": identity}, auth=None, template="_/oidc/mint-token"
    )


def _read_minted(response: Response) -> MintedToken:
    value = read_text(response, "token")
    expires = response.json().get("expires")
    if expires is not None and (not isinstance(expires, (int, float)) or isinstance(expires, bool)):
        raise InvalidResponse("the index minted a token whose expiry is not a date", outcome="unknown")
    here = datetime.now(UTC)
    there = response.date or here
    try:
        at = there + _LIFETIME if expires is None else datetime.fromtimestamp(int(expires), UTC)
    except (OverflowError, OSError, ValueError):
        raise InvalidResponse("the index minted a token whose expiry is not a date", outcome="unknown") from None
    return MintedToken(value, at, there - here)


@checked()
class TrustedPublishing(RefreshingAuth[MintedToken]):
    """Credentials that mint a token when one is needed, share it between uploads, and renew it before it expires.

    Args:
        index: The index that mints the tokens.
        env: The job's environment; by default this process's.
        audience: What identity tokens are to be valid for, as the index's operator says; by default ``"pypi"`` or
            ``"testpypi"``, and for any other index the host of its upload URL. An index that requests another audience
            gets none.
    """

    def __init__(self, index: Index, env: Mapping[str, str] | None = None, *, audience: str | None = None) -> None:
        _audience_of(index, audience)
        environment = os.environ if env is None else env

        async def renew(sender: CallSender, _: MintedToken | None) -> MintedToken:
            return await mint_token(sender, index, environment, audience)

        super().__init__(
            renew,
            lambda minted: BasicAuth("__token__", minted.value),
            is_fresh=lambda minted: minted.remaining >= _MIN_REMAINING,
            # An index refuses a valid token for what it may not do, which another one may not do either.
            is_refusal=lambda _: False,
        )
