"""The rows of the fault matrix for Charmhub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading import Charmhub
from lading.canonical import ResourceBase
from lading.testing import EmbeddedCharmhub, make_charm
from lading.testing.canonical._packages import Release, Review
from tests.support.canonical_matrix import (
    EMAIL,
    NOTHING_WITHOUT_THE_RESULT,
    PASSWORD,
    QUICK,
    OneHost,
    client,
    finish,
    has_upload,
    log_in_by_agent,
    log_in_by_candid,
    stored_upload,
    upload,
)
from tests.support.fault_matrix import MatrixStore, Row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading.testing.canonical._state import StoredUpload

NAME = "hello"
CHARM = make_charm(NAME)
NEXT = make_charm(NAME, padding=b"next")
WITH_RESOURCES = make_charm(NAME, resources={"data": "file", "image": "oci-image"})
DIGEST = "sha256:" + "0" * 64
RELEASES = f"/v1/charm/{NAME}/releases"
REVISIONS = f"/v1/charm/{NAME}/revisions"
RESOURCES = f"/v1/charm/{NAME}/resources"


class PreparedCharmhub(OneHost, EmbeddedCharmhub):
    """A Charmhub, and what rows need to have there.

    Attributes:
        upload_id: A file that was uploaded, and that the store was not notified of.
        session_id: Another login of the account.
    """

    upload_id: str = ""
    session_id: str

    def __init__(self) -> None:
        super().__init__(interactions=["browser-window", "agent"])

    def with_package(self) -> None:
        """Register the name."""
        self.add_package(NAME)

    def with_upload(self) -> None:
        """Register the name, and upload a file."""
        self.add_package(NAME)
        self.upload_id = stored_upload(self, CHARM, "hello.charm")

    def with_revision(self) -> None:
        """Publish a revision, which is in two channels."""
        self._publish(CHARM)
        package = self._packages.packages[NAME]
        base = (("name", "ubuntu"), ("channel", "24.04"), ("architecture", "amd64"))
        package.releases = [Release(f"latest/{risk}", 1, base, (), self.now) for risk in ("edge", "beta")]

    def with_resources(self) -> None:
        """Publish a revision that declares resources, one of which has a revision."""
        self._publish(WITH_RESOURCES)
        self._review(b"before", resource="data", resource_type="file", bases=[{"architectures": ["all"]}])

    def with_guardrails(self) -> None:
        """Register the name, and let tracks be created."""
        self.add_package(NAME)
        self.set_guardrails(NAME, r"\d+\.x")

    def with_session(self) -> None:
        """Log in elsewhere."""
        self.create_token()
        (self.session_id,) = self._state.sessions

    def _publish(self, charm: bytes) -> None:
        self.add_package(NAME)
        self._review(charm)

    def _review(self, content: bytes, **more: Any) -> None:
        upload = self._state.uploads[stored_upload(self, content, "before.charm")]
        with self._state.lock:
            kind: Any = "resource" if more else "revision"
            review = Review(upload, self._packages.packages[NAME], kind, self.owner, **more)
            self._reviews.begin(review)
            self._reviews.finish(review)


def dump(store: PreparedCharmhub) -> dict[str, Any]:
    """Everything that API calls can change, without times, ids and random values."""
    with store._state.lock:
        packages = {
            name: (
                (package.type, package.private, package.publisher.username, package.default_track),
                dict(package.metadata),
                sorted(package.tracks),
                {number: one.upload.digests["sha3_384"] for number, one in package.revisions.items()},
                {
                    resource: [(_content(found.type, one.upload), one.bases) for one in found.revisions]
                    for resource, found in package.resources.items()
                },
                sorted(
                    (one.channel, one.revision, one.base, one.resources, one.percentage) for one in package.releases
                ),
            )
            for name, package in store._packages.packages.items()
        }
        # Each notification of an upload is one: a second one shows.
        reviews = sorted(
            (one.package.name, one.kind, _content(one.resource_type, one.upload), one.status)
            for one in store._packages.reviews.values()
        )
    return {"packages": packages, "reviews": reviews}


def _content(kind: str, upload: StoredUpload) -> str:
    # The description of an image has the store's address and the package's identifier.
    return kind if kind == "oci-image" else upload.digests["sha3_384"]


def login(
    kind: str, log_in: Callable[[Charmhub, PreparedCharmhub], Awaitable[object]]
) -> Callable[[Charmhub, PreparedCharmhub], Awaitable[object]]:
    """Make the run of a login."""

    async def run(_: Charmhub, store: PreparedCharmhub) -> None:
        endpoints = store.endpoints(kind)  # type: ignore[arg-type]
        async with Charmhub(endpoints, retry=QUICK, clock=store.client_clock) as charmhub:
            await log_in(charmhub, store)

    return run


def has_logged_in(store: PreparedCharmhub) -> bool:
    """Whether there is a session with a token, besides that of the client."""
    return sum(session.exchanged for session in store.sessions) > 1


With = PreparedCharmhub
ROWS = (
    Row(
        "charmhub.uploads.upload",
        lambda c, store: upload(c, store, CHARM, "hello.charm"),
        "repeated",
        path="/unscanned-upload/",
        shown=has_upload,
        differs=NOTHING_WITHOUT_THE_RESULT,
    ),
    Row(
        "charmhub.revisions.notify",
        lambda c, store: c.revisions.notify(NAME, store.upload_id),
        "looked up",
        path=REVISIONS,
        prepare=With.with_upload,
    ),
    Row(
        "charmhub.revisions.upload",
        lambda c, _: c.revisions.upload(NAME, NEXT, filename="hello.charm"),
        "looked up",
        path=REVISIONS,
        prepare=With.with_revision,
    ),
    Row(
        "charmhub.releases.release",
        lambda c, _: c.releases.release(NAME, 1, ["latest/stable", "latest/candidate"]),
        "looked up",
        path=RELEASES,
        prepare=With.with_revision,
    ),
    Row(
        "charmhub.releases.promote",
        lambda c, _: c.releases.promote(NAME, "latest/edge", "latest/stable"),
        "looked up",
        path=RELEASES,
        prepare=With.with_revision,
    ),
    Row("charmhub.packages.register", lambda c, _: c.packages.register(NAME), "by name", path="/v1/charm"),
    Row(
        "charmhub.packages.unregister",
        lambda c, _: c.packages.unregister(NAME),
        "looked up",
        "DELETE",
        prepare=With.with_package,
    ),
    Row(
        "charmhub.packages.update_metadata",
        lambda c, _: c.packages.update_metadata(NAME, summary="new"),
        "repeated",
        "PATCH",
        prepare=With.with_package,
    ),
    Row(
        "charmhub.tracks.create",
        lambda c, _: c.tracks.create(NAME, "1.x", "2.x"),
        "by name",
        path="*/tracks",
        prepare=With.with_guardrails,
    ),
    Row(
        "charmhub.tracks.ensure",
        lambda c, _: c.tracks.ensure(NAME, "1.x", "2.x"),
        "looked up",
        path="*/tracks",
        prepare=With.with_guardrails,
    ),
    Row(
        "charmhub.resources.upload",
        lambda c, _: c.resources.upload(NAME, "data", b"data", filename="data.bin"),
        "looked up",
        path=f"{RESOURCES}/data/revisions",
        prepare=With.with_resources,
    ),
    Row(
        "charmhub.resources.upload_image",
        lambda c, _: c.resources.upload_image(NAME, "image", DIGEST),
        "looked up",
        path=f"{RESOURCES}/image/revisions",
        prepare=With.with_resources,
    ),
    Row(
        "charmhub.resources.update",
        lambda c, _: c.resources.update(NAME, "data", {1: [ResourceBase(architectures=("arm64",))]}),
        "repeated",
        "PATCH",
        prepare=With.with_resources,
    ),
    Row(
        "charmhub.tokens.login",
        login("usso", lambda c, _: c.tokens.login(email=EMAIL, password=PASSWORD)),
        "repeated",
        path="/v1/tokens/usso/exchange",
        shown=has_logged_in,
    ),
    Row(
        "charmhub.tokens.login_candid",
        login("candid", log_in_by_candid),
        "repeated",
        path="/v1/tokens/exchange",
        shown=has_logged_in,
    ),
    Row(
        "charmhub.tokens.login_agent",
        login("candid", log_in_by_agent),
        "repeated",
        path="/v1/tokens/exchange",
        shown=has_logged_in,
    ),
    Row(
        "charmhub.tokens.revoke",
        lambda c, store: c.tokens.revoke(store.session_id),
        "looked up",
        path="/v1/tokens/revoke",
        prepare=With.with_session,
        shown=lambda store: store.sessions[0].revoked_at is not None,
    ),
)
READS = frozenset(
    f"charmhub.{name}"
    for name in (
        *("aclose", "from_config", "send", "with_options"),
        *("packages.get", "packages.list"),
        *(f"releases.{name}" for name in ("channel_map", "list", "wait_installable")),
        *(f"resources.{name}" for name in ("image_credentials", "list", "revisions")),
        *("revisions.list", "revisions.wait_review"),
        *(f"tokens.{name}" for name in ("expires_at", "export", "list", "whoami")),
        # They change where this machine keeps its credentials, and send nothing.
        *("tokens.import_", "tokens.logout"),
    )
)
CHARMHUB = MatrixStore("charmhub", PreparedCharmhub, client, dump, finish, ROWS, READS, Charmhub())
