"""Logging in with Kerberos."""

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

from lading._core.auth import Auth
from lading._core.call import Call
from lading._core.loop_local import LoopLocal
from lading._core.threads import run_in_thread
from lading.copr._config_file import write_private_file
from lading.errors import ConfigError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Generator

    from lading._core.call import CallSender
    from lading._core.files import StrPath
    from lading._core.messages import Request, Response

# The frontend does not say how long a session lasts; its own client supposes so.
_SESSION = 10 * 3600.0
_MOST_LEGS = 5
_TOKEN = re.compile(r"(?i)(?:^|,)\s*negotiate\s+([A-Za-z0-9+/=]+)")
_COOKIE = re.compile(r"(?:^|[,;]\s*)session=([!#-+\--:<-\[\]-~]+)")


@dataclass(frozen=True, slots=True, repr=False)
class _Session:
    name: str
    cookie: str
    expiration: float


class GssapiAuth(Auth):
    """Kerberos (SPNEGO), by way of a session that the frontend opens.

    It needs ``lading[gssapi]`` and a ticket (``kinit``).

    The session is kept where Copr's own client keeps it, readable by its owner only, and shared with it. When the
    frontend ends it, another is opened and the request sent once more.

    Args:
        cache: The folder that sessions are kept in.
    """

    def __init__(self, *, cache: StrPath = "~/.cache/copr") -> None:
        self._cache = Path(cache)
        self._session: _Session | None = None
        self._ended: str | None = None
        self._lock = LoopLocal(anyio.Lock)

    @property
    def username(self) -> str | None:
        """Whose session it is; ``None`` before there is one."""
        return None if self._session is None else self._session.name

    async def prepare(self, sender: CallSender) -> None:
        """Have a session; many calls that begin together open one."""
        async with self._lock.get():
            if self._session is None or self._session.expiration <= time():
                path = self._cache.expanduser() / f"{urlsplit(sender.service.base_url).netloc}-session"
                self._session = await run_in_thread(self._read, path) or await self._open(sender, path)

    def flow(self, request: Request) -> Generator[Request | Call[Any], Any, None]:
        """The request with the session; with a new one when the frontend does not know it any more."""
        used = self._session
        assert used is not None  # noqa: S101 - prepare() made it
        request.headers["Cookie"] = f"session={used.cookie}"
        reply: Response = yield request
        if reply.status != 401:
            return
        if self._session is used:  # and nobody else has opened another meanwhile
            self._session, self._ended = None, used.cookie
        yield self.PREPARE
        assert self._session is not None  # noqa: S101 - prepare() made it
        request.headers["Cookie"] = f"session={self._session.cookie}"
        yield request

    def secrets(self) -> tuple[str, ...]:
        """The session, and the one before."""
        now = self._session.cookie if self._session else None
        return tuple(secret for secret in (now, self._ended) if secret)

    def _read(self, path: Path) -> _Session | None:
        """The session that is kept; ``None`` when there is none, or none that is good for anything."""
        try:
            found = json.loads(path.read_bytes())
            session = _Session(str(found["name"]), str(found["session"]), float(found["expiration"]))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return None
        if not _COOKIE.fullmatch(f"session={session.cookie}"):
            return None
        if session.expiration <= time() or session.cookie == self._ended:
            return None
        return session

    async def _open(self, sender: CallSender, path: Path) -> _Session:
        host = urlsplit(sender.service.base_url).hostname or ""
        context = await run_in_thread(_context, host)
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
                raise _refused(sender)
            token = await run_in_thread(_step, context, login.token)
        else:
            raise _refused(sender)
        name, cookie = login.session
        session = _Session(name, cookie, time() + _SESSION)
        await run_in_thread(_keep, path, session)
        return session


@dataclass(frozen=True, slots=True, repr=False)
class _Login:
    """One leg of logging in: a session (user, cookie) at the end, or a token to go on with."""

    session: tuple[str, str] | None
    token: bytes | None


def _read_login(reply: Response) -> _Login:
    if reply.status == 401:
        found = _TOKEN.search(reply.headers.get("www-authenticate", ""))
        try:
            return _Login(None, b64decode(found[1], validate=True) if found else None)
        except NotBase64:
            return _Login(None, None)
    cookie = _COOKIE.search(reply.headers["set-cookie"])
    if cookie is None:
        raise LookupError
    return _Login((str(reply.json()["name"]), cookie[1]), None)


def _refused(sender: CallSender) -> Unauthorized:
    name = sender.service.name
    return Unauthorized(
        f"{name}: Kerberos login was refused: is there a ticket (klist), and is its user known there?",
        service=name,
        status=401,
    )


def _context(host: str) -> Any:
    try:
        import spnego  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        raise ConfigError("logging in with Kerberos needs lading[gssapi]: please install that") from None
    try:
        return spnego.client(hostname=host, service="HTTP")
    except Exception as error:
        raise _no_ticket(error) from error


def _step(context: Any, token: bytes | None) -> bytes | None:
    try:
        found: bytes | None = context.step(token)
    except Exception as error:
        raise _no_ticket(error) from error
    return found


def _no_ticket(error: Exception) -> ConfigError:
    # Whatever a Kerberos library raises: it has many classes, some of them of C libraries.
    return ConfigError(
        f"Kerberos gives no ticket for the frontend ({type(error).__name__}): run kinit, or give a token"
    )


def _keep(path: Path, session: _Session) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {"name": session.name, "session": session.cookie, "expiration": session.expiration}
        write_private_file(path, json.dumps(found).encode())
    except OSError:
        return  # it was only to spare the next process a login
