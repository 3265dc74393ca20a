"""A package index for test suites: small, and true where a publisher looks.

It answers as warehouse (August 2026) does: uploads with tokens that are really verified and files that are really
looked into, trusted publishing, Simple API and JSON API. twine, uv, pip and lading complete their whole cycle with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from packaging.utils import canonicalize_name
from packaging.version import Version

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
    """What a token can be restricted by; see :meth:`lading.pypi.Token.restrict`."""

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
    """A package index on 127.0.0.1, from ``with`` (or ``async with``) to its end.

    What it knows is in memory; files are in a temporary folder that goes when it ends. Its clock stands still until
    :meth:`advance` moves it: tokens expire by that clock, and the ``Date`` of its answers shows it.

    Args:
        faults: What to do wrong; see :class:`Server`.
        now: What its clock shows at first; this machine's time where not given, to the second.
        audience: What identity tokens of trusted publishers have to be for.
        token_lifetime: How many seconds the tokens last that it mints for trusted publishers.
        max_file_size: The longest file it takes, in bytes.
        port: The port to listen on; a free one where not given.
        tls: Serve https with this context.

    Attributes:
        faults: The faults; add to them at any time, from any thread.
        errors: What went wrong in the index itself, and what was wrong with the HTTP of clients.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedIndex
        >>> with EmbeddedIndex() as index:
        ...     token = index.create_token(project_names=["demo"])
        ...     answer = httpx.get(index.index.simple_url, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        >>> answer.json()["projects"], token.startswith("pypi-")
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
        self._routes = IndexApp(self._state, self._mint, max_file_size, "http" if tls is None else "https")
        self._owner = self.add_user("owner")
        super().__init__(self._routes.answer, faults=faults, tls=tls, port=port)

    def _use(self, folder: Path) -> None:
        self._routes.folder = folder

    @property
    def index(self) -> Index:
        """Its addresses, as a client of it is told them."""
        return Index(f"{self.url}/legacy/", f"{self.url}/simple/", "embedded", json_url=f"{self.url}/pypi/")

    @property
    def uploads(self) -> tuple[StoredFile, ...]:
        """The files that it has, in the order in which they came."""
        with self._state.lock:
            return tuple(self._state.files.values())

    @property
    def now(self) -> datetime:
        """What its clock shows, in UTC."""
        return self._state.now

    def advance_clock(self, seconds: float) -> None:
        """Move its clock."""
        self._state.advance(seconds)

    def add_user(self, name: str) -> User:
        """Another user, or the one of that name. There is one from the beginning, called ``owner``."""
        with self._state.lock:
            return self._state.users.setdefault(name, User(name))

    def add_project(self, name: str, *, owner: User | None = None) -> str:
        """The id of a project that is there from now on, with another owner; otherwise the first upload makes it."""
        with self._state.lock:
            project = self._state.project(name) or Project(name)
            project.owners.add((owner or self._owner).id)
            self._state.change(project)
            return project.id

    def create_token(self, *, user: User | None = None, **restrictions: Unpack[Restrictions]) -> str:
        """A token, restricted as :meth:`lading.pypi.Token.restrict` would do it.

        Like those that users make on PyPI's pages, a token that is not restricted to projects is to its user.

        Args:
            user: Whose it is; ``owner``'s where not given.
            restrictions: By what it is restricted. Times are those of the index: see :attr:`now`.
        """
        owner = user or self._owner
        if restrictions.keys().isdisjoint({"project_names", "project_ids", "user_id", "legacy_project_names"}):
            restrictions["user_id"] = owner.id
        return new_token(self._state, owner).restrict(**restrictions).dump()

    def revoke(self, token: str) -> None:
        """From now on the index does not know *token*, nor any that was made from it."""
        with self._state.lock:
            self._state.tokens.pop(Token.load(token).identifier, None)

    def add_publisher(
        self,
        *projects: str,
        repository: str = "example/demo",
        workflow: str = "release.yml",
        environment: str | None = None,
    ) -> Publisher:
        """A workflow of a repository on GitHub that may upload to *projects* from now on.

        A project that is not there yet is made when the publisher is given its first token.
        """
        names = tuple(str(canonicalize_name(name)) for name in projects)
        publisher = Publisher(names, repository, workflow, environment)
        with self._state.lock:
            self._state.publishers[publisher.id] = publisher
        return publisher

    def identity_token(self, publisher: Publisher, *, audience: str | None = None, **claims: Any) -> str:
        """A fresh identity token of a job of *publisher*, as GitHub would sign it.

        Args:
            publisher: Whose job it is.
            audience: What it is for; this index where not given.
            claims: What it says differently: ``repository="example/other"``, ``exp=0``.
        """
        return self._mint.identity_token(publisher, audience, claims)

    def github_environment(self, publisher: Publisher) -> dict[str, str]:
        """The environment variables of a job of *publisher* on GitHub. The index itself gives it identity tokens."""
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
            self._state.change(found)

    def set_status(
        self,
        project: str,
        status: Literal["active", "archived", "quarantined", "deprecated"],
        reason: str | None = None,
    ) -> None:
        """Set a project's status (PEP 792). Archived and quarantined projects take no uploads."""
        with self._state.lock:
            found = self._project(project)
            found.status, found.status_reason = status, reason
            self._state.change(found)

    def delete(self, filename: str) -> None:
        """Delete a file. Nothing can be uploaded under its name any more."""
        with self._state.lock:
            file = self._state.files.pop(filename)
            self._state.contents.discard(file.digests["blake2b_256"])
            self._state.deleted.add(filename)
            found, release = self._release(file.project, file.version)
            release.files.remove(file)
            if not release.files:
                del found.releases[release.version]
            self._state.change(found)

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
