"""PyPI and the indexes that speak its APIs."""

from lading.pypi._client import PyPI
from lading.pypi._indexes import Index
from lading.pypi._models import File, Uploaded
from lading.pypi.files import Files
from lading.pypi.releases import Releases

__all__ = ["File", "Files", "Index", "PyPI", "Releases", "Uploaded"]
