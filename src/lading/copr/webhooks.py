"""Webhooks of Copr projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.call import Call
from lading.copr._models.builds import WebhookSecret

if TYPE_CHECKING:
    from lading._core.sender import Sender


class Webhooks:
    """The webhooks of projects; reached as ``copr.webhooks``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def generate(self, owner: str, project: str) -> WebhookSecret:
        """A new secret for the project's webhook addresses. The one before it is of no use any more.

        Source: ``POST /api_3/webhook/generate/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        path = "webhook/generate/{owner}/{project}"
        # A secret whose answer was lost is nobody's: making another does no harm.
        return await self._sender.send(Call("POST", path, WebhookSecret, path_params=at, idempotent=True))
