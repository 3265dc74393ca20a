"""botocore's credentials, which are renewed as well when the store says that they have expired."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.credentials import RefreshableCredentials

from lading.s3._aws.errors import load_credentials
from lading.s3._aws.logs import suppress_botocore_logs

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Renewal:
    """Credentials of a session: those of a role and their like are renewed before they expire.

    A store may find them expired before that: a clock is wrong, or they were revoked. :meth:`expire` has them renewed.

    Args:
        credentials: botocore's credentials.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    async def frozen(self) -> Any:
        """Return access key, secret key and token, renewed when they are about to expire."""
        with suppress_botocore_logs():
            return await load_credentials(self._credentials.get_frozen_credentials())

    def expire(self, token: str | None) -> bool:
        """Have the credentials renewed before their next use; return whether they can be.

        Args:
            token: The session token that the store refused. If it has been replaced meanwhile, nothing is renewed.
        """
        if not isinstance(self._credentials, RefreshableCredentials):
            return False
        given: Any = self._credentials
        # botocore has no other way to say that they have to be renewed.
        if given._token == token:  # noqa: SLF001
            given._expiry_time = _LONG_AGO  # noqa: SLF001
        return True
