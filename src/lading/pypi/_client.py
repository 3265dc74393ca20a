"""The client of a package index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from lading._core.auth import Auth, BasicAuth
from lading._core.service import Service, origin
from lading._http.client import Client, Options
from lading.errors import ConfigError
from lading.pypi._indexes import Index, find_index
from lading.pypi._wire import read_error
from lading.pypi.files import Files
from lading.pypi.releases import Releases

if TYPE_CHECKING:
    from lading._core.credentials import Credentials
    from lading._core.sender import Sender


class PyPI(Client):
    """A client of PyPI, or of any index that speaks its APIs.

    ::

        async with lading.PyPI(token=os.environ["PYPI_TOKEN"]) as pypi:
            uploaded = await pypi.releases.upload("dist/demo-1.0-py3-none-any.whl")

    Args:
        index: ``"pypi"``, ``"testpypi"``, or an :class:`Index`.
        token: An API token, or where to find it; sent as the password of the user ``__token__``.
        auth: Instead of *token*: any other credentials, such as ``lading.BasicAuth(user, password)``.
        options: See :class:`lading.Options`.

    Attributes:
        releases: Upload wheels and sdists.
        files: List and download them.
    """

    releases: Releases
    files: Files

    def __init__(
        self,
        index: str | Index = "pypi",
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        **options: Unpack[Options],
    ) -> None:
        if token is not None and auth is not None:
            raise ConfigError("give token= or auth=, not both")
        self._index = find_index(index)
        if token is not None:
            auth = BasicAuth("__token__", token)
        upload_url = self._index.upload_url
        service = Service(
            name=self._index.name,
            base_url=self._index.simple_url or upload_url,
            hosts=frozenset({origin(upload_url)}),
            read_error=read_error,
        )
        super().__init__(service, auth, options)

    def _assemble(self, sender: Sender) -> None:
        super()._assemble(sender)
        self.files = Files(sender, self._index)
        self.releases = Releases(sender, self._index, self.files)
