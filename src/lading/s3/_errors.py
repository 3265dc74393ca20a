"""The stager's own error."""

from __future__ import annotations

from lading.errors import Conflict


class VersionExists(Conflict):
    """The version is staged already, with different bytes or different metadata: a version cannot be changed."""
