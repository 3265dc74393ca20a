"""The gateway's API as on-prem snap stores have it: snaps have architectures where charms have bases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lading.testing.canonical._charm_file import UnreadableFileError
from lading.testing.canonical._packages import ReadFile
from lading.testing.canonical.snap._processing import ATTRIBUTES, describe, is_snap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lading.testing.canonical._packages import GatewayState
    from lading.testing.canonical._request import Api, StoreRequest


class SnapReader:
    """Reads what a store knows of an uploaded snap: version and architectures are those in its file name.

    Args:
        state: The store's state.
    """

    def __init__(self, state: GatewayState) -> None:
        self._state = state

    def __call__(self, path: Path, package_type: str) -> ReadFile:
        """Read a file; ``UnreadableFileError`` if it is no snap."""
        if not is_snap(path):
            raise UnreadableFileError("The uploaded file is not a squashfs file system.")
        (review,) = [found for found in self._state.reviews.values() if found.upload.path == path]
        version, architectures = describe(review.upload.filename)
        bases: list[dict[str, str] | None] = [
            {"name": "all", "channel": "all", "architecture": architecture} for architecture in architectures
        ]
        # The name in a snap is not read: it is taken to be the right one.
        return ReadFile(review.package.name, version, bases, package_type)


def for_snaps(api: Api) -> Api:
    """Return *api* with responses that show snaps."""
    return replace(api, routes=[replace(route, handler=partial(_call, route.handler)) for route in api.routes])


def _call(handler: Callable[..., Any], request: StoreRequest, **values: Any) -> Any:
    return _shown(handler(request, **values))


def _shown(value: Any) -> Any:
    """Return a JSON value in which bases are architectures."""
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _shown(item) for name, item in value.items() if name not in ("base", "bases", "resources")}
    if "base" in value:
        return {"architecture": value["base"]["architecture"], **found}
    if "bases" in value:
        architectures = [base["architecture"] for base in value["bases"]]
        return {"apps": [], "architectures": architectures, "build-url": None, **ATTRIBUTES, **found}
    return found
