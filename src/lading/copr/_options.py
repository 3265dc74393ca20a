"""The options of projects, builds, packages and chroots, as Copr's API v3 names them."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - part of public types, which others resolve
from typing import Literal, TypedDict

from lading.copr._models.builds import Build  # noqa: TC001 - part of public types, which others resolve

Bootstrap = Literal["default", "on", "off", "image"] | str
Isolation = Literal["default", "nspawn", "simple"] | str


class ProjectOptions(TypedDict, total=False):
    """The settings of a project.

    Attributes:
        description: What it is.
        instructions: How to use it.
        homepage: The URL of its homepage.
        contact: An email address or a URL.
        additional_repos: Further repositories that builds may use: URLs, or ``copr://owner/project``.
        unlisted_on_hp: Omit it from the front page.
        enable_net: Allow builds network access.
        auto_prune: Delete old builds; only admins can disable it.
        devel_mode: Create repository metadata on request only.
        delete_after_days: Delete the project after 0 to 720 days; -1 for never.
        multilib: Mark the 64-bit repositories as multilib.
        module_hotfixes: Set DNF's option ``module_hotfixes`` on the repositories.
        bootstrap: How chroots are bootstrapped.
        bootstrap_image: The image for ``bootstrap="image"``. Copr ignores it for projects.
        isolation: How builds are isolated.
        follow_fedora_branching: Add new Fedora releases automatically.
        fedora_review: Run fedora-review on each build.
        appstream: Create AppStream metadata.
        runtime_dependencies: Further repositories that users of the project need.
        packit_forge_projects_allowed: Forge projects whose packages Packit may build here.
        repo_priority: The priority of the repositories for DNF, 1 or more.
    """

    description: str | None
    instructions: str | None
    homepage: str | None
    contact: str | None
    additional_repos: Sequence[str] | None
    unlisted_on_hp: bool | None
    enable_net: bool | None
    auto_prune: bool | None
    devel_mode: bool | None
    delete_after_days: int | None
    multilib: bool | None
    module_hotfixes: bool | None
    bootstrap: Bootstrap | None
    bootstrap_image: str | None
    isolation: Isolation | None
    follow_fedora_branching: bool | None
    fedora_review: bool | None
    appstream: bool | None
    runtime_dependencies: str | Sequence[str] | None
    packit_forge_projects_allowed: Sequence[str] | None
    repo_priority: int | None


class NewProjectOptions(ProjectOptions, total=False):
    """The settings of a new project: those of :class:`ProjectOptions`, and two that cannot be changed later.

    Attributes:
        persistent: Never delete it automatically; for admins.
        storage: Where results are stored; for admins.
    """

    persistent: bool | None
    storage: Literal["backend", "pulp"] | str | None


class BuildOptions(TypedDict, total=False):
    """The options of a build.

    Attributes:
        chroots: The chroots to build in; patterns such as ``fedora-*-x86_64`` are allowed. By default all of the
            project's; an empty list is an ``InputError``.
        exclude_chroots: Chroots not to build in; patterns are allowed.
        timeout: Seconds, up to 108000; by default 18000.
        background: Let other builds have priority over it.
        enable_net: Allow it network access; by default the project's setting.
        bootstrap: How the chroot is bootstrapped.
        isolation: How it is isolated.
        with_build_id: Build in one batch with that build: its number, or a :class:`Build`.
        after_build_id: Build after the batch of that build: its number, or a :class:`Build`.
        packit_forge_project: The forge project that Packit builds for.
    """

    chroots: Sequence[str] | None
    exclude_chroots: Sequence[str] | None
    timeout: int | None
    background: bool | None
    enable_net: bool | None
    bootstrap: Literal["unchanged"] | Bootstrap | None
    isolation: Literal["unchanged"] | Isolation | None
    with_build_id: int | Build | None
    after_build_id: int | Build | None
    packit_forge_project: str | None


class PackageOptions(TypedDict, total=False):
    """The settings of a package, whatever its source.

    Attributes:
        webhook_rebuild: Rebuild it when a webhook requests it.
        max_builds: How many builds are kept, 0 to 100; 0 keeps all.
        timeout: Seconds that a build may run, up to 108000.
        chroot_denylist: Chroots that it is not built in; patterns are allowed.
    """

    webhook_rebuild: bool | None
    max_builds: int | None
    timeout: int | None
    chroot_denylist: Sequence[str] | None


class ChrootOptions(TypedDict, total=False):
    """The settings of one chroot of a project.

    Attributes:
        additional_packages: Packages that are installed first.
        additional_repos: Further repositories that builds may use.
        additional_modules: Modules that are enabled, or disabled with a ``!`` before the name.
        with_opts: ``--with`` of rpmbuild.
        without_opts: ``--without`` of rpmbuild.
        bootstrap: How it is bootstrapped.
        bootstrap_image: The image that it is bootstrapped from; sets *bootstrap* with it.
        isolation: How builds are isolated.
        reset_fields: Settings to reset to their defaults.
    """

    additional_packages: Sequence[str] | None
    additional_repos: Sequence[str] | None
    additional_modules: Sequence[str] | None
    with_opts: Sequence[str] | None
    without_opts: Sequence[str] | None
    bootstrap: Literal["unchanged", "custom_image"] | Bootstrap | None
    bootstrap_image: str | None
    isolation: Literal["unchanged"] | Isolation | None
    reset_fields: Sequence[str] | None
