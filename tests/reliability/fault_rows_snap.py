"""The rows of the fault matrix for the Snap Store, and for a snap store on one's own premises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading import SnapStore
from lading.canonical import Upload, on_prem_snap_store
from lading.testing import EmbeddedOnPremSnapStore, EmbeddedSnapStore
from lading.testing.canonical._packages import Release, Review
from lading.testing.canonical._request import Api, Route
from lading.testing.canonical.snap._processing import MAGIC
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
    from collections.abc import Awaitable, Callable, Iterable

    from lading.testing.canonical import StoreAccount
    from lading.testing.canonical._request import StoreRequest

NAME, FILE = "hello", "hello_2.0_amd64.snap"
SNAP = MAGIC + b" the next"
KEY = "vdEeQvRxmZ26npJCFaGnl-VfGz0lU2jZZkWp_s7E-RxVCNtH2_mtjcxq2NkDKkIp"
ICON = b"\x89PNG\r\n\x1a\n an icon"
TIME = "2026-11-20T15:48:00Z"


class PreparedSnapStore(OneHost, EmbeddedSnapStore):
    """A Snap Store, and what rows need to have there.

    Attributes:
        upload_id: The file that a call has uploaded.
        logged_in: Whether a login has returned credentials.
    """

    upload_id: str = ""
    logged_in = False

    def __init__(self) -> None:
        super().__init__(interactions=["browser-window", "agent"])
        self.owner.id = "owner-id"  # it is in assertions, which are compared

    def _make_apis(self) -> Iterable[Api]:
        # What craft-store sends to unregister a name; nobody has seen what the store does then.
        return [*super()._make_apis(), Api([Route("DELETE", "/v1/snap/{name}", self._unregister, private=True)])]

    def _unregister(self, request: StoreRequest, name: str) -> dict[str, str]:
        if name not in self._snaps.snaps:
            raise request.refuse(404, ("resource-not-found", f"Name {name} not found"))
        return {"package-id": self._snaps.snaps.pop(name).id}

    def with_package(self) -> None:
        """Register the name."""
        self.add_package(NAME)

    def with_upload(self) -> None:
        """Register the name, and upload a file."""
        self.add_package(NAME)
        stored_upload(self, SNAP, FILE)

    def with_revision(self) -> None:
        """Publish a revision, which is in two channels."""
        self.add_package(NAME)
        self.add_revision(NAME, channels=["edge", "beta"])

    def with_key(self) -> None:
        """Register two names, and a key that the account signs with."""
        self.add_package(NAME)
        self.add_package("world")
        with self._state.lock:
            for name, snap in self._snaps.snaps.items():
                snap.id = f"{name}-id"  # for the same reason
            self._snaps.account_keys[self.owner.id] = [{"name": "default", "public-key-sha3-384": KEY}]


def dump(store: PreparedSnapStore) -> dict[str, Any]:
    """Everything that API calls can change, without times, ids and random values."""
    with store._state.lock:
        snaps = {
            name: {
                "name": (snap.private, snap.publisher.username, sorted(snap.tracks)),
                "revisions": {number: one.upload.digests["sha3_384"] for number, one in snap.revisions.items()},
                "released": sorted(
                    (one.architecture, str(one.channel), one.revision, one.progressive)
                    for one in snap.released(store.now)
                ),
                "metadata": dict(snap.metadata),
                "media": list(snap.media),
                # Signed assertions: the same one twice is the same as once.
                "asserted": {one.text for one in (*snap.validations, *snap.builds)},
            }
            for name, snap in store._snaps.snaps.items()
        }
        return {
            "snaps": snaps,
            "keys": [dict(key) for keys in store._snaps.account_keys.values() for key in keys],
            "sets": [one.headers["name"] for one in store._snaps.validation_sets],
            "schemas": [one.headers["name"] for one in store._snaps.confdb_schemas],
        }


def assertion(kind: str, body: str = "", **headers: str) -> str:
    """A signed assertion."""
    lines = [f"type: {kind}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    signature = "AcLBUgQAAQoABgUC\n"
    if not body:
        return "\n".join(lines) + f"\n\n{signature}"
    return "\n".join([*lines, f"body-length: {len(body)}"]) + f"\n\n{body}\n\n{signature}"


def key_request(owner: StoreAccount) -> str:
    """A request to register a key."""
    at = {"since": TIME, "sign_key_sha3_384": KEY}
    return assertion("account-key-request", account_id=owner.id, name="new", public_key_sha3_384=KEY, **at)


def signed(store: PreparedSnapStore, kind: str, body: str = "", **headers: str) -> str:
    """An assertion of the account, signed with its key."""
    at = {"timestamp": TIME, "sign_key_sha3_384": KEY}
    return assertion(kind, body, authority_id=store.owner.id, **headers, **at)


def build(store: PreparedSnapStore) -> str:
    """How a revision was built."""
    file = {"snap_sha3_384": "QlqR0uAWEAWF5Nwnzj5kqmmw", "snap_size": "9", "grade": "stable"}
    return signed(store, "snap-build", snap_id=store.package_id(NAME), **file)


def validation(store: PreparedSnapStore) -> str:
    """That a revision of another snap is approved."""
    approved = {"approved_snap_id": store.package_id("world"), "approved_snap_revision": "3"}
    return signed(store, "validation", series="16", snap_id=store.package_id(NAME), **approved)


def validation_set(store: PreparedSnapStore) -> str:
    """A validation set."""
    return signed(store, "validation-set", account_id=store.owner.id, name="set", sequence="1", revision="0")


def schema(store: PreparedSnapStore) -> str:
    """A confdb schema."""
    return signed(store, "confdb-schema", '{"storage": {}}', account_id=store.owner.id, name="wifi", revision="0")


def the_upload(store: EmbeddedSnapStore | EmbeddedOnPremSnapStore) -> Upload:
    """The file that was uploaded last, as the call that did it returned it."""
    last = store.uploads[-1]
    return Upload(last.id, last.filename, last.size, last.digests["sha3_384"])


def login(
    kind: str, log_in: Callable[[SnapStore, PreparedSnapStore], Awaitable[object]]
) -> Callable[[SnapStore, PreparedSnapStore], Awaitable[object]]:
    """Make the run of a login."""

    async def run(_: SnapStore, store: PreparedSnapStore) -> None:
        endpoints = store.endpoints(kind)  # type: ignore[arg-type]
        async with SnapStore(endpoints, retry=QUICK, clock=store.client_clock) as snaps:
            await log_in(snaps, store)
            await snaps.tokens.whoami()
            store.logged_in = True

    return run


def has_logged_in(store: PreparedSnapStore) -> bool:
    """Whether a login has returned credentials that the store accepts."""
    return store.logged_in


def has_exchanged(store: PreparedSnapStore) -> bool:
    """Whether there is a session with a token."""
    return any(session.exchanged for session in store.sessions)


With = PreparedSnapStore
ROWS = (
    Row(
        "snap.uploads.upload",
        lambda c, store: upload(c, store, SNAP, FILE),
        "repeated",
        path="/unscanned-upload/",
        shown=has_upload,
        differs=NOTHING_WITHOUT_THE_RESULT,
    ),
    Row(
        "snap.revisions.notify",
        lambda c, store: c.revisions.notify(NAME, the_upload(store)),
        "repeated",  # what is being processed is not listed yet, so a look-up may find nothing
        path="/dev/api/snap-push/",
        prepare=With.with_upload,
    ),
    Row(
        "snap.revisions.upload",
        lambda c, _: c.revisions.upload(NAME, SNAP, filename=FILE, check_permission=False),
        "repeated",
        path="/dev/api/snap-push/",
        prepare=With.with_revision,
    ),
    Row(
        "snap.releases.release",
        lambda c, _: c.releases.release(NAME, 1, ["stable", "candidate"]),
        "looked up",
        path="/dev/api/snap-release/",
        prepare=With.with_revision,
    ),
    Row(
        "snap.releases.promote",
        lambda c, _: c.releases.promote(NAME, "edge", "stable"),
        "looked up",
        path="/dev/api/snap-release/",
        prepare=With.with_revision,
    ),
    Row(
        "snap.packages.register",
        lambda c, _: c.packages.register(NAME),
        "by name",
        path="/dev/api/register-name/",
    ),
    Row(
        "snap.packages.unregister",
        lambda c, _: c.packages.unregister(NAME),
        "looked up",
        "DELETE",
        prepare=With.with_package,
    ),
    Row(
        "snap.metadata.update",
        lambda c, _: c.metadata.update(NAME, {"summary": "new"}),
        "repeated",
        path="*/metadata",
        prepare=With.with_package,
    ),
    Row(
        "snap.metadata.update_binary",
        lambda c, _: c.metadata.update_binary(NAME, ICON, filename="icon.png"),
        "looked up",
        path="*/binary-metadata",
        prepare=With.with_package,
    ),
    Row(
        "snap.builds.push",
        lambda c, store: c.builds.push(NAME, build(store)),
        "repeated",
        path="*/builds",
        prepare=With.with_key,
    ),
    Row(
        "snap.validations.push",
        lambda c, store: c.validations.push(NAME, validation(store)),
        "repeated",
        "PUT",
        prepare=With.with_key,
    ),
    Row(
        "snap.validations.post_set",
        lambda c, store: c.validations.post_set(validation_set(store)),
        "looked up",
        path="/api/v2/validation-sets",
        prepare=With.with_key,
    ),
    Row(
        "snap.validations.post_confdb_schema",
        lambda c, store: c.validations.post_confdb_schema(schema(store)),
        "looked up",
        path="/api/v2/confdb-schemas",
        prepare=With.with_key,
    ),
    Row(
        "snap.account.register_key",
        lambda c, store: c.account.register_key(key_request(store.owner)),
        "looked up",
        path="/dev/api/account/account-key",
    ),
    Row(
        "snap.tokens.login",
        login("acl", lambda c, _: c.tokens.login(email=EMAIL, password=PASSWORD)),
        "repeated",
        path="/dev/api/acl/",
        shown=has_logged_in,
        differs=NOTHING_WITHOUT_THE_RESULT,
    ),
    *(
        Row(
            f"snap.tokens.{name}",
            login("candid", run),
            "repeated",
            path="/api/v2/tokens/exchange",
            shown=has_exchanged,
        )
        for name, run in (("login_candid", log_in_by_candid), ("login_agent", log_in_by_agent))
    ),
)
_BOTH_READ = (
    *("aclose", "from_config", "send", "with_options"),
    *("account.get", "account.list_keys", "metadata.get_binary", "metrics.get", "metrics.query"),
    *("packages.get", "packages.list", "packages.state"),
    *(f"releases.{name}" for name in ("channel_map", "history", "list", "wait_installable")),
    *(f"revisions.{name}" for name in ("check_upload", "list", "wait_review")),
    *(f"tokens.{name}" for name in ("expires_at", "export", "list", "whoami")),
    *(f"validations.{name}" for name in ("build_confdb_schema", "build_set", "list", "list_confdb_schemas")),
    "validations.list_sets",
    # They change where this machine keeps its credentials, and send nothing.
    *("tokens.import_", "tokens.logout"),
)
# Of a store with the gateway's API alone: here they send nothing.
_ON_PREM_ONLY = ("packages.update_metadata", "tokens.revoke")
READS = frozenset(f"snap.{name}" for name in (*_BOTH_READ, *_ON_PREM_ONLY))
SNAP_STORE = MatrixStore("snap", PreparedSnapStore, client, dump, finish, ROWS, READS, SnapStore())


class PreparedOnPrem(OneHost, EmbeddedOnPremSnapStore):
    """A snap store on one's own premises, and what rows need to have there.

    Attributes:
        upload_id: The file that a call has uploaded.
        session_id: Another login of the account.
    """

    upload_id: str = ""
    session_id: str

    def with_package(self) -> None:
        """Register the name."""
        self.add_package(NAME)

    def with_upload(self) -> None:
        """Register the name, and upload a file."""
        self.add_package(NAME)
        stored_upload(self, SNAP, FILE)

    def with_revision(self) -> None:
        """Publish a revision, which is in a channel."""
        self.with_upload()
        package = self._packages.packages[NAME]
        upload = self._state.uploads[stored_upload(self, MAGIC, "hello_1.0_amd64.snap")]
        with self._state.lock:
            review = Review(upload, package, "revision", self.owner)
            self._reviews.begin(review)
            self._reviews.finish(review)
        base = (("name", "all"), ("channel", "all"), ("architecture", "amd64"))
        package.releases = [Release("latest/edge", 1, base, (), self.now)]

    def with_session(self) -> None:
        """Log in elsewhere."""
        self.create_token()
        (self.session_id,) = self._state.sessions


def dump_on_prem(store: PreparedOnPrem) -> dict[str, Any]:
    """Everything that API calls can change, without times, ids and random values."""
    with store._state.lock:
        packages = {
            name: (
                (package.private, package.publisher.username, dict(package.metadata)),
                {number: one.upload.digests["sha3_384"] for number, one in package.revisions.items()},
                sorted((one.channel, one.revision, one.base) for one in package.releases),
            )
            for name, package in store._packages.packages.items()
        }
        reviews = sorted((one.upload.digests["sha3_384"], one.status) for one in store._packages.reviews.values())
    return {"packages": packages, "reviews": reviews}


Own = PreparedOnPrem
REVISIONS, RELEASES = f"/v1/snap/{NAME}/revisions", f"/v1/snap/{NAME}/releases"
ON_PREM_ROWS = (
    Row(
        "on_prem.uploads.upload",
        lambda c, store: upload(c, store, SNAP, FILE),
        "repeated",
        path="/unscanned-upload/",
        shown=has_upload,
        differs=NOTHING_WITHOUT_THE_RESULT,
    ),
    Row(
        "on_prem.revisions.notify",
        lambda c, store: c.revisions.notify(NAME, the_upload(store)),
        "looked up",
        path=REVISIONS,
        prepare=Own.with_upload,
    ),
    Row(
        "on_prem.revisions.upload",
        lambda c, _: c.revisions.upload(NAME, SNAP, filename=FILE),
        "looked up",
        path=REVISIONS,
        prepare=Own.with_revision,
    ),
    Row(
        "on_prem.releases.release",
        lambda c, _: c.releases.release(NAME, 1, ["stable", "candidate"]),
        "looked up",
        path=RELEASES,
        prepare=Own.with_revision,
    ),
    Row(
        "on_prem.releases.promote",
        lambda c, _: c.releases.promote(NAME, "latest/edge", "latest/stable"),
        "looked up",
        path=RELEASES,
        prepare=Own.with_revision,
    ),
    Row("on_prem.packages.register", lambda c, _: c.packages.register(NAME), "by name", path="/v1/snap"),
    Row(
        "on_prem.packages.unregister",
        lambda c, _: c.packages.unregister(NAME),
        "looked up",
        "DELETE",
        prepare=Own.with_package,
    ),
    Row(
        "on_prem.packages.update_metadata",
        lambda c, _: c.packages.update_metadata(NAME, summary="new"),
        "repeated",
        "PATCH",
        prepare=Own.with_package,
    ),
    Row(
        "on_prem.tokens.revoke",
        lambda c, store: c.tokens.revoke(store.session_id),
        "looked up",
        path="/v1/tokens/revoke",
        prepare=Own.with_session,
        shown=lambda store: store.sessions[0].revoked_at is not None,
    ),
)
# Here these send nothing: such a store has no dashboard, and its logins are an administrator's.
_NOT_ON_PREM = (
    *("account.register_key", "builds.push", "metadata.update", "metadata.update_binary", "validations.push"),
    *("validations.post_confdb_schema", "validations.post_set"),
    *("tokens.login", "tokens.login_agent", "tokens.login_candid"),
)
ON_PREM = MatrixStore(
    "on_prem",
    PreparedOnPrem,
    client,
    dump_on_prem,
    finish,
    ON_PREM_ROWS,
    frozenset(f"on_prem.{name}" for name in (*_BOTH_READ, *_NOT_ON_PREM)),
    SnapStore(on_prem_snap_store("https://snaps.example.com", "https://storage.example.com")),
)
