"""The client of a Copr instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from lading._client import Client, ClientOpener, ClientOptions
from lading._core.call import Call
from lading._core.service import Service, validate_base_url
from lading.copr._auth import MissingCredentials, TokenPairAuth
from lading.copr._builds.submit import BuildSubmitter
from lading.copr._config import DEFAULT_URL, find_credentials, load_config
from lading.copr._errors import read_error
from lading.copr.builds import Builds
from lading.copr.chroots import BuildChroots, MockChroots, ProjectChroots
from lading.copr.modules import Modules
from lading.copr.packages import Packages
from lading.copr.projects import Projects
from lading.copr.tokens import Tokens
from lading.copr.webhooks import Webhooks
from lading.errors import ConfigError

if TYPE_CHECKING:
    from lading._core.auth import Auth
    from lading._core.credentials import Credentials
    from lading._core.files import StrPath
    from lading._core.messages import Response
    from lading._core.sender import Sender


class Copr(Client):
    """A client of Fedora Copr, or of another instance of Copr.

    ::

        async with lading.Copr.from_config() as copr:
            build = await copr.builds.create_from_file("me", "demo", "hello.src.rpm")
            done = await copr.builds.wait(build)

    Reading needs no credentials, and none are sent.

    Args:
        url: The instance.
        login: The login of an API token; not the user name.
        token: The token, or where to find it.
        auth: Instead of these: any other credentials, such as :class:`lading.copr.GssapiAuth`.
        username: Whose account it is, where known; nothing depends on it.
        allow_http: Take an instance at plain http, on a network that is trusted with credentials.
        options: See :class:`lading.Options`.

    Attributes:
        projects: Projects: list, create, update, fork, permissions, monitor.
        builds: Builds: submit, list, wait, download, cancel.
        packages: Packages: list, create, update, build.
        project_chroots: The settings of projects' chroots.
        build_chroots: The parts of builds.
        mock_chroots: What can be built in.
        modules: Modules, for old frontends.
        webhooks: Webhooks' secrets.
        tokens: Look at the token in use, or have another.
        username: Whose account it is, where known.
    """

    projects: Projects
    builds: Builds
    packages: Packages
    project_chroots: ProjectChroots
    build_chroots: BuildChroots
    mock_chroots: MockChroots
    modules: Modules
    webhooks: Webhooks
    tokens: Tokens

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        login: str | None = None,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        username: str | None = None,
        allow_http: bool = False,
        **options: Unpack[ClientOptions],
    ) -> None:
        if (login is None) != (token is None):
            raise ConfigError("give login= and token= together")
        if login is not None and auth is not None:
            raise ConfigError("give login= and token=, or auth=, not both")
        if login is not None and token is not None:
            auth = TokenPairAuth(login, token)
        self.username: str | None = username
        self._submitter = BuildSubmitter()
        # The gate of the public instance lets agents pass whose name begins so, and shows others a page for people.
        service = Service(
            name="copr",
            base_url=validate_base_url(url, "the address of the Copr instance", allow_http=allow_http) + "api_3/",
            read_error=read_error,
            product="copr",
        )
        super().__init__(service, auth or MissingCredentials(), options)

    def _make_resources(self, sender: Sender) -> None:
        super()._make_resources(sender)
        self.projects = Projects(sender)
        self.builds = Builds(sender, self._submitter)
        self.packages = Packages(sender, self._submitter)
        self.project_chroots = ProjectChroots(sender)
        self.build_chroots = BuildChroots(sender)
        self.mock_chroots = MockChroots(sender)
        self.modules = Modules(sender)
        self.webhooks = Webhooks(sender)
        self.tokens = Tokens(sender)

    async def home(self) -> dict[str, Any]:
        """What the frontend says of itself: ``{"version": 3}``. For seeing that it is there.

        Source: ``GET /api_3/``.
        """
        return await self.send(Call("GET", "", _object, auth=None, template="(home)"))

    @classmethod
    def from_config(
        cls,
        url: str | None = None,
        *,
        login: str | None = None,
        token: str | Credentials | None = None,
        auth: Auth | None = None,
        username: str | None = None,
        config_file: StrPath | None = None,
        **options: Unpack[ClientOptions],
    ) -> ClientOpener[Copr]:
        """A client with what this machine or CI job is set up with.

        ``async with Copr.from_config() as copr:`` or ``copr = await Copr.from_config()``.

        Credentials are looked for in the arguments; in the environment (``COPR_LOGIN`` with ``COPR_TOKEN``); in the
        file of Copr's own client; in the keyring (service: the instance's address, user: the login); and then
        Kerberos is tried where ``lading[gssapi]`` is installed and the file does not say ``gssapi = false``.
        Where there are none the client can only read. A file's credentials go to the file's own instance alone.

        Args:
            url: The instance; by default ``COPR_URL``, else the file's, else Fedora's.
            login: As for :class:`Copr`.
            token: As for :class:`Copr`.
            auth: As for :class:`Copr`.
            username: As for :class:`Copr`; by default ``COPR_USERNAME``, else the file's.
            config_file: By default ``COPR_CONFIG``, else ``~/.config/copr``.
            options: See :class:`lading.Options`.

        Raises:
            ConfigError: The configuration cannot be understood; the text names file, section and key.
        """

        async def make() -> Copr:
            found = await load_config(url, config_file)
            given = login is not None or token is not None or auth is not None
            return cls(
                found.url,
                login=login,
                token=token,
                auth=auth if given else await find_credentials(found),
                username=username or found.username,
                allow_http=found.allow_http,
                **options,
            )

        return ClientOpener(make)


def _object(reply: Response) -> dict[str, Any]:
    return dict(reply.json())
