"""Every row of startifact's: equal, or why lading differs on purpose."""

from __future__ import annotations

from tests.conformance.ledger import EQUAL
from tests.conformance.startifact_layout import METHODS

_HOOKS = "what it prints, lading tells hooks and progress"
_LAZY = "a stager asks all regions when it is entered; there is no loader to go without"

DIFFERENCES = {
    "ArtifactDownloader.discover": "every region is asked, and all that have it are used",
    "BucketNames.add": "bucket names are found and never told; a session of one's own is handed in instead",
    "CannotDiscoverExistence": "a region that cannot be asked fails alone, with the store's own error",
    "CannotStageArtifact": "StageFailed says which regions have it",
    "ConfigurationLoader.out": _HOOKS,
    "LatestVersionLoader.version": "more than half of the regions, and not half",
    "MetadataLoader.any_regions_claim_no_metadata": _LAZY,
    "NoConfiguration": "ConfigError",
    "NoRegionsAvailable": "the error of the first region",
    "NoRegionsConfigured": "ConfigError",
    "NotAllowedToGetParameter": "Forbidden",
    "NotAllowedToPutParameter": "Forbidden; staging goes on with a warning",
    "ParameterNotFound": "NotFound",
    "ParameterStoreError": "ApiError",
    "ProjectNameError": "InputError, which is a ValueError too",
    "a project's name with a newline at its end": "it makes names that nobody can ask for",
    "a version staged again": "the same again is a success",
    "keys": "the pointer to the latest version lies beside, where no artifact can",
    "user metadata": "digests, so that downloads can be verified",
    "an older version staged": "the latest version does not go backwards",
    "a saved name that leaves the folder": "it is refused",
    "caller's metadata": "the caller's dictionary is not changed",
}
ROWS = {
    **dict.fromkeys(METHODS, EQUAL),
    **dict.fromkeys(
        [
            "artifact object", "metadata object", "no metadata object", "latest parameter", "configuration parameter",
            "tag of an artifact of one request", "content type of metadata", "without filename", "read by startifact: latest",
        ],
        EQUAL,
    ),
    "content type of metadata": "it says that it is JSON; startifact's has the server's default",
    **DIFFERENCES,
}  # fmt: skip
