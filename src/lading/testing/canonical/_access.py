"""What a request to the gateway's API may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lading.testing.canonical._sessions import allows, allows_channel, allows_package

if TYPE_CHECKING:
    from lading.testing.canonical._packages import GatewayState, Package
    from lading.testing.canonical._request import StoreRequest


def gateway_state(request: StoreRequest) -> GatewayState:
    """Return the state with the packages."""
    return cast("GatewayState", request.state)


def require(request: StoreRequest, *permissions: str) -> None:
    """Check that the credentials have one of *permissions*. No permission to manage includes one to view.

    Source: 403 with this code and message (canonical/charmcraft#930).
    """
    if not allows(request.session, *permissions):
        raise request.refuse(403, ("permission-required", f"Missing required permission: {permissions[0]}"))


def require_package(request: StoreRequest, name: str, package: Package | None = None, kind: str | None = None) -> None:
    """Check that the credentials are not restricted to other packages (canonical/charmcraft#778)."""
    package_id, kind = (package.id, package.type) if package else (None, kind)
    if not allows_package(request.session, name, package_id, kind):
        raise request.refuse(403, ("permission-required", "Package access not allowed"))


def require_channel(request: StoreRequest, channel: str) -> None:
    """Check that the credentials allow releases to *channel*."""
    if not allows_channel(request.session, channel):
        raise request.refuse(403, ("permission-required", "Channel access not allowed"))


def existing(request: StoreRequest, name: str, *permissions: str) -> Package:
    """Return a package of the account, or that it collaborates on, for a use that needs one of *permissions*.

    Raises:
        Refusal: There is none; packages of others are treated alike (canonical/charmcraft#337).
    """
    require(request, *permissions)
    state = gateway_state(request)
    package = state.packages.get(name)
    require_package(request, name, package)
    account = request.account
    if package is None or (package.publisher is not account and account.username not in package.collaborators):
        raise request.refuse(404, ("resource-not-found", f"Name {name} not found in the {state.namespace} namespace"))
    return package
