"""The Snap Store's dashboard with its storage host, on loopback: pushes, revisions, releases and what else it has."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from lading import Retry
from lading.canonical import SNAP_STORE, Endpoints, SnapStore
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.instant_clock import InstantClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOKEN = "MDAxNmxvY2F0aW9uIGRhc2hib2FyZA"
QUICK = Retry(attempts=3, backoff=0)
SNAP_ID = "bv9Q2i9CNAvTjt9wTx1cFC6SAT9YrEfG"
DUPLICATE = "binary_sha3_384: A file with this exact same content has already been uploaded"
ACCOUNT = "acc-1"
_PART = re.compile(rb'name="([^"]*)"(?:; filename="([^"]*)")?[^\r]*\r\n(?:[^\r]+\r\n)*\r\n(.*)', re.DOTALL)


def sha3(data: bytes) -> str:
    """The digest of a file."""
    return hashlib.sha3_384(data).hexdigest()


def refusal(status: int, code: str, message: str) -> ServerResponse:
    """An error as the dashboard sends it."""
    return ServerResponse.json({"error_list": [{"code": code, "message": message}]}, status)


def form(request: ServerRequest, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """The parts of a form by name: file name and content."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    found = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        match = _PART.search(part.removesuffix(b"\r\n"))
        assert match is not None
        found[match[1].decode()] = (match[2] and match[2].decode(), match[3])
    return found


@dataclass
class Push:
    """A push in the store.

    Attributes:
        body: What was sent.
        data: The file.
        codes: The states that are still to come; the last is repeated.
        revision: The number of its revision.
        errors: Why it is not accepted.
    """

    body: dict[str, Any]
    data: bytes
    codes: list[str]
    revision: int | None = None
    errors: list[dict[str, str]] = field(default_factory=list)


