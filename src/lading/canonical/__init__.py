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
from lading.canonical._models import Account, PackageName, WhoAmI
from lading.canonical._models_revisions import Base, Revision
from lading.canonical._publish import UploadedRevision
from lading.canonical._reviews import PendingReview, Review, ReviewError
from lading.canonical._upload import Upload

__all__ = [
    "CHARMHUB",
    "CHARMHUB_CANDID",
    "CHARMHUB_STAGING",
    "SNAP_STORE",
    "SNAP_STORE_CANDID",
    "SNAP_STORE_STAGING",
    "Account",
    "Base",
    "Charmhub",
    "CraftStoreFile",
    "Endpoints",
    "PackageName",
    "PendingReview",
    "Review",
    "ReviewError",
    "ReviewRejected",
    "Revision",
    "SnapStore",
    "StoreAuth",
    "Upload",
    "UploadedRevision",
    "WhoAmI",
    "on_prem_snap_store",
    "permissions",
]
