"""What staging gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from lading.errors import InputError, LadingError, StageFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

Policy = Literal["all", "quorum", "any"]
RegionStatus = Literal["created", "already there", "repaired", "would be created", "failed"]


def check_policy(policy: str) -> None:
    """``InputError`` when *policy* is none: before anything is sent, and not after all has been."""
    if policy not in get_args(Policy):
        raise InputError(f"policy={policy!r} is none of {', '.join(get_args(Policy))}", argument="policy")


@dataclass(frozen=True, slots=True)
class RegionResult:
    """What became of a version in one region.

    Attributes:
        region: The region.
        what: What was done there.
        bucket: The region's bucket; empty where it could not be found.
        copied: Whether the store copied it there from another region by itself.
        latest: The project's latest version there, afterwards; ``None`` where nobody knows.
        error: Why it failed.
        warnings: What went less well than it could have, such as permissions that are missing.
    """

    region: str
    status: RegionStatus
    bucket: str = ""
    copied: bool = False
    latest: str | None = None
    error: LadingError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageResult:
    """A version that was staged.

    Attributes:
        project: The project.
        version: The version.
        key: The artifact's key, the same in every region.
        size: Bytes.
        sha256: Its digest, in hex.
        regions: What became of it in every region.
    """

    project: str
    version: str
    key: str
    size: int
    sha256: str
    regions: Mapping[str, RegionResult] = field(default_factory=dict[str, RegionResult])

    @property
    def failed(self) -> dict[str, LadingError]:
        """By region: why it failed there."""
        return {name: found.error for name, found in self.regions.items() if found.error is not None}

    @property
    def latest(self) -> str | None:
        """The project's latest version, where the regions agree."""
        told = {found.latest for found in self.regions.values() if found.latest is not None}
        return told.pop() if len(told) == 1 else None

    def check(self, policy: Policy) -> None:
        """``StageFailed`` when fewer regions have it than *policy* asks."""
        failed = self.failed
        done = {name: found for name, found in self.regions.items() if found.error is None}
        needed = {"all": len(self.regions), "quorum": len(self.regions) // 2 + 1, "any": 1}[policy]
        if len(done) >= needed:
            return
        reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise StageFailed(
            f"s3: {self.project} {self.version} is staged in {len(done)} of {len(self.regions)} regions, and "
            f"{needed} are needed: {reasons}",
            succeeded=done,
            failed=failed,
            outcome="unknown" if any(error.outcome == "unknown" for error in failed.values()) else "not_done",
        )
