"""What Copr answers about chroots: of projects and of builds, what was built there, the monitor's table (API v3)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from lading._core.model import Model, UtcDatetime
from lading.copr._models.builds import BuildState, SourceType


class BuildChroot(Model):
    """One chroot of a build.

    Attributes:
        name: The chroot.
        state: How far the build has come in it.
        started_on: When it started.
        ended_on: When it ended.
        result_url: The folder of its results, with a slash at the end; ``None`` before there is one.
    """

    name: str
    state: BuildState = "unknown"
    started_on: UtcDatetime | None = None
    ended_on: UtcDatetime | None = None
    result_url: str | None = None


class SourceChroot(Model):
    """The part of a build that makes the source package.

    Attributes:
        state: How far it has come.
        result_url: The folder of its results.
    """

    state: BuildState = "unknown"
    result_url: str | None = None


class Repo(Model):
    """A repository that a build uses.

    Attributes:
        id: Its id for DNF.
        name: Its name.
        baseurl: Its address; may hold ``$releasever`` and ``$basearch``.
        module_hotfixes: As DNF's option.
        priority: As DNF's option.
        repo_gpgcheck: As DNF's option.
    """

    id: str = ""
    name: str = ""
    baseurl: str
    module_hotfixes: bool | None = None
    priority: int | None = None
    repo_gpgcheck: bool | None = None


class ProjectChroot(Model):
    """The settings of one chroot of a project.

    Attributes:
        mock_chroot: The chroot.
        ownername: The owner: a user, or ``@group``.
        projectname: The project.
        comps_name: The name of its comps file.
        additional_repos: Repositories that builds may use besides.
        additional_packages: Packages that are installed first.
        additional_modules: Modules that are enabled, or disabled with a ``!`` before the name.
        with_opts: ``--with`` of rpmbuild.
        without_opts: ``--without`` of rpmbuild.
        delete_after_days: When its results go, once it has reached its end of life.
        isolation: How builds are isolated.
    """

    mock_chroot: str
    ownername: str = ""
    projectname: str = ""
    comps_name: str | None = None
    additional_repos: tuple[str, ...] = ()
    additional_packages: tuple[str, ...] = ()
    additional_modules: tuple[str, ...] = ()
    with_opts: tuple[str, ...] = ()
    without_opts: tuple[str, ...] = ()
    delete_after_days: int | None = None
    isolation: str | None = None


class BuildConfig(Model):
    """How a chroot is set up for builds: for a project's, or for one build's.

    Attributes:
        repos: The repositories, the project's own first.
        additional_repos: Those among them that were added, in the store's words.
        additional_packages: Packages that are installed first.
        additional_modules: Modules that are enabled or disabled; a project's alone.
        with_opts: ``--with`` of rpmbuild.
        without_opts: ``--without`` of rpmbuild.
        enable_net: Whether builds have network.
        chroot: The chroot; a project's alone.
        isolation: How builds are isolated; a project's alone.
        memory_limit: MiB; a build's alone.
        timeout: Seconds; a build's alone.
        is_background: Whether it gives way to others; a build's alone.
        bootstrap: How the chroot is bootstrapped; a build's alone.
        bootstrap_image: The image that it is bootstrapped from; a build's alone.
    """

    repos: tuple[Repo, ...] = ()
    additional_repos: tuple[str, ...] = ()
    additional_packages: tuple[str, ...] = ()
    additional_modules: tuple[str, ...] = ()
    with_opts: tuple[str, ...] = ()
    without_opts: tuple[str, ...] = ()
    enable_net: bool | None = None
    chroot: str | None = None
    isolation: str | None = None
    memory_limit: int | None = None
    timeout: int | None = None
    is_background: bool | None = None
    bootstrap: str | None = None
    bootstrap_image: str | None = None


class MonitoredChroot(Model):
    """The newest build of a package in one chroot.

    Attributes:
        state: How far it has come.
        build_id: The build.
        pkg_version: Version and release.
        status: The number of the state.
        url_build_log: The build's log, where asked for.
        url_backend_log: The backend's log, where asked for.
    """

    state: BuildState = "unknown"
    build_id: int | None = None
    pkg_version: str | None = None
    status: int | None = None
    url_build_log: str | None = None
    url_backend_log: str | None = None


class MonitoredPackage(Model):
    """A package, and how it stands in each chroot.

    Attributes:
        name: The package.
        chroots: By chroot.
    """

    name: str
    chroots: dict[str, MonitoredChroot] = Field(default_factory=dict)


class Monitor(Model):
    """The monitor's table, as it is sent.

    Attributes:
        packages: One row for each.
    """

    packages: tuple[MonitoredPackage, ...]


class MockChroot(Model):
    """A chroot that projects can be built in.

    Attributes:
        name: The name, such as ``fedora-rawhide-x86_64``.
        comment: What the operators say of it.
    """

    name: str
    comment: str = ""


class SourceBuildConfig(Model):
    """What a build's source package is made from.

    Attributes:
        source_type: Where the source comes from.
        source_dict: The settings of that source, in the store's own words.
        memory_limit: MiB.
        timeout: Seconds.
        is_background: Whether it gives way to others.
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
        """The RPM's file name, which has no epoch in it."""
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"

    def __str__(self) -> str:
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{self.name}-{epoch}{self.version}-{self.release}.{self.arch}"


class BuiltPackages(Model):
    """The RPMs that a build made in one chroot.

    Attributes:
        packages: One for each RPM, source package included.
    """

    packages: tuple[Nevra, ...] = ()
