"""Requests to the embedded Snap Store as its handlers receive them, and what their credentials allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lading.testing._server.forms import Form
from lading.testing._server.refusals import Refusal
from lading.testing.canonical._refusals import DashboardRefusal, GatewayRefusal
from lading.testing.canonical.snap._channels import is_allowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from lading.testing.canonical._request import Refuse
    from lading.testing.canonical._state import Session, StoreAccount, StoredUpload
    from lading.testing.canonical.snap._channels import Channel
    from lading.testing.canonical.snap._state import Snap, SnapStoreState
    from lading.testing.messages import Fields, Headers

# What else allows the same: the old name that all of them had, and the names that logins by Candid have.
_ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "package_access": ("package_upload", "account-view-packages", "package-view", "package-manage"),
    "package_manage": ("package-manage",),
    "package_metrics": ("package_upload", "package-view-metrics", "package-view"),
    "package_push": ("package_upload", "package-manage-revisions", "package-manage"),
    "package_register": ("package_upload", "account-register-package"),
    "package_release": ("package_upload", "package-manage-releases", "package-manage"),
    "package_update": ("package_upload", "package-manage-metadata", "package-manage"),
    "modify_account_key": ("account-manage-keys",),
}
_REQUIRED = "macaroon-permission-required"


@dataclass(slots=True, kw_only=True)
class SnapStoreOptions:
    """How a store behaves.

    Attributes:
        refresh_code: The code of the refusal of credentials that have to be refreshed; see ``EmbeddedSnapStore``.
        string_revisions: Whether the status of a push has the revision as a string.
        register_window: The seconds between two registrations of an account.
        info_delay: The seconds until installers see a release.
        builds_disabled: Whether assertions of builds are refused.
        page_links: Whether pages of releases have links to the next ones.
        auto_review: Whether processing ends by itself after it was shown once.
    """

    refresh_code: str = "macaroon-needs-refresh"
    string_revisions: bool = True
    register_window: float = 0
    info_delay: float = 0
    builds_disabled: bool = False
    page_links: bool = True
    auto_review: bool = True


@dataclass(slots=True, kw_only=True)
class SnapRequest:
    """A request whose body has been read.

    Attributes:
        state: The store's snaps; the lock of its state is held.
        now: The time.
        base: The URL under which the client reaches the store.
        method: The method.
        query: The parameters of the query.
        headers: The headers.
        uploads: What was uploaded to the storage, by id.
        options: How the store behaves.
        refuse: The shape in which the endpoint refuses requests.
        value: The JSON value; ``None`` if the body is none.
        data: The body, unless it is a form.
        form: The form in parts, empty if the body is none.
        sender: The session that the request was sent with; ``None`` where the route needs none.
    """

    state: SnapStoreState
    now: datetime
    base: str
    method: str
    query: Fields
    headers: Headers
    uploads: Mapping[str, StoredUpload]
    options: SnapStoreOptions
    refuse: Refuse
    value: Any = None
    data: bytes = b""
    form: Form = field(default_factory=Form)
    sender: Session | None = None

    @property
    def session(self) -> Session:
        """The session that the request was sent with, on routes that need one."""
        if self.sender is None:
            raise not_authorized(self.refuse)
        return self.sender

    @property
    def account(self) -> StoreAccount:
        """The account that the request is from."""
        account = self.session.account
        if account is None:
            raise not_authorized(self.refuse)
        return account

    @property
    def fields(self) -> dict[str, Any]:
        """The members of the JSON object.

        Raises:
            Refusal: The body is no JSON object, or was not sent as JSON.
        """
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise self.refuse(415, ("bad-request", f"Unsupported media type {kind!r} in request."))
        if not isinstance(self.value, dict):
            raise self.refuse(400, ("bad-request", "The request body is not a valid JSON object."))
        return self.value

    def field(self, name: str, kind: type, *, default: Any = None, required: bool = False) -> Any:
        """Return a member of the JSON object.

        Args:
            name: Its name.
            kind: Its type.
            default: What an absent one is.
            required: Whether it has to be there.

        Raises:
            Refusal: It is missing or of another type.
        """
        if name not in self.fields:
            if required:
                raise self.refuse(400, ("missing-field", f"The '{name}' field is required."))
            return default
        value = self.fields[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.invalid_field(name)
        return value

    def invalid_field(self, name: str, message: str = "") -> Refusal:
        """Return the refusal of a member whose value cannot be used."""
        return self.refuse(400, ("invalid-field", message or f"The '{name}' field content is not valid."))

    def publishable(self, name: str) -> Snap:
        """Return the snap called *name*, which the account may publish.

        Raises:
            Refusal: There is none, or the account or its credentials may not.
        """
        snap = self.state.snaps.get(name)
        if snap is None:
            raise self.refuse(404, ("resource-not-found", f"Snap not found for name={name}"))
        if not snap.may_publish(self.account):
            raise self.refuse(403, ("resource-forbidden", f"Cannot upload new revisions for name={name}"))
        self.check_package(snap)
        return snap

    def publishable_by_id(self, snap_id: str) -> Snap:
        """Return the snap with that id, which the account may publish; refused as :meth:`publishable` refuses."""
        snap = self.state.by_id(snap_id)
        if snap is None:
            raise self.refuse(404, ("resource-not-found", f"Snap not found for snap_id={snap_id}"))
        return self.publishable(snap.name)

    def check_package(self, snap: Snap | None) -> None:
        """Raise ``Refusal`` if the credentials are restricted to other snaps; ``None`` is one that does not exist."""
        allowed = self.session.packages
        if allowed is None or (snap is not None and any(found["id"] == snap.id for found in allowed)):
            return
        raise _refuse_permission(self.refuse, "Permission is required: package_id", permission="package_id")

    def check_permission(self, permission: str) -> None:
        """Raise ``Refusal`` unless the credentials have a permission."""
        allowed = self.session.permissions
        names = (permission, *_ALTERNATIVES.get(permission, ()))
        if allowed is None or not set(names).isdisjoint(allowed):
            return
        message = f'Permission "{permission}" is required as a macaroon caveat.'
        raise _refuse_permission(self.refuse, message, permission=permission)

    def refused_channels(self, channels: Iterable[Channel]) -> list[Channel]:
        """Return those of *channels* that the credentials may not release to."""
        return [channel for channel in channels if not is_allowed(channel, self.session.channels)]


def _refuse_permission(refuse: Refuse, message: str, **more: Any) -> Refusal:
    # Only the older endpoints have members beside the list.
    if refuse is GatewayRefusal:
        return refuse(403, (_REQUIRED, message))
    return DashboardRefusal(403, (_REQUIRED, message), **more)


def not_authorized(refuse: Refuse) -> Refusal:
    """Return the refusal of a request without credentials, or with some that are not accepted."""
    error = {
        "code": "macaroon-authorization-required",
        "message": "The request is missing an Authorization header field containing a valid macaroon",
        "extra": {"realm": "Devportal"},
    }
    name = "error-list" if refuse is GatewayRefusal else "error_list"
    return Refusal(401, {name: [error]}, {"WWW-Authenticate": 'Macaroon realm="Devportal"'})
