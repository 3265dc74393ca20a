"""Attestations of distributions (PEP 740), as files beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading._core.files import StrPath

# One has about 5 KB, most of it a certificate.
MAX_SIZE = 1 << 20
MAX_OBJECTS = 500


def read_attestations(path: Path, wanted: Iterable[StrPath] | bool) -> list[object]:
    """Return the parsed attestations of the distribution at *path*. For a worker thread.

    Args:
        path: The wheel or sdist.
        wanted: The files; ``True`` for all beside it that are named ``<file>.<anything>.attestation``.

    Raises:
        InputError: One of them is not an attestation.
        OSError: One of them cannot be read.
    """
    if isinstance(wanted, bool):
        found = sorted(path.parent.glob(f"{_escaped(path.name)}.*.attestation")) if wanted else []
    else:
        found = [Path(one) for one in wanted]
    return [_read(one) for one in found]


def _read(path: Path) -> object:
    with path.open("rb") as file:
        content = file.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
        raise _refusal(path, f"it is longer than {MAX_SIZE} bytes")
    # What is nested too deeply could be read here, and not be written where the stack is deeper.
    if content.count(b"{") + content.count(b"[") > MAX_OBJECTS:
        raise _refusal(path, f"it has more than {MAX_OBJECTS} objects")
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise _refusal(path, "it is not JSON") from error
    if not isinstance(value, dict):
        raise _refusal(path, "it is not a JSON object")
    return value


def _refusal(path: Path, why: str) -> InputError:
    return InputError(f"{path.name} is not an attestation: {why}", argument="attestations")


def _escaped(name: str) -> str:
    """Return a glob pattern that matches *name* alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
