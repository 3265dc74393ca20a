"""Models of the resources of charms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lading._core.model import UtcDatetime
from lading.canonical._models import Several, StoreModel

ResourceType = Literal["file", "oci-image"] | str


class Resource(StoreModel):
    """A resource that a revision of a charm declares.

    Attributes:
        name: Its name.
        type: Its type.
        revision: The revision of the charm.
        optional: Whether the charm works without it.
    """

    name: str
    type: ResourceType | None = None
    revision: int | None = None
    optional: bool | None = None


class ResourceBase(StoreModel):
    """What a revision of a resource is for; ``"all"`` stands for any.

    Attributes:
        name: The system, such as ``"ubuntu"``.
        channel: Its version, such as ``"24.04"``.
        architectures: The architectures, as a tuple: ``("amd64", "arm64")``.
    """

    name: str | None = "all"
    channel: str | None = "all"
    architectures: Several[str] = ("all",)


class ResourceDownload(StoreModel):
    """The file of a revision of a resource.

    Attributes:
        url: Where it is.
        size: Its size in bytes.
        sha256: Its SHA-256, as hexadecimal digits.
        sha384: Its SHA-384.
        sha512: Its SHA-512.
        sha3_384: Its SHA3-384.
    """

    url: str | None = None
    size: int | None = None
    sha256: str | None = Field(default=None, validation_alias="hash-sha-256")
    sha384: str | None = Field(default=None, validation_alias="hash-sha-384")
    sha512: str | None = Field(default=None, validation_alias="hash-sha-512")
    sha3_384: str | None = Field(default=None, validation_alias="hash-sha3-384")


class ResourceRevision(StoreModel):
    """A revision of a resource.

    Attributes:
        revision: Its number.
        name: The resource's name.
        type: The resource's type.
        bases: What it is for; empty for any.
        size: The size of its file in bytes.
        sha256: The SHA-256 of its file, as hexadecimal digits.
        sha384: The SHA-384.
        sha512: The SHA-512.
        sha3_384: The SHA3-384.
        created_at: When it was uploaded.
        updated_at: When it was changed.
        updated_by: Who changed it.
        download: Its file, where the store describes it apart.
    """

    revision: int
    name: str | None = None
    type: ResourceType | None = None
    bases: Several[ResourceBase | None] = ()
    size: int | None = None
    sha256: str | None = None
    sha384: str | None = None
    sha512: str | None = None
    sha3_384: str | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime | None = None
    updated_by: str | None = None
    download: ResourceDownload | None = None


class ResourceList(StoreModel):
    """The response with the resources of a charm."""

    resources: Several[Resource] = ()


class ResourceRevisionList(StoreModel):
    """The response with the revisions of a resource."""

    revisions: Several[ResourceRevision]


class ImageCredentials(StoreModel):
    """Where an image is pushed to, and the credentials for that.

    Attributes:
        image_name: The image's name with its registry, without a tag.
        username: The user name.
        password: The password. It is secret.
    """

    image_name: str
    username: str
    password: str = Field(repr=False)
