"""The parameters of one region, in SSM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading.errors import NotFound
from lading.s3._aws.errors import invalid_response

if TYPE_CHECKING:
    from lading.s3._aws.control import BotocoreClient


class Parameters:
    """A :class:`ParameterStore`: the parameters of one region."""

    def __init__(self, client: BotocoreClient) -> None:
        self._client = client

    async def get(self, name: str) -> str | None:
        """Read a parameter; ``None`` when there is none."""
        try:
            found = await self._client.call("get_parameter", reads=True, needs=("Parameter",), Name=name)
        except NotFound:
            return None
        value = found["Parameter"].get("Value")
        if value is None:
            raise invalid_response("ssm", "GetParameter", "has no value", reads=True)
        return str(value)

    async def put(self, name: str, value: str) -> None:
        """Write a parameter."""
        await self._client.call(
            "put_parameter", needs=("Version",), Name=name, Value=value, Type="String", Overwrite=True
        )

    async def delete(self, name: str) -> None:
        """Delete a parameter; no error when there is none."""
        try:
            await self._client.call("delete_parameter", Name=name)
        except NotFound:
            return
