"""The cases: what is done with both clients. Here: what others share, and the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.copr_deviations import (
    AFTER_ROTATION,
    NOBODY,
)
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copr.v3 import Client

# Users and groups, and every letter that names of projects and packages may have.
NAMES = [("me", "demo"), ("@group", "demo"), ("@g-1_x.y", "gtk+"), ("me", "demo:pr:1"), ("a b", "dé~mo")]
PAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "": ({}, {}),
    "limit": ({"limit": 10}, {"page_size": 10}),
    "offset": ({"offset": 20}, {"offset": 20}),
    "first": ({"limit": 5, "offset": 0}, {"page_size": 5}),
    "order": ({"order": "name"}, {"order": "name"}),
    "ascending": ({"order": "id", "order_type": "ASC"}, {"order": "id"}),
    "all": (
        {"limit": 10, "offset": 30, "order": "name", "order_type": "DESC"},
        {"page_size": 10, "offset": 30, "order": "name", "descending": True},
    ),
}


def singly(options: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Nothing, everything, each alone, and each with ``None``."""
    yield "nothing", {}
    yield "everything", options
    yield "nulls", dict.fromkeys(options)
    for name, value in options.items():
        yield name, {name: value}


def account() -> Iterator[Case]:
    for site in ("", "/", "/copr", "/copr/"):
        yield Case("base.home", site, lambda c: c.base_proxy.home(), lambda c: c.home(), site=site)
    yield Case("base.auth_check", "whoami", lambda c: c.base_proxy.auth_check(), lambda c: c.tokens.whoami())
    yield Case("base.auth_check", "check", lambda c: c.build_proxy.auth_check(), lambda c: c.tokens.verify())

    async def username(copr: Any) -> Any:
        return copr.username

    yield Case("base.auth_username", "", lambda c: c.base_proxy.auth_username(), username)
    yield Case("base.new_api_token", "", lambda c: c.base_proxy.new_api_token(), lambda c: c.tokens.rotate())

    def both(client: Client) -> Any:
        client.base_proxy.new_api_token()
        return client.base_proxy.auth_check()

    async def ours(copr: Any) -> Any:
        await copr.tokens.rotate()
        return await copr.tokens.whoami()

    yield Case("base.new_api_token", "and after", both, ours, row=AFTER_ROTATION)
    yield Case(
        "base.auth_check",
        "nobody",
        lambda c: c.base_proxy.auth_check(),
        lambda c: c.tokens.whoami(),
        login=False,
        back=NOBODY,
    )
    yield Case(
        "project.get",
        "nobody",
        lambda c: c.project_proxy.get("me", "demo"),
        lambda c: c.projects.get("me", "demo"),
        login=False,
    )
