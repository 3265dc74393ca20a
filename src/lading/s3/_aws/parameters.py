"""The parameters of one region, over SSM's own requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading.errors import NotFound

if TYPE_CHECKING:
    from lading.s3._aws.control import BotocoreClient


class Parameters:
    """A :class:`ParameterStore`: the parameters of one region."""

    def __init__(self, control: BotocoreClient) -> None:
        self._control = control

    async def get(self, name: str) -> str | None:
        """A parameter's value; ``None`` when there is none."""
        try:
            found = await self._control.call("get_parameter", reads=True, Name=name)
        except NotFound:
            return None
        return str(found["Parameter"]["Value"])

    async def put(self, name: str, value: str) -> None:
        """Write a parameter."""
        await self._control.call("put_parameter", Name=name, Value=value, Type="String", Overwrite=True)

    async def delete(self, name: str) -> None:
        """Delete a parameter; no error when there is none."""
        try:
            await self._control.call("delete_parameter", Name=name)
        except NotFound:
            return
