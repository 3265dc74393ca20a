"""What a genuine Copr frontend (August 2026) was recorded to refuse, and in which words.

It is about a project ``owner/demo`` in two chroots of Fedora, and a user called ``other`` who has no rights in it.
"""

from __future__ import annotations

from typing import Any

BUG = "Request wasn't successful, there is probably a bug in the Copr code."
NO_ENDPOINT = "Such API endpoint doesn't exist"
MISSING = "Project owner/missing does not exist."
NOT_ADMIN = "User 'other' can not see permissions for project 'owner/demo' (missing admin rights)"
URL = "http://example.com/a-1-1.src.rpm"
WHERE = {"ownername": "owner", "projectname": "demo"}


def new(name: str = "new", **more: Any) -> dict[str, Any]:
    """What is sent for a new project."""
    return {"name": name, "chroots": ["fedora-rawhide-x86_64"], **more}


def submission(**more: Any) -> dict[str, Any]:
    """What is sent for a build from an address."""
    return {**WHERE, "pkgs": [URL], **more}


REFUSED: list[tuple[str, str, str, Any, int, str]] = [
    # what; who, verb, path, JSON; status and text
    ("other", "GET", "/project?ownername=owner&projectname=missing", None, 404, MISSING),
    ("owner", "GET", "/project?ownername=owner", None, 400, "Missing argument projectname"),
    ("owner", "GET", "/build/list", None, 400, "Missing argument ownername"),
    ("owner", "POST", "/project/add/owner", new("demo"), 400, "name: You already have a project named 'demo'."),
    (
        *("owner", "POST", "/project/add/owner", new("bad name!"), 400),
        "name: Name must contain only letters, digits, underscores, dashes and dots.",
    ),
    ("owner", "POST", "/project/add/owner", new("12345"), 400, "name: Project's name can not be just number."),
    (
        *("owner", "POST", "/project/add/owner", new(chroots=[]), 400),
        "chroots: '[]' is not a valid choice for this field.",
    ),
    (
        *("owner", "POST", "/project/add/owner", new(chroots=["fedora-*-x86_64"]), 400),
        "chroots: 'fedora-*-x86_64' is not a valid choice for this field.",
    ),
    ("owner", "POST", "/project/add/nobody", new(), 404, "No such user `nobody'"),
    ("owner", "POST", "/project/add/owner", new(persistent=True), 403, "Non-admin cannot create persistent project."),
    ("owner", "POST", "/project/add/owner", new(auto_prune=False), 403, "Non-admin cannot disable auto-prunning."),
    ("owner", "POST", "/project/add/owner", new(storage="pulp"), 403, "Non-admin cannot set storage"),
    ("owner", "POST", "/project/add/owner", new(isolation="weird"), 400, "isolation: Not a valid choice."),
    (
        *("owner", "POST", "/project/add/owner", None, 400),
        "name: This field is required.\nchroots: '[]' is not a valid choice for this field.",
    ),
    (
        *("other", "PUT", "/project/edit/owner/demo", {"description": "Mine"}, 403),
        "Only owners and admins may update their projects.",
    ),
    ("other", "PUT", "/project/regenerate-repos/owner/demo", None, 403, NOT_ADMIN),
    ("other", "POST", "/webhook/generate/owner/demo", None, 403, NOT_ADMIN),
    ("owner", "GET", "/project/search?query=a", None, 400, "Search string must have at least 3 characters"),
    (
        *("owner", "GET", "/project/list?order=nosuch", None, 500),
        "Cannot order by nosuch, copr doesn't have such property",
    ),
    ("owner", "GET", "/project/list?order=full_name", None, 500, "Cannot order by full_name"),
    ("owner", "GET", "/project/list?limit=-1", None, 500, BUG),
    ("owner", "GET", "/project/list?limit=x", None, 500, "{'limit': ['Not a valid integer value.']}"),
    ("owner", "GET", "/project/permissions/get/owner/demo", None, 404, "No permissions set on owner/demo project"),
    (
        *("owner", "PUT", "/project/permissions/set/owner/demo", {"nobody": {"admin": "approved"}}, 400),
        "user 'nobody' doesn't exist in database",
    ),
    (
        *("owner", "PUT", "/project/permissions/set/owner/demo", {"other": {"owner": "approved"}}, 400),
        "invalid permission 'owner', allowed admin|builder",
    ),
    ("owner", "PUT", "/project/permissions/set/owner/demo", {}, 400, "no permission change requested"),
    ("other", "PUT", "/project/permissions/set/owner/demo", {"other": {"admin": "approved"}}, 403, NOT_ADMIN),
    ("owner", "POST", "/package/add/owner/demo/x/nosuch", {}, 400, "Unsupported package source type nosuch"),
    (
        *("owner", "POST", "/package/add/owner/demo/x/scm", {"package_name": "x"}, 400),
        "clone_url: This field is required.",
    ),
    (
        *("owner", "POST", "/package/add/owner/demo/x/rubygems", {"package_name": "x y", "gem_name": "a"}, 400),
        "package_name: Please enter a valid package name in ^[-+_.a-zA-Z0-9]+$",
    ),
    (
        *("other", "POST", "/package/add/owner/demo/x/rubygems", {"package_name": "x", "gem_name": "a"}, 403),
        "You are not allowed to add or edit packages in this copr.",
    ),
    (
        *("owner", "POST", "/package/edit/owner/demo/x/scm", {"package_name": "x"}, 404),
        "Package x does not exists in copr owner/demo.",
    ),
    (
        *("owner", "GET", "/package?ownername=owner&projectname=demo&packagename=x", None, 404),
        "No package with name x in copr demo",
    ),
    (
        *("owner", "POST", "/package/build", {**WHERE, "package_name": "x"}, 404),
        "No package with name x in copr demo",
    ),
    (
        *("owner", "POST", "/build/create/url", submission(pkgs=["not-a-url"]), 400),
        (
            "Bad request parameters: {'pkgs': [\"A list of http[s] URLs separated by whitespace characters is needed "
            "('not-a-url' doesn't seem to be a valid URL).\", \"URLs must end with .src.rpm, .nosrc.rpm, or .spec "
            "('not-a-url' doesn't seem to be a valid URL).\"]}"
        ),
    ),
    (
        *("owner", "POST", "/build/create/url", submission(chroots=["epel-8-x86_64"]), 400),
        "Bad request parameters: {'chroots': [\"'epel-8-x86_64' is not a valid choice for this field.\"]}",
    ),
    (
        *("owner", "POST", "/build/create/url", submission(timeout=99999999), 400),
        "Bad request parameters: {'timeout': ['Number must be between 0 and 108000.']}",
    ),
    (
        *("owner", "POST", "/build/create/url", submission(after_build_id=999999), 400),
        "Bad request parameters: {'after_build_id': ['Build 999999 not found']}",
    ),
    ("owner", "POST", "/build/create/url", submission(projectname="missing"), 404, MISSING),
    (
        *("other", "POST", "/build/create/url", submission(), 403),
        "User other is not allowed to build in the copr: owner/demo",
    ),
    (
        *("owner", "POST", "/build/create/url", submission(project_dirname="demo:other"), 400),
        (
            "Please use directory format demo:custom:<SUFFIX_OF_CHOICE> or demo:pr:<ID> (for automatically removed "
            "directories)"
        ),
    ),
    (
        *("owner", "POST", "/build/create/distgit", {**WHERE, "package_name": "tar", "distgit": "nosuch"}, 400),
        "Bad request parameters: {'distgit': ['Not a valid choice.', 'DistGit ID must be one of: fedora']}",
    ),
    ("owner", "POST", "/build/create/rpm-upload", submission(), 404, NO_ENDPOINT),
    ("owner", "POST", "/module/build/owner/demo", {"scmurl": "https://example.com/m"}, 404, NO_ENDPOINT),
    ("owner", "GET", "/build/999999", None, 404, "Build 999999 does not exist."),
    ("owner", "PUT", "/build/cancel/999999", None, 404, "Build 999999 does not exist."),
    (
        *("owner", "DELETE", "/build/delete/list", {"builds": [999999, 999998]}, 400),
        "Build(s) 999998, 999999 don't exist.\n",
    ),
    (
        *("owner", "GET", "/monitor?ownername=owner&projectname=demo&additional_fields[]=nosuch", None, 400),
        "Wrong additional_fields argument(s): nosuch",
    ),
    (
        *("owner", "GET", "/project-chroot?ownername=owner&projectname=demo&chrootname=epel-8-x86_64", None, 404),
        "Chroot name epel-8-x86_64 does not exist in Copr owner/demo.",
    ),
    (
        *("owner", "GET", "/project-chroot?ownername=owner&projectname=demo&chrootname=nonsense", None, 404),
        "Chroot identification is not valid",
    ),
    (
        *("owner", "PUT", "/project-chroot/edit/owner/demo/fedora-43-x86_64", {"reset_fields": ["nosuch"]}, 400),
        (
            "Trying to reset an invalid attribute: nosuch\nSee `copr-cli get-chroot owner/demo/fedora-43-x86_64' for all "
            "the possible attributes"
        ),
    ),
    (
        "owner",
        "GET",
        "/gssapi_login",
        None,
        403,
        "Can't log-in using GSSAPI: Kerberos authentication failed (no credentials provided)",
    ),
    ("owner", "DELETE", "/project?ownername=owner&projectname=demo", None, 404, NO_ENDPOINT),
    ("owner", "GET", "/nosuch", None, 404, NO_ENDPOINT),
]
