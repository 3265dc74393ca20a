"""The cases: the client by Ubuntu One at the Snap Store, where lading uses the store's own API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from craft_store.models.release_request_model import ReleaseRequestModel
from craft_store.models.resource_revision_model import CharmResourceRevisionUpdateRequest, RequestCharmResourceBase
from craft_store.models.revisions_model import RevisionsRequestModel

from tests.conformance import craft_deviations as rows
from tests.conformance.craft_cases_store import UPLOAD, case_of, channel_map, collect, discard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.craft_clients import Craft
    from tests.conformance.craft_normalize import Case

_UPDATE = CharmResourceRevisionUpdateRequest(revision=1, bases=[RequestCharmResourceBase()])
_NO_RESOURCES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "push_resource": (["demo", "image"], {"upload_id": "u"}),
    "list_resource_revisions": (["demo", "image"], {}),
    "update_resource_revisions": ([_UPDATE], {"name": "demo", "resource_name": "image"}),
    "update_resource_revision": (["demo", "image"], {"revision": 1, "bases": [RequestCharmResourceBase()]}),
}


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
        lambda c: collect(c.revisions.list("demo")),
        **back,
    )
    yield case(
        "get_list_releases",
        "",
        lambda c: c.client.get_list_releases(name="demo"),
        channel_map,
    )
    item = ReleaseRequestModel(channel="edge", revision=4)
    yield case(
        "release",
        "",
        lambda c: c.client.release(name="demo", release_request=[item]),
        lambda c: discard(c.releases.release("demo", 4, ["edge"])),
    )
    closing = ReleaseRequestModel(channel="edge", revision=None)
    yield case(
        "release",
        "close",
        lambda c: c.client.release(name="demo", release_request=[closing]),
        lambda c: discard(c.releases.release("demo", None, ["edge"])),
    )
    yield case(
        "list_registered_names",
        "",
        lambda c: c.client.list_registered_names(),
        lambda c: collect(c.packages.list()),
        back=rows.SNAP_NAMES,
    )
    yield case("register_name", "", lambda c: c.client.register_name("demo"), lambda c: c.packages.register("demo"))
    for method, arguments in _NO_RESOURCES.items():

        def theirs(craft: Craft, method: str = method, arguments: Any = arguments) -> Any:
            return getattr(craft.client, method)(*arguments[0], **arguments[1])

        yield case(method, "", theirs, _resources_of_snaps, back=rows.SNAP_RESOURCES)


async def _resources_of_snaps(client: Any) -> Any:
    return client.resources
