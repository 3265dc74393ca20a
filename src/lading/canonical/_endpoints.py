"""Where Canonical's stores are, and their paths, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lading._core.arguments import checked

Namespace = Literal["charm", "snap"]
Api = Literal["gateway", "dashboard"]
LoginKind = Literal["usso", "acl", "candid"]


@checked()
@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """A store of charms or snaps: its hosts and its paths.

    For a store that is not in the tables here, change one of them with ``dataclasses.replace``, or make another.

    Attributes:
        name: What errors and events call it.
        namespace: What it keeps: ``"charm"`` or ``"snap"``.
        api_url: The host of its API.
        storage_url: The host that files are uploaded to. Credentials are never sent there.
        info_url: The host that installers read what is released from, without credentials.
        login_url: The host of Ubuntu One. With Candid, what the store issues says where that is: this host may be of
            plain http then, where any other has to be https.
        api: Which API it has for packages, revisions and releases: ``"gateway"`` is the publisher gateway
            (``/v1/charm/...``, of Charmhub and of on-prem snap stores), ``"dashboard"`` the Snap Store's own.
        login_kind: How a login begins: ``"usso"`` (Ubuntu One, with an exchanged token), ``"acl"`` (Ubuntu One, with a
            token that can be refreshed), ``"candid"``.
        tokens: The path of the root macaroon.
        exchange: The path at which discharged macaroons are exchanged for a token of the store; empty where they are
            used as they are.
        whoami: The path that describes the credentials in use.
        upload: The path on *storage_url* that files are uploaded to.
        package_types: The types of packages that a login may be restricted to.
        application: The service name of the official client's keyring entry.
        variable: The environment variable in which the official client expects its credentials.
    """

    name: str
    namespace: Namespace
    api_url: str
    storage_url: str
    info_url: str
    login_url: str
    api: Api = "gateway"
    login_kind: LoginKind = "usso"
    tokens: str = "v1/tokens/usso"
    exchange: str = "v1/tokens/usso/exchange"
    whoami: str = "v1/tokens/whoami"
    upload: str = "unscanned-upload/"
    package_types: tuple[str, ...] = ("charm", "bundle")
    application: str = "charmcraft"
    variable: str = "CHARMCRAFT_AUTH"


CHARMHUB = Endpoints(
    name="charmhub",
    namespace="charm",
    api_url="https://api.charmhub.io",
    storage_url="https://storage.snapcraftcontent.com",
    info_url="https://api.charmhub.io",
    login_url="https://login.ubuntu.com",
)
"""Charmhub."""

CHARMHUB_STAGING = Endpoints(
    name="charmhub-staging",
    namespace="charm",
    api_url="https://api.staging.charmhub.io",
    storage_url="https://storage.staging.snapcraftcontent.com",
    info_url="https://api.staging.charmhub.io",
    login_url="https://login.staging.ubuntu.com",
)
"""Charmhub's staging instance."""

CHARMHUB_CANDID = Endpoints(
    name="charmhub",
    namespace="charm",
    api_url="https://api.charmhub.io",
    storage_url="https://storage.snapcraftcontent.com",
    info_url="https://api.charmhub.io",
    login_url="https://login.ubuntu.com",
    login_kind="candid",
    tokens="v1/tokens",
    exchange="v1/tokens/exchange",
)
"""Charmhub with logins by Candid, as charmcraft had them until version 4.3."""

SNAP_STORE = Endpoints(
    name="snap-store",
    namespace="snap",
    api_url="https://dashboard.snapcraft.io",
    storage_url="https://storage.snapcraftcontent.com",
    info_url="https://api.snapcraft.io",
    login_url="https://login.ubuntu.com",
    api="dashboard",
    login_kind="acl",
    tokens="dev/api/acl/",
    exchange="",
    whoami="api/v2/tokens/whoami",
    package_types=("snap",),
    application="snapcraft",
    variable="SNAPCRAFT_STORE_CREDENTIALS",
)
"""The Snap Store."""

SNAP_STORE_STAGING = Endpoints(
    name="snap-store-staging",
    namespace="snap",
    api_url="https://dashboard.staging.snapcraft.io",
    storage_url="https://storage.staging.snapcraftcontent.com",
    info_url="https://api.staging.snapcraft.io",
    login_url="https://login.staging.ubuntu.com",
    api="dashboard",
    login_kind="acl",
    tokens="dev/api/acl/",
    exchange="",
    whoami="api/v2/tokens/whoami",
    package_types=("snap",),
    application="snapcraft",
    variable="SNAPCRAFT_STORE_CREDENTIALS",
)
"""The Snap Store's staging instance."""

SNAP_STORE_CANDID = Endpoints(
    name="snap-store",
    namespace="snap",
    api_url="https://dashboard.snapcraft.io",
    storage_url="https://storage.snapcraftcontent.com",
    info_url="https://api.snapcraft.io",
    login_url="https://login.ubuntu.com",
    api="dashboard",
    login_kind="candid",
    tokens="api/v2/tokens",
    exchange="api/v2/tokens/exchange",
    whoami="api/v2/tokens/whoami",
    package_types=("snap",),
    application="snapcraft",
    variable="SNAPCRAFT_STORE_CREDENTIALS",
)
"""The Snap Store with logins by Candid, as snapcraft had them until June 2026."""


@checked()
def on_prem_snap_store(api_url: str, storage_url: str) -> Endpoints:
    """Return the endpoints of an on-prem snap store: the gateway's API for snaps, and logins by Candid.

    Args:
        api_url: The host of its API.
        storage_url: The host that files are uploaded to.
    """
    return Endpoints(
        name="snap-store-on-prem",
        namespace="snap",
        api_url=api_url,
        storage_url=storage_url,
        info_url=api_url,
        login_url=api_url,
        login_kind="candid",
        tokens="v1/tokens",
        exchange="v1/tokens/offline/exchange",
        package_types=("snap",),
        application="snapcraft",
        variable="SNAPCRAFT_STORE_CREDENTIALS",
    )
