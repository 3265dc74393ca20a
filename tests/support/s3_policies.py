"""Stagers of one version in regions in memory, each of which reaches some regions, and loses others on the way."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lading import LadingError, RequestTimeout
from lading.s3._regions import Regions
from lading.s3._staging.stage import StageOperation
from lading.s3._staging.transfer import Transfer
from tests.support.interleavings import Actors, acting, without_time
from tests.support.memory_s3 import CONFIGURATION, Bucket, make_regions, source_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from lading.s3._results import Policy

KEY = "pre/P@1.0.0"
_OPERATIONS = {"head", "get", "put", "put_small", "delete"}


def silent(name: str) -> RequestTimeout:
    """A region that accepts a request and sends no response."""
    return RequestTimeout(f"s3: {name} did not respond", phase="receive", outcome="unknown", request_sent=True)


class LosableBucket:
    """A bucket as one stager sees it.

    Args:
        store: The bucket.
        after: How many of the stager's operations get a response; ``None`` for all.
        done: Whether the first operation without a response is carried out.
    """

    def __init__(self, store: Bucket, after: int | None = None, *, done: bool = False) -> None:
        self._store = store
        self._left = after
        self._done = done

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in _OPERATIONS or self._left is None:
            return found

        async def operate(*arguments: Any, **options: Any) -> Any:
            assert self._left is not None
            self._left -= 1
            if self._left >= 0:
                return await found(*arguments, **options)
            if self._left == -1 and self._done:
                with suppress(LadingError):
                    await found(*arguments, **options)
            raise silent(self._store.bucket)

        return operate


@dataclass(frozen=True)
class Who:
    """A stager.

    Attributes:
        data: What it stages.
        losing: By region: after how many operations it is lost, and whether the last one is carried out.
    """

    data: bytes
    losing: tuple[tuple[str, int, bool], ...] = ()


def reaching(data: bytes, regions: str, known: str = "abc") -> Who:
    """A stager that reaches those regions alone."""
    return Who(data, tuple((name, 0, False) for name in known if name not in regions))


async def in_turn(
    work: Callable[[str], Awaitable[Any]], regions: Iterable[str], *_: Any, **__: Any
) -> tuple[dict[str, Any], dict[str, LadingError]]:
    """Work in one region after another, where all of them respond in the end or are said to be silent."""
    found, failed = {}, {}
    for name in regions:
        try:
            found[name] = await work(name)
        except LadingError as error:
            failed[name] = error
    return found, failed


@contextmanager
def stepped() -> Iterator[None]:
    """Within the block stagers run without an event loop: no concurrency but that between them, and no pointers."""

    async def nothing(*_: Any) -> None:
        return

    async def cannot_copy(*_: Any) -> bool:
        return False

    staging = "lading.s3._staging"
    with (
        without_time(f"{staging}.metadata", f"{staging}.commit", f"{staging}.transfer"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("lading.s3._regions.gather", in_turn)
        patch.setattr(StageOperation, "_update_latest", nothing)
        patch.setattr(Transfer, "_try_copy", cannot_copy)
        patch.setattr("lading.s3._staging.commit.secrets.token_hex", lambda _: acting())
        yield


def stagers(whos: dict[str, Who], policy: Policy, known: str = "abc") -> Callable[[], Actors]:
    """A maker of stagers, all of one version, in regions of those names."""

    def make() -> Actors:
        regions = make_regions(*known)
        work = {}
        for name, who in whos.items():
            lost = {region: (after, done) for region, after, done in who.losing}
            buckets: dict[str, Any] = {
                region: LosableBucket(one.store, lost[region][0], done=lost[region][1]) if region in lost else one.store
                for region, one in regions.items()
            }
            opened = Regions(regions, "/startifact", CONFIGURATION, buckets)
            operation = StageOperation(opened, "P", "1.0.0", source_of(who.data), None, policy=policy)
            work[name] = operation.run()
        stores = [region.store for region in regions.values()]
        # There is no metadata, and what decides about an artifact that may be removed is written once.
        return Actors(work, list(stores), lambda: _state(stores), atomic=frozenset({"get"}))

    return make


def _state(stores: Iterable[Bucket]) -> list[object]:
    return [
        sorted((key, one.data, one.metadata.get("lading-stage", "")) for key, one in store.objects.items())
        for store in stores
    ]


def staged_in(actors: Actors) -> dict[str, tuple[bytes, str]]:
    """By bucket: the artifact's bytes, and who has put them there."""
    found = {}
    for store in actors.stores:
        assert isinstance(store, Bucket)
        if KEY in store.objects:
            found[store.bucket] = store.objects[KEY].data, store.objects[KEY].metadata["lading-stage"]
    return found
