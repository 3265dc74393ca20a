"""Charmhub and the Snap Store."""

from lading.canonical import permissions
from lading.canonical._auth import StoreAuth
from lading.canonical._client import Charmhub, SnapStore
from lading.canonical._config import CraftStoreFile
from lading.canonical._endpoints import (
    CHARMHUB,
    CHARMHUB_CANDID,
    CHARMHUB_STAGING,
    SNAP_STORE,
    SNAP_STORE_CANDID,
    SNAP_STORE_STAGING,
    Endpoints,
    on_prem_snap_store,
)
from lading.canonical._errors import ReviewRejected
from lading.canonical._login.agent import Agent
from lading.canonical._models import Account, PackageName, Session, WhoAmI
from lading.canonical._models_packages import Media, Package, Track, TrackGuardrail
from lading.canonical._models_public import PublicChannel, PublicRelease
from lading.canonical._models_releases import (
    Channel,
    ChannelMap,
    PackageChannels,
    Progressive,
    Release,
    ReleasedResource,
    ReleaseResult,
)
from lading.canonical._models_resources import (
    ImageCredentials,
    Resource,
    ResourceBase,
    ResourceDownload,
    ResourceRevision,
)
from lading.canonical._models_revisions import Base, Revision
from lading.canonical._publish import UploadedRevision
from lading.canonical._resources import UploadedResource
from lading.canonical._review_watch import ReviewWatch
from lading.canonical._reviews import PendingReview, Review, ReviewError
from lading.canonical._upload import Upload
from lading.canonical.packages import Packages
from lading.canonical.releases import Releases
from lading.canonical.resources import Resources
from lading.canonical.revisions import Revisions
from lading.canonical.snap._models import (
    AccountKey,
    AccountSnap,
    AssertionHeaders,
    ChannelState,
    Metric,
    MetricSeries,
    SnapAccountInfo,
    SnapMedia,
    SnapRelease,
    SnapState,
    Validation,
)
from lading.canonical.snap.account import SnapAccount
from lading.canonical.snap.builds import SnapBuilds
from lading.canonical.snap.metadata import SnapMetadata
from lading.canonical.snap.metrics import MetricFilter, SnapMetrics
from lading.canonical.snap.packages import SnapPackages
from lading.canonical.snap.releases import SnapReleases
from lading.canonical.snap.revisions import SnapRevisions
from lading.canonical.snap.validations import SnapValidations
from lading.canonical.tokens import Tokens
from lading.canonical.tracks import NewTrack, Tracks
from lading.canonical.uploads import Uploads

__all__ = [
    "CHARMHUB",
    "CHARMHUB_CANDID",
    "CHARMHUB_STAGING",
    "SNAP_STORE",
    "SNAP_STORE_CANDID",
    "SNAP_STORE_STAGING",
    "Account",
    "AccountKey",
    "AccountSnap",
    "Agent",
    "AssertionHeaders",
    "Base",
    "Channel",
    "ChannelMap",
    "ChannelState",
    "Charmhub",
    "CraftStoreFile",
    "Endpoints",
    "ImageCredentials",
    "Media",
    "Metric",
    "MetricFilter",
    "MetricSeries",
    "NewTrack",
    "Package",
    "PackageChannels",
    "PackageName",
    "Packages",
    "PendingReview",
    "Progressive",
    "PublicChannel",
    "PublicRelease",
    "Release",
    "ReleaseResult",
    "ReleasedResource",
    "Releases",
    "Resource",
    "ResourceBase",
    "ResourceDownload",
    "ResourceRevision",
    "Resources",
    "Review",
    "ReviewError",
    "ReviewRejected",
    "ReviewWatch",
    "Revision",
    "Revisions",
    "Session",
    "SnapAccount",
    "SnapAccountInfo",
    "SnapBuilds",
    "SnapMedia",
    "SnapMetadata",
    "SnapMetrics",
    "SnapPackages",
    "SnapRelease",
    "SnapReleases",
    "SnapRevisions",
    "SnapState",
    "SnapStore",
    "SnapValidations",
    "StoreAuth",
    "Tokens",
    "Track",
    "TrackGuardrail",
    "Tracks",
    "Upload",
    "UploadedResource",
    "UploadedRevision",
    "Uploads",
    "Validation",
    "WhoAmI",
    "on_prem_snap_store",
    "permissions",
]
