"""Modules at the embedded Copr, as frontends built them while they had modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.copr._refusals import ApiRefusal

if TYPE_CHECKING:
    from lading.testing.copr._request import CoprRequest


def build(request: CoprRequest, ownername: str, projectname: str) -> dict[str, Any]:
    """Accept a module for a build, from an uploaded file or from the URL of its sources."""
    project = request.state.project(ownername, projectname)
    if not project.can_build(request.user):
        raise ApiRefusal(403, f"User {request.user.name} is not allowed to build in the copr: {project.full_name}")
    file, url = request.body.files.get("modulemd"), request.fields.get("scmurl")
    if file is None and not url:
        raise ApiRefusal(400, "scmurl: This field is required.")
    name = file.filename.partition(".")[0] if file is not None else str(url).rstrip("/").rpartition("/")[2]
    branch = request.fields.get("branch", "master")
    return {"nsv": f"{name}-{branch}-{request.state.ids.next('module')}"}
