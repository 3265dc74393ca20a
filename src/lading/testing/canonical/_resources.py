"""Resources at the gateway's API: files and images that come with a charm."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._access import existing
from lading.testing.canonical._packages import Review
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical._revisions import claim_upload, status_url
from lading.testing.canonical._schema import STRING, Schema, array, members, or_null
from lading.testing.canonical._tokens import show_time
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.canonical._packages import Package, Resource, ResourceRevision
    from lading.testing.canonical._request import StoreRequest
    from lading.testing.canonical._reviews import Reviews

_ALL: dict[str, Any] = {"name": "all", "channel": "all", "architectures": ["all"]}
_BASE = members(
    {}, name=or_null(STRING), channel=or_null(STRING), architectures=array(STRING, min_items=1, unique=True)
)
_PUSH = members(
    {"upload-id": STRING},
    type=Schema(type="string", enum=("file", "oci-image")),
    bases=or_null(array(_BASE, min_items=1)),
)
_UPDATE = members({"revision": Schema(type="integer", minimum=1), "bases": array(_BASE, min_items=1)})
_UPDATES = members({"resource-revision-updates": array(_UPDATE, min_items=1)})
_BLOB = members({"image-digest": STRING})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Resources:
    """The handlers of resources.

    Args:
        namespace: The namespace.
        reviews: The reviews.
    """

    def __init__(self, namespace: str, reviews: Reviews) -> None:
        self._namespace = namespace
        self._reviews = reviews

    @property
    def api(self) -> Api:
        """The routes."""
        base = f"/v1/{self._namespace}/{{name}}/resources"
        revisions = f"{base}/{{resource}}/revisions"
        image = f"{base}/{{resource}}/oci-image"
        return Api(
            [
                Route("GET", base, self._list, private=True),
                Route("GET", revisions, self._revisions, private=True),
                Route("POST", revisions, self._push, private=True),
                Route("PATCH", revisions, self._update, private=True),
                Route("GET", f"{image}/upload-credentials", self._credentials, private=True),
                Route("POST", f"{image}/blob", self._blob, private=True),
            ]
        )

    def _list(self, request: StoreRequest, name: str) -> dict[str, Any]:
        """Return the resources that each revision of the charm declares: ``revision`` is that of the charm."""
        package = existing(request, name, "package-view-revisions", "package-view")
        return {
            "resources": [
                {"name": resource, "optional": True, "revision": revision.number, "type": kind}
                for revision in reversed(package.revisions.values())
                for resource, kind in revision.file.resources.items()
            ]
        }

    def _revisions(self, request: StoreRequest, name: str, resource: str) -> dict[str, Any]:
        package = existing(request, name, "package-view-revisions", "package-view")
        found = _existing(request, package, resource)
        return {"revisions": [_show(found, revision) for revision in reversed(found.revisions)]}

    def _push(self, request: StoreRequest, name: str, resource: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-revisions", "package-manage")
        body = request.json(_PUSH)
        found = _existing(request, package, resource)
        kind = body.get("type", "file")
        if kind != found.type:
            raise request.refuse(400, ("api-error", f"Resource {resource!r} is of type {found.type!r}, not {kind!r}"))
        upload = claim_upload(request, body["upload-id"])
        review = Review(upload, package, "resource", request.account, resource=resource, resource_type=kind)
        review.bases = [{**_ALL, **base} for base in body.get("bases") or [_ALL]]
        self._reviews.begin(review)
        return {"status-url": status_url(self._namespace, name, upload)}

    def _update(self, request: StoreRequest, name: str, resource: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-revisions", "package-manage")
        updates = request.json(_UPDATES)["resource-revision-updates"]
        found = {revision.number: revision for revision in _existing(request, package, resource).revisions}
        missing = [update["revision"] for update in updates if update["revision"] not in found]
        if missing:
            raise request.refuse(
                404, ("resource-not-found", f"Revision {missing[0]} of resource {resource!r} not found")
            )
        for update in updates:
            revision = found[update["revision"]]
            revision.bases = [{**_ALL, **base} for base in update["bases"]]
            revision.updated_at, revision.updated_by = request.state.clock.now, request.account
        return {"num-resource-revisions-updated": len(updates)}

    def _credentials(self, request: StoreRequest, name: str, resource: str) -> dict[str, Any]:
        package = existing(request, name, "package-manage-revisions", "package-manage")
        _image(request, package, resource)
        host = request.base.partition("://")[2]
        return {
            "image-name": f"{host}/charm/{package.id}/{resource}",
            "username": "embedded",
            "password": "embedded-password",
        }

    def _blob(self, request: StoreRequest, name: str, resource: str) -> ServerResponse:
        package = existing(request, name, "package-manage-revisions", "package-manage")
        _image(request, package, resource)
        digest = request.json(_BLOB)["image-digest"]
        if not _DIGEST.fullmatch(digest):
            raise request.refuse(400, ("api-error", f"Invalid image digest: {digest}"))
        credentials = self._credentials(request, name, resource)
        blob = {
            "ImageName": f"{credentials['image-name']}@{digest}",
            "Username": credentials["username"],
            "Password": credentials["password"],
        }
        return ServerResponse(200, {"Content-Type": "application/json"}, json.dumps(blob).encode())


def _existing(request: StoreRequest, package: Package, name: str) -> Resource:
    found = package.resources.get(name)
    if found is None:
        raise request.refuse(
            404, ("resource-not-found", f"Resource {name!r} is not declared by any revision of {package.name!r}")
        )
    return found


def _image(request: StoreRequest, package: Package, name: str) -> None:
    if _existing(request, package, name).type != "oci-image":
        raise request.refuse(400, ("api-error", f"Resource {name!r} is not of type 'oci-image'"))


def _show(resource: Resource, revision: ResourceRevision) -> dict[str, Any]:
    digests = revision.upload.digests
    return {
        "bases": revision.bases,
        "created-at": show_time(revision.created_at),
        "name": resource.name,
        "revision": revision.number,
        "sha256": digests["sha256"],
        "sha3-384": digests["sha3_384"],
        "sha384": digests["sha384"],
        "sha512": digests["sha512"],
        "size": revision.upload.size,
        "type": revision.type,
        "updated-at": revision.updated_at and show_time(revision.updated_at),
        "updated-by": revision.updated_by and revision.updated_by.id,
    }
