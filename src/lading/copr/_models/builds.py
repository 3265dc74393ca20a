"""Builds, the parts of builds, and what they built (API v3, frontend of August 2026)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from lading._core.model import Model, UtcDatetime

BuildState = (
    Literal[
        "waiting",
        "pending",
        "importing",
        "starting",
        "running",
        "succeeded",
        "failed",
        "canceled",
        "skipped",
        "forked",
        "unknown",
    ]
    | str
)
"""The state of a build, or of its part in one chroot. A state that a server adds later is kept as it is."""

SourceType = Literal["unset", "link", "upload", "pypi", "rubygems", "scm", "custom", "distgit", "rpm_upload"] | str

FINAL = frozenset({"succeeded", "failed", "canceled", "skipped", "forked"})
"""The states that no build leaves. ``forked`` is the state of a build that was copied with its forked project."""


class SourcePackage(Model):
    """The source package of a build; all ``None`` until it has been imported.

    Attributes:
        name: Its name.
        version: Version and release.
        url: The URL that it can be downloaded from, or was taken from.
    """

    name: str | None = None
    version: str | None = None
    url: str | None = None


class Build(Model):
    """One build.

    Attributes:
        id: Its number, unique in the store.
        state: Its state.
        ownername: The owner: a user, or ``@group``.
        projectname: The project.
        project_dirname: The directory of the project: the project's name, or one such as ``name:pr:7``.
        repo_url: The URL of the project's results.
        source_package: The source package that is built.
        submitted_on: When it was submitted.
        started_on: When the first chroot started.
        ended_on: When the last chroot ended.
        submitter: The user who submitted it; ``None`` for a webhook.
        chroots: The chroots that it is built in; empty until imported, where none were named.
        is_background: Whether other builds have priority over it.
    """

    id: int
    state: BuildState = "unknown"
    ownername: str = ""
    projectname: str = ""
    project_dirname: str | None = None
    repo_url: str | None = None
    source_package: SourcePackage = Field(default_factory=SourcePackage)
    submitted_on: UtcDatetime | None = None
    started_on: UtcDatetime | None = None
    ended_on: UtcDatetime | None = None
    submitter: str | None = None
    chroots: tuple[str, ...] = ()
    is_background: bool = False

    @property
    def finished(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        """Whether all of it succeeded. A skipped build did not."""
        return self.state == "succeeded"


class SourceChroot(Model):
    """The part of a build that creates the source package.

    Attributes:
        state: Its state.
        result_url: The URL of the directory of its results.
    """

    state: BuildState = "unknown"
    result_url: str | None = None


class SourceBuildConfig(Model):
    """What a build's source package is created from.

    Attributes:
        source_type: The kind of source.
        source_dict: The settings of that source, under the store's names.
        memory_limit: MiB.
        timeout: Seconds.
        is_background: Whether other builds have priority over it.
    """

    source_type: SourceType
    source_dict: dict[str, Any] = Field(default_factory=dict)
    memory_limit: int | None = None
    timeout: int | None = None
    is_background: bool | None = None


class Nevra(Model):
    """Name, epoch, version, release and architecture of an RPM.

    Attributes:
        name: The name.
        epoch: The epoch; ``None`` or 0 where there is none.
        version: The version.
        release: The release.
        arch: The architecture; ``src`` for a source package.
    """

    name: str
    epoch: int | None = None
    version: str = ""
    release: str = ""
    arch: str = ""

    @property
    def filename(self) -> str:
        """The RPM's file name, which does not contain the epoch."""
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"

    def __str__(self) -> str:
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}"


class BuiltPackages(Model):
    """The RPMs that a build created in one chroot.

    Attributes:
        packages: One entry for each RPM, source package included.
    """

    packages: tuple[Nevra, ...] = ()
