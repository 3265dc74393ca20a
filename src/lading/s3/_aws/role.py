"""Credentials of an assumed role, renewed while they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from aiobotocore.credentials import AioRefreshableCredentials

from lading.s3._aws.errors import invalid_response

if TYPE_CHECKING:
    from lading.s3._aws.control import BotocoreClient

_SESSION = "lading"


class _Refreshed(AioRefreshableCredentials):  # type: ignore[misc] # aiobotocore has no types
    def _create_lock(self) -> Any:
        # Its own lock works on one event loop library only.
        return anyio.Lock()


class AssumedRole:
    """A credential provider for a botocore session: the role's credentials, renewed before they expire.

    Args:
        sts: Makes requests to STS, with the credentials that may assume the role.
        arn: The role.
    """

    METHOD = "lading-assumed-role"
    CANONICAL_NAME = None

    def __init__(self, sts: BotocoreClient, arn: str) -> None:
        self._sts = sts
        self._arn = arn

    async def load(self) -> Any:
        """Assume the role and return its credentials."""
        return _Refreshed.create_from_metadata(await self._refresh(), refresh_using=self._refresh, method=self.METHOD)

    async def _refresh(self) -> dict[str, str]:
        found = await self._sts.call("assume_role", needs=("Credentials",), RoleArn=self._arn, RoleSessionName=_SESSION)
        given = found["Credentials"]
        if not {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} <= given.keys():
            raise invalid_response("sts", "AssumeRole", "has no complete credentials", reads=True)
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": given["Expiration"].isoformat(),
        }
