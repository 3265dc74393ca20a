"""The state of the embedded index: users, publishers, projects, releases, files and tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from packaging.utils import canonicalize_name

from lading.testing._server.state import DoubleState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from lading.testing.messages import Fields


@dataclass(frozen=True, slots=True)
class User:
    """A user of the embedded index.

    Attributes:
        name: The user name.
        id: The UUID in the user's tokens.
    """

    name: str
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class Publisher:
    """A trusted publisher: a workflow of a repository on GitHub that may upload without a long-lived token.

    Attributes:
        projects: The normalised names of the projects that it may upload to.
        repository: ``owner/name``.
        workflow: The file name of the workflow.
        environment: The environment that the job must run in; ``None`` for any.
        id: The UUID in the tokens that are minted for it.
    """

    projects: tuple[str, ...]
    repository: str
    workflow: str
    environment: str | None
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded to the index.

    Attributes:
        filename: The file name.
        project: The project's normalised name.
        version: The normalised version of the release.
        filetype: ``"bdist_wheel"`` or ``"sdist"``.
        size: The size in bytes.
        digests: Hex digests: ``md5``, ``sha256``, ``blake2b_256``.
        path: Where the file is stored, until the index stops.
        fields: The fields of the upload form, as they were sent.
        uploaded_at: The time of the upload, by the index's clock.
        uploaded_by: The user or the publisher who uploaded it.
        metadata_sha256: The digest of a wheel's metadata, which are served as a separate file; ``None`` for an sdist.
        attestations: The attestations that were uploaded with it (PEP 740).
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
        """Where a wheel's metadata are stored, until the index stops."""
        return self.path.with_name(f"{self.filename}.metadata")

    @property
    def url_path(self) -> str:
        """The path of the file's URL, which is derived from its content as on PyPI."""
        digest = self.digests["blake2b_256"]
        return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{self.filename}"


@dataclass(slots=True)
class Release:
    """A release of a project; its metadata are those of its first file."""

    version: str
    created_at: datetime
    fields: Fields
    files: list[StoredFile] = field(default_factory=list["StoredFile"])
    yanked: bool = False
    yanked_reason: str | None = None


@dataclass(slots=True)
class Project:
    """A project; ``name`` is spelled as in the latest upload."""

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
        """The files of all releases."""
        return [file for release in self.releases.values() for file in release.files]


@dataclass(frozen=True, slots=True)
class Issued:
    """An issued token: the key that it is verified with, and its owner."""

    key: bytes
    owner: User | Publisher


class IndexState(DoubleState):
    """All objects of the embedded index."""

    def __init__(self, now: datetime | None) -> None:
        super().__init__(now)
        self.users: dict[str, User] = {}
        self.publishers: dict[str, Publisher] = {}
        self.projects: dict[str, Project] = {}
        self.tokens: dict[str, Issued] = {}
        self.used_identities: set[str] = set()
        self.files: dict[str, StoredFile] = {}
        self.contents: set[str] = set()  # their blake2b_256: the same content is refused under a second name
        self.deleted: set[str] = set()
        self.serial = 0

    def project(self, name: str) -> Project | None:
        """Return the project called *name*, in any spelling; ``None`` if there is none."""
        return self.projects.get(str(canonicalize_name(name)))

    def save(self, project: Project) -> None:
        """Add or update *project*, and assign the next serial."""
        with self.lock:
            self.serial += 1
            project.serial = self.serial
            self.projects[project.key] = project
