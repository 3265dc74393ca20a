"""Models of revisions."""

from __future__ import annotations

from typing import Any, Literal

from lading._core.model import UtcDatetime
from lading.canonical._models import Several, StoreModel
from lading.canonical._reviews import ReviewError

RevisionStatus = Literal["created", "approved", "rejected", "released", "uploaded"] | str


class Base(StoreModel):
    """What a revision runs on; ``"all"`` stands for any.

    Attributes:
        name: The system, such as ``"ubuntu"``.
        channel: Its version, such as ``"24.04"``.
        architecture: The architecture, such as ``"amd64"``.
    """

    name: str | None = None
    channel: str | None = None
    architecture: str | None = None


class Revision(StoreModel):
    """A revision of a package.

    Attributes:
        revision: Its number.
        status: How far it is.
        version: Its version.
        sha3_384: The SHA3-384 of its file, as hexadecimal digits.
        size: The size of its file in bytes.
        created_at: When it was uploaded.
        created_by: Who uploaded it.
        errors: Why it was rejected.
        bases: What a charm runs on; a bundle has a single ``None``.
        architectures: The architectures of a snap.
        type: The type of a snap.
        confinement: The confinement of a snap.
        grade: The grade of a snap.
        base: The base snap of a snap.
        build_url: Where a snap was built.
        apps: The applications of a snap.
        commit_id: The commit of a package that is kept as source.
        craft_yaml: What it was packed from, where that was requested.
    """

    revision: int
    status: RevisionStatus | None = None
    version: str | None = None
    sha3_384: str | None = None
    size: int | None = None
    created_at: UtcDatetime | None = None
    created_by: str | None = None
    errors: Several[ReviewError] = ()
    bases: Several[Base | None] = ()
    architectures: Several[str] = ()
    type: str | None = None
    confinement: str | None = None
    grade: str | None = None
    base: str | None = None
    build_url: str | None = None
    apps: Several[str] = ()
    commit_id: str | None = None
    craft_yaml: Any = None