class SnapDashboard:
    """The store, with the snap ``my-snap`` of this account, and ``shared`` of another one.

    Attributes:
        codes: The states that each push passes through, one at each poll.
        processes_at_once: Whether a push is processed before the response, instead of at a poll of its status.
        reasons: Why a push is not accepted.
        page_size: How many revisions a page of the history has.
        releases_itself: Whether it releases what was pushed with channels.
        forbidden: Names that may not be uploaded to.
        snaps: The account's snaps by name.
        keys: The account's keys.
        revisions: All revisions, oldest first.
        uploads: All uploads, by identifier.
        pushes: All pushes.
        channels: What is released: revision and percentage, by architecture and channel.
        canned: Responses of other paths, by method and path.
        seen: Every request that was handled: method, path and query.
        bodies: The bodies that were sent, by method and path.
        credentials: The ``Authorization`` of each request, by method and path.
        headers: The headers of each request, by method and path.
    """

    def __init__(self) -> None:
        self.codes: Sequence[str] = ("being_processed", "ready_to_release")
        self.processes_at_once = False
        self.reasons: list[str] = []
        self.page_size = 100
        self.releases_itself = True
        self.forbidden: set[str] = set()
        self.snaps: dict[str, dict[str, Any]] = {"my-snap": owned(SNAP_ID), "shared": owned("shared-id", "acc-2")}
        self.keys: list[dict[str, str]] = []
        self.revisions: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.pushes: list[Push] = []
        self.channels: dict[tuple[str, str], tuple[int, float | None]] = {}
        self.canned: dict[str, Any] = {}
        self.seen: list[str] = []
        self.bodies: dict[str, list[Any]] = {}
        self.credentials: dict[str, str | None] = {}
        self.headers: dict[str, Any] = {}
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
        return replace(SNAP_STORE, api_url=url, storage_url=url, info_url=url, login_url=url)

    def client(self, **options: Any) -> SnapStore:
        """A client of it, whose waits take no time."""
        given: Any = {"retry": QUICK, "token": TOKEN, "clock": self.clock, **options}
        return SnapStore(self.endpoints, **given)

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(request.startswith(start) for request in self.seen)

    def add_revision(self, data: bytes, *, status: str = "Published", architecture: str = "amd64") -> int:
        """Add a revision, and return its number."""
        number = len(self.revisions) + 1
        self.revisions.append(
            {
                "architectures": [architecture],
                "attributes": {},
                "base": "core24",
                "build_url": None,
                "confinement": "strict",
                "created_at": "2026-11-01T10:00:00Z",
                "epoch": {"read": [0], "write": [0]},
                "grade": "stable",
                "revision": number,
                "sha3-384": sha3(data),
                "size": len(data),
                "status": status,
                "version": "1.0",
            }
        )
        return number

    def release(self, revision: int, channel: str, percentage: float | None = None) -> None:
        """Release a revision on its architectures."""
        channel = channel if channel.count("/") else f"latest/{channel}"
        for architecture in self.revisions[revision - 1]["architectures"]:
            self.channels[architecture, channel] = revision, percentage

    async def _respond(self, request: ServerRequest) -> ServerResponse:
        body = await request.read()
        key = f"{request.method} {request.path}"
        self.seen.append(f"{request.method} {request.target}")
        self.credentials[key] = request.headers.get("authorization")
        self.headers[key] = request.headers
        kind = request.headers.get("content-type", "")
        value: Any = json.loads(body) if kind == "application/json" else body
        self.bodies.setdefault(key, []).append(value)
        if key in self.canned:
            return self._canned(key, request, body)
        for pattern, handler in self._routes():
            if match := re.fullmatch(pattern, key):
                result = handler(request, value, *match.groups())
                return result if isinstance(result, ServerResponse) else ServerResponse.json(result)
        return refusal(404, "resource-not-found", "The requested resource was not found.")

    def _canned(self, key: str, request: ServerRequest, body: bytes) -> ServerResponse:
        found = self.canned[key]
        if callable(found):
            found = found(request, body)
        return found if isinstance(found, ServerResponse) else ServerResponse.json(found)

    def _routes(self) -> list[tuple[str, Callable[..., Any]]]:
        return [
            (r"POST /unscanned-upload/", self._upload),
            (r"POST /dev/api/snap-push/", self._push),
            (r"GET /dev/api/snaps/[^/]+/builds/(\d+)/status", self._status),
            (r"GET /api/v2/snaps/([^/]+)/releases", self._history),
            (r"GET /api/v2/snaps/([^/]+)/channel-map", self._channel_map),
            (r"POST /dev/api/snap-release/", self._release),
            (r"POST /dev/api/snaps/([^/]+)/close", self._close),
            (r"POST /dev/api/register-name/", self._register),
            (r"GET /dev/api/account", self._account),
            (r"POST /dev/api/account/account-key", self._register_key),
        ]

    def _upload(self, request: ServerRequest, body: bytes) -> Any:
        upload_id = f"upload-{len(self.uploads) + 1}"
        self.uploads[upload_id] = form(request, body)["binary"][1]
        return {"successful": True, "upload_id": upload_id}

    def _push(self, _: ServerRequest, body: dict[str, Any]) -> Any:
        name = body["name"]
        if name not in self.snaps:
            return refusal(404, "resource-not-found", f"Snap not found for name={name}")
        if name in self.forbidden:
            return refusal(403, "resource-forbidden", "You are not allowed to upload to this snap.")
        if body.get("dry_run"):
            return ServerResponse.json({"success": True}, 202)
        if any("alpha" in channel for channel in body.get("channels", ())):
            return ServerResponse.json({"errors": "Not a valid channel: alpha"}, 400)
        push = Push(body, self.uploads[body["updown_id"]], list(self.codes))
        self.pushes.append(push)
        if self.processes_at_once:
            push.codes = [self._process(push, self.codes[-1])]
        url = f"{self.server.url}/dev/api/snaps/{SNAP_ID}/builds/{len(self.pushes)}/status"
        return ServerResponse.json({"success": True, "status_details_url": url}, 202)

    def _status(self, _: ServerRequest, __: bytes, number: str) -> Any:
        push = self.pushes[int(number) - 1]
        code = push.codes.pop(0) if len(push.codes) > 1 else push.codes[0]
        if code != "being_processed" and push.revision is None and not push.errors:
            code = self._process(push, code)
        shown: dict[str, Any] = {
            "code": code,
            "processed": code != "being_processed",
            "can_release": code == "ready_to_release",
        }
        if push.revision is not None:
            shown["revision"] = str(push.revision)
        if push.errors:
            shown["errors"] = push.errors
        return shown

    def _process(self, push: Push, code: str) -> str:
        reasons = self.reasons or [
            DUPLICATE for one in self.revisions if one["sha3-384"] == sha3(push.data) and one["status"] != "Rejected"
        ]
        if reasons:
            push.errors = [{"message": reason} for reason in reasons]
            push.codes = [code if code.endswith("_error") else "processing_error"]
            return push.codes[0]
        if code in ("ready_to_release", "need_manual_review"):
            status = "Published" if code == "ready_to_release" else "ManualReviewPending"
            push.revision = self.add_revision(push.data, status=status)
            for channel in push.body.get("channels", ()) if status == "Published" and self.releases_itself else ():
                self.release(push.revision, channel)
        return code

    def _history(self, request: ServerRequest, _: bytes, name: str) -> Any:
        if name not in self.snaps:
            return refusal(404, "resource-not-found", f"Snap not found for name={name}")
        page = int(request.query.get("page", "1"))
        url = f"{self.server.url}/api/v2/snaps/{name}/releases?page="
        links = {"self": f"{url}{page}"}
        end = page * self.page_size
        if end < len(self.revisions):
            links["next"] = f"{url}{page + 1}"
        newest = self.revisions[::-1]
        released = [{"architecture": a, "branch": None, **shown(c, r)} for (a, c), r in self.channels.items()]
        return {"_links": links, "releases": released, "revisions": newest[end - self.page_size : end], "snap": {}}

    def _channel_map(self, _: ServerRequest, __: bytes, name: str) -> Any:
        if name not in self.snaps:
            return refusal(404, "resource-not-found", f"Snap not found for name={name}")
        released = {revision for revision, _ in self.channels.values()}
        revisions = [{**one, "created-at": one["created_at"]} for one in self.revisions if one["revision"] in released]
        return {
            "channel-map": [{"architecture": a, **shown(c, r)} for (a, c), r in self.channels.items()],
            "revisions": revisions,
            "snap": {
                "name": name,
                "channels": [
                    {"name": "latest/stable", "track": "latest", "risk": "stable", "branch": None, "fallback": None}
                ],
            },
        }

    def _release(self, _: ServerRequest, body: dict[str, Any]) -> Any:
        assert isinstance(body["revision"], str)
        number = int(body["revision"])
        if number > len(self.revisions):
            return refusal(404, "resource-not-found", f"Revision {number} not found for name={body['name']}")
        if any("alpha" in channel for channel in body["channels"]):
            return ServerResponse.json({"errors": "Not a valid channel: alpha"}, 400)
        if self.revisions[number - 1]["status"] not in ("Published", "Unpublished"):
            return refusal(400, "resource-not-ready", f"Revision {number} cannot be released.")
        for channel in body["channels"]:
            self.release(number, channel, body.get("progressive", {}).get("percentage"))
        return {"success": True, "opened_channels": [], "channel_map": [], "channel_map_tree": {}}

    def _close(self, _: ServerRequest, body: dict[str, Any], snap_id: str) -> Any:
        assert snap_id == SNAP_ID
        for channel in body["channels"]:
            full = channel if channel.count("/") else f"latest/{channel}"
            for key in [key for key in self.channels if key[1] == full]:
                del self.channels[key]
        return {"closed_channels": body["channels"], "channel_map_tree": {}}

    def _register(self, _: ServerRequest, body: dict[str, Any]) -> Any:
        name = body["snap_name"]
        if name in self.snaps:
            own = self.snaps[name]["publisher"]["id"] == ACCOUNT
            return flat(409, "already_owned" if own else "already_registered")
        if name == "reserved":
            return flat(409, "reserved_name")
        if name == "fast":
            return flat(429, "register_window", retry_after=177)
        self.snaps[name] = owned(f"id-of-{name}", private=body["is_private"])
        return ServerResponse.json({"snap_id": f"id-of-{name}", "snap_name": name}, 201)

    def _account(self, _: ServerRequest, __: bytes) -> Any:
        return {
            "account_id": ACCOUNT,
            "display-name": "Ada",
            "username": "ada",
            "account_keys": self.keys,
            "snaps": {"16": self.snaps},
        }

    def _register_key(self, _: ServerRequest, body: dict[str, str]) -> Any:
        headers = dict(line.split(": ") for line in body["account_key_request"].split("\n\n")[0].splitlines())
        key = {"name": headers["name"], "public-key-sha3-384": headers["public-key-sha3-384"]}
        if key in self.keys:
            return refusal(409, "conflict", "The key is registered.")
        self.keys.append(key)
        return {"account_key": {"account-id": ACCOUNT, **key}}


def owned(snap_id: str, publisher: str = ACCOUNT, *, private: bool = False) -> dict[str, Any]:
    """A snap as the account describes it."""
    return {
        "snap-id": snap_id,
        "status": "Approved",
        "private": private,
        "price": None,
        "since": "2026-01-12T01:01:01Z",
        "store": "Global",
        "publisher": {"id": publisher, "username": "ada" if publisher == ACCOUNT else "grace"},
    }


def shown(channel: str, released: tuple[int, float | None]) -> dict[str, Any]:
    """A release as the channel map and the history show it."""
    revision, percentage = released
    progressive = {"paused": None if percentage is None else False, "percentage": percentage}
    return {
        "channel": channel,
        "expiration-date": None,
        "progressive": {**progressive, "current-percentage": None},
        "revision": revision,
        "when": f"2026-11-01T10:00:{revision:02}Z",
    }


def flat(status: int, code: str, **more: Any) -> ServerResponse:
    """An error of registering, which has no list and no message."""
    return ServerResponse.json({"status": status, "code": code, **more}, status)
