"""The account at the Snap Store, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.canonical.snap._assertions import as_text, require_headers
from lading.canonical.snap._dashboard import GET_ACCOUNT
from lading.canonical.snap._models import AccountKey, SnapAccountInfo
from lading.errors import InvalidResponse

if TYPE_CHECKING:
    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading.canonical.snap._dashboard import Dashboard
    from lading.errors import LadingError

_KEY_ID = "public-key-sha3-384"


@checked()
class SnapAccount:
    """The account that the credentials are of; available as ``snap_store.account``."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def get(self) -> SnapAccountInfo:
        """Return the account with its keys and snaps.

        Raises:
            ConfigError: The store has no such API.

        Source: ``GET /dev/api/account``.
        """
        return await self._dashboard.sender.send(GET_ACCOUNT)

    async def list_keys(self) -> tuple[AccountKey, ...]:
        """Return the keys that the account signs assertions with.

        Raises:
            ConfigError: The store has no such API.

        Source: ``GET /dev/api/account``.
        """
        return (await self.get()).account_keys

    async def register_key(self, request: str | bytes) -> AccountKey:
        """Register a key and return it.

        It is registered at most once: after a lost response the account's keys are looked up by the key's digest,
        which the request has in a header.

        Args:
            request: The signed ``account-key-request`` assertion, as ``snap export-key --account`` writes it.

        Raises:
            ConfigError: The store has no such API.
            InputError: *request* is not such an assertion.
            BadRequest: The store does not accept it (``invalid-field``).
            Conflict: The key is registered already.

        Source: ``POST /dev/api/account/account-key``.
        """
        sender = self._dashboard.sender
        text = as_text(request)
        key_id = require_headers(text, _KEY_ID)[_KEY_ID]

        def read(response: Response) -> AccountKey:
            return AccountKey.model_validate(response.json()["account_key"])

        async def look_up(sender: LookupSender, _: LadingError) -> LookupResult[AccountKey]:
            account = await sender.send(GET_ACCOUNT)
            if "account_keys" not in account.model_fields_set:
                raise InvalidResponse(f"{sender.service.name}: the response has no keys, not even none")
            found = [key for key in account.account_keys if key.public_key_sha3_384 == key_id]
            return Found(found[0]) if found else NOT_FOUND

        call = Call("POST", "dev/api/account/account-key", read, json={"account_key_request": text})
        return await sender.send_once(call, look_up)
