"""Charmhub for test suites, with its storage host, Ubuntu One and an identity service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from lading.canonical import CHARMHUB, CHARMHUB_CANDID
from lading.testing.canonical._base import CanonicalStore, StoreOptions
from lading.testing.canonical._state import StoreAccount, StoreState
from lading.testing.canonical._tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Literal

    from lading.canonical import Endpoints
    from lading.testing.canonical._request import Api

__all__ = ["EmbeddedCharmhub", "StoreAccount", "StoreOptions"]


class EmbeddedCharmhub(CanonicalStore):
    """A Charmhub on 127.0.0.1, which runs inside ``with`` (or ``async with``)."""

    _kind = "charmhub"

    def __init__(self, *, now: datetime | None = None, **options: Unpack[StoreOptions]) -> None:
        self._state = StoreState(now)
        super().__init__(**options)

    def _make_apis(self) -> Iterable[Api]:
        tokens = Tokens(self._keys, self._identity.keys, self._bakery_version, CHARMHUB.package_types)
        return [tokens.api]

    def endpoints(self, login_kind: Literal["usso", "candid"] = "usso") -> Endpoints:
        """Return the store's endpoints for its clients."""
        known = CHARMHUB if login_kind == "usso" else CHARMHUB_CANDID
        return replace(
            known, api_url=self.url, storage_url=self.storage_url, info_url=self.url, login_url=self.login_url
        )
