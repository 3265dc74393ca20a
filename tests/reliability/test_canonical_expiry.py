"""Credentials that expire in the middle of a fan-out of 50 uploads: one refresh, or one clear error; nothing twice."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread

from lading import LadingError, Retry, Unauthorized, fan_out
from lading.testing import make_charm
from lading.testing.canonical.snap._processing import MAGIC
from tests.support.prefixed_stores import PrefixedCharmhub, PrefixedSnapStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.canonical import UploadedRevision
    from lading.testing import ServerRequest

pytestmark = pytest.mark.anyio
NAMES = ("one", "two", "three")
COUNT, EXPIRES_AT, LIMIT = 50, 25, 10
DAY = 24 * 3600.0
QUICK = Retry(attempts=3, backoff=0, deadline=None)


class Expiry:
    """Moves a store's clock past the end of the credentials when it is notified of an upload for the nth time.

    Attributes:
        seen: The requests by host, method and path.
    """

    def __init__(self, store: Any, path: str, seconds: float) -> None:
        self.seen: Counter[tuple[str, str, str]] = Counter()
        self._store = store
        self._path = path
        self._seconds = seconds
        self._left = EXPIRES_AT
        store.on_request = self._on_request

    def _on_request(self, host: str, request: ServerRequest) -> None:
        self.seen[host, request.method, request.path] += 1
        if request.method == "POST" and request.path.endswith(self._path):
            self._left -= 1
            if self._left == 0:
                self._store.advance_clock(self._seconds)

    def count(self, method: str, end: str) -> int:
        """Return how many requests there were to paths with this end."""
        return sum(count for (_, verb, path), count in self.seen.items() if verb == method and path.endswith(end))


@pytest.fixture
def snaps() -> Iterator[PrefixedSnapStore]:
    with PrefixedSnapStore(discharge_lifetime=DAY) as store:
        for name in NAMES:
            store.add_package(name)
        yield store
    assert store.errors == []


@pytest.fixture
def charms() -> Iterator[PrefixedCharmhub]:
    with PrefixedCharmhub() as store:
        for name in NAMES:
            store.add_package(name)
        yield store
    assert store.errors == []


def name_of(number: int) -> str:
    return NAMES[number % len(NAMES)]


def digests(store: Any) -> list[str]:
    packages = store._snaps.snaps if isinstance(store, PrefixedSnapStore) else store._packages.packages
    with store._state.lock:
        return [one.upload.digests["sha3_384"] for name in NAMES for one in packages[name].revisions.values()]


async def upload_all(client: Any, content: Any) -> list[UploadedRevision | LadingError]:
    """Upload 50 files, 10 at once, and return what came of each."""

    async def upload(number: int) -> UploadedRevision | LadingError:
        name = name_of(number)
        filename = f"{name}_{number}_amd64.snap"
        try:
            done: UploadedRevision = await client.revisions.upload(name, content(number), filename=filename, poll=1)
        except LadingError as error:
            return error
        return done

    async with fan_out(upload, range(COUNT), limit=LIMIT) as results:
        return [result.value async for result in results]


def snap(number: int) -> bytes:
    return MAGIC + f"{number}".encode()


def charm(number: int) -> bytes:
    return make_charm(name_of(number), padding=f"{number}".encode())


async def test_the_snap_stores_are_refreshed_once(snaps: PrefixedSnapStore):
    credentials = await to_thread.run_sync(snaps.export_credentials)
    expiry = Expiry(snaps, "/snap-push/", DAY + 1)
    async with snaps.caller(0, credentials, QUICK) as client:
        done = await upload_all(client, snap)
    assert {getattr(one, "status", one) for one in done} == {"uploaded"}
    assert expiry.count("POST", "/api/v2/tokens/refresh") == 1
    found = await to_thread.run_sync(digests, snaps)
    assert len(found) == len(set(found)) == COUNT
    assert len(await to_thread.run_sync(lambda: snaps.pushes)) == COUNT
    assert expiry.count("POST", "/unscanned-upload/") == COUNT


async def test_those_of_charmhub_end_with_one_clear_error(charms: PrefixedCharmhub):
    """Each upload that has not ended has it; what the store had been notified of is found by the next login."""
    token = await to_thread.run_sync(partial(charms.create_token, ttl=DAY))
    expiry = Expiry(charms, "/revisions", DAY + 1)
    async with charms.caller(0, token, QUICK) as client:
        done = await upload_all(client, charm)
        failed = [one for one in done if isinstance(one, LadingError)]
        assert failed
        assert {type(error) for error in failed} == {Unauthorized}
        assert all("log in again (tokens.login)" in str(error) for error in failed)
        assert len({re.sub(r"age: [\d.]+", "", str(error)) for error in failed}) == 1
        # A refusal says that the request was not carried out; of others the store had been notified before.
        notified = len(await to_thread.run_sync(lambda: charms.reviews))
        assert Counter(error.outcome for error in failed)["unknown"] == notified - (COUNT - len(failed))
        assert EXPIRES_AT - LIMIT <= notified < EXPIRES_AT  # those that were on their way are refused, too
        for _ in range(2):  # what is being reviewed has been by then, as the note of the errors says
            await to_thread.run_sync(charms.advance_reviews)
        await client.tokens.import_(await to_thread.run_sync(charms.create_token))
        again = await upload_all(client, charm)
    assert {getattr(one, "status", one) for one in again} <= {"uploaded", "unchanged", "confirmed"}
    found = await to_thread.run_sync(digests, charms)
    assert len(found) == len(set(found)) == COUNT
    assert len(await to_thread.run_sync(lambda: charms.reviews)) == COUNT
    # Each refused notification was sent once.
    assert expiry.count("POST", "/revisions") <= COUNT + COUNT - notified
