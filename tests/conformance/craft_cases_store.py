"""The cases: what the store clients of craft-store do, at Charmhub, at an on-prem snap store and at the Snap Store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from craft_store.models.release_request_model import ReleaseRequestModel, ResourceModel
from craft_store.models.revisions_model import RevisionsRequestModel

from lading import Call
from lading.canonical import Upload
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


async def collect(pager: Any) -> list[Any]:
    """Return what a pager yields."""
    return [item async for item in pager]


async def discard(result: Any) -> None:
    """Await a call whose result is compared elsewhere, or not at all."""
    await result


async def channel_map(client: Any) -> Any:
    """Return the releases in the shape of craft-store's models."""
    found = await client.releases.channel_map("demo")
    return {"channel_map": found.releases, "package": found.package, "revisions": found.revisions}


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
            yield upload_case(side, directory, filename, b"a charm" * 1000)
        yield upload_case(side, directory, "empty.charm", b"")
        big = upload_case(side, directory, "big.charm", bytes(range(256)) * 4096)
        yield big
        yield upload_case(
            side,
            directory,
            "refused.charm",
            b"x",
            setup=responding({"successful": False, "upload_id": None}, path="unscanned"),
            back=rows.REFUSED_UPLOAD,
        )
        yield upload_case(
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


def addresses(directory: Path) -> Iterator[Case]:
    """URLs of stores that have a path, or a slash at their end."""
    for site, row in (("/", rows.SLASH), ("/store", None)):
        back = rows.SLASH_BACK if row else "(result)"
        options: dict[str, Any] = {"site": site, "row": row, "back": back, "setup": _anywhere(site)}
        yield case_of(
            "store", "whoami", f"at {site}", lambda c: c.client.whoami(), lambda c: c.tokens.whoami(), **options
        )
        yield upload_case("store", directory, f"at {site[1:]}.charm", b"x", **options)


def _anywhere(site: str) -> Any:
    """A setup: a server that has a prefix of its paths taken away before it."""

    def setup(server: CaseServer) -> None:
        server.prefix = site.rstrip("/")

    return setup


def progress(directory: Path) -> Iterator[Case]:
    """What both report of an upload: that more and more was sent, up to the length of the body."""
    path = directory / "progress.charm"
    path.write_bytes(bytes(1 << 20))

    def theirs(craft: Craft) -> list[bool]:
        seen: list[tuple[int, int]] = []

        def monitor(encoder: Any) -> Any:
            return lambda monitor: seen.append((monitor.bytes_read, encoder.len))

        craft.client.upload_file(filepath=path, monitor_callback=monitor)
        return _reported(seen)

    async def ours(client: Any) -> list[bool]:
        seen: list[tuple[int, int]] = []
        await client.uploads.upload(
            path, on_progress=lambda progress: seen.append((progress.completed, progress.total))
        )
        return _reported(seen)

    yield case_of("store", "upload_file", "progress", theirs, ours)


def _reported(seen: list[tuple[int, int]]) -> list[bool]:
    body = int(seen[-1][1])
    assert 1 << 20 < body < (1 << 20) + 1000
    return [seen == sorted(seen), {total for _, total in seen} == {body}, seen[-1][0] == body]


async def _logout_twice(client: Any) -> None:
    await client.tokens.logout()
    await client.tokens.logout()


def _their_request(craft: Craft) -> Any:
    more = {"params": {"q": "a b&c"}, "headers": {"X-One": "1"}, "json": {"é": [1, None]}}
    return craft.client.request("POST", f"{craft.api}/v1/charm", **more).json()


async def _our_request(client: Any) -> Any:
    call = Call("POST", "v1/charm", params={"q": "a b&c"}, headers={"X-One": "1"}, json={"é": [1, None]})
    return (await client.send(call)).json()


def upload_case(side: str, directory: Path, filename: str, data: bytes, **more: Any) -> Case:
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
        return await collect(client.revisions.list(name))

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

    async def one_by_one(client: Any) -> None:
        await client.releases.release("demo", 3, ["latest/edge"])
        await client.releases.release("demo", 4, ["2.0/edge"])

    several = release(edge, {"channel": "2.0/edge", "revision": 4})
    yield case("release", "several revisions", several, one_by_one, row=rows.SEVERAL)
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

    yield case("get_list_releases", "", lambda c: c.client.get_list_releases(name="demo"), channel_map)
    bundle = {**RELEASES, "channel-map": [{**RELEASES["channel-map"][0], "base": None}]}
    yield case(
        "get_list_releases",
        "no base",
        lambda c: c.client.get_list_releases(name="demo"),
        channel_map,
        setup=responding(bundle, path="/releases"),
        back=rows.NO_BASE,
    )


def _names(side: str) -> Iterator[Case]:
    case = partial(case_of, side)
    kind = {} if side == "on-prem" else {"type": "charm"}

    for collaborations in (False, True):

        async def names(client: Any, collaborations: bool = collaborations) -> Any:
            return await collect(client.packages.list(include_collaborations=collaborations))

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
