"""The resources of a client of the Snap Store, with the API that the store has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading.canonical.packages import Packages
from lading.canonical.releases import Releases
from lading.canonical.revisions import Revisions
from lading.canonical.snap._dashboard import Dashboard
from lading.canonical.snap.account import SnapAccount
from lading.canonical.snap.builds import SnapBuilds
from lading.canonical.snap.metadata import SnapMetadata
from lading.canonical.snap.metrics import SnapMetrics
from lading.canonical.snap.packages import SnapPackages
from lading.canonical.snap.releases import SnapReleases
from lading.canonical.snap.revisions import SnapRevisions
from lading.canonical.snap.validations import SnapValidations

if TYPE_CHECKING:
    from lading._core.sender import Sender
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._services import Services


@dataclass(frozen=True, slots=True)
class SnapResources:
    """The resources that a client of the Snap Store has besides those of both stores.

    Attributes:
        packages: The snaps of the account.
        revisions: Their revisions.
        releases: What is in their channels.
        metadata: What the store shows of them.
        builds: Their build assertions.
        validations: What the account approves.
        account: The account.
        metrics: How often they are installed.
    """

    packages: SnapPackages
    revisions: SnapRevisions
    releases: SnapReleases
    metadata: SnapMetadata
    builds: SnapBuilds
    validations: SnapValidations
    account: SnapAccount
    metrics: SnapMetrics


def make_snap_resources(sender: Sender, endpoints: Endpoints, services: Services) -> SnapResources:
    """Return the resources of a client of the Snap Store or of an on-prem store of snaps.

    Args:
        sender: A sender to the API.
        endpoints: The store.
        services: Its services.
    """
    on_prem = endpoints.api == "gateway"

    def dashboard(what: str) -> Dashboard:
        return Dashboard(sender, endpoints, what)

    return SnapResources(
        packages=SnapPackages(dashboard("packages.state"), Packages(sender, endpoints) if on_prem else None),
        revisions=SnapRevisions(
            dashboard("revisions.check_upload"),
            endpoints,
            services,
            Revisions(sender, endpoints, services) if on_prem else None,
        ),
        releases=SnapReleases(
            dashboard("releases.history"),
            endpoints,
            sender.to(services.info),
            Releases(sender, endpoints, services) if on_prem else None,
        ),
        metadata=SnapMetadata(dashboard("metadata")),
        builds=SnapBuilds(dashboard("builds")),
        validations=SnapValidations(dashboard("validations")),
        account=SnapAccount(dashboard("account")),
        metrics=SnapMetrics(dashboard("metrics")),
    )
