"""A Copr for test suites: frontend and results backend in one server, which behaves to clients as the genuine one.

Its paths, statuses, fields, error messages and quirks are those of the genuine frontend (August 2026). python-copr,
copr-cli and lading work with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading.testing._embedded import EmbeddedStore
from lading.testing.copr._build_options import check_dirname
from lading.testing.copr._lifecycle import BuildLifecycle
from lading.testing.copr._project_form import with_defaults
from lading.testing.copr._projects import create_project
from lading.testing.copr._results import Results
from lading.testing.copr._routes import CoprApp, CoprOptions
from lading.testing.copr._state import CHROOTS, CoprState
from lading.testing.copr._submit import submit
from lading.testing.copr._users import CoprUser

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from datetime import datetime

    from lading.testing.copr._state import Build
    from lading.testing.faults import Faults

__all__ = ["CoprBuild", "CoprUser", "EmbeddedCopr"]


@dataclass(frozen=True, slots=True)
class CoprBuild:
    """A snapshot of a build.

    Attributes:
        id: The numeric id.
        owner: The owner of the project.
        project: The name of the project.
        dirname: The project directory; the project's name for the main one.
        package: The name of the package, once it is known.
        version: Version and release, once they are known.
        state: The state of the build.
        source_state: The state of the source build.
        chroots: The state in each chroot.
        source_type: ``"upload"``, ``"link"``, ``"scm"`` and so on.
        source: The fields of the source.
        options: The options of the build, as they were read.
        upload: The uploaded file, until the store stops.
    """

    id: int
    owner: str
    project: str
    dirname: str
    package: str | None
    version: str | None
    state: str
    source_state: str
    chroots: Mapping[str, str]
    source_type: str
    source: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    upload: Path | None = None


class EmbeddedCopr(EmbeddedStore):
    """A Copr on 127.0.0.1, which runs inside ``with`` (or ``async with``): the API, and results to download.

    Its state is in memory; files are in a temporary directory that is removed when it stops. Builds stay in their
    states until :meth:`advance_builds` or :meth:`finish` moves them, and its clock is stopped until
    :meth:`advance_clock` moves it. API tokens expire 180 days after their creation by that clock. It has a user called
    ``owner`` from the beginning.

    Args:
        faults: The faults to inject; see :class:`Server`.
        now: The time at which its clock starts; by default the current time, without microseconds.
        chroots: The active chroots; as a mapping, with a comment on each.
        gssapi: The name of the user that logs in with any Kerberos ticket. Without it, tickets are refused.
        modules: Accept modules, as old frontends did.
        rpm_upload: Accept binary packages as builds, which few frontends do.
        auto_advance: Advance a build by one state after each response that shows it.
        port: The port to listen on; by default a free one.
        tls: Serve https with this context.

    Attributes:
        faults: The faults; more can be added at any time, from any thread.
        errors: Failures of the store itself, and protocol errors of clients.
        owner: The first user, with ``login`` and ``token`` for the API.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedCopr
        >>> with EmbeddedCopr() as store:
        ...     store.add_project("demo")
        ...     build = store.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
        ...     store.finish(build)
        ...     shown = httpx.get(f"{store.url}/api_3/build/{build}").json()
        >>> shown["state"], shown["source_package"]["name"]
        ('succeeded', 'hello')
    """

    _kind = "copr"

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        now: datetime | None = None,
        chroots: Mapping[str, str] | Iterable[str] = CHROOTS,
        gssapi: str | None = None,
        modules: bool = False,
        rpm_upload: bool = False,
        auto_advance: bool = False,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._state = CoprState(now, chroots if isinstance(chroots, Mapping) else dict.fromkeys(chroots, ""))
        self._results = Results()
        self._lifecycle = BuildLifecycle(self._state, self._results)
        options = CoprOptions(gssapi=gssapi, modules=modules, rpm_upload=rpm_upload, auto_advance=auto_advance)
        app = CoprApp(self._state, self._results, self._lifecycle, options)
        self.owner: CoprUser = self.add_user("owner")
        if gssapi is not None:
            self.add_user(gssapi)
        super().__init__(app.respond, self._state.clock, faults=faults, tls=tls, port=port)

    def _use_directory(self, directory: Path) -> None:
        self._results.directory = directory

    def add_user(self, name: str, *, groups: Iterable[str] = (), admin: bool = False) -> CoprUser:
        """Return the user called *name*; create one if there is none. Groups exist as long as they have members."""
        return self._state.add_user(name, frozenset(group.removeprefix("@") for group in groups), admin)

    def config_text(self, user: CoprUser | None = None) -> str:
        """Return the contents of ``~/.config/copr`` for *user*; by default for ``owner``."""
        user = user or self.owner
        return (
            f"[copr-cli]\nlogin = {user.login}\nusername = {user.name}\ntoken = {user.token}\n"
            f"copr_url = {self.url}\nencrypted = {self.url.startswith('https:')}\n"
            f"# expiration date: {user.expiration.isoformat()}\n"
        )

    def write_config(self, path: str | Path, user: CoprUser | None = None) -> Path:
        """Write :meth:`config_text` to *path*, in a directory that is created if needed, and return the path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.config_text(user), encoding="utf-8")
        return path

    def expire_sessions(self) -> None:
        """End all sessions that were opened with Kerberos tickets."""
        with self._state.lock:
            self._state.sessions.clear()

    def add_project(
        self,
        name: str,
        *,
        owner: str = "owner",
        chroots: Iterable[str] | None = None,
        storage: str = "backend",
        **options: Any,
    ) -> None:
        """Create a project.

        Args:
            name: The name of the project.
            owner: The user or the ``@group`` that owns it.
            chroots: Its chroots; by default the first of the store's.
            storage: ``"backend"`` or ``"pulp"``.
            options: Further options of the API (``devel_mode=True``).
        """
        with self._state.lock:
            users = self._state.users.values()
            creator = next((user for user in users if owner in (user.name, *(f"@{g}" for g in user.groups))), None)
            if creator is None:
                raise LookupError(f"the store has no user or group {owner}")
            chroots = tuple(self._state.mock_chroots)[:1] if chroots is None else chroots
            create_project(self._state, creator, (owner, name), chroots, with_defaults(options), storage=storage)

    def add_build(self, project: str, url: str, *, owner: str = "owner", dirname: str | None = None) -> int:
        """Create a build, as if *url* had been submitted, and return its id."""
        with self._state.lock:
            found = self._state.project(owner, project)
            check_dirname(found, dirname or project)
            options: dict[str, Any] = {"background": False, "timeout": 18000, "enable_net": False, "bootstrap": None}
            options |= {"isolation": None, "chroots": [], "project_dirname": dirname or project}
            return submit(self._state, found.creator, found, options, ("link", {"url": url}), url=url).id

    @property
    def builds(self) -> tuple[CoprBuild, ...]:
        """The builds of the store, oldest first."""
        with self._state.lock:
            return tuple(_snapshot(build) for build in self._state.builds.values())

    def build(self, build_id: int) -> CoprBuild:
        """Return the build with that id."""
        with self._state.lock:
            return _snapshot(self._found(build_id))

    def advance_builds(self, build_id: int | None = None) -> None:
        """Advance one build, or all builds, by one state: first the source build, then every chroot.

        The states are pending, starting, running, importing, pending again (in the chroots), starting, running,
        succeeded.
        """
        with self._state.lock:
            builds = self._state.builds.values() if build_id is None else [self._found(build_id)]
            for build in builds:
                self._lifecycle.advance(build)

    def finish(
        self,
        build_id: int,
        state: str = "succeeded",
        *,
        chroots: Mapping[str, str] | None = None,
        packages: Mapping[str, bytes] | Iterable[str] | None = None,
        source: bool = False,
    ) -> None:
        """Finish a build at once.

        Args:
            build_id: The id of the build.
            state: The final state in every chroot.
            chroots: Other final states, by chroot.
            packages: The built packages of each chroot that succeeded: names such as ``hello-1.0-1.noarch`` (with an
                epoch, ``hello-2:1.0-1.noarch``); as a mapping, with the bytes of the files. By default they are
                derived from the name of the source.
            source: Whether the source build fails, so that no chroot starts.
        """
        with self._state.lock:
            self._lifecycle.finish(self._found(build_id), state, chroots, packages, source)

    def set_state(self, build_id: int, state: str | None) -> None:
        """Set the reported state of a build, which may be ``"unknown"`` or an invented one; ``None`` undoes it."""
        with self._state.lock:
            self._lifecycle.set_state(self._found(build_id), state)

    def append_log(self, build_id: int, chroot: str | None, text: str, *, name: str = "builder-live.log") -> None:
        """Append to a log of a build in a chroot, or of its source build where *chroot* is ``None``."""
        with self._state.lock:
            directory = self.result_directory(build_id, chroot)
            if not self._results.is_live(directory, name):
                raise RuntimeError(f"{name} of build {build_id} is not being written now")
            self._results.append(directory, name, text)

    def result_directory(self, build_id: int, chroot: str | None = None) -> Path:
        """Return the directory of the results of a build in a chroot, or of its source build; files can be added."""
        with self._state.lock:
            build = self._found(build_id)
            if chroot is None:
                return self._results.source_directory(build)
            return self._results.chroot_directory(build, build.chroots[chroot])

    def _found(self, build_id: int) -> Build:
        try:
            return self._state.builds[build_id]
        except KeyError:
            raise LookupError(f"the store has no build {build_id}") from None


def _snapshot(build: Build) -> CoprBuild:
    return CoprBuild(
        id=build.id,
        owner=build.project.ownername,
        project=build.project.name,
        dirname=build.dirname,
        package=None if build.package is None else build.package.name,
        version=build.version,
        state=build.state,
        source_state=build.source_state,
        chroots={name: chroot.state for name, chroot in build.chroots.items()},
        source_type=build.source_type,
        source=build.source,
        options=build.options,
        upload=build.upload,
    )
