"""Packages of projects, and their states in the monitor's table (API v3, frontend of August 2026)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from lading._core.model import Model
from lading.copr._models.builds import Build, BuildState, SourceType


class LatestBuilds(Model):
    """The newest builds of a package, where they were requested.

    Attributes:
        latest: The newest.
        latest_succeeded: The newest that succeeded.
    """

    latest: Build | None = None
    latest_succeeded: Build | None = None


class Package(Model):
    """One package of a project.

    Attributes:
        name: Its name.
        id: Its number.
        ownername: The owner: a user, or ``@group``.
        projectname: The project.
        source_type: The kind of its source.
        source_dict: The settings of that source, under the store's names.
        auto_rebuild: Whether webhooks rebuild it.
        builds: Its newest builds.
    """

    name: str
    id: int | None = None
    ownername: str = ""
    projectname: str = ""
    source_type: SourceType = "unset"
    source_dict: dict[str, Any] = Field(default_factory=dict)
    auto_rebuild: bool | None = None
    builds: LatestBuilds = Field(default_factory=LatestBuilds)


class MonitoredChroot(Model):
    """The newest build of a package in one chroot.

    Attributes:
        state: Its state.
        build_id: The build.
        pkg_version: Version and release.
        status: The number of the state.
        url_build_log: The URL of the build's log, where requested.
        url_backend_log: The URL of the backend's log, where requested.
    """

    state: BuildState = "unknown"
    build_id: int | None = None
    pkg_version: str | None = None
    status: int | None = None
    url_build_log: str | None = None
    url_backend_log: str | None = None


class MonitoredPackage(Model):
    """A package, with its newest build in each chroot.

    Attributes:
        name: The package.
        chroots: The newest builds, by chroot.
    """

    name: str
    chroots: dict[str, MonitoredChroot] = Field(default_factory=dict)


class Monitor(Model):
    """The monitor's table, as it is sent.

    Attributes:
        packages: One row for each package.
    """

    packages: tuple[MonitoredPackage, ...]
