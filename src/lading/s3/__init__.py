"""Staging artifacts to S3, in many regions."""

from lading.s3._errors import VersionExists
from lading.s3._layout import Configuration
from lading.s3._ports import Upload
from lading.s3._results import InRegion, Staged
from lading.s3.artifact import Artifact, Location
from lading.s3.stager import Stager

__all__ = ["Artifact", "Configuration", "InRegion", "Location", "Staged", "Stager", "Upload", "VersionExists"]
