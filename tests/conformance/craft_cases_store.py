"""The cases: what the store clients of craft-store do, at Charmhub, at an on-prem snap store and at the Snap Store."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from craft_store.models.release_request_model import ReleaseRequestModel, ResourceModel
from craft_store.models.resource_revision_model import (
    CharmResourceRevisionUpdateRequest,
    CharmResourceType,
    RequestCharmResourceBase,
)
from craft_store.models.revisions_model import RevisionsRequestModel

from lading import Call
from lading.canonical import ResourceBase, Upload
from lading.testing import ServerResponse
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_case_data import RELEASES
from tests.conformance.craft_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.craft_case_server import CaseServer
    from tests.conformance.craft_clients import Craft

CLASSES = {
    "base": "BaseClient",
    "on-prem": "BaseClient",
    "store": "StoreClient",
    "snap": "StoreClient",
    "u1": "UbuntuOneStoreClient",
}
UPLOAD = Upload("upload-1", "demo.snap", 1, "ab" * 48)
FILENAMES = ("demo_amd64.charm", "dé mo✓.charm", 'a"b.charm', "a\\b.charm")


def case_of(side: str, method: str, name: str, theirs: Any, ours: Any, **more: Any) -> Case:
    return Case(f"{CLASSES[side]}.{method}", f"{side} {name}".strip(), theirs, ours, side=side, **more)


def responding(body: Any, status: int = 200, *, path: str = "") -> Any:
    """A setup: this response to requests of *path*."""

    def setup(server: CaseServer) -> None:
        server.override = lambda _, request: ServerResponse.json(body, status) if path in request.target else None

    return setup


def everywhere(directory: Path) -> Iterator[Case]:
    """What all of the clients do alike."""
    for side in ("base", "on-prem", "store", "snap", "u1"):
        case = partial(case_of, side)
        yield case("whoami", "", lambda c: c.client.whoami(), lambda c: c.tokens.whoami())
        yield case("logout", "", lambda c: c.client.logout(), lambda c: c.tokens.logout())
        yield case(
            "logout",
            "twice",
            lambda c: (c.client.logout(), c.client.logout())[0],
            _logout_twice,
            back=rows.LOGOUT,
        )
        yield case("request", "", _their_request, _our_request)
        for filename in FILENAMES:
            yield _upload(side, directory, filename, b"a charm" * 1000)
        yield _upload(side, directory, "empty.charm", b"")
        big = _upload(side, directory, "big.charm", bytes(range(256)) * 4096)
        yield big
        yield _upload(
            side,
            directory,
            "refused.charm",
            b"x",
            setup=responding({"successful": False, "upload_id": None}, path="unscanned"),
            back=rows.REFUSED_UPLOAD,
        )
        yield _upload(
            side,
            directory,
            "short.charm",
            b"x",
            setup=responding({"upload_id": "u"}, path="unscanned"),
            back=rows.SHORT_UPLOAD,
        )
        yield case(
            "unregister_name",
            "",
            lambda c: c.client.unregister_name("demo"),
            lambda c: c.packages.unregister("demo"),
            back=rows.UNREGISTERED,
        )


async def _logout_twice(client: Any) -> None:
    await client.tokens.logout()
    await client.tokens.logout()


def _their_request(craft: Craft) -> Any:
    more = {"params": {"q": "a b&c"}, "headers": {"X-One": "1"}, "json": {"é": [1, None]}}
    return craft.client.request("POST", f"{craft.api}/v1/charm", **more).json()


async def _our_request(client: Any) -> Any:
    call = Call("POST", "v1/charm", params={"q": "a b&c"}, headers={"X-One": "1"}, json={"é": [1, None]})
    return (await client.send(call)).json()


def _upload(side: str, directory: Path, filename: str, data: bytes, **more: Any) -> Case:
    path = directory / filename
    path.write_bytes(data)

    async def ours(client: Any) -> Any:
        return (await client.uploads.upload(path)).upload_id

    return case_of(
        side,
        "upload_file",
        filename,
        lambda c: c.client.upload_file(filepath=path, monitor_callback=_monitor),
        ours,
        **more,
    )


def _monitor(encoder: Any) -> Any:
    assert encoder.len > 0
    return lambda monitor: None


def gateway_api() -> Iterator[Case]:
    """What the clients do at the gateway's API."""
    for side in ("base", "on-prem", "store"):
        yield from _revisions(side)
        yield from _releases(side)
        yield from _names(side)
    for side in ("base", "store"):
        yield from _resources(side)


