"""Builds whose source package Copr makes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading._core.call import Call
from lading.copr._builds.submit import BuildSubmitter, SubmittedBuild
from lading.copr._models.builds import Build
from lading.copr._wire import join_list, json_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading.copr._options import BuildOptions

# Settings that the frontend turns into others.
_NO_CLUES = {"scm_type", "distgit", "namespace"}


class SourceBuilds:
    """The part of ``copr.builds`` that names a source, for Copr to make the package of; see :class:`BuildCreation`."""

    __slots__ = ("_sender", "_submitter")

    def __init__(self, sender: Sender, submitter: BuildSubmitter) -> None:
        self._sender = sender
        self._submitter = submitter

    async def create_from_scm(
        self,
        owner: str,
        project: str,
        clone_url: str,
        *,
        committish: str = "",
        subdirectory: str = "",
        spec: str = "",
        scm_type: Literal["git", "svn"] = "git",
        source_build_method: Literal["rpkg", "tito", "tito_test", "make_srpm"] | str = "rpkg",
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build from a repository under version control.

        Args:
            owner: Whose project.
            project: Its name.
            clone_url: The repository.
            committish: Branch, tag or commit; the default branch where empty.
            subdirectory: Where in it.
            spec: The spec file, from there.
            scm_type: ``git`` or ``svn``.
            source_build_method: How the source package is made.
            project_dirname: See above.
            options: See above.

        Source: ``POST /api_3/build/create/scm``.
        """
        fields = {
            "clone_url": clone_url,
            "committish": committish,
            "subdirectory": subdirectory,
            "spec": spec,
            "scm_type": scm_type,
            "source_build_method": source_build_method,
        }
        return await self._create(owner, project, "scm", fields, options, project_dirname=project_dirname)

    async def create_from_distgit(
        self,
        owner: str,
        project: str,
        package: str,
        *,
        committish: str | None = None,
        namespace: str | None = None,
        distgit: str | None = None,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build of a package in a distribution's dist-git.

        Args:
            owner: Whose project.
            project: Its name.
            package: The package.
            committish: Branch, tag or commit.
            namespace: The namespace in the dist-git.
            distgit: Which dist-git; the store's default where not given.
            project_dirname: See above.
            options: See above.

        Source: ``POST /api_3/build/create/distgit``.
        """
        fields = {"package_name": package, "committish": committish, "namespace": namespace, "distgit": distgit}
        return await self._create(owner, project, "distgit", fields, options, project_dirname=project_dirname)

    async def create_from_pypi(
        self,
        owner: str,
        project: str,
        pypi_package_name: str,
        *,
        pypi_package_version: str | None = None,
        spec_generator: Literal["pyp2rpm", "pyp2spec"] | str | None = None,
        spec_template: str = "",
        python_versions: Sequence[str] | None = None,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build of a project of the Python Package Index.

        Args:
            owner: Whose project.
            project: Its name.
            pypi_package_name: The name on the index.
            pypi_package_version: The version; the newest where not given.
            spec_generator: The program that writes the spec file.
            spec_template: The template that it uses.
            python_versions: Python versions to build for, such as ``"3"``.
            project_dirname: See above.
            options: See above.

        Source: ``POST /api_3/build/create/pypi``.
        """
        fields = {
            "pypi_package_name": pypi_package_name,
            "pypi_package_version": pypi_package_version,
            "spec_generator": spec_generator,
            "spec_template": spec_template,
            "python_versions": python_versions,
        }
        return await self._create(owner, project, "pypi", fields, options, project_dirname=project_dirname)

    async def create_from_rubygems(
        self,
        owner: str,
        project: str,
        gem_name: str,
        *,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build of a gem.

        Source: ``POST /api_3/build/create/rubygems``.
        """
        return await self._create(
            owner, project, "rubygems", {"gem_name": gem_name}, options, project_dirname=project_dirname
        )

    async def create_from_custom(
        self,
        owner: str,
        project: str,
        script: str,
        *,
        script_chroot: str | None = None,
        script_builddeps: str | Sequence[str] | None = None,
        script_resultdir: str | None = None,
        script_repos: str | Sequence[str] | None = None,
        project_dirname: str | None = None,
        **options: Unpack[BuildOptions],
    ) -> Build:
        """A build of what a script makes.

        Args:
            owner: Whose project.
            project: Its name.
            script: The script itself.
            script_chroot: The chroot that it runs in.
            script_builddeps: Packages that it needs.
            script_resultdir: Where it leaves its results.
            script_repos: Repositories that it needs.
            project_dirname: See above.
            options: See above.

        Source: ``POST /api_3/build/create/custom``.
        """
        fields = {
            "script": script,
            "chroot": script_chroot,
            "builddeps": join_list(script_builddeps),
            "resultdir": script_resultdir,
            "repos": join_list(script_repos),
        }
        return await self._create(owner, project, "custom", fields, options, project_dirname=project_dirname)

    async def _create(
        self,
        owner: str,
        project: str,
        kind: str,
        source: Mapping[str, Any],
        options: BuildOptions,
        *,
        project_dirname: str | None,
    ) -> Build:
        fields = {"ownername": owner, "projectname": project, "project_dirname": project_dirname, **source}
        call = Call("POST", f"build/create/{kind}", read_one, json=json_fields(fields, options))
        clues = tuple(text for name, text in source.items() if isinstance(text, str) and text and name not in _NO_CLUES)
        wanted = SubmittedBuild(owner, project, project_dirname, clues=(clues,))
        return (await self._submitter.submit(self._sender, call, wanted))[0]


def read_one(reply: Response) -> tuple[Build, ...]:
    """The one build that was made."""
    return (Build.model_validate_json(reply.body),)
