"""The clients of Charmhub and the Snap Store."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Unpack

from lading._client import Client, ClientOpener, ClientOptions
from lading._core.arguments import checked
from lading._core.credentials import Credentials, MemoryCredentials
from lading.canonical import _endpoints
from lading.canonical._auth import StoreAuth
from lading.canonical._config import find_place
from lading.canonical._services import services_of
from lading.canonical._stored import parse_exported
from lading.canonical.packages import Packages
from lading.canonical.releases import Releases
from lading.canonical.resources import Resources
from lading.canonical.revisions import Revisions
from lading.canonical.snap._resources import make_snap_resources
from lading.canonical.tokens import Tokens
from lading.canonical.tracks import Tracks
from lading.canonical.uploads import Uploads
from lading.errors import ConfigError, InputError

if TYPE_CHECKING:
    from lading._core.call import Auth
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services
    from lading.canonical.snap.account import SnapAccount
    from lading.canonical.snap.builds import SnapBuilds
    from lading.canonical.snap.metadata import SnapMetadata
    from lading.canonical.snap.metrics import SnapMetrics
    from lading.canonical.snap.packages import SnapPackages
    from lading.canonical.snap.releases import SnapReleases
    from lading.canonical.snap.revisions import SnapRevisions
    from lading.canonical.snap.validations import SnapValidations


class _StoreClient(Client):
    """The part that both clients share: endpoints, services and credentials."""

    _known: ClassVar[dict[str, Endpoints]]
    _namespace: ClassVar[str]

    tokens: Tokens
    uploads: Uploads

    def __init__(
        self,
        endpoints: str | Endpoints,
        token: str | Credentials | None,
        auth: Auth | None,
        options: ClientOptions,
        *,
        allow_http: bool,
    ) -> None:
        if token is not None and auth is not None:
            raise ConfigError("give token= or auth=, not both")
        self._endpoints = self._resolve(endpoints)
        self._services: Services = services_of(self._endpoints, allow_http=allow_http)
        if isinstance(token, str):
            token = MemoryCredentials(parse_exported(token).export())
        super().__init__(
            self._services.api,
            auth or StoreAuth(token or MemoryCredentials(), self._endpoints, allow_http=allow_http),
            options,
        )

    @classmethod
    def _resolve(cls, endpoints: str | Endpoints) -> Endpoints:
        if isinstance(endpoints, str):
            if endpoints not in cls._known:
                names = ", ".join(map(repr, cls._known))
                raise InputError(
                    f"endpoints must be one of {names}, or a lading.canonical.Endpoints with the URLs of another store",
                    argument="endpoints",
                )
            return cls._known[endpoints]
        if endpoints.namespace != cls._namespace:
            client = "SnapStore" if endpoints.namespace == "snap" else "Charmhub"
            raise InputError(
                f"these endpoints are those of a store of {endpoints.namespace}s: use lading.{client}",
                argument="endpoints",
            )
        return endpoints

    def _make_resources(self, sender: Sender) -> None:
        super()._make_resources(sender)
        self.tokens = Tokens(sender, self._endpoints, self._services)
        self.uploads = Uploads(sender, self._endpoints, self._services)


@checked(ClientOptions)
class Charmhub(_StoreClient):
    """A client for Charmhub, and for other stores with the publisher gateway's API.

    ::

        async with lading.Charmhub.from_config() as charmhub:
            await charmhub.revisions.upload("my-charm", "my-charm_amd64.charm", release=["latest/edge"])

    Args:
        endpoints: ``"production"``, ``"staging"``, ``"candid"`` (logins as charmcraft had them until 4.3), or
            :class:`lading.canonical.Endpoints`.
        token: Credentials as ``charmcraft login --export`` writes them or as they are stored, or the place that they
            are stored in.
        auth: Instead of *token*: any other credentials.
        allow_http: Accept plain http, on a network that is trusted with credentials.
        options: See :class:`lading.ClientOptions`.

    Raises:
        ConfigError: The credentials are in none of the known forms, or a URL is invalid.

    Attributes:
        tokens: Log in and out, list and revoke sessions, describe the credentials in use.
        packages: Register and list names, read and change their metadata.
        releases: List, make, promote and close releases; wait until installers see them.
        resources: Upload, list and update the resources of charms.
        tracks: Create tracks.
        uploads: The transfer of files to the storage host.
        revisions: Upload, wait for and list revisions.
    """

    _known: ClassVar[dict[str, Endpoints]] = {
        "production": _endpoints.CHARMHUB,
        "staging": _endpoints.CHARMHUB_STAGING,
        "candid": _endpoints.CHARMHUB_CANDID,
    }
    _namespace = "charm"

    packages: Packages
    releases: Releases
    revisions: Revisions
    resources: Resources
    tracks: Tracks

    def __init__(
        self,
        endpoints: str | Endpoints = "production",
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        allow_http: bool = False,
        **options: Unpack[ClientOptions],
    ) -> None:
        super().__init__(endpoints, token, auth, options, allow_http=allow_http)

    @classmethod
    def from_config(
        cls,
        endpoints: str | Endpoints = "production",
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        application: str = "charmcraft",
        file_fallback: bool = False,
        allow_http: bool = False,
        **options: Unpack[ClientOptions],
    ) -> ClientOpener[Charmhub]:
        """Create a client with the credentials of this machine or CI job.

        ``async with Charmhub.from_config() as charmhub:`` or ``charmhub = await Charmhub.from_config()``.

        Credentials are searched in this order: the arguments; ``CHARMCRAFT_AUTH``; the keyring, where charmcraft has
        them (service: *application*, user: the API's host); with *file_fallback*, and where there is no keyring,
        craft-store's file. A login stores them there.

        Args:
            endpoints: ``"production"``, ``"staging"``, ``"candid"``, or :class:`lading.canonical.Endpoints`.
            token: Credentials as they were exported or are stored, or the place that they are stored in.
            auth: Instead of *token*: any other credentials.
            application: The service name of the keyring's entry.
            file_fallback: Keep credentials in a file where there is no keyring.
            allow_http: Accept plain http, on a network that is trusted with credentials.
            options: See :class:`lading.ClientOptions`.

        Raises:
            ConfigError: The keyring is locked; there is none and no file may be used; or the credentials are in none of
                the known forms.
        """

        async def make() -> Charmhub:
            place = token
            if place is None and auth is None:
                place = await find_place(cls._resolve(endpoints), application, file_fallback=file_fallback)
            return cls(endpoints, token=place, auth=auth, allow_http=allow_http, **options)

        return ClientOpener(make)

    def _make_resources(self, sender: Sender) -> None:
        super()._make_resources(sender)
        self.packages = Packages(sender, self._endpoints)
        self.revisions = Revisions(sender, self._endpoints, self._services)
        self.releases = Releases(sender, self._endpoints, self._services)
        self.resources = Resources(sender, self._endpoints, self._services)
        self.tracks = Tracks(sender, self._endpoints)


@checked(ClientOptions)
class SnapStore(_StoreClient):
    """A client for the Snap Store, and for on-prem stores of snaps.

    ::

        async with lading.SnapStore.from_config() as snaps:
            await snaps.revisions.upload("my-snap", "my-snap_1.0_amd64.snap", release=["edge"])

    Args:
        endpoints: ``"production"``, ``"staging"``, ``"candid"`` (logins as snapcraft had them until June 2026), or
            :class:`lading.canonical.Endpoints`, such as those of :func:`lading.canonical.on_prem_snap_store`.
        token: Credentials as ``snapcraft export-login`` writes them or as they are stored, or the place that they are
            stored in.
        auth: Instead of *token*: any other credentials.
        allow_http: Accept plain http, on a network that is trusted with credentials.
        options: See :class:`lading.ClientOptions`.

    Raises:
        ConfigError: The credentials are in none of the known forms, or a URL is invalid.

    Attributes:
        tokens: Log in and out, list and revoke sessions, describe the credentials in use.
        packages: Register and list names.
        uploads: The transfer of files to the storage host.
        revisions: Upload, wait for and list revisions.
        releases: List, make, promote and close releases; wait until installers see them.
        metadata: What the store shows of snaps; not on-prem.
        builds: Build assertions; not on-prem.
        validations: Validations, validation sets and confdb schemas; not on-prem.
        account: The account and its keys; not on-prem.
        metrics: How often snaps are installed; not on-prem.
    """

    _known: ClassVar[dict[str, Endpoints]] = {
        "production": _endpoints.SNAP_STORE,
        "staging": _endpoints.SNAP_STORE_STAGING,
        "candid": _endpoints.SNAP_STORE_CANDID,
    }
    _namespace = "snap"

    packages: SnapPackages
    revisions: SnapRevisions
    releases: SnapReleases
    metadata: SnapMetadata
    builds: SnapBuilds
    validations: SnapValidations
    account: SnapAccount
    metrics: SnapMetrics

    def __init__(
        self,
        endpoints: str | Endpoints = "production",
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        allow_http: bool = False,
        **options: Unpack[ClientOptions],
    ) -> None:
        super().__init__(endpoints, token, auth, options, allow_http=allow_http)

    @classmethod
    def from_config(
        cls,
        endpoints: str | Endpoints = "production",
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        application: str = "snapcraft",
        file_fallback: bool = False,
        allow_http: bool = False,
        **options: Unpack[ClientOptions],
    ) -> ClientOpener[SnapStore]:
        """Create a client with the credentials of this machine or CI job.

        ``async with SnapStore.from_config() as snaps:`` or ``snaps = await SnapStore.from_config()``.

        Credentials are searched in this order: the arguments; ``SNAPCRAFT_STORE_CREDENTIALS``; the keyring, where
        snapcraft has them (service: *application*, user: the API's host); with *file_fallback*, and where there is no
        keyring, craft-store's file. A login stores them there.

        Args:
            endpoints: ``"production"``, ``"staging"``, ``"candid"``, or :class:`lading.canonical.Endpoints`.
            token: Credentials as they were exported or are stored, or the place that they are stored in.
            auth: Instead of *token*: any other credentials.
            application: The service name of the keyring's entry.
            file_fallback: Keep credentials in a file where there is no keyring.
            allow_http: Accept plain http, on a network that is trusted with credentials.
            options: See :class:`lading.ClientOptions`.

        Raises:
            ConfigError: The keyring is locked; there is none and no file may be used; or the credentials are in none of
                the known forms.
        """

        async def make() -> SnapStore:
            place = token
            if place is None and auth is None:
                place = await find_place(cls._resolve(endpoints), application, file_fallback=file_fallback)
            return cls(endpoints, token=place, auth=auth, allow_http=allow_http, **options)

        return ClientOpener(make)

    def _make_resources(self, sender: Sender) -> None:
        super()._make_resources(sender)
        made = make_snap_resources(sender, self._endpoints, self._services)
        self.packages = made.packages
        self.revisions = made.revisions
        self.releases = made.releases
        self.metadata = made.metadata
        self.builds = made.builds
        self.validations = made.validations
        self.account = made.account
        self.metrics = made.metrics
