"""Requests to the embedded Charmhub as its clients send them, without any client."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx

# Creating one takes longer than a request.
TLS = ssl.create_default_context()

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading.testing import EmbeddedCharmhub, StoreAccount

Result = tuple[int, Any]


class Api:
    """The API of a store, with the credentials of an account."""

    def __init__(self, store: EmbeddedCharmhub, token: str | None = None) -> None:
        self.store = store
        self.headers = {"Authorization": f"Macaroon {token or store.create_token()}"}

    @classmethod
    def of(cls, store: EmbeddedCharmhub, account: StoreAccount | None = None, **restrictions: Any) -> Api:
        """The API with a token of an account, which may be restricted."""
        return cls(store, store.create_token(account, **restrictions))

    def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> Result:
        """The status and the JSON of a response."""
        headers = {**self.headers, **options.pop("headers", {})}
        options |= {} if json is None else {"json": json}
        response = httpx.request(method, self.store.url + path, headers=headers, trust_env=False, verify=TLS, **options)
        return response.status_code, response.json()

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of a successful GET."""
        status, value = self("GET", path, **options)
        assert status == 200, value
        return value

    def upload(self, data: bytes, filename: str = "hello.charm") -> str:
        """Upload a file; the upload's identifier."""
        return upload(self.store, data, filename)

    def notify(self, name: str, data: bytes) -> str:
        """Upload a file and notify the store of it; the upload's identifier."""
        upload_id = self.upload(data)
        status, value = self("POST", f"/v1/charm/{name}/revisions", {"upload-id": upload_id})
        assert status == 200, value
        assert value == {"status-url": f"/v1/charm/{name}/revisions/review?upload-id={upload_id}"}
        return upload_id

    def review(self, name: str, upload_id: str) -> Any:
        """The review of an upload, as it is shown now."""
        (review,) = self.get(f"/v1/charm/{name}/revisions/review", params={"upload-id": upload_id})["revisions"]
        return review

    def publish(self, name: str, data: bytes) -> int:
        """Upload a revision, and its number once it is approved."""
        upload_id = self.notify(name, data)
        assert self.review(name, upload_id)["status"] == "new"
        review = self.review(name, upload_id)
        assert review["status"] == "approved", review
        return review["revision"]

    def release(self, name: str, *items: dict[str, Any]) -> Result:
        """Release."""
        return self("POST", f"/v1/charm/{name}/releases", list(items))


def upload(store: EmbeddedCharmhub, data: bytes, filename: str = "hello.charm") -> str:
    """Upload a file to the storage host; the upload's identifier."""
    files = {"binary": (filename, data, "application/octet-stream")}
    response = httpx.post(f"{store.storage_url}/unscanned-upload/", files=files, trust_env=False, verify=TLS)
    assert response.status_code == 200, response.text
    return response.json()["upload_id"]


def codes(result: Result) -> tuple[int, list[str]]:
    """The status and the codes of a refusal."""
    status, value = result
    return status, [error["code"] for error in value["error-list"]]


def messages(result: Result) -> list[str]:
    """The messages of a refusal."""
    return [error["message"] for error in result[1]["error-list"]]


def channels(store: EmbeddedCharmhub, name: str) -> list[tuple[str, int, Iterable[str] | None]]:
    """Channel, revision and base of each release."""
    return [(release.channel, release.revision, release.base) for release in store.releases(name)]
