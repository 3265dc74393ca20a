"""Package indexes: where each takes uploads and where it lists its files."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from lading._core.service import validate_base_url
from lading.errors import InputError

# The official index's own domain, put together in this one place.
_DOMAIN = ".".join(("pypi", "org"))  # noqa: FLY002 - spelled out nowhere


@dataclass(frozen=True, slots=True)
class Index:
    """A PyPI-compatible package index.

    Args:
        upload_url: Where files are posted to (the legacy upload API that twine and uv speak). A slash is put at its
            end: without it the official index answers with a redirect.
        simple_url: The root of the Simple API (PEP 503, PEP 691), below which ``<project>/`` is. ``None`` when the
            index has none that can be read: then nothing can be looked up before or after an upload.
        json_url: The root of the JSON API, below which ``<project>/json`` is, where the index has one.
        name: What errors and events call it.
        allow_http: Take plain http for a host that is not this machine. Credentials are then shown to the network.
    """

    upload_url: str
    simple_url: str | None = None
    name: str = "index"
    allow_http: bool = False
    json_url: str | None = None

    def __post_init__(self) -> None:
        for field in ("upload_url", "simple_url", "json_url"):
            url = getattr(self, field)
            if url is not None:
                object.__setattr__(self, field, validate_base_url(url, field, allow_http=self.allow_http))

    @property
    def token_domain(self) -> str | None:
        """What its tokens say their index is; ``None`` where that is not known."""
        name = self._official_name
        return None if name is None else _TOKEN_DOMAINS[name]

    @property
    def official(self) -> bool:
        """Whether this is one of the two indexes whose tokens are for uploads alone."""
        return self._official_name is not None

    @property
    def _official_name(self) -> str | None:
        # By where it takes uploads, for that is where tokens go; its name is free to whoever spells addresses out.
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
# Hosts that configuration files of old name, and what tokens of each index say their index is.
_BY_HOST = {
    f"upload.{_DOMAIN}": "pypi",
    ".".join(("pypi", "python", "org")): "pypi",  # noqa: FLY002 - spelled out nowhere
    f"test.{_DOMAIN}": "testpypi",
}
_TOKEN_DOMAINS = {"pypi": _DOMAIN, "testpypi": f"test.{_DOMAIN}"}


def official_index_at(url: str) -> Index | None:
    """The official index that *url* is the upload address of, by its host; ``None`` for any other."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return _BY_NAME[_BY_HOST[host]] if host in _BY_HOST else None


def resolve_index(index: str | Index) -> Index:
    """The index of that name, or *index* itself."""
    if isinstance(index, Index):
        return index
    try:
        return _BY_NAME[index]
    except KeyError:
        raise InputError(
            f"no index is called {index!r}: give 'pypi', 'testpypi' or an Index(upload_url, simple_url)",
            argument="index",
        ) from None
