"""The cases: resources of charms, and the paths that craft-store's Endpoints make."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from craft_store.models.resource_revision_model import (
    CharmResourceRevisionUpdateRequest,
    CharmResourceType,
    RequestCharmResourceBase,
)

from lading.canonical import ResourceBase
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_cases_store import case_of, channel_map, collect, discard, responding, upload_case
from tests.conformance.craft_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.craft_clients import Craft


def resources() -> Iterator[Case]:
    """Resources, with both clients that have any."""
    for side in ("base", "store"):
        yield from _resources(side)


def _resources(side: str) -> Iterator[Case]:
    case = partial(case_of, side)
    bases = [
        RequestCharmResourceBase(name="ubuntu", channel="24.04", architectures=["amd64", "arm64"]),
        RequestCharmResourceBase(),
    ]
    ours = [ResourceBase(name="ubuntu", channel="24.04", architectures=("amd64", "arm64")), ResourceBase()]

    def push(**more: Any) -> Any:
        def theirs(craft: Craft) -> None:
            url = craft.client.push_resource("demo", "image", upload_id="upload-1", **more)
            craft.client.request("GET", craft.api + url)

        return theirs

    async def upload(client: Any, **more: Any) -> None:
        await client.resources.upload("demo", "image", b"x", filename="x.bin", poll=0.001, **more)

    extra = {"extra": rows.WHOLE_RESOURCE}
    yield case("push_resource", "", push(), upload, **extra)
    yield case(
        "push_resource", "file", push(resource_type=CharmResourceType.FILE), partial(upload, type="file"), **extra
    )
    yield case(
        "push_resource",
        "bases",
        push(resource_type=CharmResourceType.OCI_IMAGE, bases=bases),
        partial(upload, type="oci-image", bases=ours),
        **extra,
    )

    async def revisions(client: Any) -> Any:
        return await collect(client.resources.revisions("demo", "image"))

    yield case("list_resource_revisions", "", lambda c: c.client.list_resource_revisions("demo", "image"), revisions)
    updates = [CharmResourceRevisionUpdateRequest(revision=number, bases=bases[:number]) for number in (1, 2)]
    yield case(
        "update_resource_revisions",
        "",
        lambda c: c.client.update_resource_revisions(*updates, name="demo", resource_name="image"),
        lambda c: c.resources.update("demo", "image", {1: ours[:1], 2: ours}),
    )
    yield case(
        "update_resource_revisions",
        "nothing",
        lambda c: c.client.update_resource_revisions(name="demo", resource_name="image"),
        lambda c: c.resources.update("demo", "image", {}),
        back=rows.NO_UPDATE,
    )
    yield case(
        "update_resource_revision",
        "",
        lambda c: c.client.update_resource_revision("demo", "image", revision=1, bases=bases),
        lambda c: c.resources.update("demo", "image", {1: ours}),
    )


def endpoint_paths(directory: Path) -> Iterator[Case]:
    """The paths that craft-store's Endpoints make, and the identifier that they read."""

    def theirs(method: str, *arguments: str) -> Any:
        return lambda c: (c.client.request("GET", c.api + getattr(c.side.theirs, method)(*arguments)), None)[1]

    ours: dict[str, tuple[tuple[str, ...], Any]] = {
        "get_releases_endpoint": (("demo",), lambda c: discard(channel_map(c))),
        "get_revisions_endpoint": (("demo",), lambda c: discard(collect(c.revisions.list("demo")))),
        "get_resources_endpoint": (("demo",), lambda c: discard(collect(c.resources.list("demo")))),
        "get_resource_revisions_endpoint": (
            ("demo", "image"),
            lambda c: discard(collect(c.resources.revisions("demo", "image"))),
        ),
    }
    for method, (arguments, our) in ours.items():
        yield Case(f"Endpoints.{method}", "", theirs(method, *arguments), our, side="store")
    for given in ("u", 7):
        read = upload_case(
            "store", directory, "x.charm", b"x", setup=responding({"successful": True, "upload_id": given})
        )
        yield replace(read, method="Endpoints.get_upload_id", name=repr(given))
