"""Packages: the names that an account has registered, and their metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.paging import Pager
from lading._core.unset import UNSET
from lading.canonical._gateway import gateway_path, get_package, read_package
from lading.canonical._models_packages import PackageList
from lading.canonical._register import lookup_registered, lookup_unregistered
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading._core.messages import Response
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_packages import Package


@checked()
class Packages:
    """The packages of an account; available as ``charmhub.packages``."""

    __slots__ = ("_endpoints", "_sender")

    def __init__(self, sender: Sender, endpoints: Endpoints) -> None:
        self._sender = sender
        self._endpoints = endpoints

    async def register(
        self, name: str, *, type: str | None = None, private: bool = False, team: str | None = None
    ) -> str:
        """Register a name and return the identifier of the package.

        It is sent at most once. After a lost response the name is looked up: while it is free, it is sent again, which
        may take up to 30 s, because the store may still be working on it. When the name belongs to this account, or to
        a *team*, it cannot be determined whether this call registered it: ``outcome`` is ``"unknown"``.

        Args:
            name: The name.
            type: What it will be, such as ``"charm"`` or ``"bundle"``.
            private: Let only some accounts see it.
            team: The team that it belongs to, instead of the account.

        Raises:
            Conflict: The name is registered already, or reserved.
            BadRequest: The store does not allow such a name.
            Forbidden: The credentials do not allow registering.
            RateLimited: Too many names were registered; ``retry_after`` may say for how long.

        Source: ``POST /v1/{namespace}``.
        """
        fields = {"name": name, "private": private, "team": team, "type": type}
        body = {key: value for key, value in fields.items() if value is not None}
        call = Call("POST", gateway_path(self._endpoints), _read_id, json=body)
        return await self._sender.send_once(call, lookup_registered(self._endpoints, name, team=team))

    async def unregister(self, name: str) -> None:
        """Give up a name. Only a package without a revision can be unregistered.

        It is harmless to repeat: after a lost response the name is looked up, and it is sent again while it is there.

        Args:
            name: The package.

        Raises:
            NotFound: There is no such package.
            BadRequest: It has revisions.
            Forbidden: It belongs to another account.

        Source: ``DELETE /v1/{namespace}/{name}``.
        """
        call = Call("DELETE", gateway_path(self._endpoints, "{name}"), _read_deleted, path_params={"name": name})
        await self._sender.send_once(call, lookup_unregistered(self._endpoints, name))

    def list(self, *, include_collaborations: bool = False, max_items: int | None = None) -> Pager[Package]:
        """List the packages of the account. There is one page.

        Args:
            include_collaborations: List packages of other accounts, too, on which this one collaborates.
            max_items: Stop after this many.

        Source: ``GET /v1/{namespace}``.
        """
        call = Call(
            "GET",
            gateway_path(self._endpoints),
            PackageList,
            params={"include-collaborations": include_collaborations},
        )

        async def fetch() -> tuple[Package, ...]:
            return (await self._sender.send(call)).results

        return Pager.single(fetch, max_items=max_items)

    async def get(self, name: str) -> Package:
        """Return the metadata of a package, with its tracks.

        Args:
            name: The package.

        Raises:
            NotFound: There is no such package.

        Source: ``GET /v1/{namespace}/{name}``.
        """
        return await self._sender.send(get_package(self._endpoints, name))

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
        """Change the metadata of a package and return it. What is not given stays.

        Setting given values is harmless to repeat: after a lost response it is sent again, and after the last attempt
        ``outcome`` is ``"unknown"``. What a new revision brings along may replace the title, summary and description.

        Args:
            name: The package.
            title: Its title.
            summary: What it is, in a line.
            description: What it is.
            contact: How its publisher is reached; *links* has a newer place for this.
            website: Its website; *links* has a newer place for this.
            links: Its links by kind (``"contact"``, ``"docs"``, ``"donations"``, ``"issues"``, ``"source"``,
                ``"website"``), up to five of each.
            default_track: The track that is installed when none is named.
            private: Whether only some accounts see it.

        Raises:
            InputError: Nothing to change is given.
            NotFound: There is no such package.
            BadRequest: The store refused a value.
            Forbidden: The credentials do not allow it.

        Source: ``PATCH /v1/{namespace}/{name}``, with the members that Canonical's published clients of the gateway
        send (craft-store's ``update_package_metadata``) and the response that its web client reads. It was not seen on
        the wire: ``None`` is sent as ``null``.
        """
        fields: dict[str, Any] = {
            "title": title,
            "summary": summary,
            "description": description,
            "contact": contact,
            "website": website,
            "links": links if links is UNSET or links is None else {kind: [*urls] for kind, urls in links.items()},
            "default-track": default_track,
            "private": private,
        }
        changes = {key: value for key, value in fields.items() if value is not UNSET}
        if not changes:
            raise InputError("update_metadata needs something to change, such as summary=", argument="summary")
        return await self._sender.send(
            Call(
                "PATCH",
                gateway_path(self._endpoints, "{name}"),
                read_package,
                path_params={"name": name},
                json=changes,
                idempotent=True,
            )
        )


def _read_id(response: Response) -> str:
    value = response.json()["id"]
    if not isinstance(value, str) or not value:
        raise TypeError("id")
    return value


def _read_deleted(response: Response) -> bool:
    return bool(response.json()["package-id"])
