"""startifact's layout, as data: what it writes, byte for byte, and what its readers make of that.

startifact is not to be had from a package index, so this table stands in its place. It was seen by running it.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

PROJECT, VERSION, DATA = "P", "1.2.0+b.5", b"what is staged\n" * 3
METADATA = {"a": "1", "lang": "pyé"}
FILENAME = "art.bin"

# The public surface of its classes and errors.
METHODS = frozenset(
    {
        *(f"Session.{name}" for name in ("bucket_names", "configuration", "get", "read_only", "regions", "stage")),
        "Session.validate_project_name",
        *(f"Artifact.{name}" for name in ("key", "metadata_key", "version", "downloader", "metadata_loader")),
        *(f"Artifact.{name}" for name in ("latest_version_loader", "__getitem__", "__contains__", "__len__")),
        *(f"ArtifactDownloader.{name}" for name in ("bucket", "region", "key", "project", "version")),
        *(f"ArtifactDownloader.{name}" for name in ("discover", "download")),
        *(f"MetadataLoader.{name}" for name in ("loaded", "key", "any_regions_claim_no_metadata")),
        "LatestVersionLoader.version",
        *(f"ConfigurationLoader.{name}" for name in ("loaded", "out", "regions", "operate")),
        "BucketNames.add",
        "BucketNames.get",
        *("ProjectNameError", "NoConfiguration", "NoRegionsConfigured", "NoRegionsAvailable", "CannotStageArtifact"),
        *("CannotDiscoverExistence", "ParameterStoreError", "ParameterNotFound"),
        *("NotAllowedToGetParameter", "NotAllowedToPutParameter"),
    }
)


@dataclass(frozen=True)
class Layout:
    """One organisation's, with the prefixes it chose."""

    bucket_param: str = "/buckets/name"
    key_prefix: str = "pre/"
    parameter_prefix: str = "/arts"
    regions: str = "eu-west-1,us-east-1,ap-south-1"

    @property
    def configuration(self) -> str:
        """The value of ``/startifact``."""
        return (
            "{\n"
            f'  "bucket_key_prefix": "{self.key_prefix}",\n'
            f'  "bucket_name_param": "{self.bucket_param}",\n'
            f'  "parameter_name_prefix": "{self.parameter_prefix}",\n'
            f'  "regions": "{self.regions}",\n'
            '  "save_ok": "y"\n'
            "}"
        )

    def key(self, project: str = PROJECT, version: str = VERSION) -> str:
        return f"{self.key_prefix}{project}@{version}"

    def latest(self, project: str = PROJECT) -> str:
        return f"{self.parameter_prefix}/{project}/latest"


LAYOUTS = [Layout(), Layout(key_prefix="", parameter_prefix="")]

METADATA_BYTES = b'{\n  "a": "1",\n  "lang": "py\\u00e9",\n  "startifact:filename": "art.bin"\n}'
"""Indented by two, sorted, in ASCII, and no newline at its end."""

PLAIN_METADATA_BYTES = b'{\n  "a": "1",\n  "lang": "py\\u00e9"\n}'


def md5_header(data: bytes) -> dict[str, str]:
    """What it sends with every object, and all it sends."""
    return {"ContentMD5": b64encode(hashlib.md5(data).digest()).decode()}


def read_latest(responses: Mapping[str, str | None]) -> str:
    """How its reader finds the latest version: the greatest of as many regions as it needs."""
    found = [value for value in responses.values() if value is not None]
    needed = ceil(len(responses) / 2)
    assert len(found) >= needed
    return max(found[:needed])


NAMES = {
    name: good
    for good, names in {True: ["P", "a-b_c.d", "0"], False: ["", "a b", "a/b", "a@b", "é"]}.items()
    for name in names
}
