"""The options of projects, builds, packages and chroots, and the sources of packages, as Copr's API v3 names them."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - part of public types, which others resolve
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

Bootstrap = Literal["default", "on", "off", "image"] | str
Isolation = Literal["default", "nspawn", "simple"] | str


class ProjectOptions(TypedDict, total=False):
    """The settings of a project.

    Attributes:
        description: What it is.
        instructions: How to use it.
        homepage: A web page.
        contact: A mail address or a web page.
        additional_repos: Repositories that builds may use besides: addresses, or ``copr://owner/project``.
        unlisted_on_hp: Leave it out of the front page.
        enable_net: Give builds network.
        auto_prune: Delete old builds; only admins can switch it off.
        devel_mode: Make repository metadata by hand only.
        delete_after_days: Delete the whole project after 0 to 720 days; -1 never.
        multilib: Mark the 64-bit repositories as multilib.
        module_hotfixes: Mark the repositories so for DNF.
        bootstrap: How chroots are bootstrapped.
        bootstrap_image: The image for ``bootstrap="image"``. Copr ignores it for whole projects.
        isolation: How builds are isolated.
        follow_fedora_branching: Add new Fedora releases by themselves.
        fedora_review: Run fedora-review on each build.
        appstream: Make AppStream metadata.
        runtime_dependencies: Repositories that users of the project need besides.
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
    """The settings that only a new project takes besides.

    Attributes:
        persistent: Keep it for ever; for admins.
        storage: Where results are kept; for admins.
    """

    persistent: bool | None
    storage: Literal["backend", "pulp"] | str | None


class BuildOptions(TypedDict, total=False):
    """How a build is done.

    Attributes:
        chroots: In which chroots; patterns such as ``fedora-*-x86_64`` are allowed. All of the project's by default.
        exclude_chroots: In which chroots not; patterns are allowed.
        timeout: Seconds, up to 108000; 18000 by default.
        background: Give way to other builds.
        enable_net: Give it network; by default what the project says.
        bootstrap: How the chroot is bootstrapped.
        isolation: How it is isolated.
        with_build_id: Build in one batch with that build.
        after_build_id: Build after the batch of that build.
        packit_forge_project: The forge project that Packit builds for.
    """

    chroots: Sequence[str] | None
    exclude_chroots: Sequence[str] | None
    timeout: int | None
    background: bool | None
    enable_net: bool | None
    bootstrap: Literal["unchanged"] | Bootstrap | None
    isolation: Literal["unchanged"] | Isolation | None
    with_build_id: int | None
    after_build_id: int | None
    packit_forge_project: str | None


class PackageOptions(TypedDict, total=False):
    """The settings that packages of every source have.

    Attributes:
        webhook_rebuild: Rebuild it when a webhook says so.
        max_builds: How many builds are kept, 0 to 100; 0 keeps all.
        timeout: Seconds that a build may take, up to 108000.
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
        additional_repos: Repositories that builds may use besides.
        additional_modules: Modules that are enabled, or disabled with a ``!`` before the name.
        with_opts: ``--with`` of rpmbuild.
        without_opts: ``--without`` of rpmbuild.
        bootstrap: How it is bootstrapped.
        bootstrap_image: The image that it is bootstrapped from; sets *bootstrap* with it.
        isolation: How builds are isolated.
        reset_fields: Settings to put back to what they are by default.
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


class _Source:
    """Where a package comes from: what is ``None`` is left to Copr, or as it is."""

    __slots__ = ()

    type: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ()

    def wire(self) -> dict[str, Any]:
        """The settings as they are sent."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ScmSource(_Source):
    """A repository under version control.

    Attributes:
        clone_url: Its address.
        committish: Branch, tag or commit; the default branch where not given.
        subdirectory: Where in it.
        spec: The spec file, from there.
        scm_type: ``git`` or ``svn``.
        source_build_method: How the source package is made.
    """

    type: ClassVar[str] = "scm"
    needed: ClassVar[tuple[str, ...]] = ("clone_url",)
    clone_url: str | None = None
    committish: str | None = None
    subdirectory: str | None = None
    spec: str | None = None
    scm_type: Literal["git", "svn"] | None = None
    source_build_method: Literal["rpkg", "tito", "tito_test", "make_srpm"] | str | None = None


@dataclass(frozen=True, slots=True)
class PyPISource(_Source):
    """A project of the Python Package Index.

    Attributes:
        pypi_package_name: Its name there.
        pypi_package_version: The version; the newest where not given.
        spec_generator: The program that writes the spec file.
        spec_template: The template that it uses.
        python_versions: Python versions to build for, such as ``"3"``.
    """

    type: ClassVar[str] = "pypi"
    needed: ClassVar[tuple[str, ...]] = ("pypi_package_name",)
    pypi_package_name: str | None = None
    pypi_package_version: str | None = None
    spec_generator: Literal["pyp2rpm", "pyp2spec"] | str | None = None
    spec_template: str | None = None
    python_versions: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class RubyGemsSource(_Source):
    """A gem.

    Attributes:
        gem_name: Its name.
    """

    type: ClassVar[str] = "rubygems"
    needed: ClassVar[tuple[str, ...]] = ("gem_name",)
    gem_name: str | None = None


@dataclass(frozen=True, slots=True)
class CustomSource(_Source):
    """A script that makes the source package.

    Attributes:
        script: The script.
        script_chroot: The chroot that it runs in.
        script_builddeps: Packages that it needs.
        script_resultdir: Where it leaves its results.
        script_repos: Repositories that it needs.
    """

    type: ClassVar[str] = "custom"
    needed: ClassVar[tuple[str, ...]] = ("script",)
    script: str | None = None
    script_chroot: str | None = None
    script_builddeps: str | Sequence[str] | None = None
    script_resultdir: str | None = None
    script_repos: str | Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class DistGitSource(_Source):
    """A package of a distribution's dist-git; its name there is the package's.

    Attributes:
        distgit: Which dist-git; the store's default where not given.
        namespace: The namespace in it.
        committish: Branch, tag or commit.
    """

    type: ClassVar[str] = "distgit"
    distgit: str | None = None
    namespace: str | None = None
    committish: str | None = None


Source: TypeAlias = ScmSource | PyPISource | RubyGemsSource | CustomSource | DistGitSource
