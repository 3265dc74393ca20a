"""The cases: projects, with every setting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.conformance.copr_case_server import CHROOT
from tests.conformance.copr_cases import NAMES, PAGES, singly
from tests.conformance.copr_deviations import (
    DELETED,
    JOINED,
    NO_CHROOTS,
    NO_CHROOTS_BACK,
    NOBODY_BACK,
    ODD_NAMES,
    ODD_NAMES_BACK,
    UNWRAPPED,
    WITHOUT_LOGIN,
    WORDS,
    WORDS_BACK,
)
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator


# Every setting of a project, with values other than what is sent when nothing is said.
PROJECT: dict[str, Any] = {
    "description": 'what it is: é ✓ "quoted"\nand a line',
    "instructions": "",
    "homepage": "https://example.com/?a=b&c",
    "contact": "me@example.com",
    "additional_repos": ["copr://me/other", "https://example.com/$basearch"],
    "unlisted_on_hp": True,
    "enable_net": True,
    "auto_prune": False,
    "devel_mode": True,
    "delete_after_days": -1,
    "multilib": True,
    "module_hotfixes": True,
    "bootstrap": "image",
    "bootstrap_image": "example.com/image:1",
    "isolation": "nspawn",
    "follow_fedora_branching": False,
    "fedora_review": True,
    "appstream": True,
    "runtime_dependencies": "https://example.com/a https://example.com/b",
    "packit_forge_projects_allowed": ["github.com/a/b", "gitlab.com/c"],
    "repo_priority": 1,
}
NEW_PROJECT = {**PROJECT, "persistent": True, "storage": "pulp"}
EMPTY: dict[str, Any] = {
    "additional_repos": [],
    "packit_forge_projects_allowed": [],
    "runtime_dependencies": "",
    "unlisted_on_hp": False,
    "delete_after_days": 0,
    "fedora_review": False,
}


def projects() -> Iterator[Case]:
    for names in NAMES:
        yield from _named(names)
    yield from _odd()
    for case, (theirs, ours) in PAGES.items():
        for owner in (None, "@group"):
            yield Case(
                "project.get_list",
                f"{owner} {case}",
                lambda c, owner=owner, page=theirs: c.project_proxy.get_list(owner, pagination=page),
                lambda c, owner=owner, page=ours: c.projects.list(owner, **page),
            )
        for query in ("demo", "@group/a b", "é&=+%"):
            yield Case(
                "project.search",
                f"{query} {case}",
                lambda c, query=query, page=theirs: c.project_proxy.search(query, page),
                lambda c, query=query, page=ours: c.projects.search(query, **page),
            )
    for who in ("me", "you"):
        yield Case(
            "project.can_build_in",
            who,
            lambda c, who=who: c.project_proxy.can_build_in(who, "@group", "demo"),
            lambda c, who=who: c.projects.can_build_in(who, "@group", "demo"),
        )
    yield Case(
        "project.can_build_in",
        "nobody",
        lambda c: c.project_proxy.can_build_in("me", "@group", "demo"),
        lambda c: c.projects.can_build_in("me", "@group", "demo"),
        row=WITHOUT_LOGIN,
        back=NOBODY_BACK,
        login=False,
    )
    yield from _permissions()
    yield from _settings()


def _named(names: tuple[str, str]) -> Iterator[Case]:
    case = partial(Case, name="/".join(names))
    yield case("project.get", theirs=lambda c: c.project_proxy.get(*names), ours=lambda c: c.projects.get(*names))
    yield case(
        "project.delete",
        theirs=lambda c: c.project_proxy.delete(*names),
        ours=lambda c: c.projects.delete(*names),
        back=DELETED,
    )
    yield case(
        "project.regenerate_repos",
        theirs=lambda c: c.project_proxy.regenerate_repos(*names),
        ours=lambda c: c.projects.regenerate_repos(*names),
    )
    yield case(
        "project.get_permissions",
        theirs=lambda c: c.project_proxy.get_permissions(*names),
        ours=lambda c: c.projects.permissions(*names),
        back=UNWRAPPED,
    )
    for confirm in (False, True):
        yield case(
            "project.fork",
            theirs=lambda c, confirm=confirm: c.project_proxy.fork(*names, "@dst", "copy", confirm=confirm),
            ours=lambda c, confirm=confirm: c.projects.fork(*names, "@dst", "copy", confirm=confirm),
        )
    yield case(
        "project.add",
        theirs=lambda c: c.project_proxy.add(*names, [CHROOT]),
        ours=lambda c: c.projects.create(*names, chroots=[CHROOT]),
    )
    yield case(
        "project.edit",
        theirs=lambda c: c.project_proxy.edit(*names, [CHROOT]),
        ours=lambda c: c.projects.update(*names, chroots=[CHROOT]),
    )


def _odd() -> Iterator[Case]:
    """Names that Copr does not have, and that change the address of a request."""
    for name in ("a/b", "a?b=c", "a#b", "a%41b", "..", ""):
        yield Case(
            "project.regenerate_repos",
            repr(name),
            lambda c, name=name: c.project_proxy.regenerate_repos("me", name),
            lambda c, name=name: c.projects.regenerate_repos("me", name),
            row=ODD_NAMES,
            back=ODD_NAMES_BACK,
        )
    yield Case(
        "project.get", "slash", lambda c: c.project_proxy.get("me", "a/b"), lambda c: c.projects.get("me", "a/b")
    )


def _permissions() -> Iterator[Case]:
    for permissions in (
        {"you": {"builder": "approved"}},
        {"you": {"builder": "nothing", "admin": "request"}, "them": {"admin": "approved"}},
        {},
    ):
        yield Case(
            "project.set_permissions",
            str(permissions),
            lambda c, given=permissions: c.project_proxy.set_permissions("@group", "demo", given),
            lambda c, given=permissions: c.projects.set_permissions("@group", "demo", given),
        )
    for requested in ({"builder": True}, {"admin": False}, {"builder": True, "admin": True}, {}):
        yield Case(
            "project.request_permissions",
            str(requested),
            lambda c, request=requested: c.project_proxy.request_permissions("@group", "demo", request),
            lambda c, request=requested: c.projects.request_permissions("@group", "demo", **request),
        )


def _settings() -> Iterator[Case]:
    def add(name: str, theirs: dict[str, Any], ours: dict[str, Any] | None = None, **more: Any) -> Case:
        ours = theirs if ours is None else ours
        return Case(
            "project.add",
            name,
            lambda c: c.project_proxy.add("me", "demo", **{"chroots": [CHROOT, "epel-9-x86_64"], **theirs}),
            lambda c: c.projects.create("me", "demo", **{"chroots": [CHROOT, "epel-9-x86_64"], **ours}),
            **more,
        )

    def edit(name: str, theirs: dict[str, Any], ours: dict[str, Any] | None = None, **more: Any) -> Case:
        ours = theirs if ours is None else ours
        return Case(
            "project.edit",
            name,
            lambda c: c.project_proxy.edit("@group", "demo", **theirs),
            lambda c: c.projects.update("@group", "demo", **ours),
            **more,
        )

    for name, options in singly(NEW_PROJECT):
        yield add(name, options)
    for name, options in singly(PROJECT):
        yield edit(name, options)
    for make in (add, edit):
        yield make("empty", EMPTY)
        for name, value in EMPTY.items():
            yield make(f"empty {name}", {name: value})
        for old, new in ((True, "on"), (False, "off")):
            yield make(f"use_bootstrap_container={old}", {"use_bootstrap_container": old}, {"bootstrap": new})
            yield make("and bootstrap", {"use_bootstrap_container": old, "bootstrap": "image"}, {"bootstrap": new})
        listed = {"runtime_dependencies": ["https://example.com/a", "https://example.com/b"]}
        yield make("listed", listed, apart={"runtime_dependencies": JOINED})
    for exist_ok in (True, False):
        yield add(f"exist_ok={exist_ok}", {"exist_ok": exist_ok})
    yield edit("no chroots", {"chroots": []}, row=NO_CHROOTS, back=NO_CHROOTS_BACK)
    yield edit("patterns", {"chroots": ["fedora-*"]})
    yield add("one text", {"chroots": CHROOT}, row=WORDS, back=WORDS_BACK)
