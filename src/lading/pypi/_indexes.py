"""Package indexes: where each takes uploads and where it lists its files."""

from __future__ import annotations

from dataclasses import dataclass

from lading._core.service import check_address
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
        name: What errors and events call it.
        allow_http: Take plain http for a host that is not this machine. Credentials are then shown to the network.
    """

    upload_url: str
    simple_url: str | None = None
    name: str = "index"
    allow_http: bool = False

    def __post_init__(self) -> None:
        upload = check_address(self.upload_url, "upload_url", allow_http=self.allow_http)
        object.__setattr__(self, "upload_url", upload)
        if self.simple_url is not None:
            simple = check_address(self.simple_url, "simple_url", allow_http=self.allow_http)
            object.__setattr__(self, "simple_url", simple)

    @property
    def official(self) -> bool:
        """Whether this is one of the two indexes whose tokens are for uploads alone."""
        return self in _BY_NAME.values()


_BY_NAME: dict[str, Index] = {
    "pypi": Index(f"https://upload.{_DOMAIN}/legacy/", f"https://{_DOMAIN}/simple/", "pypi"),
    "testpypi": Index(f"https://test.{_DOMAIN}/legacy/", f"https://test.{_DOMAIN}/simple/", "testpypi"),
}


def find_index(index: str | Index) -> Index:
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
