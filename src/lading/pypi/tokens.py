"""Tokens as an index's client sees them: look at one before it is used, and have one minted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lading._core.auth import BasicAuth
from lading.errors import TokenInvalid, TokenUnreadable
from lading.pypi._trusted_publishing import MintedToken, mint_token
from lading.pypi.token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.sender import Sender
    from lading.pypi._indexes import Index


class Tokens:
    """The tokens of an index; reached as ``pypi.tokens``."""

    __slots__ = ("_index", "_sender")

    def __init__(self, sender: Sender, index: Index) -> None:
        self._sender = sender
        self._index = index

    async def current(self) -> Token | None:
        """The token that this client sends, taken apart; ``None`` when it sends none, or something else.

        What an index does not issue as a macaroon (a password, a token of Artifactory's) is something else; so is what
        :class:`TrustedPublishing` mints for each upload by itself.
        """
        auth = self._sender.settings.auth
        if not isinstance(auth, BasicAuth) or auth.username != "__token__":
            return None
        secret = await auth.credentials.get()
        try:
            return None if secret is None else Token.load(secret)
        except TokenUnreadable:
            return None

    async def check_offline(self, project: str, *, now: datetime | None = None) -> None:
        """Return when nothing in the token itself speaks against using it for *project*; asks no server.

        That it is genuine only the index can tell, and what a token says by user or project id only the index knows.

        Args:
            project: The project's name.
            now: The index's time, where it is known. Without it nothing is said about expiry: a clock that is wrong
                here must not stop a release.

        Raises:
            TokenInvalid: It is of another index, not for this project, or expired; the text says which.
        """
        token = await self.current()
        if token is None:
            return
        problem = find_problem(token, self._index, project, now)
        if problem is not None:
            raise TokenInvalid(f"{self._index.name}: {problem}; nothing was sent")

    async def mint(self, env: Mapping[str, str] | None = None) -> MintedToken:
        """A token for the identity of this CI job, good for 15 minutes and the publisher's projects.

        On GitHub Actions the job's log is told to mask it. Clients made by ``PyPI.from_config`` mint by themselves.

        Args:
            env: The job's environment; by default this process's.

        Raises:
            ConfigError: This job has no identity token; the text says what to set up.
            BadRequest: The index knows no trusted publisher like this job (422); the text names what it saw.

        Source: ``POST /_/oidc/mint-token`` (warehouse, August 2026).
        """
        return await mint_token(self._sender, self._index, os.environ if env is None else env)


def find_problem(token: Token, index: Index, project: str, now: datetime | None) -> str | None:
    """What speaks against using *token* for *project* on *index*, as far as the token itself tells; or ``None``."""
    wanted = index.token_domain
    if wanted is not None and token.domain != wanted:
        return f"the token is one of {token.domain or 'an index that it does not name'}, not of {wanted}"
    names = token.project_names
    if names is not None and canonicalize_name(project) not in names:
        return (
            f"the token is for {', '.join(sorted(names)) or 'no project at all'}, not for {canonicalize_name(project)}"
        )
    if now is not None:
        moment = now.astimezone(UTC)
        if token.expires_at is not None and moment >= token.expires_at:
            return f"the token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC by the index's clock"
    return None
