"""The snaps of an account: registered names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.paging import Pager
from lading._core.unset import UNSET
from lading.canonical.snap._dashboard import GET_ACCOUNT, require_snaps
from lading.canonical.snap._models import SERIES, SnapState
from lading.canonical.snap._names import package_of, packages_of, register, unregister
from lading.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading.canonical._models_packages import Package
    from lading.canonical.packages import Packages
    from lading.canonical.snap._dashboard import Dashboard


@checked()
class SnapPackages:
    """The snaps of an account; available as ``snap_store.packages``.

    On-prem stores have the publisher gateway's API in place of the Snap Store's own: the methods are the same there,
    and what that API does not have is refused with ``ConfigError``.
    """

    __slots__ = ("_dashboard", "_gateway")

    def __init__(self, dashboard: Dashboard, gateway: Packages | None) -> None:
        self._dashboard = dashboard
        self._gateway = gateway

    async def register(
        self, name: str, *, private: bool = False, store: str | None = None, team: str | None = None
    ) -> str:
        """Register a name and return the identifier of the snap.

        It is sent at most once. After a lost response the account's snaps are looked up: while the name is not among
        them, it is sent again, which may take up to 30 s, because the store may still be working on it. When the name
        belongs to this account, it cannot be determined whether this call registered it: ``outcome`` is ``"unknown"``.

        Args:
            name: The name.
            private: Let only collaborators see it.
            store: The identifier of the brand store that it is to be in; not on-prem.
            team: The team that it belongs to, instead of the account; on-prem only.

        Raises:
            ConfigError: The store is on-prem and *store* is given, or the other way round with *team*.
            Conflict: The name is registered already (``code`` is ``"already_registered"``), by this account
                (``"already_owned"``), or reserved (``"reserved_name"``).
            BadRequest: The store does not allow such a name.
            RateLimited: Names are registered too fast (``"register_window"``); ``retry_after`` says for how long.

        Source: ``POST /dev/api/register-name/``; on-prem ``POST /v1/snap``.
        """
        if self._gateway is not None:
            self._dashboard.refuse(store=store)
            return await self._gateway.register(name, type="snap", private=private, team=team)
        if team is not None:
            raise ConfigError(f"{self._dashboard.sender.service.name}: team= is for on-prem stores")
        return await register(self._dashboard.sender, name, private=private, store=store)

    async def unregister(self, name: str) -> None:
        """Give up a name. Only a snap without a revision can be unregistered.

        It is harmless to repeat: after a lost response the name is looked up, and it is sent again while it is there.

        Args:
            name: The snap.

        Raises:
            NotFound: There is no such snap, or the store does not offer this.
            BadRequest: It has revisions.
            Forbidden: It belongs to another account.

        Source: ``DELETE /v1/snap/{name}``, which craft-store 3.4 sends to the Snap Store, too.
        """
        if self._gateway is not None:
            await self._gateway.unregister(name)
        else:
            await unregister(self._dashboard.sender, name)

    def list(self, *, include_collaborations: bool = False, max_items: int | None = None) -> Pager[Package]:
        """List the snaps of the account. There is one page.

        Args:
            include_collaborations: List snaps of other accounts, too, that are shared with this one.
            max_items: Stop after this many.

        Source: ``GET /dev/api/account``; on-prem ``GET /v1/snap``.
        """
        if self._gateway is not None:
            return self._gateway.list(include_collaborations=include_collaborations, max_items=max_items)
        sender = self._dashboard.sender

        async def fetch() -> tuple[Package, ...]:
            account = require_snaps(await sender.send(GET_ACCOUNT), sender.service.name)
            return packages_of(account, include_collaborations=include_collaborations)

        return Pager.single(fetch, max_items=max_items)

    async def get(self, name: str) -> Package:
        """Return a snap of the account, or one that is shared with it.

        Args:
            name: The snap.

        Raises:
            NotFound: There is no such snap.

        Source: ``GET /dev/api/account``; on-prem ``GET /v1/snap/{name}``, which describes more.
        """
        if self._gateway is not None:
            return await self._gateway.get(name)
        sender = self._dashboard.sender
        snap = require_snaps(await sender.send(GET_ACCOUNT), sender.service.name).find(name)
        if snap is None:
            text = f"{name} is no snap of this account, and is not shared with it"
            raise make_api_error(NotFound, sender.service.name, text)
        return package_of(name, snap)

    async def update_metadata(
        self,
        name: str,
        *,
        title: str | None = UNSET,
        summary: str | None = UNSET,
        description: str | None = UNSET,
        contact: str | None = UNSET,
        website: str | None = UNSET,
        links: Mapping[str, Sequence[str]] | None = UNSET,
        default_track: str | None = UNSET,
        private: bool = UNSET,
    ) -> Package:
        """Change the metadata of a snap in an on-prem store and return it. What is not given stays.

        Setting given values is harmless to repeat: after a lost response it is sent again. In the Snap Store, use
        ``metadata.update``.

        Args:
            name: The snap.
            title: Its title.
            summary: What it is, in a line.
            description: What it is.
            contact: How its publisher is reached.
            website: Its website.
            links: Its links by kind.
            default_track: The track that is installed when none is named.
            private: Whether only some accounts see it.

        Raises:
            ConfigError: The store is not on-prem.
            InputError: Nothing to change is given.
            NotFound: There is no such snap.
            BadRequest: The store refused a value.

        Source: ``PATCH /v1/snap/{name}``.
        """
        if self._gateway is None:
            raise ConfigError(
                f"{self._dashboard.sender.service.name}: packages.update_metadata is for on-prem stores; use "
                "metadata.update"
            )
        return await self._gateway.update_metadata(
            name,
            title=title,
            summary=summary,
            description=description,
            contact=contact,
            website=website,
            links=links,
            default_track=default_track,
            private=private,
        )

    async def state(self, name: str) -> SnapState:
        """Return all channels of a snap, those of architectures without a release too.

        Args:
            name: The snap.

        Raises:
            ConfigError: The store is on-prem; use ``releases.channel_map``.
            NotFound: There is no such snap.

        Source: ``GET /dev/api/account`` and ``GET /dev/api/snaps/{snap_id}/state?series=16``.
        """
        snap_id = await self._dashboard.snap_id(name)
        call = Call(
            "GET",
            "dev/api/snaps/{snap_id}/state",
            SnapState,
            path_params={"snap_id": snap_id},
            params={"series": SERIES},
        )
        return await self._dashboard.sender.send(call)
