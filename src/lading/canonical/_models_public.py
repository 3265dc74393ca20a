"""Models of what installers see of a package."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from lading._core.model import UtcDatetime
from lading.canonical._models import Several, StoreModel
from lading.canonical._models_revisions import Base


class PublicChannel(StoreModel):
    """A channel, as installers see it.

    Attributes:
        name: Its name. Of the track ``latest``, the Snap Store calls it ``stable`` and Charmhub ``latest/stable``.
        track: Its track.
        risk: Its risk.
        base: What it is for, of a charm.
        architecture: The architecture that it is for, of a snap.
        released_at: When the revision was released to it.
    """

    name: str
    track: str | None = None
    risk: str | None = None
    base: Base | None = None
    architecture: str | None = None
    released_at: UtcDatetime | None = None


class PublicRelease(StoreModel):
    """A revision that installers get from a channel.

    Attributes:
        channel: The channel.
        revision: The revision.
        version: Its version.
    """

    channel: PublicChannel
    revision: int
    version: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _revision_is_an_object(cls, value: Any) -> Any:
        """Charms have the number, the version and more in an object; snaps have them beside it."""
        if isinstance(value, dict) and isinstance(value.get("revision"), dict):
            revision = value["revision"]
            return {**value, "revision": revision.get("revision"), "version": revision.get("version")}
        return value


class PublicInfo(StoreModel):
    """The response with what installers see of a package."""

    channel_map: Several[PublicRelease] = ()
