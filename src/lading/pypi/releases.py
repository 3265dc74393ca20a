"""Releases of a package index: the whole way from a file to something a user can install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.auth import Auth
from lading._core.body import FileBody, FilePart, Multipart
from lading._core.call import Call
from lading.errors import ConfigError, Conflict, Forbidden, Unauthorized
from lading.pypi._distribution import read_distribution
from lading.pypi._models import Uploaded
from lading.pypi._wire import form_fields, upload_warnings

if TYPE_CHECKING:
    from lading._core.call import Reply
    from lading._core.files import StrPath
    from lading._core.sender import Sender
    from lading.pypi._distribution import Distribution
    from lading.pypi._indexes import Index
    from lading.pypi._models import Result
    from lading.pypi.files import Files
    from lading.types import OnProgress


class Releases:
    """The releases of an index's projects; reached as ``pypi.releases``."""

    __slots__ = ("_files", "_index", "_sender")

    def __init__(self, sender: Sender, index: Index, files: Files) -> None:
        self._sender = sender
        self._index = index
        self._files = files

    async def upload(self, path: StrPath, *, on_progress: OnProgress | None = None) -> Uploaded:
        """What became of the wheel or sdist at *path*: after this it can be installed.

        The index is asked first: a file of that name with the same digest is a success that sends nothing, one with
        another digest a :class:`lading.Conflict` before a byte is sent. A lost answer, or one that says "already
        there", is settled the same way, so a release is neither lost nor doubled.

        Cancelling it closes the connection. The index may have the file by then; calling again finds out.

        Args:
            path: A ``.whl``, or an sdist as ``.tar.gz`` or ``.zip``. It is read in worker threads and streamed.
            on_progress: Told how much of the request body has been sent.

        Raises:
            InputError: The file is neither wheel nor sdist, is damaged, or changed while it was read.
            ConfigError: There are no credentials.
            Conflict: The index has another file of that name. Nothing can replace it: raise the version.
            Forbidden: The token or password is wrong, or is not for this project.
            BadRequest: The index does not take the file or its metadata; the text says why.
            ConnectError: No answer; ``outcome`` says whether the index may have the file.
            OSError: The file cannot be read.

        Source: ``POST <upload_url>``, the legacy upload API as warehouse (August 2026), pypiserver 2.4 and devpi 6.20
        behave.
        """
        if self._index.official and type(self._sender.settings.auth) is Auth:
            raise ConfigError(f"{self._index.name} takes uploads with a token only: pass token=")
        distribution = await read_distribution(path)
        if await self._is_there_already(distribution):
            return _uploaded(distribution, "skipped")

        async def ask(sender: Sender) -> Uploaded | Conflict | None:
            try:
                return _uploaded(distribution, "confirmed") if await self._has(distribution, sender) else None
            except Conflict as conflict:
                if conflict.detail == _NO_DIGEST:
                    raise  # it may be ours, and nobody can tell
                return conflict

        try:
            result = await self._sender.settle(self._call(distribution, on_progress), ask)
        except Conflict:
            # Somebody was faster, or an answer to an earlier attempt was lost: same file or another?
            if await self._is_there_already(distribution):
                return _uploaded(distribution, "confirmed")
            raise
        if isinstance(result, Conflict):
            raise result
        return result

    def _call(self, distribution: Distribution, on_progress: OnProgress | None) -> Call[Uploaded | Conflict]:
        def read(reply: Reply) -> Uploaded:
            return _uploaded(distribution, "uploaded", upload_warnings(reply))

        # The file last: an index that reads the fields first can refuse early.
        body = FileBody(distribution.path, distribution.hashed.stamp)
        parts: list[tuple[str, str] | FilePart] = [
            *form_fields(distribution),
            FilePart("content", body, distribution.filename),
        ]
        return Call(
            "POST",
            self._index.upload_url,
            read,
            label="(upload)",
            body=Multipart(parts),
            on_progress=on_progress,
        )

    async def _is_there_already(self, distribution: Distribution) -> bool:
        if self._index.simple_url is None:
            return False
        try:
            return await self._has(distribution)
        except (Unauthorized, Forbidden):
            return False  # credentials may be for uploading alone; the upload itself will tell

    async def _has(self, distribution: Distribution, sender: Sender | None = None) -> bool:
        """Whether the index has this very file; ``Conflict`` when it has another of that name."""
        filename = distribution.filename
        file = await self._files.find(distribution.name, filename, sender=sender)
        if file is None:
            return False
        known = distribution.hashed.digests
        theirs = {_OUR_NAMES.get(name, name): digest.lower() for name, digest in file.hashes.items()}
        common = theirs.keys() & known.keys()
        if not common:
            raise Conflict(
                f"{self._index.name}: it has a file {filename} and lists no digest that could be compared",
                service=self._index.name,
                detail=_NO_DIGEST,
            )
        if all(theirs[name] == known[name] for name in common):
            return True
        raise Conflict(
            f"{self._index.name}: it has another file {filename}. A file cannot be replaced: raise the version",
            service=self._index.name,
            detail="another file of that name is there",
        )


_NO_DIGEST = "no digest listed"
# blake2b_256 is what the JSON API calls what the form calls blake2_256.
_OUR_NAMES = {"blake2b_256": "blake2_256"}


def _uploaded(distribution: Distribution, result: Result, warnings: tuple[str, ...] = ()) -> Uploaded:
    return Uploaded(
        filename=distribution.filename,
        project=distribution.name,
        version=distribution.version,
        size=distribution.hashed.stamp.size,
        sha256=distribution.sha256,
        result=result,
        warnings=warnings,
    )
