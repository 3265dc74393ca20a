"""The cases: builds, of every kind of source and with every option."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.conformance.copr_case_server import CHROOT
from tests.conformance.copr_cases import NAMES, PAGES, singly
from tests.conformance.copr_deviations import (
    BARE_CHECK,
    BARE_CHECK_BACK,
    BLANKS,
    BLANKS_BACK,
    DELETED,
    ENDING,
    ENDING_BACK,
    JOINED,
    NO_BUILDS,
    PYTHONS,
    UNWRAPPED,
)
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPTIONS: dict[str, Any] = {
    "chroots": [CHROOT, "epel-*"],
    "exclude_chroots": ["*-i386"],
    "timeout": 3600,
    "background": True,
    "enable_net": False,
    "bootstrap": "unchanged",
    "isolation": "simple",
    "with_build_id": 10,
    "after_build_id": 11,
    "packit_forge_project": "github.com/a/b",
}
URLS = ["https://example.com/hello-1.0-1.src.rpm", "https://example.com/other.spec?a=b&c=é"]
# By kind of source: the arguments that it needs, and all others, with values other than the usual.
SOURCES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "scm": (
        ("https://git.example/hello",),
        {
            "committish": "v1.0",
            "subdirectory": "dist",
            "spec": "hello.spec",
            "scm_type": "svn",
            "source_build_method": "tito_test",
        },
    ),
    "distgit": (("hello",), {"committish": "f43", "namespace": "rpms", "distgit": "fedora"}),
    "pypi": (
        ("hello",),
        {
            "pypi_package_version": "1.0",
            "spec_generator": "pyp2rpm",
            "spec_template": "epel7",
            "python_versions": ["3", "2"],
        },
    ),
    "rubygems": (("hello",), {}),
    "custom": (
        ("#!/bin/sh\necho 'é' > \"hello.spec\"\n",),
        {
            "script_chroot": "fedora-latest-x86_64",
            "script_builddeps": "git make",
            "script_resultdir": "out",
            "script_repos": "https://example.com/repo copr://me/other",
        },
    ),
}


def theirs(options: dict[str, Any]) -> dict[str, Any]:
    """The same arguments as python-copr takes them."""
    rest = {name: value for name, value in options.items() if name not in OPTIONS}
    buildopts = {name: value for name, value in options.items() if name in OPTIONS}
    return {**rest, "buildopts": buildopts or None}


def create(method: str, name: str, *args: Any, options: dict[str, Any], **more: Any) -> Case:
    """A build in a project of ``me``."""
    return Case(
        f"build.{method}",
        name,
        lambda c: getattr(c.build_proxy, method)("me", "demo", *args, **theirs(options)),
        lambda c: getattr(c.builds, method)("me", "demo", *args, **options),
        **more,
    )


def builds() -> Iterator[Case]:
    for number in (1, 123456789):
        case = partial(Case, name=str(number))
        for method, name in (
            ("get", "get"),
            ("get_source_chroot", "source_chroot"),
            ("get_source_build_config", "source_build_config"),
            ("get_built_packages", "built_packages"),
            ("cancel", "cancel"),
        ):
            yield case(
                f"build.{method}",
                theirs=lambda c, method=method, number=number: getattr(c.build_proxy, method)(number),
                ours=lambda c, name=name, number=number: getattr(c.builds, name)(number),
            )
        yield case(
            "build.delete",
            theirs=lambda c, number=number: c.build_proxy.delete(number),
            ours=lambda c, number=number: c.builds.delete(number),
            back=DELETED,
        )
    for numbers, row, back in (([1], None, DELETED), ([3, 1, 2], None, DELETED), ([], NO_BUILDS, DELETED)):
        yield Case(
            "build.delete_list",
            str(numbers),
            lambda c, numbers=numbers: c.build_proxy.delete_list(numbers),
            lambda c, numbers=numbers: c.builds.delete_many(numbers),
            row=row,
            back=back,
        )
    for names in NAMES:
        for case, (their, our) in PAGES.items():
            for package, status in ((None, None), ("gtk+", None), (None, "failed"), ("hello", "succeeded")):
                yield Case(
                    "build.get_list",
                    f"{names} {package} {status} {case}",
                    lambda c, n=names, p=package, s=status, page=their: c.build_proxy.get_list(*n, p, s, page),
                    lambda c, n=names, p=package, s=status, page=our: c.builds.list(*n, package=p, status=s, **page),
                )


def sources() -> Iterator[Case]:
    for kind, (needed, settings) in SOURCES.items():
        # What is sent when no Python versions are given is compared in a row of its own.
        apart = {} if kind != "pypi" else {"python_versions": PYTHONS}
        for name, options in singly({**settings, "project_dirname": "demo:pr:1", **OPTIONS}):
            rest = {} if options.get("python_versions") else apart
            # An empty text is no null: python-copr sends what it is given.
            yield create(f"create_from_{kind}", name, *needed, options=options, apart=rest)
    listed = {"script_builddeps": ["git", "make"], "script_repos": ["https://example.com/repo", "copr://me/other"]}
    apart = {"builddeps": JOINED, "repos": JOINED}
    yield create("create_from_custom", "listed", "true", options=listed, apart=apart)
    for name, options in singly({"project_dirname": "demo:custom:x", **OPTIONS}):
        yield create("create_from_url", name, URLS[0], options=options)
        for urls in (URLS, URLS[1:]):
            yield create("create_from_urls", f"{name} {len(urls)}", urls, options=options)
    for url in ("https://example.com/a b.spec", " https://example.com/a.spec", ""):
        yield create("create_from_url", repr(url), url, options={}, row=BLANKS, back=BLANKS_BACK)
        yield create("create_from_urls", repr(url), [url], options={}, row=BLANKS, back=BLANKS_BACK)
    for name, options in singly({"project_dirname": "demo:pr:1", **OPTIONS}):
        yield check(name, options)
    for options in (None, {}, {"timeout": 3600}):
        yield Case(
            "build.check_before_build",
            f"without a callback {options}",
            lambda c, options=options: c.build_proxy.check_before_build("me", "demo", buildopts=options),
            lambda c, options=options: c.builds.check_before_build("me", "demo", **(options or {})),
            row=BARE_CHECK,
            back=BARE_CHECK_BACK,
        )


def check(name: str, options: dict[str, Any]) -> Case:
    """Called as copr-cli does: python-copr accepts no less."""
    given = theirs(options)
    rest = {key: value for key, value in given.items() if key != "buildopts"}
    buildopts = {**(given["buildopts"] or {}), "progress_callback": None}
    return Case(
        "build.check_before_build",
        name,
        lambda c: c.build_proxy.check_before_build("me", "demo", buildopts=dict(buildopts), **rest),
        lambda c: c.builds.check_before_build("me", "demo", **options),
        back=UNWRAPPED,
    )


CONTENT = bytes(range(256)) * 300


def uploads(directory: Path) -> Iterator[Case]:
    """What is uploaded, streamed by both."""
    names = {
        "create_from_file": ["hello-1.0-1.src.rpm", "hello.nosrc.rpm", "gtk+é ✓~1.0^2.src.rpm", "hello.spec"],
        "create_from_rpm_upload": ["hello-1.0-1.x86_64.rpm", "hello-1.0-1.noarch.rpm"],
    }
    for method, files in names.items():
        for name in files:
            yield create(method, name, file(directory, name), options={})
        for name, options in singly({"project_dirname": "demo:pr:1", **OPTIONS}):
            yield create(method, name, file(directory, files[0]), options=options)
        yield create(method, "empty", file(directory, f"empty-{files[0]}", b""), options={})
        odd = file(directory, 'a"b\\c' + files[0])
        yield create(method, "quotes", odd, options={})
        yield create(method, "ending", file(directory, "hello.txt"), options={}, row=ENDING, back=ENDING_BACK)
        usual = file(directory, files[0])
        yield Case(
            f"build.{method}",
            "progress",
            lambda c, m=method, path=usual: getattr(c.build_proxy, m)(
                "me", "demo", path, buildopts={"timeout": 5, "progress_callback": lambda _: None}
            ),
            lambda c, m=method, path=usual: getattr(c.builds, m)(
                "me", "demo", path, timeout=5, on_progress=lambda _: None
            ),
        )


def file(directory: Path, name: str, content: bytes = CONTENT) -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)
