"""The clients of craft-store and of lading at one server, as charmcraft and snapcraft create them."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import craft_store
from craft_store import Auth, PublisherGateway, StoreClient, UbuntuOneStoreClient, endpoints
from craft_store.base_client import BaseClient
from craft_store.models import charm_list_releases_model

from lading.canonical import CHARMHUB, CHARMHUB_CANDID, SNAP_STORE, SNAP_STORE_CANDID, Charmhub, SnapStore
from lading.canonical import on_prem_snap_store as our_on_prem
from lading.types import Retry
from tests.conformance.craft_case_data import TOKEN

if TYPE_CHECKING:
    from lading.canonical import Endpoints
    from tests.conformance.craft_case_server import CaseServer

VARIABLE = "CRAFT_STORE_CREDENTIALS"
APPLICATION = "charmcraft"
AGENT = "charmcraft/4.5"

# As snapcraft makes it.
ON_PREM = endpoints.Endpoints(
    namespace="snap",
    whoami="/v1/tokens/whoami",
    tokens="/v1/tokens",
    tokens_exchange="/v1/tokens/offline/exchange",
    valid_package_types=["snap"],
    list_releases_model=charm_list_releases_model.ListReleasesModel,
)


class TokenClient(BaseClient):
    """The class that the others inherit from, with an exchanged token, as charmcraft 4.5 uses it."""

    def _get_discharged_macaroon(self, root_macaroon: str, **kwargs: Any) -> str:
        return root_macaroon

    def _get_authorization_header(self) -> str:
        return f"Macaroon {self._auth.get_credentials()}"


@dataclass(frozen=True)
class Side:
    """One pair of clients.

    Attributes:
        kind: The class of craft-store's.
        theirs: Its endpoints.
        ours: Those of lading.
        form: In which form the credentials are.
    """

    kind: type[BaseClient]
    theirs: endpoints.Endpoints
    ours: Endpoints
    form: str


SIDES = {
    "base": Side(TokenClient, endpoints.CHARMHUB, CHARMHUB, "token"),
    "on-prem": Side(TokenClient, ON_PREM, our_on_prem("https://api.example", "https://api.example"), "token"),
    "store": Side(StoreClient, endpoints.CHARMHUB, CHARMHUB_CANDID, "candid"),
    "snap": Side(StoreClient, endpoints.SNAP_STORE, SNAP_STORE_CANDID, "candid"),
    "u1": Side(UbuntuOneStoreClient, endpoints.U1_SNAP_STORE, SNAP_STORE, "pair"),
    "gateway": Side(TokenClient, endpoints.CHARMHUB, CHARMHUB, "token"),
    "exchange": Side(TokenClient, endpoints.CHARMHUB, CHARMHUB, "pair"),
    "developer": Side(TokenClient, endpoints.CHARMHUB, CHARMHUB, "developer"),
}


def stored(server: CaseServer, form: str) -> str:
    """Credentials as craft-store stores them."""
    return {
        "token": lambda: TOKEN,
        "candid": lambda: json.dumps({"t": "macaroon", "v": TOKEN}),
        "pair": server.pair,
        "developer": lambda: json.dumps({"macaroon": TOKEN}),
    }[form]()


def exported(text: str) -> str:
    return b64encode(text.encode()).decode()


class Craft:
    """craft-store at the server."""

    def __init__(self, server: CaseServer, side: str, *, login: bool, site: str = "") -> None:
        self.server = server
        self.side = SIDES[side]
        self.site = site
        if login:
            os.environ[VARIABLE] = exported(stored(server, self.side.form))
        else:
            os.environ.pop(VARIABLE, None)

    @property
    def api(self) -> str:
        return self.server.url("api") + self.site

    @cached_property
    def client(self) -> Any:
        """The store client."""
        more = {"auth_url": self.server.url("login")} if self.side.kind is UbuntuOneStoreClient else {}
        return self.side.kind(
            base_url=self.api,
            storage_base_url=self.server.url("storage") + self.site,
            endpoints=self.side.theirs,
            application_name=APPLICATION,
            user_agent=AGENT,
            environment_auth=VARIABLE,
            ephemeral=True,
            **more,
        )

    @cached_property
    def auth(self) -> Auth:
        return Auth(APPLICATION, urlparse(self.api).netloc, ephemeral=True, environment_auth=VARIABLE)

    @cached_property
    def gateway(self) -> PublisherGateway:
        """The gateway, with the auth that fits the credentials."""
        if self.side.form == "pair":
            return PublisherGateway.with_ubuntu_one(self.api, "charm", auth=self.auth)
        if self.side.form == "developer":
            auth: Any = craft_store.DeveloperTokenAuth(auth=self.auth, auth_type="bearer")
        else:
            auth = craft_store.CandidAuth(auth=self.auth)
        return PublisherGateway(self.api, self.side.theirs.namespace, auth)

    @cached_property
    def http(self) -> craft_store.HTTPClient:
        return craft_store.HTTPClient(user_agent=AGENT)


def our_endpoints(server: CaseServer, side: str, site: str = "") -> Endpoints:
    api = server.url("api") + site
    return replace(
        SIDES[side].ours,
        api_url=api,
        info_url=api,
        storage_url=server.url("storage") + site,
        login_url=server.url("login"),
    )


def our_client(server: CaseServer, side: str, *, login: bool, site: str = "") -> Charmhub | SnapStore:
    """lading at the server."""
    ours = our_endpoints(server, side, site)
    kind = Charmhub if ours.namespace == "charm" else SnapStore
    token = exported(stored(server, SIDES[side].form)) if login else None
    return kind(ours, token=token, retry=Retry(attempts=3, backoff=0))
