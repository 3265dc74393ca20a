"""A publisher of snaps who speaks HTTP by hand, with pymacaroons, to an embedded Snap Store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import httpx
from pymacaroons import Macaroon

if TYPE_CHECKING:
    import ssl

    from lading.testing import EmbeddedSnapStore
    from lading.testing.canonical import StoreAccount

ACL = "/dev/api/acl/"
ALL = (
    "package_access",
    "package_manage",
    "package_metrics",
    "package_push",
    "package_register",
    "package_release",
    "package_update",
)
SNAP = b"hsqs, and what a squashfs file system has besides"


class SnapPublisher:
    """Credentials of an account, and requests with them.

    Args:
        store: The store.
        account: The account; by default ``owner``.
        permissions: The permissions that the credentials have.
        verify: How certificates are verified.
        restrictions: ``packages``, ``channels``, ``expires``.
    """

    def __init__(
        self,
        store: EmbeddedSnapStore,
        account: StoreAccount | None = None,
        *,
        permissions: tuple[str, ...] = ALL,
        verify: ssl.SSLContext | bool = True,
        **restrictions: Any,
    ) -> None:
        self.store = store
        self.account = account or store.owner
        self.client = httpx.Client(base_url=store.url, trust_env=False, verify=verify)
        body = {"permissions": list(permissions), **restrictions}
        self.root: str = self.client.post(ACL, json=body).raise_for_status().json()["macaroon"]
        self.discharge: str = self.discharged().raise_for_status().json()["discharge_macaroon"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.client.close()

    @property
    def caveat(self) -> Any:
        """The third-party caveat of the root macaroon."""
        (caveat,) = Macaroon.deserialize(self.root).third_party_caveats()
        return caveat

    def discharged(self, **fields: Any) -> httpx.Response:
        """Request a discharge of the root macaroon; *fields* replace those of the request."""
        body = {"email": self.account.email, "password": self.account.password, "caveat_id": self.caveat.caveat_id}
        if self.account.otp is not None:
            body["otp"] = self.account.otp
        return self.client.post(f"{self.store.login_url}/api/v2/tokens/discharge", json=body | fields)

    def refresh(self) -> httpx.Response:
        """Refresh the discharge, and use the new one if there is one."""
        body = {"discharge_macaroon": self.discharge}
        response = self.client.post(f"{self.store.login_url}/api/v2/tokens/refresh", json=body)
        self.discharge = response.json().get("discharge_macaroon", self.discharge)
        return response

    @property
    def authorization(self) -> str:
        """The value of the header that signs requests."""
        root = Macaroon.deserialize(self.root)
        bound = root.prepare_for_request(Macaroon.deserialize(self.discharge)).serialize()
        return f"Macaroon root={self.root}, discharge={bound}"

    def send(self, method: str, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """Send a request with the credentials."""
        headers = {"Authorization": self.authorization, **more.pop("headers", {})}
        if json is not None:
            more["json"] = json
        return self.client.request(method, path, headers=headers, **more)

    def upload(self, content: bytes = SNAP, filename: str = "hello_2.1_amd64.snap") -> str:
        """Upload a file and return the id of the upload."""
        response = self.client.post(
            f"{self.store.storage_url}/unscanned-upload/",
            files={"binary": (filename, content, "application/octet-stream")},
        )
        upload_id: str = response.raise_for_status().json()["upload_id"]
        return upload_id

    def push(self, name: str = "hello", content: bytes = SNAP, **fields: Any) -> httpx.Response:
        """Upload and push a file."""
        filename = fields.pop("filename", f"{name}_2.1_amd64.snap")
        body = {"name": name, "series": "16", "updown_id": self.upload(content, filename), **fields}
        return self.send("POST", "/dev/api/snap-push/", body)

    def status(self, pushed: httpx.Response) -> dict[str, Any]:
        """Return the status of a push, read without credentials."""
        shown: dict[str, Any] = self.client.get(pushed.json()["status_details_url"]).raise_for_status().json()
        return shown


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and message of a refusal with one error, in either of the lists."""
    body = response.json()
    (error,) = body["error_list"] if "error_list" in body else body["error-list"]
    return response.status_code, error["code"], error["message"]
