"""A publisher gateway in a few lines: packages, tracks, releases and resources, and what installers see of them."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lading import Charmhub, Retry, SnapStore
from lading.canonical import CHARMHUB, Releases, on_prem_snap_store
from lading.canonical._services import services_of
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.instant_clock import InstantClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

Json = dict[str, Any]
TOKEN = "t0ken-s3cret"
ACCOUNT: Json = {"id": "ACC1", "username": "ada", "display-name": "Ada", "validation": "unproven"}
BASES = [{"name": "ubuntu", "channel": channel, "architecture": "amd64"} for channel in ("22.04", "24.04")]


def refusal(status: int, code: str, message: str = "no") -> ServerResponse:
    """A response that says no."""
    return ServerResponse.json({"error-list": [{"code": code, "message": message}]}, status)


class FakeGateway:
    """A gateway on loopback, with the storage host and what installers read in one.

    Attributes:
        packages: Metadata by name.
        revisions: For each package, the bases of its revisions.
        releases: For each package, what is released.
        resources: The revisions of resources, by package and resource.
        public: What installers see, by name.
        reviews: The reviews by upload, each with the statuses that are still to come.
        bodies: The JSON of each request, in the order of ``seen``; ``None`` where it had none.
        ignores_progressive: Release to all devices whatever is requested.
        verdict: What reviews of resources say instead of approving them.
        on_push: Called before the store is notified of a resource.
        on_tracks: Called before tracks are created.
        on_info: Called with the name before installers read it.
    """

    def __init__(self) -> None:
        self.packages: dict[str, Json] = {}
        self.revisions: dict[str, dict[int, list[Json | None]]] = {}
        self.releases: dict[str, list[Json]] = {}
        self.resources: dict[tuple[str, str], list[Json]] = {}
        self.public: dict[str, list[Json]] = {}
        self.reviews: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}
        self.seen: list[str] = []
        self.bodies: list[Any] = []
        self.headers: list[Any] = []
        self.ignores_progressive = False
        self.verdict: Json = {}
        self.on_push: Callable[[], None] = lambda: None
        self.on_tracks: Callable[[], None] = lambda: None
        self.on_info: Callable[[str], None] = lambda _: None
        self.namespace = "charm"
        self.server = Server(self._handle)
        self.faults = self.server.faults

    def client(self, **options: Any) -> Charmhub:
        """A client of it, whose waits take no time."""
        url = self.server.url
        endpoints = replace(CHARMHUB, api_url=url, storage_url=url, info_url=url, login_url=url)
        return Charmhub(endpoints, token=TOKEN, **{"retry": Retry(backoff=0), "clock": InstantClock(), **options})

    @asynccontextmanager
    async def snap_releases(self) -> AsyncIterator[Releases]:
        """The releases of it as an on-prem store of snaps."""
        self.namespace = "snap"
        endpoints = on_prem_snap_store(self.server.url, self.server.url)
        async with SnapStore(endpoints, token=TOKEN, retry=Retry(backoff=0), clock=InstantClock()) as snaps:
            yield Releases(snaps.tokens._sender, endpoints, services_of(endpoints, allow_http=False))

    def add_package(self, name: str, *tracks: str, revisions: int = 0, publisher: Json = ACCOUNT) -> None:
        """Register a package, with so many revisions, each for both bases."""
        known = [{"name": track, "created-at": "2026-11-01T00:00:00Z"} for track in ("latest", *tracks)]
        self.packages[name] = {"id": f"ID-{name}", "name": name, "publisher": publisher, "tracks": known}
        self.revisions[name] = {number: list(BASES) for number in range(1, revisions + 1)}
        self.releases[name] = []

    def put(self, name: str, channel: str, revision: int | None, **fields: Any) -> None:
        """Release a revision to a channel, on all its bases; ``None`` closes it."""
        entries = self.releases[name]
        bases = self.revisions[name][revision] if revision else []
        kept = [e for e in entries if e["channel"] != channel or (revision and e["base"] not in bases)]
        when = f"2026-11-02T00:00:{len(self.seen) + len(entries):02}Z"
        new = {"channel": channel, "revision": revision, "when": when, "expiration-date": None, **fields}
        self.releases[name] = kept + [{**new, "base": base} for base in bases]

    def in_channel(self, name: str, channel: str) -> dict[str, int]:
        """The revision in a channel, by the channel of the base."""
        return {e["base"]["channel"]: e["revision"] for e in self.releases[name] if e["channel"] == channel}

    def count(self, start: str) -> int:
        """How many requests began with *start*."""
        return sum(one.startswith(start) for one in self.seen)

    def sent(self, start: str) -> list[Any]:
        """The JSON of the requests that began with *start*."""
        return [body for one, body in zip(self.seen, self.bodies, strict=True) if one.startswith(start)]

    async def _handle(self, request: ServerRequest) -> ServerResponse:
        data = await request.read()
        is_json = request.headers.get("content-type", "").startswith("application/json")
        body = json.loads(data) if data and is_json else None
        self.seen.append(f"{request.method} {request.target}")
        self.bodies.append(body)
        self.headers.append(request.headers)
        signed = request.headers.get("authorization") == f"Macaroon {TOKEN}"
        if request.path.startswith(("/unscanned-upload", "/v2/")) == signed:
            return refusal(401, "unauthorized", "signed where it must not be, or the other way round")
        for pattern, work in _ROUTES.items():
            if found := re.fullmatch(pattern, f"{request.method} {request.path}".replace(f"/{self.namespace}", "/ns")):
                response: Any = work(self, *found.groups(), body if is_json else data)
                return response if isinstance(response, ServerResponse) else ServerResponse.json(response)
        return refusal(404, "not-found")

    def register(self, body: Json) -> Any:
        if body["name"] in self.packages:
            return refusal(409, "already-registered", "the name is taken")
        self.add_package(body["name"])
        return ServerResponse.json({"id": f"ID-{body['name']}"}, 201)

    def list(self, _: object) -> Json:
        return {"results": [package for package in self.packages.values() if package["publisher"] == ACCOUNT]}

    def get(self, name: str, _: object) -> Any:
        return {"metadata": self.packages[name]} if name in self.packages else refusal(404, "resource-not-found")

    def delete(self, name: str, _: object) -> Any:
        if name not in self.packages:
            return refusal(404, "resource-not-found")
        return {"package-id": self.packages.pop(name)["id"]}

    def update(self, name: str, body: Json) -> Json:
        self.packages[name] |= body
        return {"metadata": self.packages[name]}

    def create_tracks(self, name: str, body: list[Json]) -> Any:
        self.on_tracks()
        known = self.packages[name]["tracks"]
        if {track["name"] for track in body} & {track["name"] for track in known}:
            return refusal(409, "conflicting-tracks", "they exist")
        known += [{**track, "created-at": "2026-11-03T00:00:00Z"} for track in body]
        return {"num-tracks-created": len(body)}

    def list_releases(self, name: str, _: object) -> Any:
        if name not in self.packages:
            return refusal(404, "resource-not-found")
        known = [{"revision": n, "bases": bases, "status": "approved"} for n, bases in self.revisions[name].items()]
        return {"channel-map": self.releases[name], "package": {"channels": None}, "revisions": known}

    def release(self, name: str, body: list[Json]) -> Any:
        for item in body:
            if item["revision"] and item["revision"] not in self.revisions[name]:
                return refusal(404, "resource-not-found", "no such revision")
        for item in body:
            channel = item["channel"] if item["channel"].count("/") else f"latest/{item['channel']}"
            fields = {key: item[key] for key in ("resources",) if key in item}
            limit = None if self.ignores_progressive else item.get("progressive")
            self.put(name, channel, item["revision"], progressive=limit, **fields)
        return {"released": body}

    def info(self, name: str, _: object) -> Any:
        self.on_info(name)
        if name not in self.public:
            return refusal(404, "resource-not-found")
        return {"name": name, "channel-map": self.public[name]}

    def list_resources(self, name: str, _: object) -> Json:
        names = [resource for package, resource in self.resources if package == name]
        return {
            "resources": [{"name": resource, "type": "file", "revision": 0, "optional": True} for resource in names]
        }

    def list_resource_revisions(self, name: str, resource: str, _: object) -> Any:
        found = self.resources.get((name, resource))
        return refusal(404, "resource-not-found") if found is None else {"revisions": found}

    def upload(self, data: bytes) -> Json:
        head, _, rest = data.partition(b"\r\n\r\n")
        boundary = head.partition(b"\r\n")[0]
        upload_id = f"upload-{len(self.files) + 1}"
        self.files[upload_id] = rest.rpartition(b"\r\n" + boundary)[0]
        return {"successful": True, "upload_id": upload_id}

    def push_resource(self, name: str, resource: str, body: Json) -> Json:
        self.on_push()
        upload_id, data = body["upload-id"], self.files[body["upload-id"]]
        number = len(self.resources[name, resource]) + 1
        review = {"upload-id": upload_id, "status": "approved", "revision": number, "errors": None, **self.verdict}
        self.reviews[upload_id] = review
        if review["status"] == "approved":
            digest = hashlib.sha3_384(data).hexdigest()
            fields = {"type": body.get("type"), "bases": body.get("bases"), "sha3-384": digest}
            self.resources[name, resource].append({"revision": number, "size": len(data), **fields})
        return {"status-url": f"/v1/{self.namespace}/{name}/revisions/review?upload-id={upload_id}"}

    def update_resources(self, name: str, resource: str, body: Json) -> Json:
        updates = {item["revision"]: item["bases"] for item in body["resource-revision-updates"]}
        found = [one for one in self.resources[name, resource] if one["revision"] in updates]
        for one in found:
            one["bases"] = updates[one["revision"]]
        return {"num-resource-revisions-updated": len(found)}

    def credentials(self, name: str, resource: str, _: object) -> Json:
        return {"image-name": f"registry.example/{name}/{resource}", "username": "u", "password": "p4ssw0rd"}

    def blob(self, name: str, resource: str, body: Json) -> ServerResponse:
        image = {"ImageName": f"registry.example/{name}/{resource}@{body['image-digest']}", "Password": "p4ssw0rd"}
        return ServerResponse(200, {"content-type": "text/plain; charset=utf-8"}, json.dumps(image).encode())

    def review(self, _name: str, _: object) -> Json:
        return {"revisions": list(self.reviews.values())}

    def whoami(self, _: object) -> Json:
        return {"account": ACCOUNT, "permissions": None, "channels": None, "packages": None}


_ROUTES: dict[str, Any] = {
    r"GET /v1/tokens/whoami": FakeGateway.whoami,
    r"POST /v1/ns": FakeGateway.register,
    r"GET /v1/ns": FakeGateway.list,
    r"GET /v1/ns/([^/]+)": FakeGateway.get,
    r"DELETE /v1/ns/([^/]+)": FakeGateway.delete,
    r"PATCH /v1/ns/([^/]+)": FakeGateway.update,
    r"POST /v1/ns/([^/]+)/tracks": FakeGateway.create_tracks,
    r"GET /v1/ns/([^/]+)/releases": FakeGateway.list_releases,
    r"POST /v1/ns/([^/]+)/releases": FakeGateway.release,
    r"GET /v1/ns/([^/]+)/revisions/review": FakeGateway.review,
    r"GET /v1/ns/([^/]+)/resources": FakeGateway.list_resources,
    r"GET /v1/ns/([^/]+)/resources/([^/]+)/revisions": FakeGateway.list_resource_revisions,
    r"POST /v1/ns/([^/]+)/resources/([^/]+)/revisions": FakeGateway.push_resource,
    r"PATCH /v1/ns/([^/]+)/resources/([^/]+)/revisions": FakeGateway.update_resources,
    r"GET /v1/ns/([^/]+)/resources/([^/]+)/oci-image/upload-credentials": FakeGateway.credentials,
    r"POST /v1/ns/([^/]+)/resources/([^/]+)/oci-image/blob": FakeGateway.blob,
    r"POST /unscanned-upload/": FakeGateway.upload,
    r"GET /v2/nss/info/([^/]+)": FakeGateway.info,
}


def public_charm(channel: str, revision: int, **fields: Any) -> Json:
    """An item of the channel map that installers of charms read."""
    track, _, risk = channel.partition("/")
    where = {"name": channel, "track": track, "risk": risk, "base": BASES[0], "released-at": "2026-11-02T00:00:00Z"}
    return {"channel": where, "revision": {"revision": revision, "version": "1.0", "bases": BASES}, **fields}


def public_snap(
    name: str, revision: int, *, track: str = "latest", architectures: Iterable[str] = ("amd64",)
) -> list[Json]:
    """Items of the channel map that installers of snaps read, in which ``latest/stable`` is ``stable``."""
    where = {"name": name, "track": track, "risk": name.rpartition("/")[2], "released-at": "2026-11-02T00:00:00Z"}
    return [{"channel": {**where, "architecture": one}, "revision": revision} for one in architectures]
