"""Releases of snaps: which revision is in which channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.arguments import checked
from lading._core.paging import Pager
from lading._core.unset import UNSET
from lading.canonical._channel_map import fetch_channel_map
from lading.canonical._installable import wait_installable
from lading.canonical._promote import channel_pairs, plan_promotion
from lading.canonical._release import make_items
from lading.canonical.snap._queries import get_channel_map, list_history
from lading.canonical.snap._releases import send_each, send_release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.polling import PollInterval
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_public import PublicRelease
    from lading.canonical._models_releases import ChannelMap, Release, ReleaseResult
    from lading.canonical.releases import Releases
    from lading.canonical.snap._dashboard import Dashboard
    from lading.canonical.snap._models import SnapRelease


@checked()
class SnapReleases:
    """The releases of an account's snaps; available as ``snap_store.releases``.

    A channel is ``[track/]risk[/branch]``: ``"edge"`` is ``"latest/edge"``, ``"edge/fix-1"`` a branch of it, and
    ``"2.0/stable"`` a channel of the track ``2.0``. On-prem stores have the publisher gateway's API in place of the
    Snap Store's own: the methods are the same there, and what that API does not have is refused with ``ConfigError``.
    """

    __slots__ = ("_dashboard", "_endpoints", "_gateway", "_info")

    def __init__(self, dashboard: Dashboard, endpoints: Endpoints, info: Sender, gateway: Releases | None) -> None:
        self._dashboard = dashboard
        self._endpoints = endpoints
        self._info = info
        self._gateway = gateway

    def list(self, name: str, *, max_items: int | None = None) -> Pager[Release]:
        """List what is released, one item for each channel and architecture. There is one page.

        Args:
            name: The snap.
            max_items: Stop after this many.

        Raises:
            NotFound: There is no such snap.

        Source: ``GET /api/v2/snaps/{name}/channel-map``; on-prem ``GET /v1/snap/{name}/releases``.
        """

        async def fetch() -> tuple[Release, ...]:
            return (await self.channel_map(name)).releases

        return Pager.single(fetch, max_items=max_items)

    async def channel_map(self, name: str) -> ChannelMap:
        """Return what is released, all channels, and the revisions that are in one.

        Args:
            name: The snap.

        Raises:
            NotFound: There is no such snap.

        Source: ``GET /api/v2/snaps/{name}/channel-map``; on-prem ``GET /v1/snap/{name}/releases``.
        """
        if self._gateway is not None:
            return await self._gateway.channel_map(name)
        return await fetch_channel_map(self._dashboard.sender, get_channel_map(name))

    def history(self, name: str, *, max_items: int | None = None) -> Pager[SnapRelease]:
        """List what was released and closed, newest first.

        Args:
            name: The snap.
            max_items: Stop after this many.

        Raises:
            ConfigError: The store is on-prem, which has no history.
            NotFound: There is no such snap.

        Source: ``GET /api/v2/snaps/{name}/releases?page={page}``.
        """
        return list_history(self._dashboard.sender, name, max_items=max_items)

    async def release(
        self, name: str, revision: int | None, channels: Iterable[str], *, progressive: float | None = UNSET
    ) -> tuple[ReleaseResult, ...]:
        """Release a revision to channels in one request, or close them, and return one result for each.

        It sets given values, so repeating it is harmless as long as nobody else releases to the same channels: after a
        lost response the channel map is read, and the request is sent again unless all channels show the revision, for
        as many devices. What somebody else has released to them in the meantime is replaced then. When the channel map
        cannot be read, ``outcome`` is ``"unknown"``. After the last attempt it is read for up to 30 s before the
        release counts as not done.

        Args:
            name: The snap.
            revision: The revision. ``None`` closes the channels: installers get what the next more stable one has.
            channels: The channels, one or more.
            progressive: How many percent of all devices the release reaches; ``None`` for all.

        Raises:
            InputError: A channel's name is invalid, there is none, or the arguments contradict each other.
            ConfigError: The store is on-prem, which has no *progressive*.
            NotFound: There is no such snap or revision.
            BadRequest: The store refused it, for example because the revision is not approved or a track is missing.
            Forbidden: The credentials do not allow releasing to these channels.

        Source: ``POST /dev/api/snap-release/``; to close ``GET /dev/api/account`` and ``POST
        /dev/api/snaps/{snap_id}/close``. On-prem ``POST /v1/snap/{name}/releases``.
        """
        if self._gateway is not None:
            self._dashboard.refuse(progressive=progressive)
            return await self._gateway.release(name, revision, channels)
        items = make_items(revision, channels, progressive=progressive)
        return await send_release(self._dashboard.sender, name, items)

    async def promote(
        self, name: str, from_channel: str, to_channel: str, *, only_if_revision: int | Iterable[int] | None = None
    ) -> tuple[ReleaseResult, ...]:
        """Release what is in one channel to another, on every architecture.

        A track without a risk means all its risks: ``promote("demo", "2.0", "3.0")`` releases what is in ``2.0/stable``
        to ``3.0/stable``, and so on. What the source does not have stays in the destination: channels of a track that
        are closed, and architectures. A progressive release with nothing beside it is promoted to all devices; one that
        is under way beside another revision is not promoted at all.

        The channel map is read, and then each revision that it shows is released with a request of its own, in the
        order in which they were released to the source; on-prem with one request. What somebody releases to the source
        in between is not promoted, and what somebody releases to the destination is replaced; *only_if_revision* is
        checked against what was read. After a lost response it is as with :meth:`release`. When one of several
        releases fails, ``outcome`` is ``"unknown"`` and a note of the error says which were made.

        Args:
            name: The snap.
            from_channel: The channel to promote from, or a track.
            to_channel: The channel to promote to, or a track.
            only_if_revision: Promote only if the source has this revision and no other. For several architectures or a
                track: exactly these revisions.

        Raises:
            InputError: A channel's name is invalid, they are the same, or only one is a track.
            Conflict: The source is empty, has other revisions than *only_if_revision*, or a progressive release is
                under way in it; nothing was sent.
            NotFound: There is no such snap.
            Forbidden: The credentials do not allow releasing to these channels.

        Source: ``GET /api/v2/snaps/{name}/channel-map`` and ``POST /dev/api/snap-release/``; on-prem ``GET`` and
        ``POST /v1/snap/{name}/releases``.
        """
        if self._gateway is not None:
            return await self._gateway.promote(name, from_channel, to_channel, only_if_revision=only_if_revision)
        sender = self._dashboard.sender
        pairs = channel_pairs(from_channel, to_channel)
        items = plan_promotion(
            await self.channel_map(name),
            name,
            from_channel,
            pairs,
            only_if_revision=only_if_revision,
            service=sender.service.name,
        )
        return await send_each(sender, name, items)

    async def wait_installable(
        self, name: str, revision: int, channels: Iterable[str], *, poll: PollInterval | float | None = None
    ) -> tuple[PublicRelease, ...]:
        """Wait until installers get *revision* from every one of *channels*, and return how they see it.

        One request polls all channels, without credentials. A channel counts when it has the revision on one
        architecture or more. It waits without a time limit: use ``anyio.fail_after(seconds)`` for one. Installers never
        see a private snap, nor a revision that another one has replaced in the meantime, and the store may not list
        branches: the wait does not end by itself then.

        Args:
            name: The snap.
            revision: The revision.
            channels: The channels, one or more.
            poll: How often to poll; a number is the seconds between two polls.

        Raises:
            InputError: A channel's name is invalid, or there is none.

        Source: ``GET /v2/snaps/info/{name}?fields=channel-map,revision`` with the header ``Snap-Device-Series: 16``, as
        snapd reads it.
        """
        return await wait_installable(self._info, self._endpoints, name, revision, channels, poll=poll)