def _revisions(side: str) -> Iterator[Case]:
    case = partial(case_of, side)

    async def notify(client: Any) -> str:
        upload = UPLOAD if side == "on-prem" else UPLOAD.upload_id
        return str((await client.revisions.notify("demo", upload)).status_url)

    def their_notify(craft: Craft) -> str:
        request = RevisionsRequestModel(upload_id="upload-1")
        return str(craft.client.notify_revision(name="demo", revision_request=request).status_url)

    yield case("notify_revision", "", their_notify, notify)

    async def revisions(client: Any, name: str = "demo") -> Any:
        return await _all(client.revisions.list(name))

    yield case("list_revisions", "", lambda c: c.client.list_revisions("demo"), revisions)
    for name in ("a/b", "a b", "a?b", "é"):
        yield case(
            "list_revisions",
            name,
            lambda c, name=name: c.client.list_revisions(name),
            partial(revisions, name=name),
            row=rows.ODD_NAMES if name in ("a/b", "a?b") else None,
            back=rows.ODD_NAMES_BACK if name in ("a/b", "a?b") else "(result)",
        )
    yield case(
        "list_revisions",
        "..",
        lambda c: c.client.list_revisions(".."),
        partial(revisions, name=".."),
        row=rows.ODD_NAMES,
        back=rows.ODD_NAMES_BACK,
    )


async def _all(pager: Any) -> list[Any]:
    return [item async for item in pager]


def _releases(side: str) -> Iterator[Case]:
    case = partial(case_of, side)

    def release(*items: dict[str, Any]) -> Any:
        return lambda c: c.client.release(
            name="demo", release_request=[ReleaseRequestModel.unmarshal(item) for item in items]
        )

    def our_release(revision: int | None, *channels: str, **more: Any) -> Any:
        async def ours(client: Any) -> None:
            await client.releases.release("demo", revision, channels, **more)

        return ours

    edge = {"channel": "latest/edge", "revision": 3}
    yield case("release", "", release(edge), our_release(3, "latest/edge"))
    two = [edge, {"channel": "2.0/stable/fix", "revision": 3}]
    yield case("release", "two channels", release(*two), our_release(3, "latest/edge", "2.0/stable/fix"))
    yield case("release", "a risk alone", release({**edge, "channel": "edge"}), our_release(3, "edge"))
    yield case("release", "close", release({**edge, "revision": None}), our_release(None, "latest/edge"))
    if side != "on-prem":
        image = [{"name": "image", "revision": 2}]
        yield case(
            "release",
            "resources",
            release({**edge, "resources": image}),
            our_release(3, "latest/edge", resources={"image": 2}),
        )
        yield case(
            "release", "no resources", release({**edge, "resources": []}), our_release(3, "latest/edge", resources={})
        )
        yield case(
            "release",
            "null resources",
            release({**edge, "resources": None}),
            our_release(3, "latest/edge", resources=None),
        )
        null = [{"name": "image", "revision": None}]
        yield case(
            "release",
            "a resource's null",
            release({**edge, "resources": null}),
            our_release(3, "latest/edge", resources={"image": None}),
        )
        lacking = ReleaseRequestModel(channel="latest/edge", revision=3, resources=[ResourceModel(name="image")])
        yield case(
            "release",
            "a resource without a revision",
            lambda c: c.client.release(name="demo", release_request=[lacking]),
            our_release(3, "latest/edge", resources={"image": None}),
            row=rows.NO_RESOURCE_REVISION,
        )
    yield case(
        "release",
        "an invalid channel",
        release({**edge, "channel": "a/b/c/d"}),
        our_release(3, "a/b/c/d"),
        row=rows.INVALID_CHANNEL,
        back=rows.INVALID_CHANNEL_BACK,
    )

    yield case("get_list_releases", "", lambda c: c.client.get_list_releases(name="demo"), _channel_map)
    bundle = {**RELEASES, "channel-map": [{**RELEASES["channel-map"][0], "base": None}]}
    yield case(
        "get_list_releases",
        "no base",
        lambda c: c.client.get_list_releases(name="demo"),
        _channel_map,
        setup=responding(bundle, path="/releases"),
        back=rows.NO_BASE,
    )


async def _channel_map(client: Any) -> Any:
    found = await client.releases.channel_map("demo")
    return {"channel_map": found.releases, "package": found.package, "revisions": found.revisions}


