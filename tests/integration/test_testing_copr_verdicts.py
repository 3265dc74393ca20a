"""The verdicts of a genuine frontend (August 2026, its source and its responses), which the embedded Copr must share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lading.testing import EmbeddedCopr

if TYPE_CHECKING:
    from collections.abc import Iterator

RAWHIDE = "fedora-rawhide-x86_64"
CHROOT_EDIT = f"/project-chroot/edit/owner/demo/{RAWHIDE}"
WHERE = {"ownername": "owner", "projectname": "demo"}
URL = {**WHERE, "pkgs": ["https://example.com/a-1-1.src.rpm"]}
SCM = {"package_name": "svn", "clone_url": "https://example.com/hello", "scm_type": "svn"}
SPEC = "spec: RPM spec file must end with .spec"
NAME = "package_name: Please enter a valid package name in ^[-+_.a-zA-Z0-9]+$"


def two_parts(module: str) -> str:
    return f"Module name '{module}' must consist of two parts separated with colon, e.g. module:stream"


def new(name: str = "new", **more: Any) -> dict[str, Any]:
    return {"name": name, "chroots": [RAWHIDE], **more}


# Who, verb, path, JSON; status and text: several complaints are in one line each, or as a form's are.
Verdict = tuple[str, str, str, Any, int, str]
VERDICTS: dict[str, Verdict] = {
    # The form is checked before the rights.
    "storage that does not exist": (
        *("owner", "POST", "/project/add/owner", new(storage="weird")),
        *(400, "storage: Not a valid choice."),
    ),
    "storage of somebody who is no admin": (
        *("owner", "POST", "/project/add/owner", new(storage="pulp")),
        *(403, "Non-admin cannot set storage"),
    ),
    "a group of others": (
        *("owner", "POST", "/project/add/@other", new()),
        *(403, "User 'owner' doesn't have access to the copr group 'other' (fas_name='other')"),
    ),
    "a longest project name": ("owner", "POST", "/project/add/owner", new("x" * 100), 200, ""),
    "a project name that is too long": ("owner", "POST", "/project/add/owner", new("x" * 101), 500, ""),
    "a longest package name": (
        *("owner", "POST", "/package/add/owner/demo/x/rubygems", {"package_name": "x" * 100, "gem_name": "a"}),
        *(200, ""),
    ),
    "a package name that is too long": (
        *("owner", "POST", "/package/add/owner/demo/x/rubygems", {"package_name": "x" * 101, "gem_name": "a"}),
        *(400, "package_name: Field cannot be longer than 100 characters."),
    ),
    "a gem name that is too long": (
        *("owner", "POST", "/package/add/owner/demo/x/rubygems", {"package_name": "x", "gem_name": "a" * 93}),
        *(400, "gem_name: Field cannot be longer than 92 characters."),
    ),
    "a name on the index that is too long": (
        *("owner", "POST", "/package/add/owner/demo/x/pypi", {"package_name": "x", "pypi_package_name": "a" * 94}),
        *(400, "pypi_package_name: Field cannot be longer than 93 characters."),
    ),
    # Complaints come in the order of the form's fields, under their names there.
    "bad options of a package": (
        *("owner", "POST", "/package/add/owner/demo/x/scm"),
        {
            "package_name": "x",
            "clone_url": "https://example.com/x",
            "spec": "x.txt",
            "source_build_method": "magic",
            "max_builds": 101,
            "timeout": 999999,
        },
        400,
        (
            "max_builds: Number must be between 0 and 100.\ntimeout: Number must be between 0 and 108000.\n"
            f"{SPEC}\nsrpm_build_method: Not a valid choice."
        ),
    ),
    # What is stored as null is filled in at a change, and refused.
    "a package from SCM without a spec file": (
        "owner",
        "POST",
        "/package/edit/owner/demo/svn/scm",
        {"package_name": "svn", "committish": "main"},
        400,
        SPEC,
    ),
    "any option of it": (
        "owner",
        "POST",
        "/package/edit/owner/demo/svn/",
        {"package_name": "svn", "timeout": 600},
        400,
        SPEC,
    ),
    "an empty spec file heals it": (
        "owner",
        "POST",
        "/package/edit/owner/demo/svn/",
        {"package_name": "svn", "spec": ""},
        200,
        "",
    ),
    "a package from SCM with a spec file": (
        "owner",
        "POST",
        "/package/edit/owner/demo/git/",
        {"package_name": "git", "timeout": 600},
        200,
        "",
    ),
    "another kind of source": (
        "owner",
        "POST",
        "/package/edit/owner/demo/svn/rubygems",
        {"package_name": "svn", "gem_name": "a"},
        200,
        "",
    ),
    "a module without a stream": (
        *("owner", "PUT", CHROOT_EDIT, {"additional_modules": ["!nodejs"]}),
        *(400, f"module_toggle: {two_parts('!nodejs')}"),
    ),
    "the second module without a stream": (
        *("owner", "PUT", CHROOT_EDIT, {"additional_modules": ["mod:stream", "other"]}),
        *(400, f"module_toggle: {two_parts(' other')}"),
    ),
    "a module twice": (
        *("owner", "PUT", CHROOT_EDIT, {"additional_modules": ["a:1", "a:2"]}),
        *(400, "module_toggle: Module name 'a' specified multiple times"),
    ),
    "modules that are enabled and disabled": (
        "owner",
        "PUT",
        CHROOT_EDIT,
        {"additional_modules": ["mod:stream", "!other:1"]},
        200,
        "",
    ),
    "bad options of a chroot": (
        *("owner", "PUT", CHROOT_EDIT, {"additional_modules": ["a b!!"], "bootstrap": "x", "isolation": "y"}),
        400,
        f"module_toggle: {two_parts('a b!!')}\nbootstrap: Not a valid choice.\nisolation: Not a valid choice.",
    ),
    "a forge project that is not allowed": (
        *("owner", "POST", "/build/create/url", {**URL, "packit_forge_project": "github.com/a/b"}),
        *(403, "Forge project github.com/a/b can't build in this Copr via Packit."),
    ),
    "it for a package": (
        *(
            "owner",
            "POST",
            "/package/build",
            {**WHERE, "package_name": "git", "packit_forge_project": "github.com/a/b"},
        ),
        *(403, "Forge project github.com/a/b can't build in this Copr via Packit."),
    ),
    "a forge project that is allowed": (
        *("owner", "POST", "/build/create/url", {**URL, "packit_forge_project": "github.com/good/b"}),
        *(200, ""),
    ),
    "bad settings of a build from SCM": (
        *("owner", "POST", "/build/create/scm"),
        {**WHERE, "scm_type": "cvs", "clone_url": "nowhere", "spec": "x", "source_build_method": "magic"},
        400,
        (
            "Bad request parameters: {'scm_type': ['Not a valid choice.'], 'clone_url': ['Invalid URL.'], "
            "'spec': ['RPM spec file must end with .spec'], 'srpm_build_method': ['Not a valid choice.']}"
        ),
    ),
    "bad settings of a build from dist-git": (
        *("owner", "POST", "/build/create/distgit", {**WHERE, "package_name": "a b", "distgit": "nosuch"}),
        400,
        (
            "Bad request parameters: {'package_name': ['Please enter a valid package name in ^[-+_.a-zA-Z0-9]+$'], "
            "'distgit': ['Not a valid choice.', 'DistGit ID must be one of: fedora']}"
        ),
    ),
    "a build from dist-git without a package": (
        *("owner", "POST", "/build/create/distgit", WHERE),
        400,
        "Bad request parameters: {'package_name': ['Please enter a valid package name in ^[-+_.a-zA-Z0-9]+$']}",
    ),
    "a package name with a blank": (
        *("owner", "POST", "/package/add/owner/demo/x/distgit", {"package_name": "a b"}),
        *(400, NAME),
    ),
    "a chroot of a build that cannot be one": (
        "owner",
        "GET",
        "/build-chroot?build_id=1&chrootname=nonsense",
        None,
        500,
        "Chroot identification is not valid",
    ),
    "a chroot that does not exist": (
        *("owner", "GET", "/build-chroot?build_id=1&chrootname=fedora-1-x86_64", None),
        *(404, "Chroot fedora-1-x86_64 does not exist"),
    ),
    "deleting a running build": (
        "owner",
        "DELETE",
        "/build/delete/1",
        None,
        500,
        "User 'owner' can not delete build 1",
    ),
    "deleting the project of others": (
        *("ada", "DELETE", "/project/delete/owner/demo", {"verify": True}),
        *(400, "You don't have permissions to delete build(s) 1.\n"),
    ),
    "permissions of an unknown user": (
        *("owner", "GET", "/project/permissions/can_build_in/nobody/owner/demo", None),
        *(500, "Database error, contact admin"),
    ),
}


@pytest.fixture
def store() -> Iterator[EmbeddedCopr]:
    with EmbeddedCopr() as store:
        store.add_user("ada", groups=["other"])
        store.add_project("demo", packit_forge_projects_allowed=["github.com/good/*"])
        store.add_build("demo", "https://example.com/a-1-1.src.rpm")
        with httpx.Client(base_url=f"{store.url}/api_3", auth=(store.owner.login, store.owner.token)) as client:
            client.post("/package/add/owner/demo/svn/scm", json=SCM).raise_for_status()
            git = {"package_name": "git", "clone_url": "https://example.com/a", "spec": ""}
            client.post("/package/add/owner/demo/git/scm", json=git).raise_for_status()
        yield store


@pytest.mark.parametrize("case", VERDICTS)
def test_the_embedded_frontend_decides_as_the_genuine_one(store: EmbeddedCopr, case: str):
    who, verb, path, body, status, text = VERDICTS[case]
    user = store.owner if who == "owner" else store.add_user(who)
    options = {} if body is None else {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}
    response = httpx.request(verb, f"{store.url}/api_3{path}", auth=(user.login, user.token), **options)  # type: ignore[arg-type]
    assert response.status_code == status, response.text
    if text:
        assert response.json()["error"] == text
    elif status == 500:  # the web server's own page
        assert "<title>Internal Server Error</title>" in response.text


def test_urls_of_forge_projects_are_stored_without_their_scheme(store: EmbeddedCopr):
    body = {"packit_forge_projects_allowed": ["https://github.com/a/b"]}
    login = (store.owner.login, store.owner.token)
    shown = httpx.put(f"{store.url}/api_3/project/edit/owner/demo", json=body, auth=login).json()
    assert shown["packit_forge_projects_allowed"] == ["github.com/a/b"]
