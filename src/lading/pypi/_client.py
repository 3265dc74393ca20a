"""The client of a package index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from lading._client import Client, ClientOpener, ClientOptions
from lading._core.arguments import checked
from lading._core.auth import Auth, BasicAuth
from lading._core.service import Service, origin
from lading._core.unset import UNSET
from lading.errors import ConfigError
from lading.pypi._config import load_config
from lading.pypi._errors import read_error
from lading.pypi._find_credentials import find_credentials, find_read_auth
from lading.pypi._indexes import Index, resolve_index
from lading.pypi.files import Files
from lading.pypi.projects import Projects
from lading.pypi.releases import Releases
from lading.pypi.tokens import Tokens

if TYPE_CHECKING:
    from lading._core.credentials import Credentials
    from lading._core.files import StrPath
    from lading._core.sender import Sender


@checked(ClientOptions)
class PyPI(Client):
    """A client for PyPI, and for any index that implements its APIs.

    ::

        async with lading.PyPI(token=os.environ["PYPI_TOKEN"]) as pypi:
            result = await pypi.releases.upload("dist/demo-1.0-py3-none-any.whl")

    Args:
        index: ``"pypi"``, ``"testpypi"``, or an :class:`Index`.
        token: An API token, or :class:`lading.Credentials` that read it; sent as the password of the user
            ``__token__``.
        auth: Instead of *token*: any other credentials, such as ``lading.BasicAuth(user, password)``.
        read_auth: Other credentials for reading than for uploads, or ``None`` for none, at an index that is neither
            PyPI nor TestPyPI, which are read without. They stay with the copies of :meth:`with_options`.
        options: See :class:`lading.ClientOptions`.

    Attributes:
        projects: List projects, and read one.
        releases: Upload wheels and sdists, list releases and read one.
        files: List, find and download files.
        tokens: Read and check the token in use, or mint one.
    """

    projects: Projects
    releases: Releases
    files: Files
    tokens: Tokens

    def __init__(
        self,
        index: str | Index = "pypi",
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        read_auth: Auth | None = UNSET,
        **options: Unpack[ClientOptions],
    ) -> None:
        if token is not None and auth is not None:
            raise ConfigError("give token= or auth=, not both")
        self._index = resolve_index(index).with_read_auth(read_auth)
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

    def _make_resources(self, sender: Sender) -> None:
        super()._make_resources(sender)
        self.files = Files(sender, self._index)
        self.projects = Projects(sender, self._index)
        self.tokens = Tokens(sender, self._index)
        self.releases = Releases(sender, self._index, self.tokens)

    @classmethod
    def from_config(
        cls,
        name: str | None = None,
        *,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        read_auth: Auth | None = UNSET,
        config_file: StrPath | None = None,
        simple_url: str | None = None,
        allow_http: bool = False,
        **options: Unpack[ClientOptions],
    ) -> ClientOpener[PyPI]:
        """Create a client for the index *name*, with the configuration of this machine or CI job.

        ``async with PyPI.from_config("pypi") as pypi:`` or ``pypi = await PyPI.from_config("pypi")``.

        Credentials are looked up in this order: in the arguments; in the environment (``UV_PUBLISH_TOKEN``,
        ``TWINE_USERNAME`` and ``TWINE_PASSWORD``, ``UV_PUBLISH_USERNAME`` and ``UV_PUBLISH_PASSWORD``); in
        ``~/.pypirc``; in the keyring, where twine keeps them (service: the upload URL, with or without the slash at its
        end, user: ``__token__``); and, for the two official indexes, by trusted publishing on GitHub, GitLab and
        Google. Without credentials the client can only read.

        A secret is sent to the URL of its own source only. Twine's variables are for the index that
        ``TWINE_REPOSITORY_URL`` or ``TWINE_REPOSITORY`` names, uv's for that of ``UV_PUBLISH_URL``, and where these are
        not set, for PyPI. They are not used for an index at another URL, and credentials from configuration are not
        sent to a *simple_url* at another host.

        Args:
            name: ``"pypi"``, ``"testpypi"`` or a section of ``.pypirc``. By default what ``TWINE_REPOSITORY_URL``,
                ``UV_PUBLISH_URL`` or ``TWINE_REPOSITORY`` name, else ``"pypi"``.
            token: An API token, or :class:`lading.Credentials` that read it; sent as the password of the user
                ``__token__``. It needs a *name* where the environment names an index.
            auth: Instead of *token*: any other credentials, such as ``lading.BasicAuth(user, password)``.
            read_auth: Other credentials for reading than for uploads; ``None`` for none.
            config_file: The configuration file; by default ``~/.pypirc``.
            simple_url: The root of the index's Simple API; for an index from ``UV_PUBLISH_URL``, by default
                ``UV_PUBLISH_CHECK_URL``. Credentials in it are used for reading.
            allow_http: Accept an index at a plain ``http://`` URL that is not this machine. It exposes credentials to
                the network.
            options: See :class:`lading.ClientOptions`. ``tls`` and ``http_client`` replace the certificates that the
                configuration names (``ca_cert``, ``client_cert``, ``TWINE_CERT``, ``TWINE_CLIENT_CERT``,
                ``SSL_CLIENT_CERT``).

        Raises:
            ConfigError: There is no such index, or the configuration cannot be parsed; the message names file,
                section and key.
        """

        async def make() -> PyPI:
            found = await load_config(name, config_file, simple_url, allow_http=allow_http)
            if token is None and auth is None:
                chosen, reading = await find_credentials(found), find_read_auth(found)
            elif found.named_by:
                raise ConfigError(
                    f"{'token' if auth is None else 'auth'}= is given, and the index is the one that {found.named_by} "
                    "names: name the index in the call, or create PyPI(Index(...), ...)"
                )
            else:
                chosen, reading = auth, UNSET if found.reading.password is None else find_read_auth(found)
            if options.get("tls") is None and options.get("http_client") is None:
                options["tls"] = await found.tls.load()
            reading = reading if read_auth is UNSET else read_auth
            return cls(found.index, token=token, auth=chosen, read_auth=reading, **options)

        return ClientOpener(make)