def _names(side: str) -> Iterator[Case]:
    case = partial(case_of, side)
    kind = {} if side == "on-prem" else {"type": "charm"}

    for collaborations in (False, True):

        async def names(client: Any, collaborations: bool = collaborations) -> Any:
            return await _all(client.packages.list(include_collaborations=collaborations))

        yield case(
            "list_registered_names",
            f"collaborations {collaborations}",
            lambda c, given=collaborations: c.client.list_registered_names(include_collaborations=given),
            names,
        )
    their_type: dict[str, Any] = {"entity_type": kind.get("type", "snap")}
    yield case(
        "register_name",
        "",
        lambda c: c.client.register_name("demo", **their_type),
        lambda c: c.packages.register("demo", **kind),
    )
    yield case(
        "register_name",
        "private",
        lambda c: c.client.register_name("demo", private=True, team="t", **their_type),
        lambda c: c.packages.register("demo", private=True, team="t", **kind),
    )
    if side != "on-prem":
        yield case(
            "register_name",
            "without a type",
            lambda c: c.client.register_name("demo"),
            lambda c: c.packages.register("demo"),
        )


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
        return await _all(client.resources.revisions("demo", "image"))

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
        "get_releases_endpoint": (("demo",), lambda c: _nothing(c.releases.channel_map("demo"))),
        "get_revisions_endpoint": (("demo",), lambda c: _nothing(_all(c.revisions.list("demo")))),
        "get_resources_endpoint": (("demo",), lambda c: _nothing(_all(c.resources.list("demo")))),
        "get_resource_revisions_endpoint": (
            ("demo", "image"),
            lambda c: _nothing(_all(c.resources.revisions("demo", "image"))),
        ),
    }
    for method, (arguments, our) in ours.items():
        yield Case(f"Endpoints.{method}", "", theirs(method, *arguments), our, side="store")
    for given in ("u", 7):
        read = _upload("store", directory, "x.charm", b"x", setup=responding({"successful": True, "upload_id": given}))
        yield replace(read, method="Endpoints.get_upload_id", name=repr(given))


def snap_store() -> Iterator[Case]:
    """What the client by Ubuntu One does at the Snap Store, where lading uses the store's own API."""
    case = partial(case_of, "u1")
    back = {"back": rows.SNAP_RESULTS}

    async def notify(client: Any) -> str:
        return str((await client.revisions.notify("demo", UPLOAD)).upload_id)

    request = RevisionsRequestModel(upload_id="upload-1")
    yield case(
        "notify_revision", "", lambda c: c.client.notify_revision(name="demo", revision_request=request), notify, **back
    )
    yield case(
        "list_revisions",
        "",
        lambda c: c.client.list_revisions("demo"),
        lambda c: _all(c.revisions.list("demo")),
        **back,
    )
    yield case(
        "get_list_releases",
        "",
        lambda c: c.client.get_list_releases(name="demo"),
        _channel_map,
    )
    item = ReleaseRequestModel(channel="edge", revision=4)
    yield case(
        "release",
        "",
        lambda c: c.client.release(name="demo", release_request=[item]),
        lambda c: _nothing(c.releases.release("demo", 4, ["edge"])),
    )
    closing = ReleaseRequestModel(channel="edge", revision=None)
    yield case(
        "release",
        "close",
        lambda c: c.client.release(name="demo", release_request=[closing]),
        lambda c: _nothing(c.releases.release("demo", None, ["edge"])),
    )
    yield case(
        "list_registered_names",
        "",
        lambda c: c.client.list_registered_names(),
        lambda c: _all(c.packages.list()),
        back=rows.SNAP_NAMES,
    )
    yield case("register_name", "", lambda c: c.client.register_name("demo"), lambda c: c.packages.register("demo"))
    for method, arguments in _NO_RESOURCES.items():

        def theirs(craft: Craft, method: str = method, arguments: Any = arguments) -> Any:
            return getattr(craft.client, method)(*arguments[0], **arguments[1])

        yield case(method, "", theirs, _resources_of_snaps, back=rows.SNAP_RESOURCES)


async def _nothing(result: Any) -> None:
    await result


async def _resources_of_snaps(client: Any) -> Any:
    return client.resources


_UPDATE = CharmResourceRevisionUpdateRequest(revision=1, bases=[RequestCharmResourceBase()])
_NO_RESOURCES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "push_resource": (["demo", "image"], {"upload_id": "u"}),
    "list_resource_revisions": (["demo", "image"], {}),
    "update_resource_revisions": ([_UPDATE], {"name": "demo", "resource_name": "image"}),
    "update_resource_revision": (["demo", "image"], {"revision": 1, "bases": [RequestCharmResourceBase()]}),
}
