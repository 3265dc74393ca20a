"""The cases: where credentials are kept, and how they are read; each with a keyring in memory, the same for both."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
from craft_store import Auth

from lading import MemoryCredentials
from lading.canonical import Charmhub
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_case_data import TOKEN
from tests.conformance.craft_clients import APPLICATION, exported, our_endpoints

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.conformance.craft_case_server import CaseServer

VARIABLE = "CHARMCRAFT_AUTH"
OTHER = '{"t": "macaroon", "v": "another-token"}'


class Keyring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {("charmcraft", "another.host"): "kept"}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@dataclass(frozen=True)
class KeyringCase:
    """The same thing, done with both.

    Attributes:
        row: The method of craft-store, or a description.
        name: What is special about it.
        theirs: What to do with craft-store's Auth.
        ours: What to do with lading's client.
        stored: What is in the keyring, in base64; ``None`` for nothing.
        variable: What is in the environment variable.
        options: Of craft-store's Auth.
        our_options: Of lading's ``from_config``.
        back: Where what came of it is compared, when not in the row of the method.
        keyring: Which keyring there is: ``"memory"``, ``"locked"``, ``"none"``.
    """

    row: str
    name: str
    theirs: Callable[[Auth], Any]
    ours: Callable[[Charmhub], Awaitable[Any]]
    stored: str | None = None
    variable: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    our_options: dict[str, Any] = field(default_factory=dict)
    back: str = ""
    keyring: str = "memory"

    def prepare(self, server: CaseServer) -> Keyring:
        """Make the keyring and the environment what they are at the beginning."""
        server.reset()
        memory = Keyring()
        memory.locked = self.keyring == "locked"
        keyring.set_keyring(keyring.backends.fail.Keyring() if self.keyring == "none" else memory)  # type: ignore[no-untyped-call]
        if self.stored is not None:
            memory.entries["charmcraft", host(server)] = self.stored
        os.environ.pop(VARIABLE, None)
        if self.variable is not None:
            os.environ[VARIABLE] = self.variable
        return memory

    def with_craft_store(self, server: CaseServer) -> Any:
        return self.theirs(Auth(APPLICATION, host(server), environment_auth=VARIABLE, **self.options))

    async def with_lading(self, server: CaseServer) -> Any:
        client = await Charmhub.from_config(our_endpoints(server, "base"), **self.our_options)
        async with client:
            return await self.ours(client)

    def outcome(self, memory: Keyring, home: Path, result: Any) -> dict[str, Any]:
        """What came of it, by row: the result, the keyring and the file."""
        found = {"result": result, "keyring": memory.entries}
        path = home / APPLICATION / "credentials.json"
        if path.exists():
            found["file"] = [json.loads(path.read_text()), oct(path.stat().st_mode & 0o777)]
        return {self.row: found} if not self.back else {self.row: None, self.back: found}


def host(server: CaseServer) -> str:
    return urlsplit(server.url("api")).netloc


async def _text(client: Charmhub) -> str:
    """The credentials as they are stored."""
    return Auth.decode_credentials(await client.tokens.export())


async def _login(client: Charmhub) -> None:
    await client.tokens.login(email="ada@example.com", password="x", permissions=["p"])


def keeping() -> Iterator[KeyringCase]:
    case = KeyringCase
    stored = exported(TOKEN)
    pair = exported('{"t": "u1-macaroon", "v": {"r": "cm9vdA", "d": "ZGlzY2hhcmdl"}}')
    for name, text in {"a token": stored, "a pair": pair, "Candid": exported(OTHER)}.items():
        yield case("Auth.get_credentials", name, lambda a: a.get_credentials(), _text, stored=text)
        yield case(
            "Auth.del_credentials", name, lambda a: a.del_credentials(), lambda c: c.tokens.logout(), stored=text
        )
        yield case(
            "Auth.get_credentials", f"{name} in the environment", lambda a: a.get_credentials(), _text, variable=text
        )
        yield case(
            "Auth.set_credentials",
            name,
            lambda a, text=text: a.set_credentials(a.decode_credentials(text), force=True),
            lambda c, text=text: c.tokens.import_(text),
            stored=stored,
        )
        yield case(
            "Auth.encode_credentials",
            name,
            lambda a, text=text: a.encode_credentials(a.decode_credentials(text)),
            lambda c: c.tokens.export(),
            stored=text,
        )
        yield case("Auth.decode_credentials", name, lambda a, text=text: a.decode_credentials(text), _text, stored=text)
    yield case(
        "Auth.set_credentials", "the first", lambda a: a.set_credentials(OTHER), lambda c: c.tokens.import_(OTHER)
    )
    yield case(
        "Auth.set_credentials",
        "others are there",
        lambda a: a.set_credentials(OTHER),
        lambda c: c.tokens.import_(OTHER),
        stored=stored,
        back=rows.REPLACED,
    )
    yield case("Auth.get_credentials", "none", lambda a: a.get_credentials(), _text)
    yield case(
        "Auth.get_credentials", "an empty variable", lambda a: a.get_credentials(), _text, stored=stored, variable=""
    )
    yield case(
        "Auth.get_credentials",
        "ephemeral",
        lambda a: a.get_credentials(),
        _text,
        stored=stored,
        options={"ephemeral": True},
        our_options={"token": MemoryCredentials()},
    )
    yield case(
        "Auth.del_credentials", "none", lambda a: a.del_credentials(), lambda c: c.tokens.logout(), back=rows.LOGOUT
    )
    yield case("Auth.ensure_no_credentials", "there are", lambda a: a.ensure_no_credentials(), _login, stored=stored)
    yield from unusual(stored)


def unusual(stored: str) -> Iterator[KeyringCase]:
    """No keyring, a locked one, and what is no base64."""
    case = KeyringCase
    yield case("Auth.get_credentials", "no keyring", lambda a: a.get_credentials(), _text, keyring="none")
    yield case("Auth.get_credentials", "a locked keyring", lambda a: a.get_credentials(), _text, keyring="locked")
    yield case(
        "Auth.ensure_no_credentials", "a locked keyring", lambda a: a.ensure_no_credentials(), _login, keyring="locked"
    )
    yield case(
        "Auth.get_credentials",
        "no keyring, the environment",
        lambda a: a.get_credentials(),
        _text,
        keyring="none",
        variable=stored,
    )
    for name, text in {"no base64": "%%%", "a bad end": "YWJj$", "two spaces": "YSAgYg=="}.items():
        yield case(
            "Auth.decode_credentials", name, lambda a: a.get_credentials(), _text, stored=text, back=rows.NOT_BASE64
        )
    yield case(
        "Auth.decode_credentials",
        "not UTF-8",
        lambda a: a.get_credentials(),
        _text,
        stored="/////w==",
    )
    for name, text in {"": OTHER, "a token": TOKEN}.items():
        yield case(
            rows.FILE,
            name or "Candid",
            lambda a, text=text: a.set_credentials(text),
            lambda c, text=text: c.tokens.import_(text),
            keyring="none",
            options={"file_fallback": True},
            our_options={"file_fallback": True},
        )
