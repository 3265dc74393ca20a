"""Where lading deviates from startifact on purpose. Everything else must be equal."""

from __future__ import annotations

from tests.conformance.deviations import Deviation
from tests.conformance.ledger import EQUAL
from tests.conformance.startifact_layout import METHODS

DEVIATIONS = (
    Deviation(
        "ArtifactDownloader.discover",
        "returns the first region that has the artifact",
        "queries every region and uses all that have it",
        "a download continues in another region when one fails",
        "reading 0, CRC True",
    ),
    Deviation(
        "BucketNames.add",
        "accepts bucket names for tests",
        "looks bucket names up; a `session` can be given instead",
        "the parameter in each region is the only source",
        "reading 0, CRC True",
    ),
    Deviation(
        "CannotDiscoverExistence",
        "raises it for the first region that cannot be queried",
        "the region fails alone, with the store's own error",
        "one region must not fail the others",
        "refusing 0",
    ),
    Deviation(
        "CannotStageArtifact",
        "one error for any failure",
        "`StageFailed`, with the result of every region",
        "the caller can see which regions have the artifact",
        "refusing 0",
    ),
    Deviation(
        "ConfigurationLoader.out",
        "prints to it",
        "reports to hooks and progress callbacks",
        "a library does not print",
        "reading 0, CRC True",
    ),
    Deviation(
        "LatestVersionLoader.version",
        "accepts the responses of half of the regions",
        "requires more than half",
        "two halves can disagree",
        "refusing 0",
    ),
    Deviation(
        "MetadataLoader.any_regions_claim_no_metadata",
        "knows it once a loader has run",
        "metadata are loaded with the artifact",
        "all regions are queried when the stager is entered; there is no lazy loader",
        "reading 0, CRC True",
    ),
    Deviation("NoConfiguration", "`NoConfiguration`", "`ConfigError`", "one class for all configuration", "refusing 0"),
    Deviation(
        "NoRegionsAvailable",
        "`NoRegionsAvailable`",
        "the error of the first region",
        "the caller can see what failed",
        "refusing 0",
    ),
    Deviation(
        "NoRegionsConfigured", "`NoRegionsConfigured`", "`ConfigError`", "one class for all configuration", "refusing 0"
    ),
    Deviation(
        "NotAllowedToGetParameter",
        "`NotAllowedToGetParameter`",
        "`Forbidden`",
        "errors are named for their meaning",
        "refusing 0",
    ),
    Deviation(
        "NotAllowedToPutParameter",
        "raises it after the upload",
        "a warning in the result; `Forbidden` elsewhere",
        "the artifact is there, and only the pointer for old readers is not",
        "refusing 0",
    ),
    Deviation(
        "ParameterNotFound", "`ParameterNotFound`", "`NotFound`", "errors are named for their meaning", "refusing 0"
    ),
    Deviation(
        "ParameterStoreError", "`ParameterStoreError`", "`ApiError`", "errors are named for their meaning", "refusing 0"
    ),
    Deviation(
        "ProjectNameError",
        "`ProjectNameError`",
        "`InputError`, which is also a `ValueError`",
        "one class for all invalid arguments",
        "refusing 0",
    ),
    Deviation(
        "a project name with a trailing newline",
        "accepts it",
        "raises `InputError`",
        "the keys that it forms cannot be requested",
        "refusing 0",
    ),
    Deviation(
        "a version staged again",
        "fails, or uploads it again",
        "succeeds when bytes and metadata are the same",
        "a repeated job is not an error",
        "writing 0",
    ),
    Deviation(
        "keys",
        "the artifact and its metadata",
        "in addition the pointer to the latest version, at a key that no artifact can have",
        "S3 has conditional writes, and SSM has not",
        "writing 0 in eu-west-1",
    ),
    Deviation("user metadata", "none", "digests", "downloads can be verified", "writing 0 in eu-west-1"),
    Deviation(
        "an older version staged",
        "becomes the latest version",
        "the latest version stays",
        "the latest version moves backwards only by `set_latest`",
        "writing 0 in eu-west-1",
    ),
    Deviation(
        "a saved name that leads out of the directory",
        "writes there",
        "raises `InvalidResponse`",
        "a stored name must not choose where a file is written",
        "refusing 0",
    ),
    Deviation(
        "caller's metadata", "changes the caller's dictionary", "leaves it unchanged", "it is the caller's", "writing 0"
    ),
    Deviation(
        "content type of metadata",
        "the server's default",
        "`application/json`",
        "the object is JSON",
        "writing 0 in eu-west-1",
    ),
)
EQUAL_ROWS = (
    "artifact object",
    "metadata object",
    "no metadata object",
    "latest parameter",
    "configuration parameter",
    "tag of an artifact of one request",
    "without filename",
    "read by startifact: latest",
)
ROWS = {
    **dict.fromkeys([*METHODS, *EQUAL_ROWS], EQUAL),
    **{deviation.row: deviation for deviation in DEVIATIONS},
}
