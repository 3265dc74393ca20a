"""A frontend of Copr that responds to everything in the right shape, and records the requests."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from lading.testing import ServerResponse
from tests.conformance.recorder import Recorder, form_parts

if TYPE_CHECKING:
    from tests.conformance.recorder import Recorded

CHROOT = "fedora-rawhide-x86_64"
META = {"limit": None, "offset": 0, "order": "id", "order_type": "ASC"}
NEVRA = {"name": "hello", "epoch": 1, "version": "1.0", "release": "1", "arch": "x86_64"}
REPO = {
    "id": "copr_base",
    "name": "Copr repository",
    "baseurl": "https://results.example/me/demo/$basearch/",
    "module_hotfixes": True,
    "priority": 7,
    "repo_gpgcheck": False,
}
PROJECT = {
    "id": 77,
    "name": "demo",
    "ownername": "me",
    "full_name": "me/demo",
    "homepage": "https://example.com/",
    "contact": "me@example.com",
    "description": "what it is",
    "instructions": "how to use it",
    "devel_mode": True,
    "persistent": False,
    "unlisted_on_hp": True,
    "auto_prune": False,
    "chroot_repos": {CHROOT: f"https://results.example/me/demo/{CHROOT}/"},
    "additional_repos": ["copr://me/other"],
    "enable_net": True,
    "bootstrap": "on",
    "isolation": "simple",
    "module_hotfixes": True,
    "appstream": True,
    "packit_forge_projects_allowed": ["github.com/a/b"],
    "follow_fedora_branching": False,
    "repo_priority": 9,
    "storage": "pulp",
}
PACKAGE = {
    "id": 5,
    "name": "hello",
    "ownername": "me",
    "projectname": "demo",
    "source_type": "scm",
    "source_dict": {"type": "svn", "clone_url": "https://svn.example/hello"},
    "auto_rebuild": True,
}
PROJECT_CHROOT = {
    "mock_chroot": CHROOT,
    "ownername": "me",
    "projectname": "demo",
    "comps_name": "comps.xml",
    "additional_repos": ["https://example.com/repo"],
    "additional_packages": ["gcc"],
    "additional_modules": ["nodejs:20"],
    "with_opts": ["tests"],
    "without_opts": ["docs"],
    "delete_after_days": 3,
    "isolation": "nspawn",
}
BUILD_CONFIG = {
    "repos": [REPO],
    "additional_repos": ["https://example.com/repo"],
    "additional_packages": ["gcc"],
    "with_opts": ["tests"],
    "without_opts": ["docs"],
    "enable_net": True,
}
MONITORED = {
    "state": "succeeded",
    "status": 1,
    "build_id": 7,
    "pkg_version": "1.0-1",
    "url_build_log": "https://results.example/build.log",
    "url_backend_log": "https://results.example/backend.log",
}


def build(number: int, state: str = "succeeded") -> dict[str, Any]:
    return {
        "id": number,
        "state": state,
        "ownername": "me",
        "projectname": "demo",
        "project_dirname": "demo:pr:1",
        "repo_url": "https://results.example/me/demo",
        "source_package": {"name": "hello", "version": "1.0-1", "url": "https://results.example/hello.src.rpm"},
        "submitted_on": 1700000000,
        "started_on": 1700000100,
        "ended_on": 1700000200,
        "submitter": "me",
        "chroots": [CHROOT],
        "is_background": True,
    }


def page(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "meta": META}


BUILD_CHROOT = {
    "name": CHROOT,
    "state": "running",
    "started_on": 1700000100,
    "ended_on": 1700000200,
    "result_url": "https://results.example/me/demo/00000007-hello/",
}
SOURCE_CONFIG = {
    "source_type": "scm",
    "source_dict": {"clone_url": "https://git.example/hello"},
    "memory_limit": 2048,
    "timeout": 18000,
    "is_background": False,
}
WITH_BUILDS = {**PACKAGE, "builds": {"latest": build(8, "failed"), "latest_succeeded": build(7)}}

# By what the path below the API's root begins with: the first that fits.
RESPONSES: dict[str, Any] = {
    "auth-check": {"id": 1, "name": "me"},
    "api-token": {"api_login": "new-login", "api_token": "new-token", "expiration": "2027-01-31"},
    "project/permissions/get/": {"permissions": {"you": {"admin": "request", "builder": "approved"}}},
    "project/permissions/set/": {"updated": ["you"]},
    "project/permissions/request/": {"updated": True},
    "project/list": page(PROJECT),
    "project/search": page(PROJECT),
    "project-chroot/build-config": {**BUILD_CONFIG, "chroot": CHROOT, "additional_modules": [], "isolation": "simple"},
    "project-chroot": PROJECT_CHROOT,
    "project": PROJECT,
    "build-chroot/list": page(BUILD_CHROOT),
    "build-chroot/build-config": {
        **BUILD_CONFIG,
        "memory_limit": 2048,
        "timeout": 18000,
        "is_background": False,
        "bootstrap": "image",
        "bootstrap_image": "example.com/image",
    },
    "build-chroot/built-packages": {"packages": [NEVRA]},
    "build-chroot": BUILD_CHROOT,
    "build/source-chroot/": {"state": "running", "result_url": "https://results.example/srpm-builds/00000007"},
    "build/source-build-config/": SOURCE_CONFIG,
    "build/built-packages/": {CHROOT: {"packages": [NEVRA, {**NEVRA, "epoch": None, "arch": "src"}]}},
    "build/check-before-build": {"message": "It should be safe to submit a build like this"},
    "build/delete/list": {"builds": [1, 2]},
    "build/": build(7),
    "package/list": page(WITH_BUILDS),
    "package/build": build(7),
    "package": WITH_BUILDS,
    "monitor": {"output": "ok", "message": "", "packages": [{"name": "hello", "chroots": {CHROOT: MONITORED}}]},
    "mock-chroots/list": {CHROOT: "", "epel-9-x86_64": "until 2032"},
    "webhook/generate/": {
        "id": 77,
        "name": "demo",
        "ownername": "me",
        "full_name": "me/demo",
        "webhook_secret": "made-up",
    },
    "": {"version": 3},
}


class Frontend(Recorder):
    """The frontend.

    Attributes:
        states: By build: its state at each request; the last one stays. A number is the status of an
            error.
        total: How many builds a project has, for its list.
        refusal: The response to every request instead.
        package: The package that it has.
    """

    def __init__(self) -> None:
        super().__init__(self._respond)
        self.states: dict[int, list[str | int]] = {}
        self.total = 0
        self.refusal: ServerResponse | None = None
        self.package: dict[str, Any] = PACKAGE

    def _respond(self, request: Recorded) -> ServerResponse:
        if self.refusal is not None:
            return self.refusal
        path, _, query = request.target.partition("?")
        below = unquote(path.partition("/api_3")[2].removeprefix("/"))
        requested = {name: values[-1] for name, values in parse_qs(query).items()}
        if found := re.fullmatch(r"build/(\d+)", below):
            return self._build(int(found[1]))
        if below == "package":
            return ServerResponse.json({**self.package, "builds": WITH_BUILDS["builds"]})
        if below == "build/list":
            return ServerResponse.json(self._builds(requested))
        if below == "build/create/url":
            number = len(json.loads(request.body)["pkgs"])
            return ServerResponse.json(page(*({**build(n), **_place(request)} for n in range(7, 7 + number))))
        if found := re.fullmatch(r"project/permissions/can_build_in/(.*)/(.*)/(.*)", below):
            names = dict(zip(("who", "ownername", "projectname"), found.groups(), strict=True))
            return ServerResponse.json({**names, "can_build_in": found[1] == "me"})
        value = next(value for start, value in RESPONSES.items() if below.startswith(start))
        return ServerResponse.json(value if request.method == "GET" else {**value, **_about(request, below)})

    def _build(self, number: int) -> ServerResponse:
        state = self._state(number)
        if isinstance(state, int):
            return ServerResponse.json({"error": f"Build {number} does not exist."}, state)
        return ServerResponse.json(build(number, state))

    def _state(self, number: int) -> str | int:
        states = self.states.get(number, ["succeeded"])
        return states.pop(0) if len(states) > 1 else states[0]

    def _builds(self, requested: dict[str, str]) -> dict[str, Any]:
        """Newest first, as the frontend gives them; with a status, its pages overlap."""
        if self.states:
            listed = [build(number, str(self._state(number))) for number in sorted(self.states, reverse=True)]
        else:
            listed = [build(number) for number in range(self.total or 1, 0, -1)]
        limit, offset = int(requested["limit"]) if "limit" in requested else None, int(requested.get("offset", 0))
        start = max(0, offset - 1) if "status" in requested else offset
        end = None if limit is None else start + limit
        return {"items": listed[start:end], "meta": {**META, "limit": limit, "offset": offset}}


def _fields(request: Recorded) -> dict[str, Any]:
    """The JSON of a request, or of its form."""
    if not request.body or request.headers["Content-Type"] == "application/json":
        return json.loads(request.body or b"{}")
    return next(json.loads(part.content) for part in form_parts(request) if part.name == "json")


def _place(request: Recorded) -> dict[str, str]:
    """The project that the fields of a request name, as a response shows it."""
    sent = _fields(request)
    return {name: sent[name] for name in ("ownername", "projectname") if name in sent}


# What the path of a write says of what it is about.
_PATHS = (
    r"project/(?:edit|delete|regenerate-repos)/(?P<ownername>[^/]+)/(?P<name>[^/]+)",
    r"project/add/(?P<ownername>[^/]+)",
    r"package/(?:add|edit)/(?P<ownername>[^/]+)/(?P<projectname>[^/]+)/(?P<name>[^/]+).*",
    r"project-chroot/edit/(?P<ownername>[^/]+)/(?P<projectname>[^/]+)/(?P<mock_chroot>[^/]+)",
    r"webhook/generate/(?P<ownername>[^/]+)/(?P<name>[^/]+)",
    r"build/(?:cancel|delete)/(?P<id>\d+)",
)


def _about(request: Recorded, below: str) -> dict[str, Any]:
    """What the response to a write shows of the thing that the request named."""
    about: dict[str, Any] = {}
    for path in _PATHS:
        if found := re.fullmatch(path, below):
            about = {name: int(value) if name == "id" else value for name, value in found.groupdict().items()}
    if below.startswith(("project/add/", "project/fork/")):
        sent = _fields(request)
        about |= {name: sent[name] for name in ("name", "ownername") if name in sent}
    if below in ("package/reset", "package/delete"):
        about = {**_place(request), "name": _fields(request)["package_name"]}
    if below == "package/build" or below.startswith("build/create/"):
        about = _place(request)
    if below == "build/delete/list":
        about = {"builds": _fields(request)["builds"]}
    return about
