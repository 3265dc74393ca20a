"""Tokens of a package index: the one in use, and minting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lading._artifacts.python import normalize_name
from lading._core.arguments import checked
from lading._core.auth import BasicAuth
from lading.errors import InputError, TokenInvalid, TokenUnreadable
from lading.pypi._token.checks import printable, timestamp_from_parameter
from lading.pypi._trusted_publishing import MintedToken, mint_token
from lading.pypi.token import Token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lading._core.sender import Sender
    from lading.pypi._indexes import Index


@checked()
class Tokens:
    """The tokens of an index; available as ``pypi.tokens``."""

    __slots__ = ("_index", "_sender")

    def __init__(self, sender: Sender, index: Index) -> None:
        self._sender = sender
        self._index = index

    async def current(self) -> Token | None:
        """Return the token that this client sends, parsed; ``None`` when it sends none, or something else.

        A secret that is not a macaroon (a password, a token of Artifactory's) is something else; so is a token that
        :class:`TrustedPublishing` mints when it is needed.
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
        """Check offline that nothing in the token itself prevents its use for *project*.

        Only the index can verify that it is genuine, and only the index knows which users and projects its ids belong
        to. A client that sends no token passes.

        Args:
            project: The project's name, in any spelling (PEP 503).
            now: The index's time, where it is known. Without it expiry is not checked: a wrong clock on this machine
                must not stop a release.

        Raises:
            TokenInvalid: It is of another index, not for this project, or expired; the message says which.
            InputError: *project* is not a string, or *now* not an aware datetime.
        """
        token = await self.current()
        if token is None:
            return
        problem = find_problem(token, self._index, project, now)
        if problem is not None:
            raise TokenInvalid(f"{self._index.name}: {problem}; nothing was sent")

    async def mint(self, env: Mapping[str, str] | None = None, *, audience: str | None = None) -> MintedToken:
        """Mint a token for the identity of this CI job: valid for 15 minutes and the publisher's projects.

        On GitHub Actions it is masked in the job's log. Clients of ``PyPI.from_config`` mint tokens when needed.

        Args:
            env: The job's environment; by default this process's.
            audience: What the identity token is to be valid for, as the index's operator says; by default ``"pypi"`` or
                ``"testpypi"``, and for any other index the host of its upload URL.

        Raises:
            ConfigError: This job has no identity token; the message says what to set up. Or the index requests an
                identity token with another audience.
            Forbidden: The CI system refused an identity token, or the index has no trusted publishing.
            BadRequest: The index has no trusted publisher that matches this job (422); the message contains its reason.

        Source: ``POST /_/oidc/mint-token`` (warehouse, August 2026).
        """
        return await mint_token(self._sender, self._index, os.environ if env is None else env, audience)


def find_problem(token: Token, index: Index, project: str, now: datetime | None) -> str | None:
    """Return what in *token* itself prevents its use for *project* on *index*, or ``None``.

    Raises:
        InputError: *project* is not a string, or *now* not an aware datetime.
    """
    if not isinstance(project, str):
        raise InputError(f"project must be a string, not {type(project).__name__}", argument="project")
    wanted = index.token_domain
    if wanted is not None and token.domain != wanted:
        return f"the token is one of {token.domain or 'an index that it does not name'}, not of {wanted}"
    names = token.project_names
    if names is not None and normalize_name(project) not in names:
        return (
            f"the token is for {', '.join(map(printable, sorted(names))) or 'no project at all'}, not for "
            f"{printable(normalize_name(project))}"
        )
    if now is not None:
        seconds = timestamp_from_parameter(now)
        if token.expires_at is not None and seconds >= token.expires_at.timestamp():
            return f"the token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC by the index's clock"
    return None
