"""A Copr for test suites: a frontend and its results in one small server, true where a client looks.

It answers as the genuine frontend (August 2026) does: its paths, statuses, fields and error texts, and its quirks.
python-copr, copr-cli and lading complete their whole cycle with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading.testing._copr_people import CoprUser
from lading.testing._copr_seen import CoprBuild, snapshot
from lading.testing._embedded import EmbeddedStore
from lading.testing.copr._build_options import check_dirname
from lading.testing.copr._lifecycle import BuildLifecycle
from lading.testing.copr._project_form import with_defaults
from lading.testing.copr._projects import create_project
from lading.testing.copr._results import Results
from lading.testing.copr._routes import CoprApp, CoprOptions
from lading.testing.copr._state import CHROOTS, CoprState
from lading.testing.copr._submit import submit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from datetime import datetime

    from lading.testing.copr._state import Build
    from lading.testing.faults import Faults

__all__ = ["CoprBuild", "CoprUser", "EmbeddedCopr"]


class EmbeddedCopr(EmbeddedStore):
    """A Copr on 127.0.0.1, from ``with`` (or ``async with``) to its end: the API, and results to download.

    What it knows is in memory; files are in a temporary folder that goes when it ends. Nothing happens by itself:
    builds stay as they are until :meth:`advance` or :meth:`finish` moves them, and its clock stands still until
    :meth:`advance_clock` does. There is one user from the beginning, called ``owner``.

    Args:
        faults: What to do wrong; see :class:`Server`.
        now: What its clock shows at first; this machine's time where not given, to the second.
        chroots: The active chroots, with a comment on each where it is a mapping.
        gssapi: The user whom everybody is who logs in with a Kerberos ticket, any ticket. Nobody can where not given.
        modules: Answer requests for modules, as old frontends did.
        rpm_upload: Take binary packages as builds, which few frontends do.
        auto_advance: Move a build one state on whenever it has been looked at.
        port: The port to listen on; a free one where not given.
        tls: Serve https with this context.

    Attributes:
        faults: The faults; add to them at any time, from any thread.
        errors: What went wrong in the store itself, and what was wrong with the HTTP of clients.
        owner: The first user; their ``login`` and ``token`` are good for the API.

    Example:
        >>> import httpx
        >>> from lading.testing import EmbeddedCopr
        >>> with EmbeddedCopr() as store:
        ...     store.add_project("demo")
        ...     build = store.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
        ...     store.finish(build)
        ...     answer = httpx.get(f"{store.url}/api_3/build/{build}").json()
        >>> answer["state"], answer["source_package"]["name"]
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
        self._travel = BuildLifecycle(self._state, self._results)
        options = CoprOptions(gssapi=gssapi, modules=modules, rpm_upload=rpm_upload, auto_advance=auto_advance)
        routes = CoprApp(self._state, self._results, self._travel, options, "http" if tls is None else "https")
        self.owner: CoprUser = self.add_user("owner")
        if gssapi is not None:
            self.add_user(gssapi)
        super().__init__(routes.answer, faults=faults, tls=tls, port=port)

    def _use(self, folder: Path) -> None:
        self._results.folder = folder

    @property
    def now(self) -> datetime:
        """What its clock shows, in UTC."""
        return self._state.now

    def advance_clock(self, seconds: float) -> None:
        """Move its clock: tokens end by it, 180 days after they were made."""
        self._state.advance_clock(seconds)

    def add_user(self, name: str, *, groups: Iterable[str] = (), admin: bool = False) -> CoprUser:
        """Another user, or the one of that name. Groups are made by having somebody in them."""
        return self._state.add_user(name, frozenset(group.removeprefix("@") for group in groups), admin)

    def config_text(self, user: CoprUser | None = None) -> str:
        """What stands in ``~/.config/copr`` of *user*; of ``owner`` where not given."""
        user = user or self.owner
        return (
            f"[copr-cli]\nlogin = {user.login}\nusername = {user.name}\ntoken = {user.token}\n"
            f"copr_url = {self.url}\nencrypted = {self.url.startswith('https:')}\n"
            f"# expiration date: {user.expiration.isoformat()}\n"
        )

    def write_config(self, path: str | Path, user: CoprUser | None = None) -> Path:
        """*path*, with :meth:`config_text` in it; its folder is made where it is not there."""
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
        """A project that is there from now on, in the first of all chroots unless others are given.

        More *options* are those of the API (``devel_mode=True``).
        """
        with self._state.lock:
            users = self._state.users.values()
            creator = next((user for user in users if owner in (user.name, *(f"@{g}" for g in user.groups))), None)
            if creator is None:
                raise LookupError(f"the store has no user or group {owner}")
            chroots = tuple(self._state.mock_chroots)[:1] if chroots is None else chroots
            create_project(self._state, creator, (owner, name), chroots, with_defaults(options), storage=storage)

    def add_build(self, project: str, url: str, *, owner: str = "owner", dirname: str | None = None) -> int:
        """The number of a build that is there from now on, as if its source had been submitted by its address."""
        with self._state.lock:
            found = self._state.project(owner, project)
            check_dirname(found, dirname or project)
            options: dict[str, Any] = {"background": False, "timeout": 18000, "enable_net": False, "bootstrap": None}
            options |= {"isolation": None, "chroots": [], "project_dirname": dirname or project}
            return submit(self._state, found.creator, found, options, ("link", {"url": url}), url=url).id

    @property
    def builds(self) -> tuple[CoprBuild, ...]:
        """The builds that it has, oldest first."""
        with self._state.lock:
            return tuple(snapshot(build) for build in self._state.builds.values())

    def build(self, build_id: int) -> CoprBuild:
        """The build of that number."""
        with self._state.lock:
            return snapshot(self._found(build_id))

    def advance_builds(self, build_id: int | None = None) -> None:
        """Move a build one state on, or all of them: the source first, then every chroot.

        pending, starting, running, importing, pending again (in the chroots), starting, running, succeeded.
        """
        with self._state.lock:
            builds = self._state.builds.values() if build_id is None else [self._found(build_id)]
            for build in builds:
                self._travel.step(build)

    def finish(
        self,
        build_id: int,
        state: str = "succeeded",
        *,
        chroots: Mapping[str, str] | None = None,
        packages: Mapping[str, bytes] | Iterable[str] | None = None,
        source: bool = False,
    ) -> None:
        """Let a build end at once.

        Args:
            build_id: Which.
            state: How it ends in every chroot.
            chroots: How it ends in some of them, where that is different.
            packages: What was built in each chroot that succeeded: names such as ``hello-1.0-1.noarch`` (an epoch
                stands before the version, ``hello-2:1.0-1.noarch``), with the bytes of the files where it is a
                mapping. What the name of the source says, where not given.
            source: Already the source build fails, and no chroot begins.
        """
        with self._state.lock:
            self._travel.finish(self._found(build_id), state, chroots, packages, source)

    def set_state(self, build_id: int, state: str | None) -> None:
        """Say that a build is in *state*, ``"unknown"`` or a word not heard before, until ``None`` takes it back."""
        with self._state.lock:
            self._travel.set_state(self._found(build_id), state)

    def append_log(self, build_id: int, chroot: str | None, text: str, *, name: str = "builder-live.log") -> None:
        """Let a log of a build in a chroot grow, or of its source build where *chroot* is ``None``."""
        with self._state.lock:
            folder = self.result_folder(build_id, chroot)
            if not self._results.is_live(folder, name):
                raise RuntimeError(f"nothing is written into {name} of build {build_id} now")
            self._results.append(folder, name, text)

    def result_folder(self, build_id: int, chroot: str | None = None) -> Path:
        """Where the results of a build in a chroot are, or those of its source build; yours to put files into."""
        with self._state.lock:
            build = self._found(build_id)
            if chroot is None:
                return self._results.source_folder(build)
            return self._results.chroot_folder(build, build.chroots[chroot])

    def _found(self, build_id: int) -> Build:
        try:
            return self._state.builds[build_id]
        except KeyError:
            raise LookupError(f"the store has no build {build_id}") from None
