"""Restrictions of a package index's tokens, and whether they allow a use.

Each class is one form of a caveat. Accepted is what both PyPI's own verifier (warehouse, August 2026) and pypitoken 7.1
accept, and the two forms that only the former knows: trusted publishers, and project ids as an object.
"""

from lading.pypi._token.caveats import (
    DateRestriction,
    ProjectIDsRestriction,
    ProjectNamesRestriction,
    PublisherRestriction,
    UserIDRestriction,
)
from lading.pypi._token.checks import timestamp_from_parameter
from lading.pypi._token.legacy import (
    LegacyDateRestriction,
    LegacyNoopRestriction,
    LegacyProjectIDsRestriction,
    LegacyProjectNamesRestriction,
)
from lading.pypi._token.restriction import Context, Restriction

__all__ = [
    "Context",
    "DateRestriction",
    "LegacyDateRestriction",
    "LegacyNoopRestriction",
    "LegacyProjectIDsRestriction",
    "LegacyProjectNamesRestriction",
    "ProjectIDsRestriction",
    "ProjectNamesRestriction",
    "PublisherRestriction",
    "Restriction",
    "UserIDRestriction",
    "timestamp_from_parameter",
]
