"""PyPI and the indexes that speak its APIs."""

from lading.pypi._client import PyPI
from lading.pypi._indexes import Index
from lading.pypi._models import File, Project, ProjectInfo, Release, UploadResult
from lading.pypi._release_order import NotAttempted
from lading.pypi._trusted_publishing import MintedToken, TrustedPublishing
from lading.pypi._upload_many import UploadMany, UploadResults
from lading.pypi.files import Files
from lading.pypi.projects import Projects
from lading.pypi.releases import Releases
from lading.pypi.restrictions import Context, Restriction
from lading.pypi.token import Token
from lading.pypi.tokens import Tokens

__all__ = [
    "Context",
    "File",
    "Files",
    "Index",
    "MintedToken",
    "NotAttempted",
    "Project",
    "ProjectInfo",
    "Projects",
    "PyPI",
    "Release",
    "Releases",
    "Restriction",
    "Token",
    "Tokens",
    "TrustedPublishing",
    "UploadMany",
    "UploadResult",
    "UploadResults",
]
