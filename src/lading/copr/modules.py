"""Modules, which old frontends of Copr can build."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from lading._core.body import Body, FileBody
from lading._core.call import Call
from lading._core.model import Model
from lading._core.multipart import FilePart, Multipart
from lading.copr._wire import json_fields, multipart_form
from lading.errors import InputError, NotFound

if TYPE_CHECKING:
    from lading._core.files import StrPath
    from lading._core.sender import Sender


class Module(Model):
    """A module that was submitted.

    Attributes:
        nsv: Name, stream and version.
    """

    nsv: str | None = None


class Modules:
    """Modules; reached as ``copr.modules``.

    Copr has given them up: only self-hosted frontends of an older version still answer (clients up to 1.132 had
    this). A submission whose answer was lost is not sent again: its error's ``outcome`` is ``"unknown"``.
    """

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def build_from_url(
        self, owner: str, project: str, url: str, *, branch: str = "master", distgit: str | None = None
    ) -> Module:
        """The module of a modulemd file at *url*.

        Args:
            owner: Whose project.
            project: Its name.
            url: The repository with the file.
            branch: Its branch.
            distgit: Which dist-git its packages come from.

        Raises:
            NotFound: This frontend has no modules any more, or no such project.

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
        """The module of a modulemd file that is uploaded.

        Args:
            owner: Whose project.
            project: Its name.
            source: The file, or a body such as :class:`lading.BytesBody`.
            filename: What it is called; needed with a body.
            distgit: Which dist-git its packages come from.

        Raises:
            NotFound: This frontend has no modules any more, or no such project.

        Source: ``POST /api_3/module/build/{owner}/{project}``.
        """
        name = filename or (None if isinstance(source, Body) else PurePath(os.fspath(source)).name)
        if name is None:
            raise InputError("a body has no name: give filename=", argument="filename")
        content = (
            source if isinstance(source, Body) else await FileBody.from_path(source, content_type="application/x-rpm")
        )
        part = FilePart("modulemd", content, name)
        sent = Multipart([part]) if distgit is None else multipart_form({"distgit": distgit}, part)
        return await self._build(owner, project, body=sent)

    async def _build(self, owner: str, project: str, **content: Any) -> Module:
        at = {"owner": owner, "project": project}
        try:
            return await self._sender.send(
                Call("POST", "module/build/{owner}/{project}", Module, path_params=at, **content)
            )
        except NotFound as error:
            if "endpoint" not in error.detail:
                raise
            name = self._sender.service.name
            text = f"{name}: this frontend cannot build modules: Copr has given them up (HTTP 404)"
            raise NotFound(text, service=name, status=404, detail=error.detail) from error
