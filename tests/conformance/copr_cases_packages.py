"""The cases: packages, with every kind of source."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lading.copr import CustomSource, DistGitSource, PyPISource, RubyGemsSource, ScmSource
from tests.conformance.copr_case_server import PACKAGE
from tests.conformance.copr_cases import NAMES, PAGES, singly
from tests.conformance.copr_cases_builds import OPTIONS
from tests.conformance.copr_deviations import (
    DELETED,
    JOINED,
    LACKING,
    LACKING_BACK,
    NO_KIND,
    NO_SPEC,
    NO_TYPE,
)
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.copr import Source
    from tests.conformance.copr_case_server import Frontend

PACKAGES = ["hello", "gtk+", "libstdc++-4.8_x"]
# By kind of source: ours, and the settings, what it needs first.
KINDS: dict[str, tuple[type[Source], dict[str, Any]]] = {
    "scm": (
        ScmSource,
        {
            "clone_url": "https://git.example/hello",
            "scm_type": "git",
            "committish": "main",
            "subdirectory": "dist",
            "spec": "hello.spec",
            "source_build_method": "make_srpm",
        },
    ),
    "pypi": (
        PyPISource,
        {
            "pypi_package_name": "hello",
            "pypi_package_version": "1.0",
            "spec_generator": "pyp2spec",
            "spec_template": "fedora",
            "python_versions": ["3"],
        },
    ),
    "rubygems": (RubyGemsSource, {"gem_name": "hello"}),
    "custom": (
        CustomSource,
        {
            "script": "#!/bin/sh\necho é\n",
            "script_chroot": "fedora-latest-x86_64",
            "script_builddeps": "git make",
            "script_resultdir": "out",
            "script_repos": "https://example.com/repo",
        },
    ),
    "distgit": (DistGitSource, {"distgit": "fedora", "namespace": "rpms", "committish": "f43"}),
}
COMMON: dict[str, Any] = {"webhook_rebuild": True, "max_builds": 0, "timeout": 60}


def packages() -> Iterator[Case]:
    for names in NAMES:
        for package in PACKAGES:
            yield from _named((*names, package))
        for case, (theirs, ours) in PAGES.items():
            for flags in ({}, {"with_latest_build": True}, {"with_latest_succeeded_build": True}):
                yield Case(
                    "package.get_list",
                    f"{names} {case} {flags}",
                    lambda c, n=names, f=flags, page=theirs: c.package_proxy.get_list(*n, page, **f),
                    lambda c, n=names, f=flags, page=ours: c.packages.list(*n, **f, **page),
                )
    for kind, (_, settings) in KINDS.items():
        yield from _settings(kind, settings)
    yield from _of_a_type()
    for name, options in singly({"project_dirname": "demo:pr:1", **OPTIONS}):
        buildopts = {key: value for key, value in options.items() if key != "project_dirname"}
        directory = options.get("project_dirname")
        yield Case(
            "package.build",
            name,
            lambda c, b=buildopts, d=directory: c.package_proxy.build("me", "demo", "x", b, d),
            lambda c, options=options: c.packages.build("me", "demo", "x", **options),
        )


def _named(names: tuple[str, str, str]) -> Iterator[Case]:
    case = partial(Case, name="/".join(names))
    for flags in (
        {},
        {"with_latest_build": True},
        {"with_latest_build": True, "with_latest_succeeded_build": True},
        {"with_latest_succeeded_build": False},
    ):
        yield case(
            "package.get",
            theirs=lambda c, flags=flags: c.package_proxy.get(*names, **flags),
            ours=lambda c, flags=flags: c.packages.get(*names, **flags),
        )
    for method in ("reset", "build", "delete"):
        yield case(
            f"package.{method}",
            theirs=lambda c, method=method: getattr(c.package_proxy, method)(*names),
            ours=lambda c, method=method: getattr(c.packages, method)(*names),
            **({"back": DELETED} if method == "delete" else {}),
        )
    for method, ours in (("add", "create"), ("edit", "update")):
        yield case(
            f"package.{method}",
            theirs=lambda c, method=method: getattr(c.package_proxy, method)(*names, "rubygems", {"gem_name": "x"}),
            ours=lambda c, ours=ours: getattr(c.packages, ours)(*names, RubyGemsSource("x")),
        )


def _settings(kind: str, settings: dict[str, Any]) -> Iterator[Case]:
    needed = dict(list(settings.items())[: 2 if kind == "scm" else 1])
    denied = {"chroot_denylist": ["epel-*", "*-i386"]}
    for method in ("add", "edit"):
        case = partial(package, method, kind)
        yield case("all", settings, COMMON)
        for name, options in singly(settings):
            yield case(name, {**options, **needed} if name == "nulls" else {**needed, **options})
        for name, options in singly(COMMON):
            yield case(name, needed, options)
        yield case("denied", needed, {"chroot_denylist": "epel-*,*-i386"}, denied)
        yield case("denied, listed", needed, denied, apart={"chroot_denylist": JOINED})
    if kind != "distgit":
        yield package("add", kind, "lacking", {}, row=LACKING, back=LACKING_BACK)
    if kind == "custom":
        lists = {"script": "true", "script_builddeps": ["git", "make"], "script_repos": ["copr://me/a", "copr://me/b"]}
        yield package("add", kind, "listed", lists, apart={"script_builddeps": JOINED, "script_repos": JOINED})
    if kind == "scm":
        yield package("add", kind, "no kind", {"clone_url": "https://git.example/hello"})
        yield package("edit", kind, "no kind", {"clone_url": "https://git.example/hello"}, row=NO_KIND)


def _of_a_type() -> Iterator[Case]:
    """Settings that have nothing to do with the source, whose type is not said."""
    for kind, source in {"svn": {}, "gem": {"source_type": "rubygems", "source_dict": {"gem_name": "hello"}}}.items():

        def setup(frontend: Frontend, source: dict[str, Any] = source) -> None:
            frontend.package = {**PACKAGE, **source}

        for options in ({}, COMMON):
            yield Case(
                "package.edit",
                f"{kind} no type {options}",
                lambda c, options=options: c.package_proxy.edit("me", "demo", "hello", source_dict=options),
                lambda c, options=options: c.packages.update("me", "demo", "hello", **options),
                row=NO_TYPE,
                setup=setup,
            )


def package(
    method: str,
    kind: str,
    name: str,
    settings: dict[str, Any],
    theirs: dict[str, Any] | None = None,
    ours: dict[str, Any] | None = None,
    **more: Any,
) -> Case:
    """A package of a kind, with a source's settings and those that all kinds have."""
    theirs = theirs or {}
    ours = theirs if ours is None else ours
    source = KINDS[kind][0](**settings)
    if kind == "scm" and settings and settings.get("spec") is None:
        more.setdefault("row", NO_SPEC)
    return Case(
        f"package.{method}",
        f"{kind} {name}",
        lambda c: getattr(c.package_proxy, method)("me", "demo", "hello", kind, {**settings, **theirs}),
        lambda c: getattr(c.packages, {"add": "create", "edit": "update"}[method])(
            "me", "demo", "hello", source, **ours
        ),
        **more,
    )
