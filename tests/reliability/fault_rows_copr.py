"""The rows of the fault matrix for Copr."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx

from lading import BytesBody, Copr
from lading.copr import PyPISource
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr
from tests.support.fault_matrix import MatrixStore, Row

if TYPE_CHECKING:
    from collections.abc import Callable


MINE = ("owner", "demo")
SPEC = BytesBody(b"Name: hello\n")
PELLO = PyPISource("pello")


_days = count()


def open_store() -> SteppedCopr:
    """A store that has the user ``ada``, and accepts every kind of build."""
    # The client remembers which builds its calls returned, by URL, number and time. A port can be that of a store before.
    now = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=next(_days))
    store = SteppedCopr(rpm_upload=True, modules=True, now=now)
    store.add_user("ada")
    return store


def dump(store: SteppedCopr) -> dict[str, Any]:
    """Everything that API calls can change, without times, ids and random values."""
    with store._state.lock:
        projects = {
            project.full_name: (
                dict(project.options),
                {name: (dict(c.settings), c.comps_name) for name, c in project.chroots.items()},
                {
                    name: (p.source_type, dict(p.source), p.webhook_rebuild, p.denied)
                    for name, p in project.packages.items()
                },
                {user: dict(roles) for user, roles in project.permissions.items()},
                sorted(project.dirs),
                bool(project.webhook_secret),
            )
            for project in store._state.projects.values()
        }
        builds = [
            (
                build.project.full_name,
                build.dirname,
                build.source_type,
                {
                    name: re.sub(r"http://127.*/tmp/\w+/", "/", f"{value}")
                    for name, value in build.source.items()
                    if name != "tmp"
                },
                sorted(build.chroots),
                build.state,
            )
            for build in store._state.builds.values()
        ]
    return {"projects": projects, "builds": sorted(builds, key=str)}


async def finish(store: SteppedCopr) -> None:
    """Do the late work: a request after its time."""
    store.advance_clock(100)
    async with store.client() as copr:
        await copr.home()


def handled(request: str) -> Callable[[SteppedCopr], bool]:
    """Whether the store has handled such a request: for what leaves no other trace in its state."""
    return lambda store: store.count(request) > 0


def times(request: str) -> Callable[[SteppedCopr], int]:
    """How often the store has handled such a request: for what may be done once only."""
    return lambda store: store.count(request)


def with_build(store: SteppedCopr) -> None:
    """A build that is under way, in a project that has another."""
    store.finish(store.add_build("demo", HELLO))
    store.add_build("demo", HELLO.replace("hello", "other"))
    store.advance_clock(100)  # what is submitted within a few seconds before could be another's twin


def with_finished_builds(store: SteppedCopr) -> None:
    """Three builds that have ended."""
    for _ in range(3):
        store.finish(store.add_build("demo", HELLO))


def with_package(store: SteppedCopr) -> None:
    """The package ``pello``."""
    fields = {"package_name": "pello", "pypi_package_name": "pello"}
    url = f"{store.url}/api_3/package/add/owner/demo/pello/pypi"
    httpx.post(url, json=fields, auth=(store.owner.login, store.owner.token)).raise_for_status()


BUILDS: dict[str, Callable[[Copr, SteppedCopr], Any]] = {
    "create_from_url": lambda c, _: c.builds.create_from_url(*MINE, HELLO),
    "create_from_urls": lambda c, _: c.builds.create_from_urls(*MINE, [HELLO, HELLO.replace("hello", "other")]),
    "create_from_file": lambda c, _: c.builds.create_from_file(*MINE, SPEC, filename="_a b.spec"),
    "create_from_rpm_upload": lambda c, _: c.builds.create_from_rpm_upload(
        *MINE, BytesBody(b"rpm"), filename="hello-1.0-1.noarch.rpm", chroot=CHROOT
    ),
    "create_from_scm": lambda c, _: c.builds.create_from_scm(*MINE, "https://example.com/hello.git"),
    "create_from_distgit": lambda c, _: c.builds.create_from_distgit(*MINE, "hello"),
    "create_from_pypi": lambda c, _: c.builds.create_from_pypi(*MINE, "pello"),
    "create_from_rubygems": lambda c, _: c.builds.create_from_rubygems(*MINE, "gello"),
    "create_from_custom": lambda c, _: c.builds.create_from_custom(*MINE, "#!/bin/sh\nmake", chroots=[CHROOT]),
}

ROWS = (
    *(
        Row(f"copr.builds.{name}", run, "looked up", path="/api_3/build/create/*", prepare=with_build)
        for name, run in BUILDS.items()
    ),
    Row(
        "copr.packages.build",
        lambda c, _: c.packages.build(*MINE, "pello"),
        "looked up",
        path="/api_3/package/build",
        prepare=with_package,
    ),
    Row("copr.builds.cancel", lambda c, _: c.builds.cancel(2), "looked up", "PUT", prepare=with_build),
    Row("copr.builds.delete", lambda c, _: c.builds.delete(1), "looked up", "DELETE", prepare=with_finished_builds),
    Row(
        "copr.builds.delete_many",
        lambda c, _: c.builds.delete_many([1, 3]),
        "looked up",
        "DELETE",
        prepare=with_finished_builds,
    ),
    Row(
        "copr.modules.build_from_url",
        lambda c, _: c.modules.build_from_url(*MINE, "https://example.com/m.git"),
        "neither",
        shown=times("POST /api_3/module/build"),
    ),
    Row(
        "copr.modules.build_from_file",
        lambda c, _: c.modules.build_from_file(*MINE, SPEC, filename="m.yaml"),
        "neither",
        shown=times("POST /api_3/module/build"),
    ),
    Row("copr.packages.create", lambda c, _: c.packages.create(*MINE, "pello", PELLO), "looked up"),
    Row(
        "copr.packages.update",
        lambda c, _: c.packages.update(*MINE, "pello", PyPISource("other")),
        "repeated",
        prepare=with_package,
    ),
    Row("copr.packages.reset", lambda c, _: c.packages.reset(*MINE, "pello"), "repeated", "PUT", prepare=with_package),
    Row(
        "copr.packages.delete",
        lambda c, _: c.packages.delete(*MINE, "pello"),
        "looked up",
        "DELETE",
        prepare=with_package,
    ),
    Row("copr.projects.create", lambda c, _: c.projects.create("owner", "new", chroots=[CHROOT]), "by name"),
    Row("copr.projects.update", lambda c, _: c.projects.update(*MINE, description="new"), "repeated", "PUT"),
    Row(
        "copr.projects.delete",
        lambda c, _: c.projects.delete(*MINE),
        "looked up",
        "DELETE",
        prepare=with_finished_builds,
    ),
    Row("copr.projects.fork", lambda c, _: c.projects.fork(*MINE, "owner", "new"), "by name"),
    Row(
        "copr.projects.regenerate_repos",
        lambda c, _: c.projects.regenerate_repos(*MINE),
        "repeated",
        "PUT",
        shown=handled("PUT /api_3/project/regenerate-repos"),
    ),
    Row(
        "copr.projects.set_permissions",
        lambda c, _: c.projects.set_permissions(*MINE, {"ada": {"builder": "approved"}}),
        "looked up",
        "PUT",
    ),
    Row(
        "copr.projects.request_permissions",
        lambda c, _: c.projects.request_permissions("ada", "hers", builder=True),
        "repeated",
        "PUT",
        prepare=lambda store: store.add_project("hers", owner="ada"),
    ),
    Row(
        "copr.project_chroots.update",
        lambda c, _: c.project_chroots.update(*MINE, CHROOT, additional_packages=["gcc"]),
        "repeated",
        "PUT",
    ),
    Row(
        "copr.webhooks.generate",
        lambda c, _: c.webhooks.generate(*MINE),
        "repeated",
        shown=handled("POST /api_3/webhook"),
    ),
    Row(
        "copr.tokens.rotate",
        lambda c, _: c.tokens.rotate(),
        "neither",
        path="/api_3/api-token",
        shown=times("POST /api_3/api-token"),
        # It is sent once whatever happens.
        differs={"429 with Retry-After": "not_done", "503 with Retry-After": "not_done"},
    ),
)
READS = frozenset(
    f"copr.{name}"
    for name in (
        *("aclose", "from_config", "home", "send", "with_options"),
        *(f"build_chroots.{name}" for name in ("build_config", "built_packages", "get", "list")),
        *(f"builds.{name}" for name in ("built_packages", "check_before_build", "download", "get", "list", "log")),
        *(f"builds.{name}" for name in ("source_build_config", "source_chroot", "wait", "watch")),
        "mock_chroots.list",
        *("packages.get", "packages.list", "project_chroots.build_config", "project_chroots.get"),
        *(f"projects.{name}" for name in ("can_build_in", "get", "list", "monitor", "permissions", "search")),
        *("tokens.verify", "tokens.whoami"),
    )
)
COPR = MatrixStore("copr", open_store, SteppedCopr.client, dump, finish, ROWS, READS, Copr("http://127.0.0.1:1"))
