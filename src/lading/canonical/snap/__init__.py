"""The Snap Store's own API, the dashboard's, and what an on-prem store has in its place."""

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

__all__ = [
    "AccountKey",
    "AccountSnap",
    "AssertionHeaders",
    "ChannelState",
    "Metric",
    "MetricFilter",
    "MetricSeries",
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
    "SnapValidations",
    "Validation",
]
