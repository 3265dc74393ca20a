"""What the embedded index knows: users, projects, files, tokens, publishers, and what time it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lading.testing.messages import Fields


@dataclass(frozen=True, slots=True)
class User:
    """Someone with an account at the index.

    Attributes:
        name: What errors call them.
        id: The UUID that tokens carry.
    """

    name: str
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Publisher:
    """A CI job that may upload without a long-lived token: one workflow of one repository on GitHub.

    Attributes:
        projects: The projects it may upload to, by normalised name.
        repository: ``owner/name``.
        workflow: The name of the workflow's file.
        environment: The environment the job must run in; ``None`` for any.
        id: The UUID that the tokens minted for it carry.
    """

    projects: tuple[str, ...]
    repository: str
    workflow: str
    environment: str | None
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that the index has taken.

    Attributes:
        filename: Its name.
        project: The project's normalised name.
        version: The release's version, normalised.
        filetype: ``"bdist_wheel"`` or ``"sdist"``.
        size: Bytes.
        digests: Hex digests: ``md5``, ``sha256``, ``blake2b_256``.
        path: Where it is, until the index ends.
        fields: The form's fields, as they were sent.
        uploaded_at: When, by the index's clock.
        uploaded_by: The user or publisher.
        metadata_sha256: The digest of a wheel's metadata, which are served by themselves; ``None`` for an sdist.
        attestations: What was sent along (PEP 740).
    """

    filename: str
    project: str
    version: str
    filetype: str
    size: int
    digests: Mapping[str, str]
    path: Path
    fields: Fields = field(repr=False)
    uploaded_at: datetime
    uploaded_by: User | Publisher
    metadata_sha256: str | None = None
    attestations: tuple[object, ...] = ()

    @property
    def metadata_path(self) -> Path:
        """Where a wheel's metadata are, until the index ends."""
        return self.path.with_name(f"{self.filename}.metadata")

    @property
    def place(self) -> str:
        """The path of its address: by its content, as everywhere where files never change."""
        digest = self.digests["blake2b_256"]
        return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{self.filename}"


@dataclass(slots=True)
class Release:
    """One version of a project; its metadata are those of its first file."""

    version: str
    created_at: datetime
    fields: Fields
    files: list[StoredFile] = field(default_factory=list["StoredFile"])
    yanked: bool = False
    yanked_reason: str | None = None


@dataclass(slots=True)
class Project:
    """A project; *name* is spelled as the latest upload spelled it."""

    name: str
    id: str = field(default_factory=lambda: str(uuid4()))
    owners: set[str] = field(default_factory=set[str])
    releases: dict[str, Release] = field(default_factory=dict[str, Release])
    status: str = "active"
    status_reason: str | None = None
    serial: int = 0

    @property
    def key(self) -> str:
        """The normalised name."""
        return str(canonicalize_name(self.name))

    @property
    def files(self) -> list[StoredFile]:
        """All files of all releases."""
        return [file for release in self.releases.values() for file in release.files]


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was issued: how it is verified, and who is who presents it."""

    key: bytes
    owner: User | Publisher


class IndexState:
    """Everything, behind one lock: requests come on the server's threads, tests look from theirs."""

    def __init__(self, now: datetime | None) -> None:
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.publishers: dict[str, Publisher] = {}
        self.projects: dict[str, Project] = {}
        self.tokens: dict[str, Issued] = {}
        self.used_identities: set[str] = set()
        self.files: dict[str, StoredFile] = {}
        self.contents: set[str] = set()  # their blake2b_256: no content is taken under a second name
        self.deleted: set[str] = set()
        self.serial = 0
        moment = datetime.now(UTC) if now is None else now.astimezone(UTC)
        self.now = moment.replace(microsecond=0)

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        with self.lock:
            self.now += timedelta(seconds=seconds)

    def project(self, name: str) -> Project | None:
        """The project of that name, in any spelling."""
        return self.projects.get(str(canonicalize_name(name)))

    def change(self, project: Project) -> None:
        """Note that *project* is not what it was: keep it, and give it the next serial."""
        with self.lock:
            self.serial += 1
            project.serial = self.serial
            self.projects[project.key] = project
