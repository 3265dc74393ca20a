"""The stager's own error."""

from __future__ import annotations

from lading.errors import Conflict


class VersionExists(Conflict):
    """The version is staged already, with other bytes or other metadata: a version cannot be changed."""
