"""The interaction of a program with Candid: it proves that it has the key of an agent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lading._core.arguments import checked
from lading._core.call import Call
from lading._core.threads import run_in_thread
from lading._macaroons.bakery_json import BakeryMacaroon, DischargeToken
from lading._macaroons.codec import write_binary
from lading.canonical._login.third_party import PROTOCOL, read_discharge
from lading.errors import ConfigError

if TYPE_CHECKING:
    from lading._core.files import StrPath
    from lading._core.service import Service
    from lading.canonical._login.candid import Discharges
    from lading.canonical._login.third_party import Refusal

_METHOD = "agent"


@checked()
@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent: a user of Candid that is a program, which logs in with a key.

    Attributes:
        username: Its user name.
        private_key: Its private key, in base64.
        url: The URL of the Candid that knows it; ``None`` for whichever the store names.
    """

    username: str
    private_key: str = field(repr=False)
    url: str | None = None


async def read_agent_file(path: StrPath) -> tuple[Agent, ...]:
    """Read the agents in a file, as Candid's own commands write it.

    Raises:
        ConfigError: It cannot be read, or is no agent file. The error does not quote it.
    """
    return await run_in_thread(_read_file, Path(path))


def _read_file(path: Path) -> tuple[Agent, ...]:
    try:
        agents = _parse_file(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"the agent file {path} cannot be read: {type(error).__name__}") from None
    if agents is None:
        raise ConfigError(
            f'{path} is no agent file: {{"key": {{"private": ...}}, "agents": [{{"url": ..., "username": ...}}]}}'
        )
    return agents


def _parse_file(data: bytes) -> tuple[Agent, ...] | None:
    """Return the agents. It raises nothing itself, for its frame holds the key."""
    try:
        value = json.loads(data)
        key = value["key"]["private"]
        return tuple(Agent(username=one["username"], private_key=key, url=one["url"]) for one in value["agents"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


class AgentInteractor:
    """Logs an agent in.

    Args:
        agents: The agents, one of which the third party knows.
        bakery: The module ``lading._macaroons.bakery``.

    Attributes:
        private_key: The key of all of them.

    Raises:
        ConfigError: There is none, or the key is none.
    """

    def __init__(self, agents: tuple[Agent, ...], bakery: Any) -> None:
        if not agents:
            raise ConfigError("the agent file names no agent")
        self._agents = agents
        self.private_key: Any = bakery.read_private_key(agents[0].private_key)
        if self.private_key is None:
            raise ConfigError("the agent's private key is damaged: it has 32 bytes, in base64")
        self._public_key = bakery.public_key(self.private_key)

    async def interact(self, discharges: Discharges, service: Service, refusal: Refusal) -> DischargeToken:
        """Get a macaroon for the agent, and prove with its key that this is the agent."""
        method = (refusal.methods or {}).get(_METHOD)
        if not isinstance(method, dict):
            raise discharges.no_method_error(refusal, _METHOD, "tokens.login_candid")
        call: Call[Any] = Call(
            "GET",
            discharges.resolve(service.base_url, method.get("login-url")),
            lambda response: read_discharge(service, response, "macaroon"),
            params={"username": self._username_at(service), "public-key": self._public_key},
            headers=PROTOCOL,
            allow_statuses=frozenset({401, 407}),
            template="login/agent",
        )
        found = await discharges.send(service, call)
        if not isinstance(found, BakeryMacaroon):
            raise found.error
        return DischargeToken("agent", b"".join(map(write_binary, await discharges.discharge_all(found))))

    def _username_at(self, service: Service) -> str:
        for agent in self._agents:
            if agent.url is None or agent.url.rstrip("/") == service.base_url.rstrip("/"):
                return agent.username
        raise ConfigError(f"{service.name}: none of the agents is for {service.base_url}")
