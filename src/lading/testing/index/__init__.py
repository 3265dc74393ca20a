"""A package index for test suites, which behaves to publishers as PyPI does.

Its responses are those of warehouse (August 2026): uploads, for which tokens are verified and files are inspected,
trusted publishing, Simple API and JSON API. twine, uv, pip and lading work with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from packaging.utils import canonicalize_name
from packaging.version import Version

from lading._core.arguments import checked
from lading.pypi import Index, Token
from lading.testing._embedded import EmbeddedStore
from lading.testing.index._oidc import Mint
from lading.testing.index._routes import IndexApp
from lading.testing.index._state import IndexState, Project, Publisher, Release, StoredFile, User
from lading.testing.index._tokens import new_token

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path
    from typing import Literal
    from uuid import UUID

    from lading.testing.faults import Faults

__all__ = ["EmbeddedIndex", "Publisher", "Restrictions", "StoredFile", "User"]


class Restrictions(TypedDict, total=False):
    """The restrictions of a token, as in :meth:`lading.pypi.Token.restrict`."""

    not_before: int | datetime
    not_after: int | datetime
    project_names: Iterable[str]
    project_ids: Iterable[str | UUID]
    user_id: str | UUID
    legacy_project_names: Iterable[str]
    legacy_not_before: int | datetime
    legacy_not_after: int | datetime
    legacy_noop: bool


class EmbeddedIndex(EmbeddedStore):
    """A package index on 127.0.0.1, which runs inside ``with`` (or ``async with``).

    Its state is in memory; files are in a temporary directory that is removed when it stops. Its clock is stopped until
    :meth:`advance_clock` advances it: tokens expire by that clock, and the ``Date`` of responses shows it. It has a
    user called ``owner`` from the beginning.

    Args:
        faults: The faults to inject; see :class:`Server`.
        now: The time at which its clock starts; by default the current time, without microseconds.
        audience: The audience that identity tokens of trusted publishers must have.
        token_lifetime: The lifetime in seconds of the tokens that it mints for trusted publishers.
        max_file_size: The size in bytes up to which files are accepted.
        port: The port to listen on; by default a free one.
        tls: Serve https with this context.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: Failures of the index itself, and protocol errors of clients.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedIndex
        >>> with EmbeddedIndex() as index:
        ...     token = index.create_token(project_names=["demo"])
        ...     page = httpx.get(index.index.simple_url, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        >>> page.json()["projects"], token.startswith("pypi-")
        ([], True)
    """

    _kind = "index"

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        now: datetime | None = None,
        audience: str = "pypi",
        token_lifetime: int = 900,
        max_file_size: int = 100 << 20,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._state = IndexState(now)
        self._mint = Mint(self._state, audience, token_lifetime)
        self._app = IndexApp(self._state, self._mint, max_file_size)
        self._owner = self.add_user("owner")
        super().__init__(self._app.respond, self._state.clock, faults=faults, tls=tls, port=port)

    def _use_directory(self, directory: Path) -> None:
        self._app.directory = directory

    @property
    def index(self) -> Index:
        """The URLs of the index, as its clients are configured with them."""
        return Index(f"{self.url}/legacy/", f"{self.url}/simple/", "embedded", json_url=f"{self.url}/pypi/")

    @property
    def uploads(self) -> tuple[StoredFile, ...]:
        """The files of the index, in the order in which they were uploaded."""
        with self._state.lock:
            return tuple(self._state.files.values())

    def add_user(self, name: str) -> User:
        """Return the user called *name*; create one if there is none."""
        with self._state.lock:
            return self._state.users.setdefault(name, User(name))

    def add_project(self, name: str, *, owner: User | None = None) -> str:
        """Create a project and return its id; if it exists, add an owner.

        Without this call, the first upload creates a project.

        Args:
            name: The name of the project.
            owner: The user who owns it; by default ``owner``.
        """
        with self._state.lock:
            project = self._state.project(name) or Project(name)
            project.owners.add((owner or self._owner).id)
            self._state.save(project)
            return project.id

    @checked(Restrictions)
    def create_token(self, *, user: User | None = None, **restrictions: Unpack[Restrictions]) -> str:
        """Create an API token, with the restrictions of :meth:`lading.pypi.Token.restrict`.

        Like tokens that are created on PyPI's website, one without a restriction to projects is restricted to its user.

        Args:
            user: The user who owns it; by default ``owner``.
            restrictions: The restrictions. Times are those of the index: see :attr:`now`.
        """
        owner = user or self._owner
        if restrictions.keys().isdisjoint({"project_names", "project_ids", "user_id", "legacy_project_names"}):
            restrictions["user_id"] = owner.id
        return new_token(self._state, owner).restrict(**restrictions).dump()

    def revoke(self, token: str) -> None:
        """Revoke *token*, and with it every token that was derived from it."""
        with self._state.lock:
            self._state.tokens.pop(Token.load(token).identifier, None)

    def add_publisher(
        self,
        *projects: str,
        repository: str = "example/demo",
        workflow: str = "release.yml",
        environment: str | None = None,
    ) -> Publisher:
        """Add a trusted publisher, a workflow of a repository on GitHub, to *projects*.

        A project that does not exist yet is created with the publisher's first token.
        """
        names = tuple(str(canonicalize_name(name)) for name in projects)
        publisher = Publisher(names, repository, workflow, environment)
        with self._state.lock:
            self._state.publishers[publisher.id] = publisher
        return publisher

    def identity_token(self, publisher: Publisher, *, audience: str | None = None, **claims: Any) -> str:
        """Create an identity token of a job of *publisher*, as GitHub would issue it.

        Args:
            publisher: The publisher.
            audience: The audience; by default that of this index.
            claims: Claims that replace the usual ones: ``repository="example/other"``, ``exp=0``.
        """
        return self._mint.identity_token(publisher, audience, claims)

    def github_environment(self, publisher: Publisher) -> dict[str, str]:
        """Return the environment of a job of *publisher* on GitHub, which requests identity tokens from the index."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": publisher.repository,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/_/github/{publisher.id}?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self._mint.request_secret,
        }

    def yank(self, project: str, version: str, reason: str | None = None) -> None:
        """Yank a release (PEP 592)."""
        with self._state.lock:
            found, release = self._release(project, version)
            release.yanked, release.yanked_reason = True, reason
            self._state.save(found)

    def set_status(
        self,
        project: str,
        status: Literal["active", "archived", "quarantined", "deprecated"],
        reason: str | None = None,
    ) -> None:
        """Set a project's status (PEP 792). Archived and quarantined projects accept no uploads."""
        with self._state.lock:
            found = self._project(project)
            found.status, found.status_reason = status, reason
            self._state.save(found)

    def delete(self, filename: str) -> None:
        """Delete a file. Its name can never be used again."""
        with self._state.lock:
            file = self._state.files.pop(filename)
            self._state.contents.discard(file.digests["blake2b_256"])
            self._state.deleted.add(filename)
            found, release = self._release(file.project, file.version)
            release.files.remove(file)
            if not release.files:
                del found.releases[release.version]
            self._state.save(found)

    def _project(self, name: str) -> Project:
        project = self._state.project(name)
        if project is None:
            raise LookupError(f"the index has no project {name!r}")
        return project

    def _release(self, name: str, version: str) -> tuple[Project, Release]:
        project = self._project(name)
        try:
            return project, project.releases[str(Version(version))]
        except KeyError:
            raise LookupError(f"the index has no release {version} of {name!r}") from None
