"""What concurrent uploads to a package share: the files that it has already, by their digests, and the reviews."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, TypeVar

import anyio
from pydantic import ConfigDict

from lading._core.call import Call
from lading._core.json_steps import read_members
from lading._core.loop_local import LoopLocal
from lading._core.polling import poll_until
from lading._core.stepped_calls import send_in_steps
from lading.canonical._channel_map import read_batch
from lading.canonical._models import Several, StoreModel
from lading.canonical._reviews import ReviewError
from lading.canonical._shared_reviews import SharedReviews

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable, Sequence

    from lading._core.messages import Response
    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints

M = TypeVar("M", bound=StoreModel)

# Bytes, and the characters of one revision with its metadata.
_MAX_LIST = 64 * 1024 * 1024
_MAX_VALUE = 1024 * 1024

# The states of a revision that the review has accepted. One that is not known is not taken for one of them.
_ACCEPTED = frozenset({"approved", "released", "published", "unpublished"})
# Seconds for which a list serves the uploads that are under way together.
_FRESH = 30.0


class ListedRevision(StoreModel):
    """A revision as an upload looks for it: the members that say whether it is the same file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    revision: int
    status: str | None = None
    sha3_384: str | None = None
    errors: Several[ReviewError] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether the review has approved it."""
        return self.status in _ACCEPTED

    @property
    def is_rejected(self) -> bool:
        """Whether the review has rejected it."""
        return self.status == "rejected"

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """How well it serves an upload of the same file: one that is accepted best, then the newest."""
        return self.is_accepted, not self.is_rejected, self.revision


async def fetch_revisions(
    sender: Sender,
    endpoints: Endpoints,
    name: str,
    model: type[M],
    *,
    revision: int | None = None,
    fields: Sequence[str] = (),
    include_craft_yaml: bool = False,
) -> tuple[M, ...]:
    """Return the revisions of a package.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        name: The package.
        model: What each is read as.
        revision: This revision only.
        fields: The members to send of each; by default all.
        include_craft_yaml: Send the metadata as well that each was packed with.
    """
    call: Call[Response] = Call(
        "GET",
        "v1/{namespace}/{name}/revisions",
        path_params={"namespace": endpoints.namespace, "name": name},
        params={
            "revision": revision,
            "fields": ",".join(fields) or None,
            "include-craft-yaml": include_craft_yaml or None,
        },
        max_response_size=_MAX_LIST,
    )
    return tuple(await send_in_steps(sender, call, lambda response: _read_revisions(response, model)))


def _read_revisions(response: Response, model: type[M]) -> Generator[None, None, list[M]]:
    """Read the list in steps: packages have thousands of revisions."""
    found: list[M] | None = None
    for name, value in read_members(response.body, frozenset(), {"revisions"}, max_value=_MAX_VALUE):
        if name:
            found = found or []
            yield from read_batch(value, model, found)
        yield
    if found is None:
        raise KeyError("revisions")
    return found


def best_by_digest(revisions: Iterable[ListedRevision]) -> dict[str, ListedRevision]:
    """Return the revisions by digest; of several with the same digest, the one that serves best."""
    found: dict[str, ListedRevision] = {}
    for revision in revisions:
        _keep_best(found, revision)
    return found


def _keep_best(found: dict[str, ListedRevision], revision: ListedRevision) -> None:
    digest = (revision.sha3_384 or "").lower()
    if digest and (digest not in found or found[digest].rank < revision.rank):
        found[digest] = revision


class PackageUploads:
    """What the uploads to one package share that are under way: the files that it has, and the reviews.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        name: The package.

    Attributes:
        users: How many uploads use it.
        reviews: The reviews that they wait for.
    """

    def __init__(self, sender: Sender, endpoints: Endpoints, name: str) -> None:
        self.users = 0
        self.reviews = SharedReviews(sender, endpoints)
        self._sender = sender
        self._endpoints = endpoints
        self._name = name
        self._known: dict[str, ListedRevision] | None = None
        self._read_at = 0.0
        self._reading = anyio.Lock()
        self._files: dict[str, anyio.Lock] = {}
        self._doubtful: set[str] = set()
        self._own: list[ListedRevision] = []

    def one_at_a_time(self, sha3_384: str) -> anyio.Lock:
        """Return the lock of a file: two uploads of it must not both find that the package does not have it."""
        return self._files.setdefault(sha3_384, anyio.Lock())

    async def find(self, sha3_384: str) -> ListedRevision | None:
        """Return the revision with this digest, as the package's list has it that the uploads share."""
        async with self._reading:
            old = self._sender.settings.clock() - self._read_at > _FRESH
            if self._known is None or old or sha3_384 in self._doubtful:
                await self._read()
            return (self._known or {}).get(sha3_384)

    def doubt(self, sha3_384: str) -> None:
        """Look this file up anew from now on: an upload of it may have made a revision that is not listed yet."""
        self._doubtful.add(sha3_384)

    async def look(self, sha3_384: str) -> ListedRevision | None:
        """Return the revision with this digest, as the store lists it now."""
        async with self._reading:
            await self._read()
            return (self._known or {}).get(sha3_384)

    async def _read(self) -> None:
        read_at = self._sender.settings.clock()
        listed = await fetch_revisions(self._sender, self._endpoints, self._name, ListedRevision)
        # The list may have been made before this process made revisions of its own.
        self._known, self._read_at = best_by_digest([*listed, *self._own]), read_at

    def add(self, revision: ListedRevision) -> None:
        """Remember a revision that this process has made."""
        self._own.append(revision)
        if self._known is not None:
            _keep_best(self._known, revision)

    async def wait_reviewed(self, listed: ListedRevision, poll: PollInterval | float | None) -> ListedRevision:
        """Wait until a revision that another upload has made is accepted or rejected, and return it then."""
        number = listed.revision

        async def fetch() -> ListedRevision | None:
            shown = await fetch_revisions(self._sender, self._endpoints, self._name, ListedRevision, revision=number)
            for found in shown:
                if found.revision == number and (found.is_accepted or found.is_rejected):
                    return found
            return None

        if listed.is_accepted or listed.is_rejected:
            return listed
        return await poll_until(fetch, poll, sleep=self._sender.settings.sleep)


class ConcurrentUploads:
    """What the uploads of a client share that are under way, by package.

    Those to one package, as in a fan-out, read its list of revisions once.

    Args:
        sender: A sender to the API.
        endpoints: The store.
    """

    def __init__(self, sender: Sender, endpoints: Endpoints) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._packages: LoopLocal[dict[str, PackageUploads]] = LoopLocal(dict)

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[PackageUploads]:
        """Yield what uploads to a package share. It is forgotten when none is under way any more."""
        packages = self._packages.get()
        uploads = packages.get(name)
        if uploads is None:
            uploads = packages[name] = PackageUploads(self._sender, self._endpoints, name)
        uploads.users += 1
        try:
            yield uploads
        finally:
            uploads.users -= 1
            if not uploads.users:
                del packages[name]
