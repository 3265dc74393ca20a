"""Build assertions of snaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.call import Call
from lading.canonical._errors import read_accepted
from lading.canonical.snap._assertions import as_text

if TYPE_CHECKING:
    from lading.canonical.snap._dashboard import Dashboard


@checked()
class SnapBuilds:
    """The build assertions of an account's snaps; available as ``snap_store.builds``."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def push(self, name: str, assertion: str | bytes) -> None:
        """Push a signed ``snap-build`` assertion, which says how a revision was built.

        It is sent again after a lost response: an assertion is signed, so the same one says the same. When the store
        has carried the first request out and refuses the second one, the error's ``outcome`` is ``"unknown"``.

        Args:
            name: The snap.
            assertion: The signed assertion, as ``snap sign-build`` writes it.

        Raises:
            ConfigError: The store has no such API.
            InputError: The assertion is not text.
            NotFound: The account has no such snap.
            BadRequest: The store does not accept the assertion.
            ServerError: The store has turned these assertions off (501, ``feature-disabled``).

        Source: ``POST /dev/api/snaps/{snap_id}/builds``.
        """
        sender = self._dashboard.sender
        text = as_text(assertion)
        snap_id = await self._dashboard.snap_id(name)
        call = Call(
            "POST",
            "dev/api/snaps/{snap_id}/builds",
            read_accepted,
            path_params={"snap_id": snap_id},
            json={"assertion": text},
            idempotent=True,
        )
        await sender.send(call)
