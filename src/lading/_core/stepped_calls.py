"""Calls whose responses are large: read in steps, so that the event loop is held by none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lading._core.responses import unreadable_error
from lading._core.steps import run_in_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from lading._core.call import Call, CallSender
    from lading._core.messages import Response

T = TypeVar("T")


async def send_in_steps(
    sender: CallSender, call: Call[Response], read: Callable[[Response], Generator[None, None, T]]
) -> T:
    """Send *call* and return what *read* returns at its end.

    Args:
        sender: What sends it.
        call: The call.
        read: Reads the response, and yields where it may be interrupted.

    Raises:
        InvalidResponse: *read* has raised something.
    """
    response = await sender.send(call)
    try:
        return await run_in_steps(read(response))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a server can make a reader raise anything
        raise unreadable_error(sender.service.name, call, response, error) from None
