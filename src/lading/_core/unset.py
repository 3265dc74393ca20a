"""What stands for an argument that was not given."""

from __future__ import annotations

from typing import Any


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()
"""Not given, where a store distinguishes that from ``None``."""
