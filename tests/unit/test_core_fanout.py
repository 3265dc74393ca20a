"""Fan-out: outcomes as they finish, within a limit, no failure hiding another, and a clean end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from anyio.lowlevel import checkpoint

from lading import InputError, fan_out

pytestmark = pytest.mark.anyio


class Gates:
    """Work that ends when the test says so.

    Attributes:
        running: The items begun and not ended.
        ended: How each ended.
    """

    def __init__(self) -> None:
        self.running: set[int] = set()
        self.most = 0
        self.ended: dict[int, str] = {}
        self._events: dict[int, anyio.Event] = {}

    def open(self, *items: int) -> None:
        for item in items:
            self._events.setdefault(item, anyio.Event()).set()

    async def work(self, item: int) -> str:
        self.running.add(item)
        self.most = max(self.most, len(self.running))
        try:
            await self._events.setdefault(item, anyio.Event()).wait()
            if item < 0:
                raise KeyError(item)
            self.ended[item] = "done"
            return f"value {item}"
        except anyio.get_cancelled_exc_class():
            self.ended[item] = "cancelled"
            raise
        finally:
            self.running.discard(item)


async def until_blocked() -> None:
    """Let everything that can run do so."""
    await anyio.wait_all_tasks_blocked()


async def test_outcomes_come_as_they_finish():
    gates = Gates()
    async with fan_out(gates.work, [1, 2, 3], limit=3) as outcomes:
        for item in (2, 3, 1):
            gates.open(item)
            outcome = await anext(outcomes)
            assert (outcome.item, outcome.value, outcome.error, outcome.ok) == (item, f"value {item}", None, True)
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)


async def test_a_failure_is_an_outcome_and_hides_no_other():
    gates = Gates()
    gates.open(-1, -2, 3)
    async with fan_out(gates.work, [-1, -2, 3], limit=2) as outcomes:
        found = {outcome.item: outcome async for outcome in outcomes}
    assert sorted(found) == [-2, -1, 3]
    assert found[3].ok
    for item in (-1, -2):
        assert not found[item].ok
        assert isinstance(found[item].error, KeyError)
        with pytest.raises(KeyError):
            _ = found[item].value


async def test_none_is_a_value():
    async def nothing(_: int) -> None:
        await checkpoint()

    async with fan_out(nothing, [1]) as outcomes:
        assert [(o.ok, o.value) async for o in outcomes] == [(True, None)]


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_the_limit_holds(limit: int):
    gates = Gates()
    async with fan_out(gates.work, range(10), limit=limit) as outcomes:
        await until_blocked()
        assert len(gates.running) == min(limit, 10)
        gates.open(*range(10))
        assert sorted([o.item async for o in outcomes]) == list(range(10))
    assert gates.most == min(limit, 10)


async def test_a_limit_below_one_is_refused():
    with pytest.raises(InputError):
        fan_out(Gates().work, [], limit=0)


async def test_a_slow_reader_bounds_what_is_done():
    gates = Gates()
    gates.open(*range(100))
    taken: list[int] = []

    def items() -> AsyncIterator[int]:
        async def generate() -> AsyncIterator[int]:
            for item in range(100):
                taken.append(item)
                yield item

        return generate()

    async with fan_out(gates.work, items(), limit=4) as outcomes:
        await until_blocked()
        assert len(gates.ended) == 4  # finished, and keeping their places until somebody takes them
        assert len(taken) <= 5
        await anext(outcomes)
        await until_blocked()
        assert len(gates.ended) == 5
        assert len([o async for o in outcomes]) == 99


async def test_items_may_come_late_and_be_without_end():
    send, receive = anyio.create_memory_object_stream[int](10)
    gates = Gates()
    gates.open(1, 2)
    async with send, receive, fan_out(gates.work, receive, limit=2) as outcomes:
        await send.send(1)
        assert (await anext(outcomes)).item == 1
        await send.send(2)
        assert (await anext(outcomes)).item == 2
        await send.aclose()
        assert [o async for o in outcomes] == []


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_what_items_raises_comes_after_the_outcomes(kind: str):
    gates = Gates()
    gates.open(1, 2)

    def plain():
        yield 1
        yield 2
        raise LookupError("no more")

    async def late() -> AsyncIterator[int]:
        for item in plain():
            yield item

    found: list[int] = []
    async with fan_out(gates.work, plain() if kind == "plain" else late(), limit=5) as outcomes:
        with pytest.raises(LookupError, match="no more"):
            async for outcome in outcomes:
                found.append(outcome.item)
        with pytest.raises(StopAsyncIteration):
            await anext(outcomes)
    assert sorted(found) == [1, 2]


async def test_leaving_early_cancels_the_rest_and_waits_for_it():
    gates = Gates()
    gates.open(0)
    async with fan_out(gates.work, range(20), limit=3) as outcomes:
        assert (await anext(outcomes)).item == 0
        await until_blocked()
        assert gates.running == {1, 2, 3}
    assert not gates.running
    assert gates.ended == {0: "done", 1: "cancelled", 2: "cancelled", 3: "cancelled"}


async def test_an_async_source_is_closed_when_the_loop_is_left_early():
    closed: list[bool] = []

    async def items() -> AsyncIterator[int]:
        try:
            for item in range(100):
                yield item
        finally:
            closed.append(True)

    gates = Gates()
    gates.open(0)
    source = items()
    async with fan_out(gates.work, source, limit=2) as outcomes:
        await anext(outcomes)
        await until_blocked()
    assert closed == [True]


async def test_what_the_body_raises_propagates_unchanged():
    class Mine(Exception):
        pass

    gates = Gates()
    gates.open(-1)
    error = Mine()
    with pytest.raises(Mine) as caught:  # and no exception group around it, though work failed too
        async with fan_out(gates.work, [-1, 2, 3], limit=3):
            await until_blocked()
            raise error
    assert caught.value is error
    assert not gates.running


async def test_cancelling_around_it_cancels_all_of_it():
    gates = Gates()
    with anyio.CancelScope() as scope:
        async with fan_out(gates.work, range(5), limit=5) as outcomes:
            await until_blocked()
            scope.cancel()
            await anext(outcomes)
    assert scope.cancelled_caught
    assert not gates.running
    assert set(gates.ended.values()) == {"cancelled"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("where", ["work", "items"])
async def test_what_ends_the_process_arrives_as_it_is(error: BaseException, where: str):
    def items() -> Iterator[int]:
        yield 1
        if where == "items":
            raise error
        yield 2

    async def work(item: int) -> int:
        if where == "work" and item == 2:
            raise error
        await anyio.sleep_forever()
        return item

    with pytest.raises(type(error)) as caught:
        async with fan_out(work, items()) as results:
            async for _ in results:
                pass
    assert caught.value is error
