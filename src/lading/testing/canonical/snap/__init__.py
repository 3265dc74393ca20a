"""The Snap Store for test suites: dashboard, storage, Ubuntu One, an identity service, and what installers read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

from lading.canonical import SNAP_STORE, SNAP_STORE_CANDID
from lading.testing.canonical._base import CanonicalStore, StoreOptions
from lading.testing.canonical._state import StoreAccount, StoreState
from lading.testing.canonical.snap import _processing as processing
from lading.testing.canonical.snap._channels import parse_channel
from lading.testing.canonical.snap._metadata import METRICS
from lading.testing.canonical.snap._request import SnapStoreOptions
from lading.testing.canonical.snap._routes import SnapRoutes
from lading.testing.canonical.snap._state import SnapStoreState, Track
from lading.testing.canonical.snap._tokens import SnapTokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lading.canonical import Endpoints
    from lading.testing.canonical._request import Api
    from lading.testing.canonical._state import StoredUpload
    from lading.testing.canonical.snap._state import Push, Snap

__all__ = ["EmbeddedSnapStore", "SnapPush", "SnapRelease"]


@dataclass(frozen=True, slots=True)
class SnapPush:
    """A snapshot of a push: an uploaded file that was announced for a snap.

    Attributes:
        snap: The name of the snap.
        number: Its number among the pushes of the snap; 1 is the first.
        upload: The uploaded file.
        code: The state: ``"being_processed"``, ``"ready_to_release"``, ``"need_manual_review"``,
            ``"processing_error"`` or ``"processing_upload_delta_error"``.
        errors: Why it is not accepted.
        revision: The number of the revision, once it has one.
        channels: The channels that it is released to once it is accepted.
        components: The uploaded files of its components, by name.
    """

    snap: str
    number: int
    upload: StoredUpload
    code: str
    errors: tuple[str, ...] = ()
    revision: int | None = None
    channels: tuple[str, ...] = ()
    components: Mapping[str, StoredUpload] = field(default_factory=dict[str, "StoredUpload"])


@dataclass(frozen=True, slots=True)
class SnapRelease:
    """What is released in a channel for an architecture.

    Attributes:
        architecture: The architecture.
        channel: The channel, with its track.
        revision: The number of the revision.
        percentage: The part of all devices that get it; ``None`` for all.
        paused: Whether that part stays as it is.
        expires: When the branch ends; ``None`` for other channels.
    """

    architecture: str
    channel: str
    revision: int
    percentage: float | None = None
    paused: bool = False
    expires: datetime | None = None


class EmbeddedSnapStore(CanonicalStore):
    """A Snap Store on 127.0.0.1, which runs inside ``with`` (or ``async with``).

    Its state is in memory; files are in a temporary directory that is removed when it stops. Pushes stay in their
    states until :meth:`advance_pushes` or :meth:`finish` moves them, and its clock is stopped until
    :meth:`advance_clock` moves it: logins, discharges and branches expire by that clock. It has an account called
    ``owner`` from the beginning.

    Version and architecture of a snap are those in its file name (``hello_1.0_amd64.snap``) unless :meth:`finish` is
    given others; of the file's content only the first bytes are checked.

    Args:
        now: The time at which its clock starts; by default the current time, without microseconds.
        reserved_names: The names that nobody can register.
        register_window: The seconds that an account has to wait between two registrations.
        refresh_code: The code that comes with the request to refresh a discharge: ``"macaroon-needs-refresh"``, or
            ``"macaroon-permission-required"``, which some servers send.
        string_revisions: Whether the status of a push has the revision as a string, or as a number.
        info_delay: The seconds until installers see a release.
        builds_disabled: Refuse assertions of builds.
        auto_advance: Advance a push by one state after each response that shows it.
        options: See :class:`~lading.testing.canonical.StoreOptions`.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: Failures of the store itself, and protocol errors of clients.
        owner: The first account.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedSnapStore
        >>> with EmbeddedSnapStore() as store:
        ...     store.add_snap("hello")
        ...     store.add_revision("hello", channels=["stable"])
        ...     headers = {"Snap-Device-Series": "16"}
        ...     shown = httpx.get(f"{store.url}/v2/snaps/info/hello", headers=headers).json()
        1
        >>> [(one["channel"]["name"], one["revision"]) for one in shown["channel-map"]]
        [('stable', 1)]
    """

    _kind = "snap"

    def __init__(
        self,
        *,
        now: datetime | None = None,
        reserved_names: Iterable[str] = (),
        register_window: float = 0,
        refresh_code: Literal["macaroon-needs-refresh", "macaroon-permission-required"] = "macaroon-needs-refresh",
        string_revisions: bool = True,
        info_delay: float = 0,
        builds_disabled: bool = False,
        auto_advance: bool = False,
        **options: Unpack[StoreOptions],
    ) -> None:
        self._state = StoreState(now)
        self._snaps = SnapStoreState(reserved=set(reserved_names))
        self._snap_options = SnapStoreOptions(
            refresh_code=refresh_code,
            string_revisions=string_revisions,
            register_window=register_window,
            info_delay=info_delay,
            builds_disabled=builds_disabled,
            auto_advance=auto_advance,
        )
        super().__init__(**options)

    def _make_apis(self) -> Iterable[Api]:
        tokens = SnapTokens(self._state, self._keys, self._identity.keys, self._bakery_version)
        return SnapRoutes(self._state, self._snaps, self._snap_options, tokens).apis

    def endpoints(self, login_kind: Literal["acl", "candid"] = "acl") -> Endpoints:
        """Return the store's endpoints for its clients.

        Args:
            login_kind: How logins begin: ``"acl"`` at Ubuntu One, ``"candid"`` at the identity service.
        """
        known = SNAP_STORE if login_kind == "acl" else SNAP_STORE_CANDID
        return replace(
            known, api_url=self.url, storage_url=self.storage_url, info_url=self.url, login_url=self.login_url
        )

    # --- Snaps

    def add_snap(
        self,
        name: str,
        *,
        publisher: StoreAccount | None = None,
        collaborators: Iterable[StoreAccount] = (),
        private: bool = False,
        default_track: str | None = None,
    ) -> None:
        """Register a name.

        Args:
            name: The name.
            publisher: The account that owns it; by default ``owner``.
            collaborators: Other accounts that may push and release.
            private: Whether only its publisher sees it.
            default_track: The track that installers use where none is named; channels without a track are refused then.
        """
        with self._state.lock:
            owner = publisher or self.owner
            snap = self._snaps.register(name, owner, self._state.clock.now, private=private, store="ubuntu")
            snap.collaborators = {account.id for account in collaborators}
            snap.default_track = default_track
            if default_track is not None:
                snap.tracks[default_track] = Track(default_track, self._state.clock.now)

    def add_track(self, name: str, track: str, *, version_pattern: str | None = None) -> None:
        """Create a track of a snap.

        Args:
            name: The name of the snap.
            track: The name of the track.
            version_pattern: The regular expression of the versions that may be released there.
        """
        with self._state.lock:
            self._found(name).tracks[track] = Track(track, self._state.clock.now, version_pattern)

    def add_revision(
        self, name: str, content: bytes | None = None, *, channels: Iterable[str] = (), **more: Any
    ) -> int:
        """Create a revision as if a file had been uploaded, pushed and accepted, and return its number.

        Args:
            name: The name of the snap.
            content: The content of the file; by default something that no other revision has.
            channels: The channels to release it to.
            more: See :meth:`finish`: ``version``, ``architectures`` and further properties.
        """
        with self._state.lock:
            snap = self._found(name)
            data = processing.MAGIC + f"{name} {len(snap.revisions) + 1}".encode() if content is None else content
            upload = processing.keep(self._state, f"{name}_1.0_amd64.snap", data)
            push = processing.create_push(
                snap, upload, snap.publisher, self._state.clock.now, channels=tuple(map(parse_channel, channels))
            )
            revision = processing.accept(push, "ready_to_release", self._state.clock.now, **more)
            if push.errors:
                raise ValueError(f"revision {revision.number} cannot be released: {push.errors[0]}")
            return revision.number

    def snap_id(self, name: str) -> str:
        """Return the id of a snap."""
        with self._state.lock:
            return self._found(name).id

    def edit_metadata(self, name: str, **values: Any) -> None:
        """Change what the page of a snap shows, as its publisher does on the web; ``icon`` counts as changed."""
        with self._state.lock:
            snap = self._found(name)
            snap.edited |= values.keys()
            snap.metadata.update({key: value for key, value in values.items() if key != "icon"})

    def metadata(self, name: str) -> Mapping[str, Any]:
        """Return what the page of a snap shows."""
        with self._state.lock:
            return dict(self._found(name).metadata)

    def set_metric(self, name: str, metric: str, values: Mapping[str, Mapping[str, int]]) -> None:
        """Set figures of a snap.

        Args:
            name: The name of the snap.
            metric: The metric, such as ``"installed_base_by_channel"``.
            values: The figures: for each day (``"2026-11-20"``) one for each series.
        """
        if metric not in METRICS:
            raise LookupError(f"the store has no metric {metric}")
        with self._state.lock:
            self._found(name).metrics[metric] = {day: dict(series) for day, series in values.items()}

    def released(self, name: str) -> tuple[SnapRelease, ...]:
        """Return what is released in the channels of a snap now, by track, risk and architecture."""
        with self._state.lock:
            found = self._found(name).released(self._state.clock.now)
            found.sort(key=lambda one: (one.channel.track, one.channel.order, one.architecture))
            return tuple(
                SnapRelease(
                    one.architecture,
                    one.channel.name,
                    one.revision,
                    None if one.progressive is None else one.progressive.percentage,
                    one.progressive is not None and one.progressive.paused,
                    one.expires,
                )
                for one in found
            )

    # --- Pushes

    @property
    def pushes(self) -> tuple[SnapPush, ...]:
        """All pushes, in the order of the snaps' registration."""
        with self._state.lock:
            return tuple(_snapshot(push) for snap in self._snaps.snaps.values() for push in snap.pushes)

    def advance_pushes(self, name: str | None = None) -> None:
        """Advance the pushes of one snap, or of all, by one state.

        What is being processed becomes ready to release (and is released to the channels that were named), or ends
        with ``"processing_error"`` if it is no snap or was uploaded before. What waits for a person becomes ready.
        """
        with self._state.lock:
            snaps = self._snaps.snaps.values() if name is None else [self._found(name)]
            for push in [push for snap in snaps for push in snap.pushes]:
                processing.advance(push, self._state.clock.now)

    def finish(
        self,
        name: str,
        number: int | None = None,
        code: str = "ready_to_release",
        *,
        errors: Iterable[str] = (),
        version: str | None = None,
        architectures: Sequence[str] | None = None,
        **attributes: Any,
    ) -> None:
        """Put a push into a state at once.

        Args:
            name: The name of the snap.
            number: The number of the push; by default the last one.
            code: The state. ``"ready_to_release"`` and ``"need_manual_review"`` make a revision of it.
            errors: The reasons that its status shows.
            version: The revision's version, in place of that in the file name.
            architectures: The revision's architectures, in place of that in the file name.
            attributes: Further properties of the revision: ``base``, ``confinement``, ``grade``, ``type``, ``epoch``.
        """
        if code not in processing.CODES:
            raise ValueError(f"a push has no state {code!r}: {', '.join(processing.CODES)}")
        with self._state.lock:
            pushes = self._found(name).pushes
            if not 0 < (number or len(pushes)) <= len(pushes):
                raise LookupError(f"{name} has no push {number or ''}".rstrip())
            push = pushes[(number or 0) - 1]
            processing.finish(
                push,
                code,
                self._state.clock.now,
                errors=errors,
                version=version,
                architectures=architectures,
                **attributes,
            )

    def _found(self, name: str) -> Snap:
        try:
            return self._snaps.snaps[name]
        except KeyError:
            raise LookupError(f"the store has no snap {name}") from None


def _snapshot(push: Push) -> SnapPush:
    return SnapPush(
        snap=push.snap.name,
        number=push.number,
        upload=push.upload,
        code=push.code,
        errors=tuple(push.errors),
        revision=None if push.revision is None else push.revision.number,
        channels=tuple(channel.name for channel in push.channels),
        components=dict(push.components),
    )
