"""The state of the embedded Copr: users and their rights, projects, packages, chroots and builds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lading.testing._server.state import DoubleState
from lading.testing.copr._refusals import ApiRefusal
from lading.testing.copr._users import TOKEN_DAYS, CoprUser, new_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime
    from pathlib import Path

FINISHED = frozenset({"failed", "succeeded", "canceled", "skipped", "forked"})
STATES = {
    "failed": 0,
    "succeeded": 1,
    "canceled": 2,
    "running": 3,
    "pending": 4,
    "skipped": 5,
    "starting": 6,
    "importing": 7,
    "forked": 8,
    "waiting": 9,
    "unknown": 1000,
}
CHROOTS = {
    "fedora-rawhide-x86_64": "",
    "fedora-43-x86_64": "",
    "fedora-43-aarch64": "",
    "epel-9-x86_64": "",
    "epel-10-x86_64": "",
}
_SOURCE_FIRST = ("starting", "pending", "running", "importing", "failed")
_CHROOTS_IN_ORDER = ("running", "starting", "pending", "failed", "succeeded", "skipped", "forked")


@dataclass(slots=True, eq=False)
class ProjectChroot:
    """A chroot of a project, with its settings."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    comps_name: str | None = None


@dataclass(slots=True, eq=False)
class Package:
    """A package of a project."""

    id: int
    name: str
    project: Project
    source_type: str = "unset"
    source: dict[str, Any] = field(default_factory=dict[str, Any])
    webhook_rebuild: bool = False
    denied: list[str] = field(default_factory=list[str])


@dataclass(slots=True, eq=False)
class Project:
    """A project; ``options`` are the fields that its owner sets."""

    id: int
    ownername: str
    name: str
    creator: CoprUser
    options: dict[str, Any]
    chroots: dict[str, ProjectChroot]
    created_on: int
    storage: str = "backend"
    packages: dict[str, Package] = field(default_factory=dict[str, Package])
    permissions: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    dirs: set[str] = field(default_factory=set[str])
    webhook_secret: str = ""

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.ownername}/{self.name}"

    @property
    def group(self) -> str | None:
        """The group that owns the project, without ``@``; ``None`` for a project of a user."""
        return self.ownername[1:] if self.ownername.startswith("@") else None

    def can_build(self, user: CoprUser) -> bool:
        """Return whether *user* may build in the project."""
        return self.can_edit(user) or self._role(user, "builder")

    def can_edit(self, user: CoprUser) -> bool:
        """Return whether *user* may change the project."""
        owns = self.group in user.groups if self.group else self.ownername == user.name
        return owns or user.admin or self._role(user, "admin")

    def _role(self, user: CoprUser, role: str) -> bool:
        return self.permissions.get(user.name, {}).get(role) == "approved"


@dataclass(slots=True, eq=False)
class BuildChroot:
    """A build in one chroot."""

    id: int
    name: str
    state: str = "waiting"
    started_on: int | None = None
    ended_on: int | None = None
    result_dir: str | None = None
    packages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def move(self, state: str, now: int) -> None:
        """Set the state, and the times that go with it."""
        self.state = state
        if state in ("running", *FINISHED) and self.started_on is None:
            self.started_on = now
        self.ended_on = now if state in FINISHED else None


@dataclass(slots=True, eq=False)
class Build:
    """A build, with the source and the options that it was submitted with."""

    id: int
    project: Project
    dirname: str
    submitter: CoprUser
    submitted_on: int
    source_type: str
    source: dict[str, Any]
    options: Mapping[str, Any]
    upload: Path | None = None
    url: str | None = None
    package: Package | None = None
    version: str | None = None
    source_state: str = "pending"
    source_dir: str | None = None
    chroots: dict[str, BuildChroot] = field(default_factory=dict[str, BuildChroot])
    canceled: bool = False
    forced: str | None = None

    @property
    def state(self) -> str:
        """The state of the build, derived from those of the source build and the chroots as the frontend does it."""
        if self.forced is not None:
            return self.forced
        if self.canceled:
            return "canceled"
        if self.source_state in _SOURCE_FIRST:
            return self.source_state
        states = {chroot.state for chroot in self.chroots.values()}
        if not states:
            return "waiting"
        return next((s for s in _CHROOTS_IN_ORDER if s in states), "pending" if "waiting" in states else "unknown")

    @property
    def finished(self) -> bool:
        """Whether the build has ended."""
        if self.forced is not None:
            return self.forced in FINISHED
        if self.canceled or self.source_state in ("failed", "canceled"):
            return True
        return bool(self.chroots) and all(chroot.state in FINISHED for chroot in self.chroots.values())


class CoprState(DoubleState):
    """All objects of the embedded Copr."""

    def __init__(self, now: datetime | None, chroots: Mapping[str, str]) -> None:
        super().__init__(now)
        self.mock_chroots = dict(chroots)
        self.users: dict[str, CoprUser] = {}
        self.projects: dict[tuple[str, str], Project] = {}
        self.builds: dict[int, Build] = {}
        self.sessions: dict[str, str] = {}

    @property
    def groups(self) -> set[str]:
        """The groups that have members."""
        return {group for user in self.users.values() for group in user.groups}

    def add_user(self, name: str, groups: frozenset[str], admin: bool) -> CoprUser:
        """Return the user called *name*; create one if there is none."""
        with self.lock:
            user = self.users.get(name)
            if user is None:
                user = CoprUser(name, self.ids.next("user"), *new_token(), self._expiration(), groups, admin)
                self.users[name] = user
            return user

    def rotate_token(self, user: CoprUser) -> None:
        """Replace the API token of *user*; the old one is no longer accepted."""
        user.login, user.token = new_token()
        user.expiration = self._expiration()

    def _expiration(self) -> date:
        return self.clock.now.date() + timedelta(days=TOKEN_DAYS)

    def project(self, ownername: str, name: str) -> Project:
        """Return the project of that owner and name.

        Raises:
            ApiRefusal: There is none.
        """
        found = self.projects.get((ownername, name))
        if found is None and ownername.startswith("@") and ownername[1:] not in self.groups:
            raise ApiRefusal(404, f"Group {ownername[1:]} does not exist.")
        if found is None:
            raise ApiRefusal(404, f"Project {ownername}/{name} does not exist.")
        return found

    def build(self, build_id: int) -> Build:
        """Return the build with that id.

        Raises:
            ApiRefusal: There is none.
        """
        found = self.builds.get(build_id)
        if found is None:
            raise ApiRefusal(404, f"Build {build_id} does not exist.")
        return found

    def builds_of(self, project: Project) -> list[Build]:
        """Return the builds of *project*, oldest first."""
        return [build for build in self.builds.values() if build.project is project]
