"""Results of staging."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from lading.errors import InputError, LadingError, RegionResult, RegionStatus, StageFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Policy", "RegionResult", "RegionStatus", "StageResult", "check_policy"]

Policy = Literal["all", "quorum", "any"]


def check_policy(policy: str) -> None:
    """Raise ``InputError`` when *policy* is not one, before anything is sent."""
    if policy not in get_args(Policy):
        raise InputError(f"policy={policy!r} is none of {', '.join(get_args(Policy))}", argument="policy")


def needed(policy: Policy, regions: int) -> int:
    """Return how many of so many regions must have a version."""
    return {"all": regions, "quorum": regions // 2 + 1, "any": 1}[policy]


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of staging a version.

    Attributes:
        project: The project.
        version: The version.
        key: The artifact's key, the same in every region.
        size: Bytes.
        sha256: Its digest, in hex.
        regions: The result of every region, by name.
        warnings: Problems that concern no single region, such as regions that could not be compared.
    """

    project: str
    version: str
    key: str
    size: int
    sha256: str
    regions: Mapping[str, RegionResult] = field(default_factory=dict[str, RegionResult])
    warnings: tuple[str, ...] = ()

    @property
    def failed(self) -> dict[str, LadingError]:
        """The errors of the regions that failed, by name."""
        return {name: found.error for name, found in self.regions.items() if found.error is not None}

    @property
    def latest(self) -> str | None:
        """The project's latest version, when the regions agree on it."""
        versions = {found.latest for found in self.regions.values() if found.latest is not None}
        return versions.pop() if len(versions) == 1 else None

    def check(self, policy: Policy) -> None:
        """Raise ``StageFailed`` when fewer regions have it than *policy* requires."""
        failed = self.failed
        done = {name: found for name, found in self.regions.items() if found.error is None}
        enough = needed(policy, len(self.regions))
        if len(done) >= enough:
            return
        reasons = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise StageFailed(
            f"s3: {self.project} {self.version} is staged in {len(done)} of {len(self.regions)} regions, and "
            f"{enough} are needed: {reasons}",
            succeeded=done,
            failed=failed,
        )
