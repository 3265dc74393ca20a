"""The cases: chroots of projects and builds, the monitor and webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.copr_case_server import CHROOT
from tests.conformance.copr_cases import NAMES, PAGES, singly
from tests.conformance.copr_cases_builds import file
from tests.conformance.copr_deviations import LISTED, UNWRAPPED
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROOT_OPTIONS: dict[str, Any] = {
    "additional_packages": ["gcc", "make"],
    "additional_repos": ["https://example.com/repo"],
    "additional_modules": ["nodejs:20", "!ruby:3"],
    "with_opts": ["tests"],
    "without_opts": ["docs", "é"],
    "bootstrap": "off",
    "isolation": "unchanged",
    "reset_fields": ["additional_packages", "isolation"],
    "delete_comps": True,
}


def chroots(directory: Path) -> Iterator[Case]:
    for names in NAMES:
        for method, ours in (("get", "get"), ("get_build_config", "build_config"), ("edit", "update")):
            yield Case(
                f"project_chroot.{method}",
                "/".join(names),
                lambda c, m=method, n=names: getattr(c.project_chroot_proxy, m)(*n, CHROOT),
                lambda c, m=ours, n=names: getattr(c.project_chroots, m)(*n, CHROOT),
            )
        yield Case(
            "webhook.generate",
            "/".join(names),
            lambda c, n=names: c.webhook_proxy.generate(*n),
            lambda c, n=names: c.webhooks.generate(*n),
        )
    comps = file(directory, "comps é.xml", b"<comps/>\r\n")
    image = {"bootstrap_image": "example.com/image:1"}
    edits = [
        *singly(CHROOT_OPTIONS),
        ("empty", {name: [] for name in ("additional_packages", "additional_repos", "with_opts", "without_opts")}),
        ("image", image),
        ("image and bootstrap", {**image, "bootstrap": "on"}),
        ("comps", {"comps": comps}),
        ("comps and everything", {"comps": comps, **CHROOT_OPTIONS, **image}),
    ]
    for name, options in edits:
        yield Case(
            "project_chroot.edit",
            name,
            lambda c, options=options: c.project_chroot_proxy.edit("@group", "demo", CHROOT, **options),
            lambda c, options=options: c.project_chroots.update("@group", "demo", CHROOT, **options),
        )
    for number in (1, 123456789):
        for method, ours in (
            ("get", "get"),
            ("get_build_config", "build_config"),
            ("get_built_packages", "built_packages"),
        ):
            yield Case(
                f"build_chroot.{method}",
                str(number),
                lambda c, m=method, number=number: getattr(c.build_chroot_proxy, m)(number, CHROOT),
                lambda c, m=ours, number=number: getattr(c.build_chroots, m)(number, CHROOT),
            )
        for case, (their, our) in PAGES.items():
            yield Case(
                "build_chroot.get_list",
                f"{number} {case}",
                lambda c, number=number, page=their: c.build_chroot_proxy.get_list(number, page),
                lambda c, number=number, page=our: c.build_chroots.list(number, **page),
            )
    for page in (None, {"limit": 1}):
        yield Case(
            "mock_chroot.get_list",
            str(page),
            lambda c, page=page: c.mock_chroot_proxy.get_list(page),
            lambda c: c.mock_chroots.list(),
            back=LISTED,
        )
    for name, options in singly({"project_dirname": "demo:pr:1", "additional_fields": ["url_build_log"]}):
        yield monitored(name, options)
    yield monitored("no fields", {"additional_fields": []})
    yield monitored("two", {"additional_fields": ["url_build_log", "url_backend_log"]})


def monitored(name: str, options: dict[str, Any]) -> Case:
    ours = {key: value for key, value in options.items() if value is not None}
    return Case(
        "monitor.monitor",
        name,
        lambda c: c.monitor_proxy.monitor("@group", "demo:pr:1", **options),
        lambda c: c.projects.monitor("@group", "demo:pr:1", **ours),
        back=UNWRAPPED,
    )
