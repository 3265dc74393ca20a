"""Releases: which revision is in which channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.paging import Pager
from lading._core.unset import UNSET
from lading.canonical._channel_map import fetch_channel_map
from lading.canonical._gateway import get_channel_map
from lading.canonical._installable import wait_installable
from lading.canonical._promote import promote
from lading.canonical._release import release_revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_public import PublicRelease
    from lading.canonical._models_releases import ChannelMap, Release, ReleaseResult
    from lading.canonical._services import Services


@checked()
class Releases:
    """The releases of packages; available as ``charmhub.releases``.

    A channel is ``[track/]risk[/branch]``: ``"edge"`` is ``"latest/edge"``, ``"edge/fix-1"`` a branch of it, and
    ``"2.0/stable"`` a channel of the track ``2.0``. A branch is closed by the store itself after some time; see
    ``Release.expiration_date``.
    """

    __slots__ = ("_endpoints", "_sender", "_services")

    def __init__(self, sender: Sender, endpoints: Endpoints, services: Services) -> None:
        self._sender = sender
        self._endpoints = endpoints
        self._services = services

    def list(self, name: str, *, max_items: int | None = None) -> Pager[Release]:
        """List what is released, one item for each channel and base. There is one page.

        Args:
            name: The package.
            max_items: Stop after this many.

        Raises:
            NotFound: There is no such package.

        Source: ``GET /v1/{namespace}/{name}/releases``.
        """

        async def fetch() -> tuple[Release, ...]:
            return (await self.channel_map(name)).releases

        return Pager.single(fetch, max_items=max_items)

    async def channel_map(self, name: str) -> ChannelMap:
        """Return what is released, all channels, and the revisions that are in one.

        Args:
            name: The package.

        Raises:
            NotFound: There is no such package.

        Source: ``GET /v1/{namespace}/{name}/releases``.
        """
        return await fetch_channel_map(self._sender, get_channel_map(self._endpoints, name))

    async def release(
        self,
        name: str,
        revision: int | None,
        channels: Iterable[str],
        *,
        resources: Mapping[str, int | None] | None = UNSET,
        progressive: float | None = UNSET,
    ) -> tuple[ReleaseResult, ...]:
        """Release a revision to channels in one request, or close them, and return the store's results.

        It sets given values, so repeating it is harmless as long as nobody else releases to the same channels. After a
        lost response the channel map is read, and the request is sent again unless all channels show the revision with
        the given resources, for as many devices; what somebody else has released to them in the meantime is replaced
        then. After the last attempt the channel map is read for up to 30 s before the release counts as not done. When
        it cannot be read, or does not show whether a release there is this one, ``outcome`` is ``"unknown"``.

        Args:
            name: The package.
            revision: The revision. ``None`` closes the channels: installers get what the next more stable one has.
            channels: The channels, one or more.
            resources: The revision of each resource, by name, for a charm that has resources: ``{"image": 3}``.
                ``None`` in place of a number attaches no revision of that resource.
            progressive: How many percent of all devices the release reaches; ``None`` for all. The channel map is read
                afterwards, because a store that does not know progressive releases would release to all devices; when
                that fails, ``outcome`` is ``"unknown"``.

        Raises:
            InputError: A channel's name is invalid, there is none, or the arguments contradict each other.
            NotFound: There is no such package or revision.
            BadRequest: The store refused it, for example because the revision is not approved or a track is missing.
            Forbidden: The credentials do not allow releasing to these channels.
            InvalidResponse: With *progressive*, the store released to all devices. Or it accepted the request, and
                neither its response nor the channel map shows the releases.

        Source: ``POST /v1/{namespace}/{name}/releases``, a list of one object for each channel. charmcraft 4.5 does not
        send ``progressive``; its form is that of the channel map.
        """
        return await release_revision(self._sender, self._endpoints, name, revision, channels, resources, progressive)

    async def promote(
        self, name: str, from_channel: str, to_channel: str, *, only_if_revision: int | Iterable[int] | None = None
    ) -> tuple[ReleaseResult, ...]:
        """Release what is in one channel to another, on every base and architecture, with its resources.

        A track without a risk means all its risks: ``promote("demo", "2.0", "3.0")`` releases what is in ``2.0/stable``
        to ``3.0/stable``, and so on. What the source does not have stays in the destination: channels of a track that
        are closed, and bases. A progressive release with nothing beside it is promoted to all devices; one that is
        under way beside another revision is not promoted at all.

        The store has no operation for this. The channel map is read, and then one request releases what it showed. What
        somebody releases to the source between the two is not promoted, and what somebody releases to the destination
        is replaced; *only_if_revision* is checked against what was read. Revisions that overlap are released in the
        order in which they were released to the source. After a lost response it is as with :meth:`release`.

        Args:
            name: The package.
            from_channel: The channel to promote from, or a track.
            to_channel: The channel to promote to, or a track.
            only_if_revision: Promote only if the source has this revision and no other. For several bases or a track:
                exactly these revisions.

        Raises:
            InputError: A channel's name is invalid, they are the same, or only one is a track.
            Conflict: The source is empty, has other revisions than *only_if_revision*, or a progressive release is
                under way in it; nothing was sent.
            NotFound: There is no such package.
            Forbidden: The credentials do not allow releasing to these channels.

        Source: ``GET`` and ``POST /v1/{namespace}/{name}/releases``.
        """
        return await promote(
            self._sender, self._endpoints, name, from_channel, to_channel, only_if_revision=only_if_revision
        )

    async def wait_installable(
        self, name: str, revision: int, channels: Iterable[str], *, poll: PollInterval | float | None = None
    ) -> tuple[PublicRelease, ...]:
        """Wait until installers get *revision* from every one of *channels*, and return how they see it.

        One request polls all channels, without credentials. A channel counts when it has the revision on one base or
        more. It waits without a time limit: use ``anyio.fail_after(seconds)`` for one. Installers never see a private
        package, nor one that does not exist, nor a revision that another one has replaced in the meantime, and a store
        may not list branches: the wait does not end by itself then.

        Args:
            name: The package.
            revision: The revision.
            channels: The channels, one or more.
            poll: How often to poll; a number is the seconds between two polls.

        Raises:
            InputError: A channel's name is invalid, or there is none.

        Source: ``GET /v2/charms/info/{name}?fields=channel-map`` (Charmhub), ``GET
        /v2/snaps/info/{name}?fields=channel-map,revision`` (the Snap Store), as juju and snapd read it.
        """
        sender = self._sender.to(self._services.info)
        return await wait_installable(sender, self._endpoints, name, revision, channels, poll=poll)
