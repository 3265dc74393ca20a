"""Values that each event loop has its own of."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import anyio
import pytest

from lading._core.loop_local import LoopLocal


class Thing:
    """An object that can be identified, and observed when it is collected."""


@pytest.mark.anyio
async def test_one_for_a_loop_and_one_for_an_owner():
    first, second = LoopLocal(Thing), LoopLocal(Thing)
    assert first.get() is first.get()
    assert first.get() is not second.get()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_another_loop_has_another_and_it_goes_with_the_loop(backend: str):
    owner = LoopLocal(Thing)
    seen: list[Any] = []

    async def look() -> None:
        seen.append(weakref.ref(owner.get()))
        assert owner.get() is seen[-1]()

    anyio.run(look, backend=backend)
    gc.collect()
    assert seen[0]() is None
    anyio.run(look, backend=backend)
    assert len(seen) == 2


@pytest.mark.anyio
async def test_it_goes_with_its_owner():
    """A web service makes a client for every request, all on one loop."""
    owner = LoopLocal(Thing)
    seen = weakref.ref(owner.get())
    del owner
    gc.collect()
    assert seen() is None
