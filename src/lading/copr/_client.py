"""The client of a Copr instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from lading._client import Client, ClientOpener, ClientOptions
from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.service import Service, validate_base_url
from lading.copr._auth import MissingCredentials, TokenPairAuth
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


# Seconds for which a frontend works on: 6 to 12 were seen (fedora-copr/copr#4339, #3308), gateways give up after 30.
LATE_WORK = 30.0


@checked(ClientOptions)
class Copr(Client):
    """A client for Fedora Copr and other Copr instances.

    ::

        async with lading.Copr.from_config() as copr:
            build = await copr.builds.create_from_file("me", "demo", "hello.src.rpm")
            done = await copr.builds.wait(build)

    Reading needs no credentials, and none are sent.

    Args:
        url: The instance's URL.
        login: The login of an API token; not the user name.
        token: The token, or the place that it is stored in.
        auth: Instead of these, other credentials such as :class:`lading.copr.GssapiAuth`.
        username: The user's name, where known; it is not used.
        allow_http: Accept a URL with plain http, on a network that is trusted with credentials.
        options: See :class:`lading.ClientOptions`.

    Raises:
        ConfigError: The URL is invalid, or the credentials are incomplete.

    Attributes:
        projects: Projects: list, create, update, fork, permissions, monitor.
        builds: Builds: submit, list, wait, download, cancel.
        packages: Packages: list, create, update, build.
        project_chroots: The settings of projects' chroots.
        build_chroots: The parts of builds.
        mock_chroots: The chroots that can be built in.
        modules: Modules, for old frontends.
        webhooks: The secrets of webhooks.
        tokens: Verify or rotate the API token in use.
        username: The user's name, where known.
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
            raise ConfigError("pass login= and token= together")
        if login is not None and auth is not None:
            raise ConfigError("pass login= and token=, or auth=, not both")
        if login is not None and token is not None:
            auth = TokenPairAuth(login, token)
        self.username: str | None = username
        # The gate of the public instance admits agents whose name begins with the product; others get an HTML page.
        service = Service(
            name="copr",
            base_url=validate_base_url(url, "the URL of the Copr instance", allow_http=allow_http) + "api_3/",
            read_error=read_error,
            product="copr",
            late_work=LATE_WORK,
        )
        super().__init__(service, auth or MissingCredentials(), options)

    def _make_resources(self, sender: Sender) -> None:
        super()._make_resources(sender)
        self.projects = Projects(sender)
        self.builds = Builds(sender)
        self.packages = Packages(sender)
        self.project_chroots = ProjectChroots(sender)
        self.build_chroots = BuildChroots(sender)
        self.mock_chroots = MockChroots(sender)
        self.modules = Modules(sender)
        self.webhooks = Webhooks(sender)
        self.tokens = Tokens(sender)

    async def home(self) -> dict[str, Any]:
        """Return the frontend's description of itself, ``{"version": 3}``, to check that it is available.

        Source: ``GET /api_3/``.
        """
        return await self.send(Call("GET", "", _read_object, auth=None, template="(home)"))

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
        """Create a client with the configuration of this machine or CI job.

        ``async with Copr.from_config() as copr:`` or ``copr = await Copr.from_config()``.

        Credentials are searched in this order: the arguments; the environment (``COPR_LOGIN`` with ``COPR_TOKEN``);
        the file of Copr's own client; where ``lading[keyring]`` is installed, the keyring (service: the instance's
        URL, user: the login); and Kerberos, where ``lading[gssapi]`` is installed and the file does not set
        ``gssapi = false``. Without any the client can only read. A file's credentials are sent to the file's own
        instance only.

        Args:
            url: The instance's URL; by default ``COPR_URL``, else the file's, else Fedora's.
            login: The login of an API token; not the user name.
            token: The token, or the place that it is stored in.
            auth: Instead of these, other credentials such as :class:`lading.copr.GssapiAuth`.
            username: The user's name; by default ``COPR_USERNAME``, else the file's.
            config_file: The configuration file; by default ``COPR_CONFIG``, else ``~/.config/copr``.
            options: See :class:`lading.ClientOptions`.

        Raises:
            ConfigError: The configuration is invalid; the message names file, section and key.
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


def _read_object(response: Response) -> dict[str, Any]:
    return dict(response.json())
