"""The sources of packages, as Copr's API v3 names their settings."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - part of public types, which others resolve
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

from lading._core.arguments import checked


class _Source:
    """A source of a package. ``None`` in it leaves a setting to Copr, or unchanged."""

    __slots__ = ()

    type: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None and not isinstance(value, str):
                # An iterator could be read once, and a source may be used again.
                object.__setattr__(self, field.name, tuple(value))

    def wire(self) -> dict[str, Any]:
        """Return the settings as they are sent."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


@checked()
@dataclass(frozen=True, slots=True)
class ScmSource(_Source):
    """A repository under version control.

    Attributes:
        clone_url: Its URL.
        committish: Branch, tag or commit; by default the default branch.
        subdirectory: The directory in it.
        spec: The spec file, relative to that directory.
        scm_type: ``git`` or ``svn``.
        source_build_method: How the source package is created.
    """

    type: ClassVar[str] = "scm"
    needed: ClassVar[tuple[str, ...]] = ("clone_url",)
    clone_url: str | None = None
    committish: str | None = None
    subdirectory: str | None = None
    spec: str | None = None
    scm_type: Literal["git", "svn"] | None = None
    source_build_method: Literal["rpkg", "tito", "tito_test", "make_srpm"] | str | None = None


@checked()
@dataclass(frozen=True, slots=True)
class PyPISource(_Source):
    """A project of the Python Package Index.

    Attributes:
        pypi_package_name: Its name there.
        pypi_package_version: The version; by default the newest.
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


@checked()
@dataclass(frozen=True, slots=True)
class RubyGemsSource(_Source):
    """A gem of RubyGems.

    Attributes:
        gem_name: Its name.
    """

    type: ClassVar[str] = "rubygems"
    needed: ClassVar[tuple[str, ...]] = ("gem_name",)
    gem_name: str | None = None


@checked()
@dataclass(frozen=True, slots=True)
class CustomSource(_Source):
    """A script that creates the source package.

    Attributes:
        script: The script.
        script_chroot: The chroot that it runs in.
        script_builddeps: Packages that it needs.
        script_resultdir: The directory that it writes its results to.
        script_repos: Repositories that it needs.
    """

    type: ClassVar[str] = "custom"
    needed: ClassVar[tuple[str, ...]] = ("script",)
    script: str | None = None
    script_chroot: str | None = None
    script_builddeps: str | Sequence[str] | None = None
    script_resultdir: str | None = None
    script_repos: str | Sequence[str] | None = None


@checked()
@dataclass(frozen=True, slots=True)
class DistGitSource(_Source):
    """A package of a distribution's dist-git; its name there is the package's.

    Attributes:
        distgit: The name of the dist-git; by default the store's default.
        namespace: The namespace in it.
        committish: Branch, tag or commit.
    """

    type: ClassVar[str] = "distgit"
    distgit: str | None = None
    namespace: str | None = None
    committish: str | None = None


Source: TypeAlias = ScmSource | PyPISource | RubyGemsSource | CustomSource | DistGitSource
