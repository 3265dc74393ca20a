"""What a caveat of a package index's token says, and whether it allows a use.

Each class is one wire format. Reading takes what PyPI's own verifier (warehouse, August 2026) and pypitoken 7.1 both
take, and the two that only the former knows: trusted publishers, and project ids as an object.
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
