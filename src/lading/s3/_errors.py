"""The stager's own errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading.errors import Conflict, StageFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.errors import LadingError
    from lading.s3._interfaces import MultipartUpload


class VersionExists(Conflict):
    """The version is staged already, with different bytes or different metadata: a version cannot be changed."""


class AbortFailed(StageFailed):
    """Stale uploads were not aborted in every region (:meth:`lading.Stager.abort_stale_uploads`).

    Attributes:
        aborted: The uploads that were aborted, by region; those of a region that failed later are included.
    """

    def __init__(
        self,
        message: str,
        *,
        aborted: Mapping[str, tuple[MultipartUpload, ...]] | None = None,
        failed: Mapping[str, LadingError] | None = None,
    ) -> None:
        self.aborted: dict[str, tuple[MultipartUpload, ...]] = dict(aborted or {})
        super().__init__(message, succeeded=dict.fromkeys(self.aborted.keys() - (failed or {}).keys()), failed=failed)
