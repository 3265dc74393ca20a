"""A project of Copr with 1000 builds, for the server of that bench: its responses, without the sockets.

A build moves when it is looked at: it is pending, then running, and at the look that was drawn for it beforehand it has
ended. So whoever waits needs the same number of looks, however fast, and sees the same changes of state.
"""

from __future__ import annotations

import json
import random
from urllib.parse import parse_qs

COUNT = 1000
WAITED = 500
ROUNDS = 10

OWNER, PROJECT = "owner", "demo"
CHROOTS = ["fedora-43-aarch64", "fedora-43-x86_64", "fedora-rawhide-x86_64"]
HEAD = (
    "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\nConnection: keep-alive\r\n\r\n"
)


class ManyBuilds:
    """The project; the newest 500 of its builds travel."""

    def __init__(self) -> None:
        self._requests = 0
        self._looks = [0] * (COUNT + 1)
        # The last one makes all rounds necessary.
        draw = random.Random(500)
        self._ends = [0] * (COUNT + 1 - WAITED) + [draw.randint(2, ROUNDS) for _ in range(WAITED - 1)] + [ROUNDS]
        self._texts = {
            (build, state): json.dumps(_build(build, state)).encode()
            for build in range(1, COUNT + 1)
            for state in ("pending", "running", "succeeded")
        }

    def respond(self, head: bytes) -> bytes:
        """The response to one request."""
        path, _, query = head.split(b" ", 2)[1].decode().partition("?")
        self._requests += 1
        if path == "/reset":
            self._requests = 0
            self._looks = [0] * (COUNT + 1)
            body = b"{}"
        elif path == "/requests":
            body = json.dumps({"requests": self._requests - 1}).encode()
        elif path == "/api_3/build/list":
            body = self._page({name: values[0] for name, values in parse_qs(query).items()})
        else:
            body = self._look(int(path.removeprefix("/api_3/build/")))
        return HEAD.format(len(body)).encode() + body

    def _page(self, query: dict[str, str]) -> bytes:
        # Newest first, whatever is requested, as the genuine frontend has it.
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", COUNT))
        first = COUNT - offset
        items = b", ".join(self._look(build) for build in range(first, max(0, first - limit), -1))
        meta = {"limit": limit if "limit" in query else None, "offset": offset, "order": "id", "order_type": "ASC"}
        return b'{"items": [' + items + b'], "meta": ' + json.dumps(meta).encode() + b"}"

    def _look(self, build: int) -> bytes:
        self._looks[build] += 1
        looks, end = self._looks[build], self._ends[build]
        return self._texts[build, "succeeded" if looks >= end else "running" if 2 * looks >= end else "pending"]


def _build(build: int, state: str) -> dict[str, object]:
    ended = state == "succeeded"
    source = f"https://backend.example/results/{OWNER}/{PROJECT}/srpm-builds/{build:08}/hello-1.0-{build}.src.rpm"
    return {
        "chroots": CHROOTS,
        "ended_on": 1_790_000_900 + build if ended else None,
        "id": build,
        "is_background": False,
        "ownername": OWNER,
        "project_dirname": PROJECT,
        "projectname": PROJECT,
        "repo_url": f"https://backend.example/results/{OWNER}/{PROJECT}",
        "source_package": {"name": "hello", "url": source, "version": f"1.0-{build}"},
        "started_on": None if state == "pending" else 1_790_000_300 + build,
        "state": state,
        "submitted_on": 1_790_000_000 + build,
        "submitter": OWNER,
    }
