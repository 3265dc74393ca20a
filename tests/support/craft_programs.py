"""What craft-store does at a store, as programs of their own: it changes the keyring and the environment of its process.

``python craft_programs.py PROGRAM JSON`` runs one of them with its arguments, and prints what it found as JSON.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Any

import httpx
from craft_store import PublisherGateway, StoreClient, endpoints, errors
from craft_store.auth import Auth
from craft_store.login import UbuntuOneLogin
from craft_store.models import release_request_model as releasing
from craft_store.models import resource_revision_model as resources
from craft_store.models.revisions_model import RevisionsRequestModel
from macaroonbakery import httpbakery
from macaroonbakery.httpbakery import agent

PERMISSIONS = ["account-register-package", "account-view-packages", "package-manage", "package-view"]


def client_of(api: str, storage: str) -> StoreClient:
    """A client that keeps its credentials in memory."""
    return StoreClient(
        base_url=api,
        storage_base_url=storage,
        endpoints=endpoints.CHARMHUB,
        application_name="lading-tests",
        user_agent="lading-tests/1",
        ephemeral=True,
    )


def visit_as(username: str, password: str) -> None:
    """Let a person at a browser log in wherever the client sends it to."""

    def log_in(url: str) -> None:
        httpx.post(url, data={"username": username, "password": password}, trust_env=False)

    def opened(url: str, *_: Any, **__: Any) -> bool:
        threading.Thread(target=log_in, args=[url]).start()
        return True

    webbrowser.open = opened


def reviewed(client: StoreClient, api: str, status_url: str) -> dict[str, Any]:
    """The review of an upload once it has ended."""
    for _ in range(100):
        (review,) = client.request("GET", api + status_url).json()["revisions"]
        if review["status"] in ("approved", "rejected"):
            return dict(review)
        time.sleep(0.01)
    raise TimeoutError(status_url)


def log_in(api: str, storage: str, username: str, password: str) -> dict[str, Any]:
    """Log in by the identity service."""
    visit_as(username, password)
    client = client_of(api, storage)
    exported = client.login(permissions=PERMISSIONS, description="tests", ttl=3600)
    return {"who": client.whoami(), "exported": exported}


def publish(api: str, storage: str, username: str, password: str, charm: str, resource: str) -> dict[str, Any]:
    """Log in, register a name, and publish a charm with a resource."""
    visit_as(username, password)
    client = client_of(api, storage)
    client.login(permissions=PERMISSIONS, description="tests", ttl=3600)
    found: dict[str, Any] = {"id": client.register_name("hello", entity_type="charm")}
    try:
        client.register_name("hello", entity_type="charm")
    except errors.StoreServerError as error:
        found["registered twice"] = str(error)
    for name in ("first", "second"):
        upload_id = client.upload_file(filepath=Path(charm))
        notified = client.notify_revision(name="hello", revision_request=RevisionsRequestModel(upload_id=upload_id))
        found[name] = reviewed(client, api, notified.status_url)
    upload_id = client.upload_file(filepath=Path(resource))
    kind = resources.CharmResourceType.FILE
    status_url = client.push_resource("hello", "data", upload_id=upload_id, resource_type=kind)
    found["resource"] = reviewed(client, api, status_url)
    base = resources.RequestCharmResourceBase(name="ubuntu", channel="24.04", architectures=["amd64"])
    found["updated"] = client.update_resource_revision("hello", "data", revision=1, bases=[base])
    found["resource revisions"] = [one.marshal() for one in client.list_resource_revisions("hello", "data")]
    with_data = [releasing.ResourceModel(name="data", revision=1)]
    for channel in ("edge", "beta"):
        request = releasing.ReleaseRequestModel(channel=channel, revision=1, resources=with_data)
        client.release(name="hello", release_request=[request])
    closing = releasing.ReleaseRequestModel(channel="beta", revision=None)
    client.release(name="hello", release_request=[closing])
    found["releases"] = client.get_list_releases(name="hello").marshal()
    found["revisions"] = [one.marshal() for one in client.list_revisions("hello")]
    found["names"] = [one.marshal() for one in client.list_registered_names(include_collaborations=True)]
    client.register_name("other")
    found["unregistered"] = client.unregister_name("other")
    return found


def gateway(api: str, login: str, email: str, password: str, otp: str) -> dict[str, Any]:
    """Log in at Ubuntu One with a second factor, and use the gateway."""
    auth = Auth("lading-tests", "store", ephemeral=True)
    found: dict[str, Any] = {}
    options = {"base_url": f"{api}/", "login_url": login, "store_auth": auth, "permissions": PERMISSIONS}
    for name, secret in (("wrong", "no"), ("without otp", password)):
        try:
            UbuntuOneLogin.login_with(email, secret, **options)
        except errors.CraftStoreError as error:
            found[name] = type(error).__name__
    UbuntuOneLogin.login_with(email, password, otp=otp, **options)
    client = PublisherGateway.with_ubuntu_one(api, "charm", auth=auth)
    found["who"] = client.whoami()["account"]["username"]
    found["names"] = [one.name for one in client.list_registered_names()]
    client.register_name("pile", entity_type="bundle")
    found["type"] = client.get_package_metadata("pile").type
    client.unregister_name("pile")
    found["revisions"] = [one.revision for one in client.list_revisions("hello")]
    (released,) = client.release("hello", [{"channel": "latest/stable", "revision": 1}])
    found["released"] = [released.channel, released.revision]
    found["channels"] = [one.channel for one in client.list_releases("hello").channel_map]
    found["tracks"] = client.create_tracks("hello", {"name": "1.0"})
    try:
        client.create_tracks("hello", {"name": "1.0"})
    except errors.CraftStoreError as error:
        found["track twice"] = str(error)
    found["stored"] = base64.b64encode(auth.get_credentials().encode()).decode()
    return found


def log_in_as_agent(api: str, storage: str, agents: str) -> dict[str, Any]:
    """Log in by the identity service with a key in place of a person, as users of craft-store patch it."""
    client = client_of(api, storage)
    interactor = agent.AgentInteractor(agent.read_auth_info(Path(agents).read_text("utf-8")))
    client._bakery_client = httpbakery.Client(interaction_methods=[interactor])
    client.login(permissions=PERMISSIONS, description="tests", ttl=3600)
    return {"who": client.whoami()}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201 - its result
