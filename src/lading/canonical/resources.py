"""Resources of charms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.paging import Pager
from lading.canonical._gateway import gateway_path
from lading.canonical._models_resources import ImageCredentials, ResourceBase
from lading.canonical._resources import REVISIONS, ResourceUpload, dump_base, list_resources, list_revisions
from lading.canonical._review_watch import as_review_poll
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_resources import Resource, ResourceRevision
    from lading.canonical._resources import UploadedResource
    from lading.canonical._services import Services
    from lading.types import OnProgress

_IMAGE = "oci-image"
# As the specification of OCI images has it: an algorithm, and hexadecimal digits.
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,}")


@checked()
class Resources:
    """The resources of charms; available as ``charmhub.resources``."""

    __slots__ = ("_endpoints", "_sender", "_services")

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services

    def list(self, name: str, *, revision: int | None = None, max_items: int | None = None) -> Pager[Resource]:
        """List the resources that the revisions of a charm declare. There is one page.

        Args:
            name: The package.
            revision: List those that this revision of the charm declares; a store may not support this and list all.
            max_items: Stop after this many.

        Raises:
            NotFound: There is no such package.

        Source: ``GET /v1/{namespace}/{name}/resources``.
        """
        call = list_resources(self._endpoints, name, revision)

        async def fetch() -> tuple[Resource, ...]:
            return (await self._sender.send(call)).resources

        return Pager.single(fetch, max_items=max_items)

    def revisions(self, name: str, resource: str, *, max_items: int | None = None) -> Pager[ResourceRevision]:
        """List the revisions of a resource. There is one page.

        Args:
            name: The package.
            resource: The resource.
            max_items: Stop after this many.

        Raises:
            NotFound: There is no such package or resource.

        Source: ``GET /v1/{namespace}/{name}/resources/{resource}/revisions``.
        """
        call = list_revisions(self._endpoints, name, resource)

        async def fetch() -> tuple[ResourceRevision, ...]:
            return (await self._sender.send(call)).revisions

        return Pager.single(fetch, max_items=max_items)

    async def upload(
        self,
        name: str,
        resource: str,
        source: StrPath | ByteSource,
        *,
        filename: str | None = None,
        type: str | None = None,
        bases: Iterable[ResourceBase] = (),
        poll: PollInterval | float | None = None,
        on_progress: OnProgress | None = None,
    ) -> UploadedResource:
        """Upload a file as a revision of a resource, wait until it is approved, and return the revision.

        The resource's revisions are checked first. When one has the file's digest, and the same type and bases, nothing
        is sent and the status is ``"unchanged"``. The file is sent to the storage host, which is never sent
        credentials, and again after a lost response, as nothing comes of an upload alone. The store is notified of it
        at most once: after a lost response the upload's review is looked up, for up to 30 s, before it is sent again.
        Two concurrent calls for the same file may make two revisions of it.

        It waits without a time limit: use ``anyio.fail_after(seconds)`` for one. Calling again after an error that came
        later than the notification finds the revision by its digest, once it is approved.

        Args:
            name: The package.
            resource: The resource, as the charm declares it.
            source: The path of a file, which is hashed in a worker thread and streamed. Or its bytes, an async iterable
                of them, or a function that returns one: these are put into a temporary file first.
            filename: The file's name, for bytes and async sources.
            type: The resource's type, such as ``"oci-image"``. A store that is sent none expects a file.
            bases: What the revision is for; by default anything.
            poll: How often to poll the review; a number is the seconds between two polls.
            on_progress: Called with how many bytes of the request body have been sent.

        Raises:
            InputError: It is not a regular file, it changed while it was read, or *bases* or *filename* do not fit.
            NotFound: There is no such package or resource; nothing was sent.
            ReviewRejected: The review has rejected the file; ``review.errors`` says why.
            PayloadTooLarge: The storage host, or a proxy in front of it, refused the size.
            Forbidden: The credentials do not allow it.
            OSError: The file cannot be read.

        Source: ``GET /v1/{namespace}/{name}/resources/{resource}/revisions``, ``POST {storage}/unscanned-upload/``,
        ``POST /v1/{namespace}/{name}/resources/{resource}/revisions``, and the ``status-url`` that this returns.
        """
        upload = self._upload(name, resource, type, bases, poll)
        return await upload.run(source, filename, on_progress)

    async def upload_image(
        self,
        name: str,
        resource: str,
        digest: str,
        *,
        architectures: Iterable[str] = ("all",),
        poll: PollInterval | float | None = None,
    ) -> UploadedResource:
        """Make an image that is in the store's registry a revision of a resource, and return the revision.

        The image itself is pushed before, with other tools (skopeo, podman, docker) and what :meth:`image_credentials`
        returns. The store describes the image by its digest, and the description is uploaded as the resource's file.

        Args:
            name: The package.
            resource: The resource.
            digest: The digest of the image's manifest, such as ``"sha256:..."``.
            architectures: What the image runs on.
            poll: How often to poll the review; a number is the seconds between two polls.

        Raises:
            InputError: *digest* is not a digest; nothing was sent.
            NotFound: There is no such package, resource or image.
            ReviewRejected: The review has rejected it; ``review.errors`` says why.
            Forbidden: The credentials do not allow it.

        Source: ``POST /v1/{namespace}/{name}/resources/{resource}/oci-image/blob`` and then as :meth:`upload`, as
        charmcraft 4.5 does.
        """
        if not _DIGEST.fullmatch(digest):
            raise InputError(f"digest is that of the manifest, sha256:..., not {digest[:80]!a}", argument="digest")
        base = ResourceBase(architectures=tuple(architectures))
        upload = self._upload(name, resource, _IMAGE, [base], poll)
        call = Call(
            "POST",
            gateway_path(self._endpoints, "{name}/resources/{resource}/oci-image/blob"),
            _read_blob,
            path_params={"name": name, "resource": resource},
            json={"image-digest": digest},
            headers={"Accept": "*/*"},
            idempotent=True,  # it describes the image, and changes nothing
        )
        description = await self._sender.send(call)
        return await upload.run(description, f"{resource}.json", None)

    async def image_credentials(self, name: str, resource: str) -> ImageCredentials:
        """Return where an image for a resource is pushed to, and the credentials for that. They are secret.

        Args:
            name: The package.
            resource: The resource.

        Raises:
            NotFound: There is no such package or resource.
            Forbidden: The credentials do not allow it.

        Source: ``GET /v1/{namespace}/{name}/resources/{resource}/oci-image/upload-credentials``.
        """
        return await self._sender.send(
            Call(
                "GET",
                gateway_path(self._endpoints, "{name}/resources/{resource}/oci-image/upload-credentials"),
                ImageCredentials,
                path_params={"name": name, "resource": resource},
            )
        )

    async def update(self, name: str, resource: str, updates: Mapping[int, Iterable[ResourceBase]]) -> int:
        """Change what revisions of a resource are for, and return how many the store has changed.

        Setting given values is harmless to repeat: after a lost response it is sent again, and after the last attempt
        ``outcome`` is ``"unknown"``.

        Args:
            name: The package.
            resource: The resource.
            updates: The bases of each revision, by its number; one revision or more, one base or more for each.

        Raises:
            InputError: There is no update, or a revision has no base; nothing was sent.
            NotFound: There is no such package, resource or revision.
            Forbidden: The credentials do not allow it.

        Source: ``PATCH /v1/{namespace}/{name}/resources/{resource}/revisions``.
        """
        items = [
            {"revision": revision, "bases": [dump_base(base) for base in bases]} for revision, bases in updates.items()
        ]
        if not items or not all(item["bases"] for item in items):
            raise InputError("updates= needs a revision or more, and a base or more for each", argument="updates")
        call = Call(
            "PATCH",
            gateway_path(self._endpoints, REVISIONS),
            _read_number,
            path_params={"name": name, "resource": resource},
            json={"resource-revision-updates": items},
            idempotent=True,
        )
        return await self._sender.send(call)

    def _upload(
        self,
        name: str,
        resource: str,
        type: str | None,
        bases: Iterable[ResourceBase],
        poll: PollInterval | float | None,
    ) -> ResourceUpload:
        interval = as_review_poll(poll)
        return ResourceUpload(
            self._sender, self._endpoints, self._services, name, resource, type, tuple(bases), interval
        )


def _read_blob(response: Response) -> bytes:
    """Read the description of an image, which is uploaded as it is. It has the registry's credentials."""
    value = response.json()
    if not isinstance(value, dict) or not value:
        raise TypeError("blob")
    return response.body


def _read_number(response: Response) -> int:
    number = response.json()["num-resource-revisions-updated"]
    if not isinstance(number, int):
        raise TypeError("num-resource-revisions-updated")
    return number
