"""Models of packages: the names of an account, and their tracks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lading._core.model import UtcDatetime
from lading.canonical._models import Account, Several, StoreModel

PackageStatus = Literal["registered", "published"] | str


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


class Media(StoreModel):
    """A picture of a package.

    Attributes:
        type: What it is, such as ``"icon"``.
        url: Where it is.
    """

    type: str | None = None
    url: str | None = None


class Track(StoreModel):
    """A track of a package.

    Attributes:
        name: Its name.
        created_at: When it was created.
        version_pattern: A regular expression for the versions that may be released to it.
        automatic_phasing_percentage: How many percent of all devices a release to it reaches at first.
    """

    name: str
    created_at: UtcDatetime | None = None
    version_pattern: str | None = None
    automatic_phasing_percentage: float | None = None


class TrackGuardrail(StoreModel):
    """A rule that the names of new tracks have to match.

    Attributes:
        pattern: The regular expression.
        created_at: When it was set.
    """

    pattern: str | None = None
    created_at: UtcDatetime | None = None


class Package(StoreModel):
    """A package: a name that is registered, and its metadata.

    Attributes:
        id: Its identifier.
        name: Its name.
        type: What it is, such as ``"charm"`` or ``"bundle"``.
        status: How far it is.
        private: Whether only some accounts see it.
        publisher: The account that it belongs to.
        store: The store that it is in.
        authority: Who signs its declarations.
        title: Its title.
        summary: What it is, in a line.
        description: What it is.
        contact: How its publisher is reached.
        website: Its website.
        links: Its links by kind, such as ``{"issues": ["https://..."]}``.
        media: Its pictures.
        default_track: The track that is installed when none is named.
        tracks: Its tracks.
        track_guardrails: What the names of tracks have to match, of which the publisher may create more.
    """

    id: str
    name: str | None = None
    type: str | None = None
    status: PackageStatus | None = None
    private: bool | None = None
    publisher: Account | None = None
    store: str | None = None
    authority: str | None = None
    title: str | None = None
    summary: str | None = None
    description: str | None = None
    contact: str | None = None
    website: str | None = None
    links: Annotated[Mapping[str, Any], BeforeValidator(_none_is_empty)] = Field(default_factory=dict[str, Any])
    media: Several[Media] = ()
    default_track: str | None = None
    tracks: Several[Track] = ()
    track_guardrails: Several[TrackGuardrail] = ()


class PackageList(StoreModel):
    """The response with the packages of an account."""

    results: Several[Package] = ()


class PackageMetadata(StoreModel):
    """The response with one package."""

    metadata: Package
