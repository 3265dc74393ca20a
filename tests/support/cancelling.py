"""The ways to cancel what is under way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.support.raw_server import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def cancelled(work: Callable[[], Awaitable[None]], reached: Callable[[], object]) -> None:
    """Cancel *work* with a scope, once it is where it should be."""
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await until(reached)
            scope.cancel()


async def cancelled_by_asyncio(work: Callable[[], Any], reached: Callable[[], object]) -> None:
    """Cancel *work* as ``asyncio.timeout`` and ``asyncio.TaskGroup`` do."""
    task = asyncio.create_task(work())
    await until(reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
