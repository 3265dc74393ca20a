"""The Snap Store for test suites, which behaves to publishers as the genuine one.

What is known of it is from its documentation, published clients, their issues and what was seen on the wire (November
2026). craft-store and lading work with it.
"""

from lading.testing.canonical.snap._on_prem import EmbeddedOnPremSnapStore
from lading.testing.canonical.snap._snapshots import SnapPush, SnapRelease, SnapRevision
from lading.testing.canonical.snap._store import EmbeddedSnapStore

__all__ = ["EmbeddedOnPremSnapStore", "EmbeddedSnapStore", "SnapPush", "SnapRelease", "SnapRevision"]
