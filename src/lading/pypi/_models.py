"""Models of a package index: projects, releases and files; and the result of an upload."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import AliasChoices, ConfigDict, Field
from pydantic.dataclasses import dataclass as validated_dataclass

from lading._core.model import Model, UtcDatetime

_VALIDATED = ConfigDict(
    defer_build=True, validate_by_name=True, validate_by_alias=True, hide_input_in_errors=True, extra="ignore"
)


# Not a Model: a project has up to 100,000 files, and one object each, without a __dict__, takes a fifth of the memory,
# and less than half of the time for which Python's garbage collector holds the event loop.
@validated_dataclass(frozen=True, slots=True, kw_only=True, config=_VALIDATED)
class File:
    """One file of a project, as the Simple API lists it (PEP 503, 691, 700, 714, 740).

    It has no ``model_...`` methods: ``dataclasses.replace`` and ``dataclasses.asdict`` are for it.

    Attributes:
        filename: Its name.
        url: Its absolute URL.
        hashes: Hex digests by algorithm; empty where the index has none.
        requires_python: The supported Python versions, as a specifier.
        size: Bytes. An index may not say.
        upload_time: When it was uploaded. An index may not say.
        yanked: Whether installers should skip it (PEP 592): ``False``, ``True``, or the reason.
        core_metadata: Whether its metadata is a file of its own (PEP 658): ``False``, ``True``, or its digests.
        provenance: The URL of its attestations (PEP 740).
    """

    filename: str
    url: str
    hashes: dict[str, str] = Field(default_factory=dict)
    requires_python: str | None = Field(default=None, validation_alias="requires-python")
    size: int | None = None
    upload_time: UtcDatetime | None = Field(default=None, validation_alias="upload-time")
    yanked: bool | str = False
    core_metadata: bool | dict[str, str] = Field(
        # An index may still use the names from before PEP 714.
        default=False,
        validation_alias=AliasChoices("core-metadata", "data-dist-info-metadata", "dist-info-metadata"),
    )
    provenance: str | None = None

    @property
    def is_yanked(self) -> bool:
        """Whether it is yanked, with a reason or without."""
        return self.yanked is not False


Status = Literal["active", "archived", "quarantined", "deprecated"] | str


class ProjectStatus(Model):
    """A project's status at its index (PEP 792)."""

    status: Status = "active"
    reason: str | None = None


class ProjectPage(Model):
    """A project's page of the Simple API.

    Attributes:
        name: The project's name, where the index says.
        files: Its files.
        versions: Its versions, where the index says (PEP 700).
        project_status: Its status.
        served_at: The index's clock when it responded, where it says.
    """

    name: str = ""
    files: tuple[File, ...]
    versions: tuple[str, ...] = ()
    project_status: ProjectStatus = Field(default_factory=ProjectStatus, validation_alias="project-status")
    served_at: datetime | None = None


class ProjectInfo(Model):
    """What the JSON API returns about a project or release, from the metadata of the release's first file.

    Attributes:
        name: As its owner writes it.
        version: Of the release.
        summary: One line.
        license_expression: SPDX, where given.
        requires_python: The supported Python versions, as a specifier.
        requires_dist: What it depends on.
        project_urls: URLs by label.
        classifiers: Trove classifiers.
        yanked: Whether the whole release is yanked.
        yanked_reason: Why.
    """

    name: str
    version: str
    summary: str | None = None
    license_expression: str | None = None
    requires_python: str | None = None
    requires_dist: tuple[str, ...] | None = None
    project_urls: dict[str, str] | None = None
    classifiers: tuple[str, ...] = ()
    yanked: bool = False
    yanked_reason: str | None = None


class ReleaseInfo(Model):
    """A response of the JSON API."""

    info: ProjectInfo
    last_serial: int | None = None


class Project(Model):
    """One project of an index.

    Attributes:
        name: Its name.
        status: Its status (PEP 792); ``"active"`` where the index does not say.
        status_reason: Why, where the index says.
        versions: Its versions, newest last where they can be ordered.
        files: Its files.
        info: What the JSON API adds; ``None`` where the index has no such API.
    """

    name: str
    status: Status = "active"
    status_reason: str | None = None
    versions: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    info: ProjectInfo | None = None


class Release(Model):
    """One version of a project.

    Attributes:
        project: The project's name, normalised.
        version: The version.
        files: Its files.
        yanked: Whether all of its files are yanked.
        info: What the JSON API has about it; only from ``releases.get``, and where the index has that API.
    """

    project: str
    version: str
    files: tuple[File, ...]
    yanked: bool = False
    info: ProjectInfo | None = None


UploadStatus = Literal["uploaded", "unchanged", "confirmed"]


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result of a successful upload.

    Attributes:
        filename: The file's name at the index.
        project: The project's name as the file's metadata have it.
        version: The version as the file's metadata have it.
        size: Bytes.
        sha256: Hex digest of the file.
        status: ``"uploaded"``: sent, and the index accepted it. ``"unchanged"``: the index had the same file already,
            and nothing was sent. ``"confirmed"``: sent; the response was lost or said that the file exists, and the
            index's own listing shows the same file.
        warnings: What the index warned of, and what lading could not check.
    """

    filename: str
    project: str
    version: str
    size: int
    sha256: str
    status: UploadStatus
    warnings: tuple[str, ...] = ()
