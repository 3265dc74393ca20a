"""A publisher gateway with its storage host, on loopback: names, uploads, notifications, reviews and releases."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Self

from lading import Retry
from lading.canonical import CHARMHUB, Charmhub, Endpoints
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.instant_clock import InstantClock
from tests.support.recorded_sleeps import with_time

TOKEN = "MDAxNmxvY2F0aW9uIGFwaS5mYWtlCg"
QUICK = Retry(attempts=3, backoff=0)
EXISTS = "Cannot insert package. An upload with that digest (SHA3-384: '{}') already exists in the database."
APPROVED = ("new", "scanned", "approved")


def sha3(data: bytes) -> str:
    """The digest of a file."""
    return hashlib.sha3_384(data).hexdigest()


def refusal(status: int, code: str, message: str) -> ServerResponse:
    """An error as the gateway sends it."""
    return ServerResponse.json({"error-list": [{"code": code, "message": message}]}, status)


@dataclass
class StoredUpload:
    """An upload in the store.

    Attributes:
        data: The file.
        filename: Its name.
        steps: The states of its review that are still to come; the last is repeated.
        revision: The number of its revision.
        notified: How often the store was notified of it.
        errors: Why the review rejects it.
    """

    data: bytes
    filename: str
    steps: list[str] = field(default_factory=list)
    revision: int | None = None
    notified: int = 0
    errors: list[dict[str, str]] | None = None


class Gateway:
    """The store, with the package ``my-charm``.

    Attributes:
        namespace: What it keeps.
        refuses_equal: Whether its review rejects a file whose digest it has.
        lists_reviews: Whether it lists reviews without an upload's identifier.
        shows_pending: Whether it shows the review of an upload that it was not notified of.
        steps: The states that each review passes through, one at each poll.
        reasons: Why reviews reject, by the file's content.
        status_url: What it sends instead of a status URL.
        upload_response: What the storage host responds, instead.
        revisions: All revisions.
        uploads: All uploads, by identifier.
        released: The bodies of releases.
        channels: What is in each channel.
        refuses_again: Whether it refuses a second notification of an upload.
        seen: Every request that was handled: method and path.
        queries: The query of each, as it was sent.
        credentials: The ``Authorization`` of each.
        bodies: The bodies that the storage host received.
    """

    def __init__(self, namespace: str = "charm") -> None:
        self.namespace = namespace
        self.refuses_equal = True
        self.lists_reviews = False
        self.shows_pending = False
        self.steps = APPROVED
        self.reasons: dict[bytes, list[dict[str, str]]] = {}
        self.status_url: Any = None
        self.upload_response: Any = None
        self.revisions: list[dict[str, Any]] = []
        self.uploads: dict[str, StoredUpload] = {}
        self.released: list[Any] = []
        self.channels: dict[str, dict[str, Any]] = {}
        self.refuses_again = False
        self.seen: list[str] = []
        self.queries: list[str] = []
        self.credentials: list[str | None] = []
        self.bodies: list[bytes] = []
        self.clock = InstantClock()
        self.server = Server(self._respond)
        self.server._shared.late_work.now = self.clock.now
        self.faults = self.server.faults

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    @property
    def endpoints(self) -> Endpoints:
        """Where it is."""
        url = self.server.url
        return replace(CHARMHUB, api_url=url, storage_url=url, info_url=url, login_url=url)

    def client(self, **options: Any) -> Charmhub:
        """A client of it, whose waits take no time."""
        given = {"retry": QUICK, **({} if "auth" in options else {"token": TOKEN}), **options}
        return with_time(Charmhub(self.endpoints, **given), clock=self.clock.now, sleep=self.clock.sleep)

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(request.startswith(start) for request in self.seen)

    def made(self, data: bytes) -> list[int]:
        """The revisions of a file."""
        return [revision["revision"] for revision in self.revisions if revision["sha3-384"] == sha3(data)]

    def add_revision(self, data: bytes, status: str = "approved", **members: Any) -> int:
        """Add a revision; return its number."""
        number = len(self.revisions) + 1
        self.revisions.append(
            {
                "revision": number,
                "sha3-384": sha3(data),
                "size": len(data),
                "status": status,
                "version": str(number),
                "created-at": "2026-11-20T15:41:54.72569175Z",
                "errors": None,
                "bases": [None],
                **members,
            }
        )
        return number

    def add_upload(self, data: bytes = b"charm") -> str:
        """Add an upload; return its identifier."""
        upload_id = f"upload-{len(self.uploads) + 1}"
        self.uploads[upload_id] = StoredUpload(data, "my.charm")
        return upload_id

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        body = await request.read()
        self.seen.append(f"{request.method} {request.path}")
        self.queries.append(request.target.partition("?")[2])
        self.credentials.append(request.headers.get("Authorization"))
        if request.path == "/unscanned-upload/":
            return self._upload(request, body)
        found = re.fullmatch(rf"/v1/{self.namespace}/([^/]+)/(.+)", request.path)
        if request.headers.get("Authorization") != f"Macaroon {TOKEN}":
            return refusal(401, "macaroon-permission-required", "no")
        if found is None or found[1] != "my-charm":
            return refusal(404, "resource-not-found", "Name not found in the namespace")
        match request.method, found[2]:
            case "GET", "revisions":
                return self._list(dict(request.query))
            case "POST", "revisions":
                return self._notify(json.loads(body)["upload-id"])
            case "GET", "revisions/review":
                return self._review(dict(request.query).get("upload-id"))
            case "POST", "releases":
                return self._release(json.loads(body))
            case "GET", "releases":
                return ServerResponse.json({"channel-map": list(self.channels.values()), "revisions": self.revisions})
        return refusal(404, "resource-not-found", "no such path")

    def _upload(self, request: ServerRequest, body: bytes) -> ServerResponse:
        self.bodies.append(body)
        head, _, rest = body.partition(b"\r\n\r\n")
        boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
        upload_id = self.add_upload(rest.removesuffix(b"\r\n--" + boundary + b"--\r\n"))
        self.uploads[upload_id].filename = head.decode().partition('filename="')[2].partition('"')[0]
        if self.upload_response is not None:
            return ServerResponse.json(self.upload_response)
        return ServerResponse.json({"successful": True, "upload_id": upload_id})

    def _list(self, query: dict[str, str]) -> ServerResponse:
        number = query.get("revision")
        for revision in self.revisions:  # what another upload has made is reviewed meanwhile
            if number is not None and revision["revision"] == int(number) and revision.get("next"):
                revision["status"] = revision["next"].pop(0)
        shown = [r for r in self.revisions if number is None or r["revision"] == int(number)]
        return ServerResponse.json({"revisions": shown})

    def _notify(self, upload_id: str) -> ServerResponse:
        upload = self.uploads.get(upload_id)
        if upload is None:
            return refusal(404, "resource-not-found", "no such upload")
        if upload.notified and self.refuses_again:
            return refusal(400, "api-error", "this upload was processed already")
        upload.notified += 1
        upload.steps = list(self.steps)
        digest = sha3(upload.data)
        if self.refuses_equal and any(r["sha3-384"] == digest for r in self.revisions):
            upload.steps = ["new", "rejected"]
            upload.errors = [{"code": "review-error", "message": EXISTS.format(digest)}]
        elif upload.data in self.reasons:
            upload.steps = ["new", "rejected"]
            upload.errors = self.reasons[upload.data]
        else:
            upload.revision = self.add_revision(upload.data, "new")
        url = f"/v1/{self.namespace}/my-charm/revisions/review?upload-id={upload_id}"
        return ServerResponse.json({"status-url": url if self.status_url is None else self.status_url})

    def _review(self, upload_id: str | None) -> ServerResponse:
        if upload_id is None and self.lists_reviews:
            return ServerResponse.json({"revisions": [self._show(name) for name in self.uploads]})
        upload = self.uploads.get(upload_id or "")
        if upload is None or (not upload.notified and not self.shows_pending):
            return refusal(404, "resource-not-found", "no such upload")
        return ServerResponse.json({"revisions": [self._show(str(upload_id))]})

    def _release(self, items: list[dict[str, Any]]) -> ServerResponse:
        self.released.append(items)
        for item in items:
            self.channels[item["channel"]] = {"base": None, "resources": [], **item}
        return ServerResponse.json({"released": items})

    def _show(self, upload_id: str) -> dict[str, Any]:
        upload = self.uploads[upload_id]
        if not upload.notified:
            return {"upload-id": upload_id, "status": "pending", "revision": None, "errors": None}
        status = upload.steps.pop(0) if len(upload.steps) > 1 else upload.steps[0]
        for revision in self.revisions:
            if revision["revision"] == upload.revision:
                revision["status"] = status
        return {
            "upload-id": upload_id,
            "status": status,
            # It has its number before it is approved.
            "revision": upload.revision if status != "new" else None,
            "errors": upload.errors if status == "rejected" else None,
        }
