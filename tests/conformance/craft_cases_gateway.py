"""The cases: craft-store's PublisherGateway, with each of its ways to sign requests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from craft_store import PublisherGateway

from lading.canonical import NewTrack
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_case_data import TOKEN
from tests.conformance.craft_case_server import refusal
from tests.conformance.craft_cases_store import channel_map, collect
from tests.conformance.craft_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.craft_case_server import CaseServer
    from tests.conformance.craft_clients import Craft


def case_of(method: str, name: str, theirs: Any, ours: Any, **more: Any) -> Case:
    return Case(f"PublisherGateway.{method}", name, theirs, ours, **{"side": "gateway", **more})


def gateway() -> Iterator[Case]:
    yield case_of("whoami", "", lambda c: c.gateway.whoami(), lambda c: c.tokens.whoami())
    yield from _names()
    yield from _revisions()
    yield from _tracks()
    yield from signing()


def _names() -> Iterator[Case]:
    for given in (False, True):
        yield case_of(
            "list_registered_names",
            f"collaborations {given}",
            lambda c, given=given: c.gateway.list_registered_names(given),
            lambda c, given=given: collect(c.packages.list(include_collaborations=given)),
        )
    yield case_of(
        "register_name",
        "",
        lambda c: c.gateway.register_name("demo", entity_type="bundle"),
        lambda c: c.packages.register("demo", type="bundle"),
    )
    yield case_of(
        "register_name",
        "private",
        lambda c: c.gateway.register_name("demo", entity_type="charm", private=True, team="t"),
        lambda c: c.packages.register("demo", type="charm", private=True, team="t"),
    )
    yield case_of(
        "get_package_metadata",
        "",
        lambda c: c.gateway.get_package_metadata("demo"),
        lambda c: c.packages.get("demo"),
    )
    yield case_of(
        "unregister_name",
        "",
        lambda c: c.gateway.unregister_name("demo"),
        lambda c: c.packages.unregister("demo"),
        back=rows.UNREGISTERED,
    )


def _revisions() -> Iterator[Case]:
    options: dict[str, dict[str, Any]] = {
        "": {},
        "fields": {"fields": ["revision", "version"]},
        "craft yaml": {"include_craft_yaml": True},
        "one": {"revision": 3},
        "everything": {"fields": ["revision"], "include_craft_yaml": True, "revision": 3},
    }
    for name, more in options.items():
        yield case_of(
            "list_revisions",
            name,
            lambda c, more=more: c.gateway.list_revisions("demo", **more),
            lambda c, more=more: collect(c.revisions.list("demo", **more)),
        )

    yield case_of("list_releases", "", lambda c: c.gateway.list_releases("demo"), channel_map)
    edge = {"channel": "latest/edge", "revision": 3}
    items: dict[str, tuple[dict[str, Any], int | None, dict[str, Any]]] = {
        "": (edge, 3, {}),
        "close": ({**edge, "revision": None}, None, {}),
        "resources": ({**edge, "resources": [{"name": "image", "revision": 2}]}, 3, {"resources": {"image": 2}}),
    }
    for name, (item, revision, more) in items.items():
        yield case_of(
            "release",
            name,
            lambda c, item=item: c.gateway.release("demo", [item]),
            lambda c, revision=revision, more=more: c.releases.release("demo", revision, ["latest/edge"], **more),
        )


def _tracks() -> Iterator[Case]:
    yield case_of(
        "create_tracks",
        "",
        lambda c: c.gateway.create_tracks("demo", {"name": "1.0"}, {"name": "2.0-lts"}),
        lambda c: c.tracks.create("demo", "1.0", "2.0-lts"),
    )
    full = {"name": "1.0", "version-pattern": r"1\..*", "automatic-phasing-percentage": 10}
    ours = NewTrack("1.0", version_pattern=r"1\..*", automatic_phasing_percentage=10)
    yield case_of(
        "create_tracks",
        "everything",
        lambda c: c.gateway.create_tracks("demo", full),
        lambda c: c.tracks.create("demo", ours),
    )
    for name in ("-a", "a..b", "a" * 29, "a b"):
        yield case_of(
            "create_tracks",
            f"invalid {name}",
            lambda c, name=name: c.gateway.create_tracks("demo", {"name": name}),
            lambda c, name=name: c.tracks.create("demo", name),
        )
    yield case_of(
        "create_tracks",
        "none",
        lambda c: c.gateway.create_tracks("demo"),
        lambda c: c.tracks.create("demo"),
        row=rows.NO_TRACKS,
        back=rows.NO_TRACKS_BACK,
    )
    yield case_of(
        "create_tracks",
        "ends with a line feed",
        lambda c: c.gateway.create_tracks("demo", {"name": "a\n"}),
        lambda c: c.tracks.create("demo", "a\n"),
        row=rows.LINE_FEED,
        back=rows.LINE_FEED_BACK,
    )


def signing() -> Iterator[Case]:
    """Requests signed with credentials in each form."""

    async def ours(client: Any) -> Any:
        return await client.tokens.whoami()

    yield Case("CandidAuth", "", lambda c: c.gateway.whoami(), ours, side="store")
    yield Case("DeveloperTokenAuth", "", lambda c: c.gateway.whoami(), ours, side="developer")
    exchange = partial(Case, side="exchange", row=rows.DESCRIPTION)
    yield exchange("UbuntuOneAuth", "by default", lambda c: c.gateway.whoami(), ours)

    def exchanged(craft: Craft) -> Any:
        gateway = PublisherGateway.with_ubuntu_one(
            craft.api, "charm", auth=craft.auth, application_name="x", client_description="lading"
        )
        gateway.whoami()
        return [gateway.whoami(), craft.auth.get_credentials()]

    async def our_exchange(client: Any) -> Any:
        await client.tokens.whoami()
        found = await client.tokens.whoami()
        return [found, (await client.tokens._auth.read()).dump()]

    for method in ("UbuntuOneAuth", "PublisherGateway.with_ubuntu_one"):
        yield Case(method, "and what is stored then", exchanged, our_exchange, side="exchange")
    yield Case(
        "UbuntuOneAuth",
        "refused",
        lambda c: c.gateway.whoami(),
        ours,
        side="exchange",
        row=rows.DESCRIPTION,
        setup=_refusing,
        back=rows.EXCHANGE_REFUSED,
    )
    yield Case(
        "UbuntuOneAuth", "expired", _expired_token, ours, side="exchange", setup=_expired, back=rows.GATEWAY_ERRORS
    )


def _refusing(server: CaseServer) -> None:
    server.override = lambda _, request: (
        refusal(401, "macaroon-permission-required") if request.target.endswith("/exchange") else None
    )


def _expired(server: CaseServer) -> None:
    """The token of the store is not accepted."""
    server.override = lambda _, request: (
        refusal(401, "macaroon-needs-refresh", "expired", {"WWW-Authenticate": "Macaroon needs_refresh=1"})
        if request.headers.get("Authorization") == f"Macaroon {TOKEN}"
        else None
    )


def _expired_token(craft: Craft) -> Any:
    return PublisherGateway.with_ubuntu_one(craft.api, "charm", auth=craft.auth, client_description="lading").whoami()
