"""Projects and their webhooks (API v3, frontend of August 2026)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lading._core.model import Model

Storage = Literal["backend", "pulp"] | str


class Project(Model):
    """One project.

    Attributes:
        name: Its name.
        ownername: The owner: a user, or ``@group``.
        id: Its number.
        full_name: ``owner/name``.
        homepage: The URL of its homepage.
        contact: An email address or a URL.
        description: What it is.
        instructions: How to use it.
        devel_mode: Whether repository metadata is created on request only.
        persistent: Whether it is never deleted automatically.
        unlisted_on_hp: Whether it is omitted from the front page.
        auto_prune: Whether old builds are deleted.
        chroot_repos: The URL of the repository of each chroot.
        additional_repos: Further repositories that builds may use.
        enable_net: Whether builds have network access.
        bootstrap: How the chroot is bootstrapped.
        isolation: How builds are isolated.
        module_hotfixes: Whether the repositories have DNF's option ``module_hotfixes``.
        appstream: Whether AppStream metadata is created.
        packit_forge_projects_allowed: Forge projects whose packages Packit may build here.
        follow_fedora_branching: Whether new Fedora releases are added automatically.
        repo_priority: The priority of the repositories for DNF.
        storage: Where results are stored; ``None`` was seen on the public instance.
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


class WebhookSecret(Model):
    """The new secret in a project's webhook URLs. Its ``repr`` does not show it.

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
