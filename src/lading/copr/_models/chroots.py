"""Chroots of instances, projects and builds, and their settings (API v3, frontend of August 2026)."""

from __future__ import annotations

from lading._core.model import Model, UtcDatetime
from lading.copr._models.builds import BuildState


class MockChroot(Model):
    """A chroot that projects can be built in.

    Attributes:
        name: The name, such as ``fedora-rawhide-x86_64``.
        comment: The operators' comment.
    """

    name: str
    comment: str = ""


class ProjectChroot(Model):
    """The settings of one chroot of a project.

    Attributes:
        mock_chroot: The chroot.
        ownername: The owner: a user, or ``@group``.
        projectname: The project.
        comps_name: The name of its comps file.
        additional_repos: Further repositories that builds may use.
        additional_packages: Packages that are installed first.
        additional_modules: Modules that are enabled, or disabled with a ``!`` before the name.
        with_opts: ``--with`` of rpmbuild.
        without_opts: ``--without`` of rpmbuild.
        delete_after_days: Days until its results are deleted, once it has reached its end of life.
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


class BuildChroot(Model):
    """One chroot of a build.

    Attributes:
        name: The chroot.
        state: The state of the build in it.
        started_on: When it started.
        ended_on: When it ended.
        result_url: The URL of the directory of its results, with a slash at the end; ``None`` before there is one.
    """

    name: str
    state: BuildState = "unknown"
    started_on: UtcDatetime | None = None
    ended_on: UtcDatetime | None = None
    result_url: str | None = None


class Repo(Model):
    """A repository that a build uses.

    Attributes:
        id: Its id for DNF.
        name: Its name.
        baseurl: Its URL; may contain ``$releasever`` and ``$basearch``.
        module_hotfixes: DNF's option of that name.
        priority: DNF's option of that name.
        repo_gpgcheck: DNF's option of that name.
    """

    id: str = ""
    name: str = ""
    baseurl: str
    module_hotfixes: bool | None = None
    priority: int | None = None
    repo_gpgcheck: bool | None = None


class BuildConfig(Model):
    """The configuration of a chroot for builds: of a project, or of one build.

    Attributes:
        repos: The repositories, the project's own first.
        additional_repos: Those among them that were added, as the store writes them.
        additional_packages: Packages that are installed first.
        additional_modules: Modules that are enabled or disabled; of a project only.
        with_opts: ``--with`` of rpmbuild.
        without_opts: ``--without`` of rpmbuild.
        enable_net: Whether builds have network access.
        chroot: The chroot; of a project only.
        isolation: How builds are isolated; of a project only.
        memory_limit: MiB; of a build only.
        timeout: Seconds; of a build only.
        is_background: Whether other builds have priority over it; of a build only.
        bootstrap: How the chroot is bootstrapped; of a build only.
        bootstrap_image: The image that it is bootstrapped from; of a build only.
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
