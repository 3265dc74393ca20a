"""Concurrent uploads to one package share the list of its reviews."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from lading import NetworkError
from lading._core.api_errors import make_api_error
from lading._core.service import Service
from lading._core.settings import ClientSettings
from lading.canonical import CHARMHUB, PendingReview, Review, ReviewRejected
from lading.canonical._reviews import ReviewList
from lading.canonical._shared_reviews import SharedReviews, _Waiting
from lading.errors import NotFound
from tests.support.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from lading import Call

pytestmark = pytest.mark.anyio


class FakeStore:
    """A sender to a store with reviews that take some time.

    Attributes:
        lists: Whether it lists them.
        ends: When each ends, by upload.
        rejects: The uploads that it rejects.
        lost: How many of the next requests fail.
        listed: When the list was requested.
        alone: The uploads whose review was requested alone.
    """

    def __init__(self, *, lists: bool) -> None:
        self.lists = lists
        self.ends: dict[str, float] = {}
        self.rejects: set[str] = set()
        self.lost = 0
        self.listed: list[float] = []
        self.alone: list[str] = []
        self.clock = VirtualClock()
        self.service = Service(name="charmhub", base_url="https://example.com/")
        self.settings = ClientSettings(clock=self.clock.now, sleep=self.clock.sleep)

    async def send(self, call: Call[ReviewList]) -> ReviewList:
        await checkpoint()
        self.clock.activity += 1
        if self.lost:
            self.lost -= 1
            raise NetworkError("lost")
        upload_id: Any = call.params.get("upload-id")
        if upload_id is not None:
            self.alone.append(upload_id)
            return ReviewList(revisions=(self.show(upload_id),))
        self.listed.append(self.clock.time)
        if not self.lists:
            raise make_api_error(NotFound, "charmhub", "no such upload")
        return ReviewList(revisions=tuple(map(self.show, self.ends)))

    def show(self, upload_id: str) -> Review:
        end = "rejected" if upload_id in self.rejects else "approved"
        return Review(upload_id=upload_id, status=end if self.clock.time >= self.ends[upload_id] else "new")


async def wait_all(store: FakeStore, reviews: SharedReviews, count: int) -> dict[str, str]:
    """Wait for so many uploads in tasks of their own; return how each ended."""
    ends: dict[str, str] = {}

    async def wait(upload_id: str) -> None:
        try:
            ends[upload_id] = (await reviews.wait_approved(PendingReview("x", upload_id), None)).status
        except ReviewRejected:
            ends[upload_id] = "rejected"
        except NetworkError:
            ends[upload_id] = "lost"

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(wait, f"upload-{number}")
    return ends


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore(lists=True)
    store.ends = {f"upload-{number}": number / 10 for number in range(50)}
    return store


def shared(store: FakeStore) -> SharedReviews:
    return SharedReviews(store, CHARMHUB)  # type: ignore[arg-type]


async def test_one_request_serves_all(store: FakeStore):
    store.rejects = {"upload-7"}
    ends = await wait_all(store, shared(store), 50)
    assert ends == {name: "rejected" if name in store.rejects else "approved" for name in store.ends}
    # Soon after the beginning, then half a second or more between two; and the last two or so alone.
    assert all(later - earlier >= (0.5 if earlier >= 1 else 0.2) for earlier, later in pairwise(store.listed))
    assert len(store.listed) <= 5 / 0.5 + 2
    assert len(store.alone) <= 3 + 50 // 10


async def test_a_list_ends_the_pauses_of_those_whose_reviews_have_ended(store: FakeStore):
    """Those that wait with a longer interval need not poll themselves."""
    reviews, ended = shared(store), {}

    async def wait(number: int, poll: float) -> None:
        await reviews.wait_approved(PendingReview("x", f"upload-{number}"), poll)
        ended[number] = round(store.clock.time, 1)

    async with anyio.create_task_group() as group:
        for number in (10, 20, 30):
            group.start_soon(wait, number, 1000)
        group.start_soon(wait, 40, 0.5)
    # While three or more are left, at which the list is read.
    assert ended == {10: 1.0, 20: 2.0, 30: 1000.0, 40: 4.0}
    assert reviews._waiting == {}


async def test_a_long_list_is_not_read_for_each_upload_that_is_new(store: FakeStore):
    store.ends = {f"upload-{number}": 10.0 for number in range(300)}
    reviews = shared(store)
    for number in range(3):
        reviews._waiting[PendingReview("x", f"upload-{number}")] = _Waiting()
    await reviews._find(_Waiting(), PendingReview("x", "upload-0"))
    assert await reviews._find(_Waiting(), PendingReview("x", "upload-300")) is None
    assert store.listed == [0.0]


async def test_few_are_fetched_alone(store: FakeStore):
    await wait_all(store, shared(store), 2)
    assert store.listed == []
    assert set(store.alone) == {"upload-0", "upload-1"}


async def test_a_store_without_a_list_is_tried_once(store: FakeStore):
    store.lists = False
    ends = await wait_all(store, shared(store), 10)
    assert set(ends.values()) == {"approved"}
    assert store.listed == [0.0]


async def test_an_upload_that_the_list_does_not_show_is_fetched_alone(store: FakeStore):
    del store.ends["upload-3"]

    def show(upload_id: str) -> Review:
        return Review(upload_id=upload_id, status="approved" if upload_id == "upload-3" else "new")

    reviews = shared(store)
    for number in range(3):
        reviews._waiting[PendingReview("x", f"upload-{number}")] = _Waiting()
    store.show = show  # type: ignore[method-assign]
    assert (await reviews.wait_approved(PendingReview("x", "upload-3"), None)).is_approved
    assert (store.listed, store.alone) == ([0.0], ["upload-3"])


async def test_a_lost_list_fails_one_of_them(store: FakeStore):
    store.lost = 1
    ends = await wait_all(store, shared(store), 10)
    assert sorted(ends.values()) == ["approved"] * 9 + ["lost"]


async def test_one_that_is_cancelled_leaves_the_others(store: FakeStore):
    reviews = shared(store)
    store.ends["upload-49"] = 1000
    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()

        async def cancelled() -> None:
            with scope:
                await reviews.wait_approved(PendingReview("x", "upload-49"), None)

        group.start_soon(cancelled)
        assert set((await wait_all(store, reviews, 5)).values()) == {"approved"}
        scope.cancel()
    assert reviews._waiting == {}
