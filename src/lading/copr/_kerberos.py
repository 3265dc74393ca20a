"""Credentials: Kerberos."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from lading._core.api_errors import make_api_error
from lading._core.arguments import checked
from lading._core.auth import Auth
from lading._core.call import Call
from lading._core.config_files import write_private_file
from lading._core.loop_local import LoopLocal
from lading._core.threads import run_in_thread
from lading.errors import ConfigError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.call import CallSender
    from lading._core.files import StrPath
    from lading._core.messages import Request, Response

# The frontend does not report how long a session lasts; its own client assumes this.
_SESSION = 10 * 3600.0
_MOST_LEGS = 5
_TOKEN = re.compile(r"(?i)(?:^|,)\s*negotiate\s+([A-Za-z0-9+/=]+)")
_COOKIE = re.compile(r"(?:^|[,;]\s*)session=([!#-+\--:<-\[\]-~]+)")


@dataclass(frozen=True, slots=True, repr=False)
class _Session:
    name: str
    cookie: str
    expiration: float


@checked()
class GssapiAuth(Auth):
    """Kerberos (SPNEGO), with a session that the frontend opens.

    It needs ``lading[gssapi]`` and a ticket (``kinit``).

    The session is stored where Copr's own client stores it, readable by its owner only, and shared with it. When the
    session expires, another is opened and the request is sent once more.

    Args:
        cache: The directory that sessions are stored in.
    """

    def __init__(self, *, cache: StrPath = "~/.cache/copr") -> None:
        self._cache = Path(cache)
        self._session: _Session | None = None
        self._expired: str | None = None
        self._lock = LoopLocal(anyio.Lock)

    @property
    def username(self) -> str | None:
        """The user of the session; ``None`` before there is one."""
        return None if self._session is None else self._session.name

    async def prepare(self, sender: CallSender) -> None:
        """Read or open a session; concurrent calls open one session."""
        async with self._lock.get():
            if self._session is None or self._session.expiration <= time():
                path = self._cache.expanduser() / f"{urlsplit(sender.service.base_url).netloc}-session"
                self._session = await run_in_thread(self._read, path) or await self._open(sender, path)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """Send the request with the session, and once more with a new one when the session has expired."""
        used = self._session
        assert used is not None  # noqa: S101 - prepare() made it
        request.headers["Cookie"] = f"session={used.cookie}"
        response: Response = yield request
        if response.status != 401:
            return
        if self._session is used:  # no other call has opened another in the meantime
            self._session, self._expired = None, used.cookie
        yield self.PREPARE
        assert self._session is not None  # noqa: S101 - prepare() made it
        request.headers["Cookie"] = f"session={self._session.cookie}"
        yield request

    def secrets(self) -> tuple[str, ...]:
        """Return the session and the expired one."""
        now = self._session.cookie if self._session else None
        return tuple(secret for secret in (now, self._expired) if secret)

    def _read(self, path: Path) -> _Session | None:
        """Return the stored session; ``None`` when there is none that can be used."""
        try:
            found = json.loads(path.read_bytes())
            session = _Session(str(found["name"]), str(found["session"]), float(found["expiration"]))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        if not _COOKIE.fullmatch(f"session={session.cookie}"):
            return None
        if session.expiration <= time() or session.cookie == self._expired:
            return None
        return session

    async def _open(self, sender: CallSender, path: Path) -> _Session:
        host = urlsplit(sender.service.base_url).hostname or ""
        context = await run_in_thread(_create_context, host)
        token = await run_in_thread(_step, context, None)
        for _ in range(_MOST_LEGS):
            headers = {"Authorization": "Negotiate " + b64encode(token or b"").decode()}
            call = Call(
                "GET", "gssapi_login/", _read_login, headers=headers, auth=None, allow_statuses=frozenset({401})
            )
            login = await sender.send(call)
            if login.session is not None:
                break
            if login.token is None or context.complete:
                raise _refused_error(sender)
            token = await run_in_thread(_step, context, login.token)
        else:
            raise _refused_error(sender)
        name, cookie = login.session
        session = _Session(name, cookie, time() + _SESSION)
        await run_in_thread(_store, path, session)
        return session


@dataclass(frozen=True, slots=True, repr=False)
class _Login:
    """One leg of a login: a session (user, cookie) at the end, or a token for the next leg."""

    session: tuple[str, str] | None
    token: bytes | None


def _read_login(response: Response) -> _Login:
    if response.status == 401:
        found = _TOKEN.search(response.headers.get("www-authenticate", ""))
        try:
            return _Login(None, b64decode(found[1], validate=True) if found else None)
        except NotBase64:
            return _Login(None, None)
    cookie = _COOKIE.search(response.headers["set-cookie"])
    if cookie is None:
        raise LookupError
    return _Login((str(response.json()["name"]), cookie[1]), None)


def _refused_error(sender: CallSender) -> Unauthorized:
    text = "Kerberos login was refused: is there a ticket (klist), and is its user known there?"
    return make_api_error(Unauthorized, sender.service.name, text, status=401)


def _create_context(host: str) -> Any:
    try:
        import spnego  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise ConfigError("logging in with Kerberos needs lading[gssapi]: pip install 'lading[gssapi]'") from None
    try:
        return spnego.client(hostname=host, service="HTTP")
    except Exception as error:
        raise _no_ticket_error(error) from error


def _step(context: Any, token: bytes | None) -> bytes | None:
    try:
        found: bytes | None = context.step(token)
    except Exception as error:
        raise _no_ticket_error(error) from error
    return found


def _no_ticket_error(error: Exception) -> ConfigError:
    # Kerberos libraries raise errors of many classes, some of them of C libraries.
    return ConfigError(
        f"there is no Kerberos ticket for the frontend ({type(error).__name__}): run kinit, or pass a token"
    )


def _store(path: Path, session: _Session) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {"name": session.name, "session": session.cookie, "expiration": session.expiration}
        write_private_file(path, json.dumps(found).encode())
    except OSError:
        return  # the next process will log in again
