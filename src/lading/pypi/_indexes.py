"""Package indexes: the URLs of each, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lading._core.arguments import checked
from lading._core.service import validate_base_url
from lading._core.unset import UNSET
from lading.errors import ConfigError, InputError

if TYPE_CHECKING:
    from lading._core.call import Auth

# The official index's own domain, put together in this one place.
_DOMAIN = ".".join(("pypi", "org"))  # noqa: FLY002 - spelled out nowhere


@checked()
@dataclass(frozen=True, slots=True)
class Index:
    """A PyPI-compatible package index.

    Args:
        upload_url: The URL that files are posted to (the legacy upload API, which twine and uv use). A slash is
            appended where it is missing: without it the official index redirects.
        simple_url: The root of the Simple API (PEP 503, PEP 691), below which ``<project>/`` is. ``None`` when the
            index has none that can be read: then nothing can be looked up before or after an upload.
        name: The index's name in errors and events; by default the host of *upload_url*.
        allow_http: Accept plain http for a host that is not this machine. It exposes credentials to the network.
        json_url: The root of the JSON API, below which ``<project>/json`` is, where the index has one.
    """

    upload_url: str
    simple_url: str | None = None
    name: str = ""
    allow_http: bool = False
    json_url: str | None = None
    _read_auth: Auth | None = field(default=UNSET, repr=False, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("upload_url", "simple_url", "json_url"):
            url = getattr(self, name)
            if url is not None:
                object.__setattr__(self, name, validate_base_url(url, name, allow_http=self.allow_http))
        if not self.name:
            object.__setattr__(self, "name", urlsplit(self.upload_url).netloc)

    @property
    def token_domain(self) -> str | None:
        """The domain in the tokens that it issues; ``None`` where that is not known."""
        name = self._official_name
        return None if name is None else _TOKEN_DOMAINS[name]

    @property
    def official(self) -> bool:
        """Whether this is PyPI or TestPyPI, whose tokens are valid for uploads only."""
        return self._official_name is not None

    def check_overwrite(self) -> None:
        """Raise ``ConfigError`` if this is an index that never replaces a file."""
        if official_index_at(self.upload_url) is not None:
            raise ConfigError(f"{self.name} never replaces a file: leave out overwrite=True, and bump the version")

    @property
    def audience(self) -> str | None:
        """The audience of identity tokens for it; ``None`` where that is not known."""
        return self._official_name

    @property
    def read_auth(self) -> Auth | None:
        """The credentials to read with: UNSET for those of uploads, which the official indexes do not accept here."""
        return None if self.official else self._read_auth

    def with_read_auth(self, auth: Auth | None) -> Index:
        """Return the index with other credentials to read with; UNSET for those of uploads."""
        return self if auth is UNSET else replace(self, _read_auth=auth)

    def require_simple_url(self) -> str:
        """Return the root of the Simple API; ``ConfigError`` when the index has none."""
        if self.simple_url is None:
            raise ConfigError(f"{self.name}: the index has no simple_url, so nothing can be looked up")
        return self.simple_url

    @property
    def _official_name(self) -> str | None:
        # By its upload URL, for that is where tokens are sent; anybody may give an index that name.
        return next((name for name, index in _BY_NAME.items() if index.upload_url == self.upload_url), None)


_BY_NAME: dict[str, Index] = {
    "pypi": Index(
        f"https://upload.{_DOMAIN}/legacy/",
        f"https://{_DOMAIN}/simple/",
        "pypi",
        json_url=f"https://{_DOMAIN}/pypi/",
    ),
    "testpypi": Index(
        f"https://test.{_DOMAIN}/legacy/",
        f"https://test.{_DOMAIN}/simple/",
        "testpypi",
        json_url=f"https://test.{_DOMAIN}/pypi/",
    ),
}
# Hosts of upload URLs, old ones in configuration files too; and the domains in the tokens of each index.
_BY_HOST = {
    f"upload.{_DOMAIN}": "pypi",
    ".".join(("pypi", "python", "org")): "pypi",  # noqa: FLY002 - spelled out nowhere
    f"test.{_DOMAIN}": "testpypi",
}
OFFICIAL_AUDIENCES = frozenset({"pypi", "testpypi"})
_TOKEN_DOMAINS = {"pypi": _DOMAIN, "testpypi": f"test.{_DOMAIN}"}


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine."""
    return host in ("localhost", "127.0.0.1", "::1")


def official_index_at(url: str) -> Index | None:
    """Return the official index whose upload URL is at the host of *url*; ``None`` for any other."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return _BY_NAME[_BY_HOST[host]] if host in _BY_HOST else None


def resolve_index(index: str | Index) -> Index:
    """Return the index of that name, or *index* itself."""
    if isinstance(index, Index):
        return index
    try:
        return _BY_NAME[index]
    except KeyError:
        raise InputError(
            f"no index is called {index!r}: give 'pypi', 'testpypi' or an Index(upload_url, simple_url); "
            "PyPI.from_config(name) reads ~/.pypirc",
            argument="index",
        ) from None
