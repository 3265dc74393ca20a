"""What tests stage, and where it is then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.aws_proxy import REGIONS

if TYPE_CHECKING:
    from tests.support.moto_aws import Backdoor

BIG = bytes(range(256)) * 4096 * 17  # 17 MiB: two parts
KEY = "pre/P@1.0.0"
# All stagers begin with the region that is the first by its name.
FIRST = "ap-south-1"


def have(aws_backdoor: Backdoor, key: str = KEY) -> list[str]:
    """The regions that have it."""
    return [region for region in REGIONS if key in aws_backdoor.keys(region)]
