"""What a bucket's store supports, learnt from what it refuses: stores other than AWS lack some newer headers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lading._core.reports import logger
from lading.errors import ApiError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

# AWS and Backblaze B2 name the header; Cloudflare R2, Storj and Swift respond with 501 and may or may not name it.
_REFUSALS = {"NotImplemented", "InvalidArgument", "InvalidRequest", "UnsupportedHeader", "UnsupportedArgument"}
_CONDITION = re.compile(r"(?i)if-(?:none-)?match|conditional|precondition")
_WHOLE = re.compile(r"(?i)checksum[- ]?type|full_object|mp-object-size")
_CHECKSUM = re.compile(r"(?i)checksum")
_NAMES_A_HEADER = re.compile(r"(?i)\bx-amz-")


class ConditionsNotHonoured(ConfigError):
    """The store does not do what decides between stagers."""


@dataclass(slots=True)
class Features:
    """What one bucket's store supports, as far as it is known; copies of the bucket share it.

    Attributes:
        bucket: The bucket's name.
        checksums: Whether requests carry ``x-amz-checksum-*``; else ``Content-MD5``.
        whole: Whether an upload in parts has one checksum of the complete object (``FULL_OBJECT``).
        checksum_mode: Whether HEAD requests checksums.
        sends_conditions: Whether writes carry their conditions; if not, the object is looked at before.
        creates: Whether ``If-None-Match`` is honoured; ``None`` while it is not known.
        completes: The same, for the completion of an upload in parts.
        replaces: Whether ``If-Match`` is honoured on writes; ``None`` while it is not known.
        warnings: What is done differently because the store does not support it.
    """

    bucket: str
    checksums: bool = True
    whole: bool = True
    checksum_mode: bool = True
    sends_conditions: bool = True
    creates: bool | None = None
    completes: bool | None = None
    replaces: bool | None = None
    warnings: list[str] = field(default_factory=list[str])
    _changes: int = 0

    async def adapting(self, request: Callable[[], Awaitable[T]], *, agreed: bool = False) -> T:
        """Make a request, and again without what the store refuses; what is refused has not been done.

        Args:
            request: Makes it, with what is supported so far.
            agreed: Whether it may be made without its condition.
        """
        while True:
            before = self._changes
            try:
                return await request()
            except ApiError as error:
                # Another request may have found the same meanwhile.
                if not (self._drop(error, agreed=agreed) or (is_refusal(error) and self._changes > before)):
                    raise

    def _drop(self, error: ApiError, *, agreed: bool) -> bool:
        """Do without the feature that *error* refuses, and return whether there was one."""
        if not is_refusal(error):
            return False
        text = f"{error.code} {error.detail}"
        names_condition, names_checksum = _CONDITION.search(text), _CHECKSUM.search(text)
        names_nothing = error.status == 501 and not _NAMES_A_HEADER.search(text)
        if self.whole and self.checksums and _WHOLE.search(text) and not names_condition:
            self.drop_whole()
        elif self.checksums and not names_condition and (names_checksum or names_nothing):
            self.drop_checksums(f"it does not support checksum headers ({error.code or error.status})")
        elif agreed and self.sends_conditions and (names_condition or names_nothing):
            self.sends_conditions = False
            self._warn("it does not support conditions on writes: only the last look protects what is there")
        else:
            return False
        return True

    def drop_checksums(self, why: str) -> None:
        """Send ``Content-MD5`` instead of checksums from now on."""
        self.checksums = self.whole = False
        self._warn(f"{why}: Content-MD5 is sent instead, and regions do not copy from each other")

    def drop_whole(self) -> None:
        """Send checksums of parts only from now on."""
        self.whole = False
        self._warn(
            "it keeps no checksum of a complete object in parts: each part is verified, and regions do not copy from "
            "each other"
        )

    def drop_checksum_mode(self) -> None:
        """Request no checksums of objects from now on."""
        self.checksum_mode = False
        self._warn("it does not say the checksums of objects")

    def _warn(self, text: str) -> None:
        self._changes += 1
        text = f"the store of {self.bucket} lacks a feature: {text}"
        if text not in self.warnings:
            self.warnings.append(text)
            logger.warning("s3: %s", text)


def may_refuse_condition(error: ApiError) -> bool:
    """Return whether *error* refuses a condition, or a header of the request that it does not name."""
    text = f"{error.code} {error.detail}"
    return error.status == 501 and (_CONDITION.search(text) is not None or not _NAMES_A_HEADER.search(text))


def is_refusal(error: ApiError) -> bool:
    """Return whether *error* says that the store does not support a header of the request."""
    if error.status == 501:
        return True
    text = f"{error.code} {error.detail}"
    return (
        error.status == 400
        and error.code in _REFUSALS
        and (_CHECKSUM.search(text) or _CONDITION.search(text) or _WHOLE.search(text)) is not None
    )
