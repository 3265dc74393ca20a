"""The cases: craft-store's HTTPClient, what it repeats, and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from craft_store.models.release_request_model import ReleaseRequestModel
from craft_store.models.revisions_model import RevisionsRequestModel

from lading import Call
from lading.testing import DropAfter, ServerResponse
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_case_server import refusal
from tests.conformance.craft_cases_store import case_of, discard, upload_case
from tests.conformance.craft_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.craft_case_server import CaseServer
    from tests.conformance.craft_clients import Craft


def _case(method: str, name: str, theirs: Any, call: Any, **more: Any) -> Case:
    async def ours(client: Any) -> Any:
        response = await client.with_options(auth=None).send(Call(*call[:2], **call[2]))
        return [response.status, response.body.decode()]

    def their(craft: Craft) -> Any:
        response = theirs(craft.http, f"{craft.api}/{call[1]}")
        return [response.status_code, response.text]

    return Case(f"HTTPClient.{method}", name, their, ours, side="base", login=False, **more)


def http() -> Iterator[Case]:
    params = {"a": "1", "b": "é &", "include-collaborations": "true"}
    headers = {"X-One": "1"}
    yield _case(
        "get",
        "",
        lambda c, u: c.get(u, params, headers, timeout=60),
        ("GET", "v1/charm", {"params": params, "headers": headers}),
    )
    yield _case("post", "", lambda c, u: c.post(u, json={"a": [1]}), ("POST", "v1/charm", {"json": {"a": [1]}}))
    yield _case("post", "empty", lambda c, u: c.post(u, json={}), ("POST", "v1/charm", {"json": {}}))
    yield _case("put", "", lambda c, u: c.put(u, json={"a": 1}), ("PUT", "v1/charm", {"json": {"a": 1}}), setup=_echo)
    yield _case("request", "", lambda c, u: c.request("DELETE", u), ("DELETE", "v1/charm/demo", {}))
    yield _case(
        "request",
        "params",
        lambda c, u: c.request("GET", u, params=params, headers=headers),
        ("GET", "v1/charm", {"params": params, "headers": headers}),
    )
    for status in (400, 401, 403, 404, 409, 413):
        yield _case("get", f"{status}", lambda c, u: c.get(u), ("GET", "v1/charm", {}), setup=_always(status))
    for status in (302, 307, 308):
        yield _case("get", f"{status}", lambda c, u: c.get(u), ("GET", "v1/charm", {}), setup=_moved(status))
    yield from repeated()


def repeated() -> Iterator[Case]:
    """After a failure: what is sent again. Both may send three requests."""
    for status in (500, 502, 503, 504):
        yield _case("get", f"{status} once", lambda c, u: c.get(u), ("GET", "v1/charm", {}), setup=_once(status))
        yield _case(
            "put",
            f"{status} once",
            lambda c, u: c.put(u, json={}),
            ("PUT", "v1/charm", {"json": {}}),
            setup=_once(status),
        )
    yield _case(
        "get", "503 always", lambda c, u: c.get(u), ("GET", "v1/charm", {}), setup=_always(503), back=rows.EXHAUSTED
    )
    for status in (500, 502, 503, 504):
        yield _case(
            "post",
            f"{status}",
            lambda c, u: c.post(u, json={}),
            ("POST", "v1/charm", {"json": {}}),
            setup=_once(status),
        )
    for status in (429, 503):
        yield _case(
            "get",
            f"{status} with a time",
            lambda c, u: c.get(u),
            ("GET", "v1/charm", {}),
            setup=_once(status, {"Retry-After": "0"}),
        )
    yield _case(
        "get",
        "429 without a time",
        lambda c, u: c.get(u),
        ("GET", "v1/charm", {}),
        setup=_once(429),
        row=rows.TOO_MANY,
        back=rows.TOO_MANY_BACK,
    )
    yield _case(
        "post",
        "429 with a time",
        lambda c, u: c.post(u, json={}),
        ("POST", "v1/charm", {"json": {}}),
        setup=_once(429, {"Retry-After": "0"}),
        row=rows.TOO_MANY,
        back=rows.TOO_MANY_BACK,
    )


def _echo(server: CaseServer) -> None:
    server.override = lambda _, __: ServerResponse(200, {}, b"done")


def lost(directory: Path) -> Iterator[Case]:
    """The server does its work, and the connection ends without a response."""

    def after(service: str, path: str) -> dict[str, Any]:
        def setup(server: CaseServer) -> None:
            server.services[service].server.faults.add(DropAfter(), path=path)

        return {"setup": setup, "row": rows.LOST, "back": rows.LOST_BACK}

    yield upload_case("store", directory, "lost.charm", b"x", **after("storage", "/unscanned-upload/"))
    request = RevisionsRequestModel(upload_id="upload-1")
    yield case_of(
        "store",
        "notify_revision",
        "lost",
        lambda c: c.client.notify_revision(name="demo", revision_request=request).status_url,
        lambda c: discard(c.revisions.notify("demo", "upload-1")),
        **after("api", "*/revisions"),
    )
    item = ReleaseRequestModel(channel="latest/edge", revision=3)
    yield case_of(
        "store",
        "release",
        "lost",
        lambda c: c.client.release(name="demo", release_request=[item]),
        lambda c: discard(c.releases.release("demo", 3, ["latest/edge"])),
        **after("api", "*/releases"),
    )
    yield case_of(
        "store",
        "register_name",
        "lost",
        lambda c: c.client.register_name("demo"),
        lambda c: c.packages.register("demo"),
        **after("api", "/v1/charm"),
    )
    yield Case(
        "PublisherGateway.whoami",
        "lost",
        lambda c: c.gateway.whoami(),
        lambda c: c.tokens.whoami(),
        side="gateway",
        **after("api", "*/whoami"),
    )
    yield case_of(
        "store",
        "whoami",
        "lost",
        lambda c: c.client.whoami(),
        lambda c: c.tokens.whoami(),
        setup=after("api", "*/whoami")["setup"],
    )


def _moved(status: int) -> Any:
    def setup(server: CaseServer) -> None:
        server.override = lambda _, request: (
            ServerResponse(status, {"Location": "/v1/snap"}) if request.target == "/v1/charm" else None
        )

    return setup


def _always(status: int) -> Any:
    def setup(server: CaseServer) -> None:
        server.override = lambda _, __: refusal(status, "no")

    return setup


def _once(status: int, headers: dict[str, str] | None = None) -> Any:
    def setup(server: CaseServer) -> None:
        server.override = lambda _, __: (
            refusal(status, "no", headers=headers) if len(server.sent) == 1 else ServerResponse(200, {}, b"done")
        )

    return setup


def errors() -> Iterator[Case]:
    """Responses that are errors, of each shape; and what they come to."""
    listed = [{"code": "resource-not-found", "message": "There is none."}]
    bodies: dict[str, Any] = {
        "hyphens": {"error-list": listed},
        "underscores": {"error_list": listed},
        "flat": {"code": "already_registered", "status": 409},
        "no list": {},
        "null": {"error-list": None},
        "an array": [],
    }
    for name, body in bodies.items():
        odd = name in ("null", "an array")

        def setup(server: CaseServer, body: Any = body) -> None:
            server.override = lambda _, __: ServerResponse.json(body, 409 if "status" in body else 404)

        yield Case(
            "BaseClient.whoami",
            f"an error, {name}",
            lambda c: c.client.whoami(),
            lambda c: c.tokens.whoami(),
            side="base",
            setup=setup,
            back=rows.ODD_ERRORS if odd else "(result)",
        )
        row = rows.ODD_GATEWAY_ERRORS if odd else rows.GATEWAY_ERRORS
        yield Case(
            "PublisherGateway.whoami",
            f"an error, {name}",
            lambda c: c.gateway.whoami(),
            lambda c: c.tokens.whoami(),
            side="gateway",
            setup=setup,
            back=row,
        )

    def page(server: CaseServer) -> None:
        server.override = lambda _, __: ServerResponse(200, {"Content-Type": "text/html"}, b"<html>")

    yield Case(
        "BaseClient.whoami",
        "a page",
        lambda c: c.client.whoami(),
        lambda c: c.tokens.whoami(),
        side="base",
        setup=page,
        back=rows.PAGE,
    )
    yield Case(
        "PublisherGateway.whoami",
        "a page",
        lambda c: c.gateway.whoami(),
        lambda c: c.tokens.whoami(),
        side="gateway",
        setup=page,
    )

    def nothing(server: CaseServer) -> None:
        server.override = lambda _, __: ServerResponse.json({})

    yield Case(
        "BaseClient.register_name",
        "no identifier",
        lambda c: c.client.register_name("demo"),
        lambda c: c.packages.register("demo"),
        side="base",
        setup=nothing,
        row="",
        back=rows.NO_KEY,
    )
    yield Case(
        "BaseClient.whoami",
        "without credentials",
        lambda c: c.client.whoami(),
        lambda c: c.tokens.whoami(),
        side="base",
        login=False,
    )
