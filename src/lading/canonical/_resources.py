"""Making a file a revision of a charm's resource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lading._core.call import Call
from lading.canonical._errors import ReviewRejected
from lading.canonical._gateway import gateway_path
from lading.canonical._models_resources import ResourceList, ResourceRevisionList
from lading.canonical._notify import notify
from lading.canonical._review_watch import wait_approved
from lading.canonical._reviews import revision_number
from lading.canonical._upload import open_file, send_file
from lading.errors import InputError, InvalidResponse, LadingError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lading._core.files import StrPath
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading._core.spool import ByteSource
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_resources import ResourceBase, ResourceRevision
    from lading.canonical._reviews import Review
    from lading.canonical._services import Services
    from lading.canonical._upload import LocalFile
    from lading.types import OnProgress

REVISIONS = "{name}/resources/{resource}/revisions"
_ALL = ("all", "all", frozenset({"all"}))


@dataclass(frozen=True, slots=True)
class UploadedResource:
    """A file that is an approved revision of a resource.

    Attributes:
        name: The package.
        resource: The resource.
        revision: The number of the revision.
        sha3_384: The SHA3-384 of the file, as hexadecimal digits.
        size: The size of the file in bytes.
        status: ``"uploaded"``: sent, and the store made this revision of it. ``"unchanged"``: the resource had a
            revision with this digest, type and bases already, and nothing was sent. ``"confirmed"``: sent; the response
            was lost and the store reviewed the upload all the same, or the review rejected a file that is a revision.
        review: The review of the upload; ``None`` where nothing was sent.
    """

    name: str
    resource: str
    revision: int
    sha3_384: str
    size: int
    status: Literal["uploaded", "unchanged", "confirmed"]
    review: Review | None = None


def dump_base(base: ResourceBase) -> dict[str, Any]:
    """Return the JSON of a base.

    Raises:
        InputError: It has no architecture, or one twice.
    """
    if not base.architectures or len(set(base.architectures)) != len(base.architectures):
        raise InputError('bases= need architectures, each once; "all" stands for any', argument="bases")
    return {"name": base.name, "channel": base.channel, "architectures": list(base.architectures)}


def list_resources(endpoints: Endpoints, name: str, revision: int | None = None) -> Call[ResourceList]:
    """Return the call that lists the resources that a package declares."""
    path, params = gateway_path(endpoints, "{name}/resources"), {"revision": revision}
    return Call("GET", path, ResourceList, path_params={"name": name}, params=params)


def list_revisions(endpoints: Endpoints, name: str, resource: str) -> Call[ResourceRevisionList]:
    """Return the call that lists the revisions of a resource."""
    at = {"name": name, "resource": resource}
    return Call("GET", gateway_path(endpoints, REVISIONS), ResourceRevisionList, path_params=at)


@dataclass(frozen=True, slots=True)
class ResourceUpload:
    """The upload of one file.

    Attributes:
        sender: A sender to the API.
        endpoints: The store.
        services: Its services.
        name: The package.
        resource: The resource.
        type: The resource's type; ``None`` leaves it to the store.
        bases: What the revision is for; empty leaves it to the store.
        poll: How often to poll.
    """

    sender: Sender
    endpoints: Endpoints
    services: Services
    name: str
    resource: str
    type: str | None
    bases: tuple[ResourceBase, ...]
    poll: PollInterval

    async def run(
        self, source: StrPath | ByteSource, filename: str | None, on_progress: OnProgress | None
    ) -> UploadedResource:
        """Look the file up by its digest; send it where the resource does not have it, and wait for the review.

        Args:
            source: The file, or its bytes.
            filename: The file's name, for bytes.
            on_progress: Called with how many bytes of the request body have been sent.
        """
        fields: dict[str, Any] = {} if self.type is None else {"type": self.type}
        if self.bases:
            fields["bases"] = [dump_base(base) for base in self.bases]
        async with open_file(source, filename) as file:
            if (found := self._find(await self._list(), file)) is not None:
                return self._result(found.revision, file, "unchanged")
            upload = await send_file(self.sender, self.endpoints, self.services, file, on_progress)
        pending, was_lost, _ = await notify(
            self.sender,
            self.endpoints,
            self.name,
            upload.upload_id,
            path="v1/{namespace}/" + REVISIONS,
            path_params={"resource": self.resource},
            json=fields,
        )
        try:
            review = await wait_approved(self.sender, self.endpoints, pending, self.poll)
            if (number := revision_number(review)) is None:
                service = self.sender.service.name
                raise InvalidResponse(f"{service}: the review of {upload.upload_id} is approved and has no revision")
        except ReviewRejected as rejected:
            return await self._of_another_upload(rejected, file)
        except LadingError as error:
            error.outcome = "unknown"
            error.add_note(
                f"the store was notified of upload {upload.upload_id} for the resource {self.resource} of {self.name}, "
                "which may become a revision"
            )
            raise
        return self._result(number, file, "confirmed" if was_lost else "uploaded", review)

    async def _list(self) -> Sequence[ResourceRevision]:
        """Return the resource's revisions; none for a resource that is declared and may not be found without one."""
        try:
            return (await self.sender.send(list_revisions(self.endpoints, self.name, self.resource))).revisions
        except NotFound as error:
            declared = (await self.sender.send(list_resources(self.endpoints, self.name))).resources
            if self.resource not in {resource.name for resource in declared}:
                raise error from None
            return ()

    async def _of_another_upload(self, rejected: ReviewRejected, file: LocalFile) -> UploadedResource:
        """Return the revision that the file is already, which may be why it was rejected; else raise the rejection."""
        try:
            listed = await self._list()
        except LadingError as error:
            raise rejected from error
        if (found := self._find(listed, file)) is None:
            raise rejected
        return self._result(found.revision, file, "confirmed", rejected.review)

    def _find(self, listed: Iterable[ResourceRevision], file: LocalFile) -> ResourceRevision | None:
        """Return the newest revision that is this file, for the same bases and of the same type."""
        same = [
            revision
            for revision in listed
            if file.sha3_384 == (_digest(revision) or "").lower()
            and _size(revision) in (None, file.size)
            and (self.type is None or revision.type in (None, self.type))
            and _bases(revision.bases) == _bases(self.bases)
        ]
        return max(same, key=lambda revision: revision.revision, default=None)

    def _result(
        self,
        revision: int,
        file: LocalFile,
        status: Literal["uploaded", "unchanged", "confirmed"],
        review: Review | None = None,
    ) -> UploadedResource:
        return UploadedResource(self.name, self.resource, revision, file.sha3_384, file.size, status, review)


def _digest(revision: ResourceRevision) -> str | None:
    return revision.sha3_384 or (revision.download.sha3_384 if revision.download else None)


def _size(revision: ResourceRevision) -> int | None:
    return revision.size if revision.size is not None or revision.download is None else revision.download.size


def _bases(bases: Iterable[ResourceBase | None]) -> frozenset[tuple[str | None, str | None, frozenset[str]]]:
    """Return bases so that they compare; none are the same as all."""
    return frozenset(
        (base.name, base.channel, frozenset(base.architectures)) for base in bases if base is not None
    ) or frozenset({_ALL})
