"""Canonical's stores for test suites, which behave to publishers as the genuine ones.

What is known of them is from published clients, their issues and what was seen on the wire (November 2026).
craft-store, charmcraft and lading work with them.
"""

from lading.testing.canonical._base import StoreOptions
from lading.testing.canonical._charmhub import EmbeddedCharmhub
from lading.testing.canonical._make_charm import make_bundle, make_charm
from lading.testing.canonical._snapshots import CharmRelease, CharmReview, CharmRevision, StoreSession
from lading.testing.canonical._state import ReceivedRequest, StoreAccount, StoredUpload

__all__ = [
    "CharmRelease",
    "CharmReview",
    "CharmRevision",
    "EmbeddedCharmhub",
    "ReceivedRequest",
    "StoreAccount",
    "StoreOptions",
    "StoreSession",
    "StoredUpload",
    "make_bundle",
    "make_charm",
]
