"""Modules, which only old frontends of Copr can build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.model import Model
from lading._core.multipart import Multipart
from lading.copr._uploads import upload_filename, upload_part
from lading.copr._wire import json_fields, multipart_form
from lading.errors import NotFound

if TYPE_CHECKING:
    from lading._core.body import Body
    from lading._core.files import StrPath
    from lading._core.sender import Sender


class Module(Model):
    """A module that was submitted.

    Attributes:
        nsv: Name, stream and version.
    """

    nsv: str


@checked()
class Modules:
    """Modules; available as ``copr.modules``.

    Copr has removed them: only self-hosted frontends of an older version support them (clients up to 1.132 did). A
    submission whose response was lost is not sent again: the error's ``outcome`` is ``"unknown"``.
    """

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def build_from_url(
        self, owner: str, project: str, url: str, *, branch: str = "master", distgit: str | None = None
    ) -> Module:
        """Submit the module of a modulemd file in the repository at *url* and return it.

        Args:
            owner: The project's owner.
            project: The project's name.
            url: The URL of the repository with the file.
            branch: Its branch.
            distgit: The dist-git that its packages come from.

        Raises:
            NotFound: This frontend does not support modules, or has no such project.

        Source: ``POST /api_3/module/build/{owner}/{project}``.
        """
        fields = json_fields({"scmurl": url, "branch": branch, "distgit": distgit})
        return await self._build(owner, project, json=fields)

    async def build_from_file(
        self,
        owner: str,
        project: str,
        source: StrPath | Body,
        *,
        filename: str | None = None,
        distgit: str | None = None,
    ) -> Module:
        """Upload a modulemd file and return its module.

        Args:
            owner: The project's owner.
            project: The project's name.
            source: The file, or a body such as :class:`lading.BytesBody`.
            filename: The file name to send; required with a body.
            distgit: The dist-git that its packages come from.

        Raises:
            NotFound: This frontend does not support modules, or has no such project.

        Source: ``POST /api_3/module/build/{owner}/{project}``.
        """
        name = upload_filename(source, filename or None)
        part = await upload_part("modulemd", source, name, "application/x-rpm")
        body = Multipart([part]) if distgit is None else multipart_form({"distgit": distgit}, part)
        return await self._build(owner, project, body=body)

    async def _build(self, owner: str, project: str, **content: Any) -> Module:
        at = {"owner": owner, "project": project}
        try:
            return await self._sender.send(
                Call("POST", "module/build/{owner}/{project}", Module, path_params=at, **content)
            )
        except NotFound as error:
            if "endpoint" not in error.detail:
                raise
            text = "this frontend cannot build modules, which Copr has removed (HTTP 404)"
            name = self._sender.service.name
            raise make_api_error(NotFound, name, text, status=404, detail=error.detail) from error
