"""Staging artifacts to S3, in many regions."""

try:
    import aiobotocore as _  # noqa: F401 - the extra, or a word on it
    import semver as _semver  # noqa: F401
except ImportError:
    raise ImportError("lading.s3 needs lading[s3]: please install that") from None

from lading.s3._errors import VersionExists
from lading.s3._layout import Configuration
from lading.s3._ports import Upload
from lading.s3._results import InRegion, Staged
from lading.s3.artifact import Artifact, Location
from lading.s3.stager import Stager

__all__ = ["Artifact", "Configuration", "InRegion", "Location", "Staged", "Stager", "Upload", "VersionExists"]
