"""Read requests that several modules send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.api_errors import make_api_error
from lading._core.call import Call
from lading.copr._models.builds import Build, BuiltPackages, SourceBuildConfig, SourceChroot
from lading.copr._models.projects import Project
from lading.errors import ApiError, Conflict, NotFound

if TYPE_CHECKING:
    from lading._core.messages import Response
    from lading._core.sender import Sender


async def exists(sender: Sender, query: Call[Any]) -> bool:
    """Return whether *query* finds what it reads."""
    try:
        await sender.send(query)
    except NotFound:
        return False
    return True


def conflict(sender: Sender, error: ApiError, reason: str) -> Conflict:
    """Return the conflict that *error* of the frontend means."""
    return make_api_error(
        Conflict,
        sender.service.name,
        reason,
        suffix=f" (HTTP {error.status})",
        status=error.status,
        detail=error.detail,
        final=True,
    )


def get_project(owner: str, project: str) -> Call[Project]:
    """Return the request for one project."""
    return Call("GET", "project", Project, params={"ownername": owner, "projectname": project}, auth=None)


def get_build(build: int) -> Call[Build]:
    """Return the request for one build."""
    return Call("GET", "build/{build_id}", Build, path_params={"build_id": build}, auth=None)


def get_source_chroot(build: int) -> Call[SourceChroot]:
    """Return the request for the part of a build that creates the source package."""
    return Call("GET", "build/source-chroot/{build_id}", SourceChroot, path_params={"build_id": build}, auth=None)


def get_source_build_config(build: int) -> Call[SourceBuildConfig]:
    """Return the request for what a build's source package is created from."""
    path = "build/source-build-config/{build_id}"
    return Call("GET", path, SourceBuildConfig, path_params={"build_id": build}, auth=None)


def get_built_packages(build: int) -> Call[dict[str, BuiltPackages]]:
    """Return the request for a build's RPMs, by chroot."""
    path = "build/built-packages/{build_id}"
    return Call("GET", path, _read_built_packages, path_params={"build_id": build}, auth=None)


def _read_built_packages(response: Response) -> dict[str, BuiltPackages]:
    return {str(chroot): BuiltPackages.model_validate(found) for chroot, found in response.json().items()}
