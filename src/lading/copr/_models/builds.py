"""What Copr answers (API v3, frontend of August 2026)."""

from __future__ import annotations

from datetime import date
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from lading._core.model import Model, UtcDatetime

T = TypeVar("T")

BuildState = (
    Literal[
        "waiting",
        "pending",
        "importing",
        "starting",
        "running",
        "succeeded",
        "failed",
        "canceled",
        "skipped",
        "forked",
        "unknown",
    ]
    | str
)
"""How far a build, or its part in one chroot, has come. A word that a server adds later is carried on as it is."""

Storage = Literal["backend", "pulp"] | str
SourceType = Literal["unset", "link", "upload", "pypi", "rubygems", "scm", "custom", "distgit", "rpm_upload"] | str

FINAL = frozenset({"succeeded", "failed", "canceled", "skipped", "forked"})
"""The states that no build leaves. ``forked`` is the state of a build that came with the project it was forked with."""


class User(Model):
    """Who the credentials belong to.

    Attributes:
        name: The user name.
        id: Its number.
    """

    name: str
    id: int | None = None


class SourcePackage(Model):
    """The source package of a build; all ``None`` until it has been imported.

    Attributes:
        name: Its name.
        version: Version and release.
        url: Where it can be downloaded, or where it was taken from.
    """

    name: str | None = None
    version: str | None = None
    url: str | None = None


class Build(Model):
    """One build.

    Attributes:
        id: Its number, unique in the store.
        state: How far it has come.
        ownername: The owner: a user, or ``@group``.
        projectname: The project.
        project_dirname: The directory of the project: the project's name, or ``name:pr:7`` and its like.
        repo_url: Where the project's results are.
        source_package: What is built.
        submitted_on: When it was submitted.
        started_on: When the first chroot started.
        ended_on: When the last chroot ended.
        submitter: Who submitted it; ``None`` for a webhook.
        chroots: The chroots that it is built in; empty until imported, where none were named.
        is_background: Whether it gives way to others.
    """

    id: int
    state: BuildState = "unknown"
    ownername: str = ""
    projectname: str = ""
    project_dirname: str | None = None
    repo_url: str | None = None
    source_package: SourcePackage = Field(default_factory=SourcePackage)
    submitted_on: UtcDatetime | None = None
    started_on: UtcDatetime | None = None
    ended_on: UtcDatetime | None = None
    submitter: str | None = None
    chroots: tuple[str, ...] = ()
    is_background: bool = False

    @property
    def finished(self) -> bool:
        """Whether it has come to its end, good or bad."""
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        """Whether all of it succeeded. A skipped build did not."""
        return self.state == "succeeded"


class Project(Model):
    """One project.

    Attributes:
        name: Its name.
        ownername: The owner: a user, or ``@group``.
        id: Its number.
        full_name: ``owner/name``.
        homepage: A web page.
        contact: A mail address or a web page.
        description: What it is.
        instructions: How to use it.
        devel_mode: Whether repository metadata is made by hand only.
        persistent: Whether it is kept for ever.
        unlisted_on_hp: Whether the front page leaves it out.
        auto_prune: Whether old builds are deleted.
        chroot_repos: The address of the repository for each chroot.
        additional_repos: Repositories that builds may use besides.
        enable_net: Whether builds have network.
        bootstrap: How the chroot is bootstrapped.
        isolation: How builds are isolated.
        module_hotfixes: Whether the repositories are marked so for DNF.
        appstream: Whether AppStream metadata is made.
        packit_forge_projects_allowed: Forge projects whose packages Packit may build here.
        follow_fedora_branching: Whether new Fedora releases are added by themselves.
        repo_priority: The priority of the repositories for DNF.
        storage: Where results are kept; ``None`` was seen on the public instance.
    """

    name: str
    ownername: str = ""
    id: int | None = None
    full_name: str = ""
    homepage: str | None = None
    contact: str | None = None
    description: str | None = None
    instructions: str | None = None
    devel_mode: bool | None = None
    persistent: bool | None = None
    unlisted_on_hp: bool | None = None
    auto_prune: bool | None = None
    chroot_repos: dict[str, str] = Field(default_factory=dict)
    additional_repos: tuple[str, ...] = ()
    enable_net: bool | None = None
    bootstrap: str | None = None
    isolation: str | None = None
    module_hotfixes: bool | None = None
    appstream: bool | None = None
    packit_forge_projects_allowed: tuple[str, ...] = ()
    follow_fedora_branching: bool | None = None
    repo_priority: int | None = None
    storage: Storage | None = None


class LatestBuilds(Model):
    """The newest builds of a package, where they were asked for.

    Attributes:
        latest: The newest.
        latest_succeeded: The newest that succeeded.
    """

    latest: Build | None = None
    latest_succeeded: Build | None = None


class Package(Model):
    """One package of a project.

    Attributes:
        name: Its name.
        id: Its number.
        ownername: The owner: a user, or ``@group``.
        projectname: The project.
        source_type: Where its source comes from.
        source_dict: The settings of that source, in the store's own words.
        auto_rebuild: Whether webhooks rebuild it.
        builds: Its newest builds.
    """

    name: str
    id: int | None = None
    ownername: str = ""
    projectname: str = ""
    source_type: SourceType = "unset"
    source_dict: dict[str, Any] = Field(default_factory=dict)
    auto_rebuild: bool | None = None
    builds: LatestBuilds = Field(default_factory=LatestBuilds)


class WebhookSecret(Model):
    """The new secret in a project's webhook addresses. Its ``repr`` does not show it.

    Attributes:
        webhook_secret: The secret.
        id: The project's number.
        name: The project.
        ownername: The owner.
        full_name: ``owner/name``.
    """

    webhook_secret: str = Field(repr=False)
    id: int | None = None
    name: str = ""
    ownername: str = ""
    full_name: str = ""


class ApiToken(Model):
    """A new login and token. Its ``repr`` does not show the token.

    Attributes:
        login: The login, which is not the user name.
        token: The token.
        expiration: The day they end on.
    """

    login: str = Field(alias="api_login")
    token: str = Field(alias="api_token", repr=False)
    expiration: date | None = None


class PageMeta(Model):
    """How a page was cut.

    Attributes:
        limit: How many items it may have; ``None`` for all.
        offset: How many items come before it.
    """

    limit: int | None = None
    offset: int | None = None


class ListPage(Model, Generic[T]):
    """One page of a list, as it is sent.

    Attributes:
        items: The items.
        meta: How it was cut.
    """

    items: tuple[T, ...]
    meta: PageMeta = Field(default_factory=PageMeta)
