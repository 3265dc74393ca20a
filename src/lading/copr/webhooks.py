"""Webhooks of Copr projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.call import Call
from lading.copr._arguments import check_names
from lading.copr._models.projects import WebhookSecret
from lading.copr._wire import read_about

if TYPE_CHECKING:
    from lading._core.sender import Sender


@checked()
class Webhooks:
    """The webhooks of projects; available as ``copr.webhooks``."""

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def generate(self, owner: str, project: str) -> WebhookSecret:
        """Create a new secret for a project's webhook URLs and return it. The previous one becomes invalid.

        Args:
            owner: The project's owner.
            project: The project's name.

        Raises:
            NotFound: There is no such project.

        Source: ``POST /api_3/webhook/generate/{owner}/{project}``.
        """
        at = {"owner": owner, "project": project}
        check_names(**at)
        path = "webhook/generate/{owner}/{project}"
        # A secret whose response was lost is unknown to everyone: creating another does no harm.
        read = read_about(WebhookSecret, name=project)
        return await self._sender.send(Call("POST", path, read, path_params=at, idempotent=True))
