"""What ``uv publish`` is given: what twine is given, and names of files as uv wants them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.conformance import twine_cases
from tests.support.distributions import core_metadata, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[Path], object]


def cases() -> dict[str, Make]:
    """A function for each case, which writes a file and what belongs to it into a directory."""
    made: dict[str, Make] = {**twine_cases.cases(), **twine_cases.attested()}
    # The file's name is normalised, the name in the metadata is as odd as before.
    for name in ("Demo.Pkg_x", "a__b..c", "D", "x1.y-2"):
        metadata = core_metadata(name, "1.0")
        plain = name.lower().replace("__", "_").replace("..", "_").replace(".", "_").replace("-", "_")
        made[f"metadata name {name}"] = partial(sdist, name=plain, metadata=metadata)
        made[f"metadata name {name} wheel"] = partial(wheel, name=plain, metadata=metadata)
    return made
