"""Models of the Snap Store's own API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field

from lading._core.model import UtcDatetime
from lading.canonical._models import Account, Several, StoreModel
from lading.canonical._models_releases import Progressive
from lading.canonical._models_revisions import Revision
from lading.canonical._reviews import ReviewError

T = TypeVar("T")

SERIES = "16"
"""The series of all snaps."""


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


Table = Annotated[Mapping[str, T], BeforeValidator(_none_is_empty)]
"""Values by name; empty also where the store sends ``null``."""


class AccountKey(StoreModel):
    """A key that an account signs assertions with.

    Attributes:
        name: Its name.
        public_key_sha3_384: Its identifier: the digest of the public key.
        since: When it was registered.
    """

    name: str | None = None
    public_key_sha3_384: str
    since: UtcDatetime | None = None


class AccountSnap(StoreModel):
    """A snap of an account, or one that is shared with it.

    Attributes:
        snap_id: Its identifier.
        status: The state of its name, such as ``"Approved"`` or ``"Dispute"``.
        private: Whether only collaborators see it.
        since: When the name was registered.
        store: The store that it is in.
        publisher: Whose it is.
    """

    snap_id: str
    status: str | None = None
    private: bool = False
    since: UtcDatetime | None = None
    store: str | None = None
    publisher: Account | None = None


class SnapAccountInfo(StoreModel):
    """The account that the credentials are of.

    Attributes:
        id: Its identifier.
        display_name: The name that people see.
        username: Its user name.
        email: Its address.
        validation: Whether the store vouches for it, such as ``"verified"``.
        account_keys: Its keys.
        snaps: Its snaps and those that are shared with it, by series and name.
    """

    id: str = Field(validation_alias=AliasChoices("id", "account-id", "account_id"))
    display_name: str | None = None
    username: str | None = None
    email: str | None = None
    validation: str | None = None
    account_keys: Several[AccountKey] = ()
    snaps: Table[Table[AccountSnap]] = Field(default_factory=dict[str, Any])

    def find(self, name: str) -> AccountSnap | None:
        """Return the snap called *name*, or ``None``."""
        return self.snaps.get(SERIES, {}).get(name)


class ChannelState(StoreModel):
    """One channel of an architecture.

    Attributes:
        channel: The channel, without its track.
        info: ``"specific"``: it has a revision; ``"branch"``; ``"tracking"``: it follows the next more stable one;
            ``"none"``: there is nothing to install.
        revision: The revision.
        version: Its version.
        branch: The branch, in an entry for one.
        expires_at: When a branch ends.
    """

    channel: str
    info: Literal["specific", "tracking", "branch", "none", "released"] | str | None = None
    revision: int | None = None
    version: str | None = None
    branch: str | None = None
    expires_at: UtcDatetime | None = None


class SnapState(StoreModel):
    """All channels of a snap, those of architectures without a release too.

    Attributes:
        channel_map_tree: The channels by track, series and architecture.
    """

    channel_map_tree: Table[Table[Table[Several[ChannelState]]]] = Field(default_factory=dict[str, Any])

    def channels(self, track: str, architecture: str) -> tuple[ChannelState, ...]:
        """Return the channels of a track for an architecture; none where the snap has never been released there.

        Args:
            track: The track.
            architecture: The architecture.
        """
        return self.channel_map_tree.get(track, {}).get(SERIES, {}).get(architecture, ())


class SnapMedia(StoreModel):
    """An icon, a banner or a screenshot of a snap.

    Attributes:
        type: What it is: ``"icon"``, ``"banner"``, ``"screenshot"``.
        url: Where it can be seen.
        hash: Its SHA-256 digest.
        filename: Its file name.
        key: The name of the form field that it was uploaded with.
    """

    type: str
    url: str | None = None
    hash: str | None = None
    filename: str | None = None
    key: str | None = None


class Validation(StoreModel):
    """A validation assertion: a revision of another snap that is approved to be used with this one.

    Attributes:
        approved_snap_id: The other snap.
        approved_snap_name: Its name.
        approved_snap_revision: The revision.
        snap_id: The snap that approves.
        revoked: Whether the approval was revoked.
        timestamp: When it was signed.
    """

    approved_snap_id: str | None = None
    approved_snap_name: str | None = None
    approved_snap_revision: int | None = None
    snap_id: str | None = None
    revoked: bool = False
    timestamp: UtcDatetime | None = None


class AssertionHeaders(StoreModel):
    """The headers of a validation set's or a confdb schema's assertion; ``model_extra`` has those not listed here.

    Attributes:
        type: ``"validation-set"`` or ``"confdb-schema"``.
        account_id: The account whose it is.
        authority_id: The account that signs it.
        name: Its name.
        sequence: Its number in the sequence, of a validation set.
        revision: The revision of the assertion.
        timestamp: When it was signed, as the assertion has it.
    """

    type: str | None = None
    account_id: str | None = None
    authority_id: str | None = None
    name: str
    sequence: int | None = None
    revision: int | None = None
    timestamp: str | None = None


class Assertion(StoreModel):
    """An assertion of which the store sends the headers.

    Attributes:
        headers: The headers.
    """

    headers: AssertionHeaders


class MetricSeries(StoreModel):
    """The values of one version, channel, country, or of what else a metric distinguishes.

    Attributes:
        name: Which one.
        values: One value a bucket; ``None`` where there is none.
        currently_released: Whether it is released now, of a version.
    """

    name: str
    values: Several[int | float | None] = ()
    currently_released: bool | None = None


class Metric(StoreModel):
    """One metric of one snap.

    Attributes:
        metric_name: Which metric.
        snap_id: The snap.
        status: ``"OK"``, ``"FAIL"`` or ``"NO DATA"``.
        buckets: The dates, in order.
        series: The values.
    """

    metric_name: str
    snap_id: str
    status: Literal["OK", "FAIL", "NO DATA"] | str = "OK"
    buckets: Several[str] = ()
    series: Several[MetricSeries] = ()


class SnapRelease(StoreModel):
    """An entry of the history of a snap's releases.

    Attributes:
        channel: The channel.
        architecture: The architecture.
        revision: The revision; ``None`` where the channel was closed.
        when: When it was.
        progressive: How far it is, when it does not reach all devices.
        expiration_date: When the channel is closed by itself, of a branch.
    """

    channel: str
    architecture: str | None = None
    revision: int | None = None
    when: UtcDatetime | None = None
    progressive: Progressive | None = None
    expiration_date: UtcDatetime | None = None


class SnapHistory(StoreModel):
    """A page of the history of a snap's releases, newest first.

    Attributes:
        releases: What was released and closed.
        revisions: The revisions.
        links: Where other pages are.
    """

    releases: Several[SnapRelease] = ()
    revisions: Several[Revision] = ()
    links: Table[Any] = Field(default_factory=dict[str, Any], validation_alias="_links")

    @property
    def has_next(self) -> bool:
        """Whether there is another page."""
        return bool(self.links.get("next"))


class UploadState(StoreModel):
    """How far the store is with an upload.

    Attributes:
        code: ``"being_processed"``; ``"ready_to_release"``; ``"need_manual_review"``; ``"processing_error"``,
            ``"processing_upload_delta_error"``.
        processed: Whether it is done, apart from a manual review.
        can_release: Whether the revision can be released.
        revision: The number of the revision, once there is one.
        errors: Why it was rejected.
    """

    code: (
        Literal[
            "being_processed",
            "ready_to_release",
            "need_manual_review",
            "processing_error",
            "processing_upload_delta_error",
        ]
        | str
    ) = "being_processed"
    processed: bool = False
    can_release: bool | None = None
    revision: int | None = None
    errors: Several[ReviewError] = ()
