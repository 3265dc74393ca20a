"""What the stores of the cases have: responses in the shapes that both clients know."""

from __future__ import annotations

from typing import Any

EMAIL = "ada@example.com"
PASSWORD = "made-up-password"
OTP = "135790"
TOKEN = "store-token-0123456789"
WHEN = "2026-11-20T16:01:31Z"

PERSON = {
    "display-name": "Ada",
    "email": EMAIL,
    "id": "ACC1",
    "username": "ada",
    "validation": "unproven",
}
WHOAMI: dict[str, Any] = {
    "account": PERSON,
    "channels": ["edge"],
    "packages": [{"type": "charm", "name": "demo", "id": "id-1"}],
    "permissions": ["package-view"],
}
PACKAGE: dict[str, Any] = {
    "authority": "canonical",
    "contact": "mailto:ada@example.com",
    "default-track": "latest",
    "description": "What it is.",
    "id": "id-1",
    "links": {"issues": ["https://example.com/issues"]},
    "media": [{"type": "icon", "url": "https://example.com/icon.png"}],
    "name": "demo",
    "private": False,
    "publisher": PERSON,
    "status": "published",
    "store": "ubuntu",
    "summary": "A summary.",
    "title": "Demo",
    "track-guardrails": [{"pattern": "^v[0-9]+$", "created-at": WHEN}],
    "tracks": [{"name": "latest", "created-at": WHEN, "version-pattern": None, "automatic-phasing-percentage": 10}],
    "type": "charm",
    "website": "https://example.com/",
}
BASE = {"name": "ubuntu", "channel": "24.04", "architecture": "amd64"}
_REVISION = {
    "created-at": WHEN,
    "created-by": "ACC1",
    "revision": 3,
    "sha3-384": "ab" * 48,
    "size": 1234,
    "status": "released",
    "version": "1.0",
}
CHARM_REVISION: dict[str, Any] = {**_REVISION, "bases": [BASE], "errors": None}
SNAP_REVISION: dict[str, Any] = {
    **_REVISION,
    "revision": 4,
    "apps": ["demo"],
    "architectures": ["amd64"],
    "base": "core24",
    "build-url": None,
    "confinement": "strict",
    "grade": "stable",
    "type": "app",
}
GIT_REVISION: dict[str, Any] = {**_REVISION, "revision": 5, "commit-id": "c0ffee", "created-by": "ada"}
REVISIONS = [CHARM_REVISION, SNAP_REVISION, GIT_REVISION]
RESOURCE_REVISION: dict[str, Any] = {
    "bases": [{"name": "all", "channel": "all", "architectures": ["all"]}],
    "created-at": WHEN,
    "name": "image",
    "revision": 2,
    "sha256": "11" * 32,
    "sha3-384": "22" * 48,
    "sha384": "33" * 48,
    "sha512": "44" * 64,
    "size": 999,
    "type": "file",
    "updated-at": WHEN,
    "updated-by": "ada",
}
CHANNEL = {"branch": None, "fallback": None, "name": "latest/edge", "risk": "edge", "track": "latest"}
RELEASES: dict[str, Any] = {
    "channel-map": [
        {
            "architecture": "amd64",
            "base": BASE,
            "channel": "latest/edge",
            "expiration-date": None,
            "progressive": {"paused": None, "percentage": None},
            "resources": [{"name": "image", "revision": 2, "type": "file"}],
            "revision": 3,
            "when": WHEN,
        }
    ],
    "package": {"channels": [CHANNEL]},
    "revisions": [{**SNAP_REVISION, **CHARM_REVISION}],
}
CHANNEL_MAP: dict[str, Any] = {
    "channel-map": [{name: value for name, value in RELEASES["channel-map"][0].items() if name != "base"}],
    "snap": {"name": "demo", **RELEASES["package"]},
    "revisions": RELEASES["revisions"],
}
HISTORY: dict[str, Any] = {
    "_links": {"self": "x"},
    "releases": [{"architecture": "amd64", "channel": "latest/edge", "revision": 4, "when": WHEN}],
    "revisions": [SNAP_REVISION],
    "snap": {},
}
ACCOUNT: dict[str, Any] = {
    "account_id": "ACC1",
    "email": EMAIL,
    "username": "ada",
    "snaps": {
        "16": {
            "demo": {
                "snap-id": "id-1",
                "status": "Approved",
                "private": False,
                "publisher": {"id": "ACC1", "username": "ada", "display-name": "Ada", "validation": "unproven"},
                "store": "Global",
                "since": WHEN,
            }
        }
    },
    "account_keys": [],
}
