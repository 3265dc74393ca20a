"""What an index tells about files, and what became of an upload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from lading._core.model import Model, Moment


class File(Model):
    """One file of a project, as the Simple API lists it (PEP 503, 691, 700, 714, 740).

    Attributes:
        filename: Its name.
        url: Where it is, as a whole address.
        hashes: Hex digests by algorithm; empty where the index tells none.
        requires_python: The version specifier of the Pythons it is for.
        size: Bytes. An index may not say.
        upload_time: When it was uploaded. An index may not say.
        yanked: Whether installers should pass it over (PEP 592): ``False``, ``True``, or the reason.
        core_metadata: Whether its metadata can be had by itself (PEP 658): ``False``, ``True``, or its digests.
        provenance: Where its attestations are (PEP 740).
    """

    filename: str
    url: str
    hashes: dict[str, str] = Field(default_factory=dict)
    requires_python: str | None = Field(default=None, validation_alias="requires-python")
    size: int | None = None
    upload_time: Moment | None = Field(default=None, validation_alias="upload-time")
    yanked: bool | str = False
    core_metadata: bool | dict[str, str] = Field(default=False, validation_alias="core-metadata")
    provenance: str | None = None

    @property
    def is_yanked(self) -> bool:
        """Whether it is yanked, with a reason or without."""
        return self.yanked is not False


class Meta(Model):
    """What a Simple API answer says of itself."""

    api_version: str = Field(default="1.0", validation_alias="api-version")


class ProjectPage(Model):
    """A project's page of the Simple API."""

    meta: Meta = Field(default_factory=Meta)
    name: str = ""
    files: tuple[File, ...]


Result = Literal["uploaded", "skipped", "confirmed"]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of an upload that ended well.

    Attributes:
        filename: The file's name at the index.
        project: The project's name as the file's metadata write it.
        version: The version, likewise.
        size: Bytes.
        sha256: Hex digest of the file.
        result: ``"uploaded"``: sent, and the index said yes. ``"skipped"``: the index had the same file already, and
            nothing was sent. ``"confirmed"``: sent, its answer was lost or said "already there", and the index's own
            listing shows this very file.
        warnings: What the index said besides yes.
    """

    filename: str
    project: str
    version: str
    size: int
    sha256: str
    result: Result
    warnings: tuple[str, ...] = ()
