"""The index and its credentials: from arguments, environment, ``.pypirc``, keyring and trusted publishing, in turn.

A secret goes with the URL of its own source only: what twine's variables hold is sent to the index that twine's
variables name, what uv's hold to the one that uv's name, and what a section of a file holds to that section's.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lading._core.service import origin
from lading._core.threads import run_in_thread
from lading.errors import ConfigError
from lading.pypi._config_tls import TLSFiles
from lading.pypi._indexes import Index, official_index_at, resolve_index

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lading._core.files import StrPath

    Sections = Mapping[str, Mapping[str, str]]

TOKEN_USER = "__token__"  # noqa: S105 - a user name
_NAMES_INDEX = ("TWINE_REPOSITORY_URL", "UV_PUBLISH_URL", "TWINE_REPOSITORY", "UV_PUBLISH_INDEX")
_IN_URL = "the index's URL"
# What may be sent to UV_PUBLISH_CHECK_URL, whatever its host.
_OF_UV = ("UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD", _IN_URL)


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, either of which may be missing. The ``repr`` does not show the password."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """An index, and the credentials that were found for it.

    Attributes:
        index: The index.
        username: The user, where one was named.
        password: The password or token; not in the ``repr``.
        source: Where the password was found.
        named_by: The environment variable that names the index; empty when the caller does, or nobody.
        reading: The credentials in the URL of the Simple API, which are for that alone.
        reads_with_password: Whether the password may be sent to the Simple API: not to a host that another source
            named.
        tls: The files of certificates that go with the index.
        unused: The variables with secrets that were not used, because they belong to another index.
    """

    index: Index
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    source: str = ""
    named_by: str = ""
    reading: Login = field(default_factory=Login)
    reads_with_password: bool = True
    tls: TLSFiles = field(default_factory=TLSFiles)
    unused: tuple[str, ...] = ()


async def load_config(
    name: str | None, config_file: StrPath | None, simple_url: str | None, *, allow_http: bool = False
) -> IndexConfig:
    """Load what environment and ``.pypirc`` say about the index *name*.

    Args:
        name: The index's name; ``None`` to take the environment's, or ``"pypi"``.
        config_file: Another file than ``~/.pypirc``.
        simple_url: The root of the index's Simple API, where it is known better.
        allow_http: Accept plain http for a host that is not this machine.

    Raises:
        ConfigError: They cannot be understood.
    """
    explicit = config_file is not None
    path = Path(config_file) if config_file is not None else Path("~/.pypirc")
    sections = await run_in_thread(_read, path, explicit)
    return resolve_config(name, os.environ, sections, path, simple_url, allow_http=allow_http)


def resolve_config(
    name: str | None,
    env: Mapping[str, str],
    sections: Sections,
    path: Path,
    simple_url: str | None = None,
    *,
    allow_http: bool = False,
) -> IndexConfig:
    """Resolve the index *name* from what was read. Pure.

    Args:
        name: The index's name; ``None`` to take the environment's, or ``"pypi"``.
        env: The environment: ``TWINE_REPOSITORY``, ``TWINE_REPOSITORY_URL``, ``TWINE_USERNAME``, ``TWINE_PASSWORD``,
            ``TWINE_CERT``, ``TWINE_CLIENT_CERT``, and ``UV_PUBLISH_URL``, ``_CHECK_URL``, ``_TOKEN``, ``_USERNAME``,
            ``_PASSWORD``, ``SSL_CLIENT_CERT``.
        sections: The sections of ``.pypirc``.
        path: Its path, for errors.
        simple_url: The root of the index's Simple API, where it is known better.
        allow_http: Accept plain http for a host that is not this machine.
    """
    return _Resolver(env, sections, path, allow_http=allow_http).resolve(name, simple_url)


@dataclass(frozen=True, slots=True)
class _Place:
    """An index as one source names it.

    Attributes:
        index: The index.
        login: The credentials in its URL.
        section: The section of ``.pypirc`` that it comes from, which may be missing for an official index; ``None``
            where it comes from somewhere else.
        name: The section's name.
    """

    index: Index
    login: Login = field(default_factory=Login)
    section: Mapping[str, str] | None = None
    name: str = ""


class _Resolver:
    def __init__(self, env: Mapping[str, str], sections: Sections, path: Path, *, allow_http: bool) -> None:
        self._env = {key: value.strip() for key, value in env.items() if value.strip()}
        self._sections = sections
        self._path = path
        self._allow_http = allow_http

    def resolve(self, name: str | None, simple_url: str | None) -> IndexConfig:
        named_by = "" if name is not None else next(filter(self._env.__contains__, _NAMES_INDEX), "")
        place = self._place(name, named_by)
        twine = self._is_at(self._twine, place)
        uv = self._is_at(self._uv, place)
        login, source = self._login(place, twine=twine, uv=uv)
        checked = self._env.get("UV_PUBLISH_CHECK_URL") if named_by == "UV_PUBLISH_URL" and not simple_url else None
        index, reading = self._with_simple_url(place.index, simple_url, checked)
        one_host = origin(index.simple_url or index.upload_url) == origin(index.upload_url)
        secrets = {"UV_PUBLISH_TOKEN": uv, "TWINE_PASSWORD": twine, "UV_PUBLISH_PASSWORD": uv}
        return IndexConfig(
            index,
            login.username,
            login.password,
            source,
            named_by,
            reading,
            reads_with_password=one_host or (checked is not None and source in _OF_UV),
            tls=self._tls(place, twine=twine, uv=uv),
            unused=tuple(variable for variable, fits in secrets.items() if variable in self._env and not fits),
        )

    def _place(self, name: str | None, named_by: str) -> _Place:
        """Return the index that the caller names, else the environment, else PyPI."""
        if named_by.endswith("_URL"):
            return self._at(self._env[named_by], named_by)
        if named_by == "UV_PUBLISH_INDEX":
            raise ConfigError(
                "UV_PUBLISH_INDEX names an index of uv's own configuration, which lading does not read: set "
                "UV_PUBLISH_URL, or name an index of .pypirc in the call"
            )
        return self._named(name or self._env.get("TWINE_REPOSITORY", "pypi"))

    def _twine(self) -> _Place:
        """Return the index that twine's variables hold credentials for."""
        if url := self._env.get("TWINE_REPOSITORY_URL"):
            return self._at(url, "TWINE_REPOSITORY_URL")
        return self._named(self._env.get("TWINE_REPOSITORY", "pypi"))

    def _uv(self) -> _Place | None:
        """Return the index that uv's variables hold credentials for; ``None`` where only uv knows it."""
        if url := self._env.get("UV_PUBLISH_URL"):
            return self._at(url, "UV_PUBLISH_URL")
        return None if "UV_PUBLISH_INDEX" in self._env else _Place(resolve_index("pypi"))

    @staticmethod
    def _is_at(find: Callable[[], _Place | None], place: _Place) -> bool:
        """Return whether a tool's variables are about the index at *place*, by its upload URL."""
        with suppress(ConfigError):  # they are about an index that cannot be used, which is another one
            found = find()
            return found is not None and _key(found.index) == _key(place.index)
        return False

    def _login(self, place: _Place, *, twine: bool, uv: bool) -> tuple[Login, str]:
        """Return the credentials for the index at *place*, and where the password was found."""
        env, url = self._env, place.login
        if url.password is not None:
            return url, _IN_URL
        if uv and (token := env.get("UV_PUBLISH_TOKEN")):
            return Login(TOKEN_USER, token), "UV_PUBLISH_TOKEN"
        filed = self._filed(place)
        # The official indexes have one user; a file may still name an account of the time when there were others.
        user = None if place.index.official else filed.username
        user = url.username or (env.get("TWINE_USERNAME") if twine else None) or user
        if twine and (password := env.get("TWINE_PASSWORD")):
            return Login(user, password), "TWINE_PASSWORD"
        uv_user = url.username or env.get("UV_PUBLISH_USERNAME")
        if uv and (password := env.get("UV_PUBLISH_PASSWORD")):
            return Login(uv_user, password), "UV_PUBLISH_PASSWORD"
        if filed.password:
            return Login(user, filed.password), str(self._path)
        # For the keyring.
        return Login(user or (uv_user if uv else None)), ""

    def _filed(self, place: _Place) -> Login:
        """Return the credentials of the place's section, else those of ``[server-login]``: never half of each."""
        section = place.section
        if section is None:
            return Login()
        if not section.get("username") and not section.get("password"):
            section = self._sections.get("server-login", {})
            if url := section.get("repository"):
                login_index = self._at(url, f"{self._path}: section [server-login], key repository").index
                if _key(login_index) != _key(place.index):
                    return Login()
        return Login(section.get("username") or None, section.get("password") or None)

    def _tls(self, place: _Place, *, twine: bool, uv: bool) -> TLSFiles:
        """Return the files of certificates for the index at *place*; those of uv's CA the transport reads itself."""
        found: dict[str, tuple[str, str]] = {}
        for kind, variables in (("ca_cert", ["TWINE_CERT"]), ("client_cert", ["TWINE_CLIENT_CERT", "SSL_CLIENT_CERT"])):
            for variable in variables:
                if variable in self._env and (twine if variable.startswith("TWINE") else uv):
                    found.setdefault(kind, (self._env[variable], variable))
            if value := (place.section or {}).get(kind):
                found.setdefault(kind, (value, f"{self._path}: section [{place.name}], key {kind}"))
        return TLSFiles(**found)

    def _named(self, name: str) -> _Place:
        """Return the index of a section, or an official one."""
        section = self._sections.get(name, {})
        if url := section.get("repository"):
            return replace(
                self._at(url, f"{self._path}: section [{name}], key repository", name), section=section, name=name
            )
        if name in ("pypi", "testpypi"):
            return _Place(resolve_index(name), section=section, name=name)
        if section:
            raise ConfigError(f"{self._path}: section [{name}] has no key repository")
        raise ConfigError(
            f"no index is called {name!r}: {self._path} has no section [{name}], and it is neither 'pypi' nor "
            "'testpypi'"
        )

    def _at(self, url: str, what: str, name: str = "") -> _Place:
        """Return the index at *url*, and the credentials that are part of the URL."""
        plain, login = _split_login(url, what)
        official = official_index_at(plain)
        if official is not None:
            return _Place(official, login)
        try:
            index = Index(plain, allow_http=self._allow_http)
        except ConfigError as error:
            raise ConfigError(f"{what}: {error}") from None
        return _Place(replace(index, name=name) if name else index, login)

    def _with_simple_url(self, index: Index, argument: str | None, checked: str | None) -> tuple[Index, Login]:
        """Return the index with its Simple API, and the credentials in the URL of that."""
        url, what = (argument, "simple_url") if argument else (checked, "UV_PUBLISH_CHECK_URL")
        if not url or index.official:
            return index, Login()
        plain, login = _split_login(url, what)
        try:
            return replace(index, simple_url=plain), login
        except ConfigError as error:
            raise ConfigError(f"{what}: {error}") from None


def _key(index: Index) -> str:
    """Return the upload URL in the spelling to compare it in."""
    return origin(index.upload_url) + urlsplit(index.upload_url).path


def _split_login(url: str, what: str) -> tuple[str, Login]:
    """Return *url* without the credentials in it, and these."""
    try:
        parts = urlsplit(url)
        plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        login = Login(*(unquote(part) if part else None for part in (parts.username, parts.password)))
    except ValueError:
        raise ConfigError(f"{what}: not a URL") from None
    return plain, login


def _read(path: Path, explicit: bool) -> Sections:
    """Read the sections of a ``.pypirc`` in a worker thread; none when the default file does not exist."""
    from lading._core.config_files import parse_ini, read_config_file  # noqa: PLC0415 - imports configparser

    text = read_config_file(path, explicit=explicit)
    return {} if text is None else parse_ini(text, str(path))
