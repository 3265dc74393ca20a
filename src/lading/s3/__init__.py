"""Staging artifacts to S3, in many regions."""

from importlib.util import find_spec

if any(find_spec(name) is None for name in ("aiobotocore", "semver")):
    raise ImportError("lading.s3 needs lading[s3]: please install that")

from lading.s3._errors import AbortFailed, VersionExists
from lading.s3._interfaces import MultipartUpload
from lading.s3._layout import Configuration
from lading.s3._results import RegionResult, StageResult
from lading.s3.artifact import Artifact, Location
from lading.s3.stager import Stager

__all__ = [
    "AbortFailed",
    "Artifact",
    "Configuration",
    "Location",
    "MultipartUpload",
    "RegionResult",
    "StageResult",
    "Stager",
    "VersionExists",
]
