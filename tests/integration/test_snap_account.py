"""The account at the dashboard, its keys and what it signs; metrics and the metadata of snaps."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from lading import BadRequest, Conflict, InputError, InvalidResponse, NetworkError, NotFound, ServerError
from lading.canonical import MetricFilter
from lading.testing import DropAfter, DropBefore
from tests.support.snap_dashboard import SNAP_ID, form, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from lading.testing import ServerRequest
    from tests.support.snap_dashboard import SnapDashboard

pytestmark = pytest.mark.anyio
NAME = "my-snap"
ACCOUNT = "GET /dev/api/account"
KEY_ID = "vdEeQvRxmZ26npJCFaGnl-VfGz0lU2jZZkWp_s7E-RxVCNtH2_mtjcxq2NkDKkIp"
KEY_REQUEST = f"""type: account-key-request
account-id: acc-1
name: default
public-key-sha3-384: {KEY_ID}
since: 2026-11-01T10:00:00Z
body-length: 4
sign-key-sha3-384: {KEY_ID}

AcbD

signature"""
SET = """type: validation-set
authority-id: acc-1
account-id: acc-1
name: my-set
sequence: 3
revision: 1
snaps:
  -
    name: my-snap
timestamp: 2026-11-01T10:00:00Z
sign-key-sha3-384: abc

signature"""
HEADERS = {
    "type": "validation-set",
    "account-id": "acc-1",
    "authority-id": "acc-1",
    "name": "my-set",
    "sequence": "3",
    "revision": "1",
    "timestamp": "2026-11-01T10:00:00Z",
}
SETS = "/api/v2/validation-sets"


class TestAccount:
    @pytest.mark.parametrize("spelling", ["account_id", "account-id", "id"])
    async def test_both_spellings(self, dashboard: SnapDashboard, spelling: str):
        keys = [{"name": "default", "public-key-sha3-384": KEY_ID, "since": "2026-11-01T10:00:00Z"}]
        dashboard.canned[ACCOUNT] = {
            spelling: "acc-1",
            "display-name": "Ada",
            "account-keys" if "-" in spelling else "account_keys": keys,
            "snaps": {"16": {}},
            "short_namespace": "ada",
        }
        async with dashboard.client() as store:
            account = await store.account.get()
        assert (account.id, account.display_name) == ("acc-1", "Ada")
        assert [key.public_key_sha3_384 for key in account.account_keys] == [KEY_ID]

    async def test_a_key_is_registered(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            key = await store.account.register_key(KEY_REQUEST.encode())
            assert [one.name for one in await store.account.list_keys()] == ["default"]
            with pytest.raises(Conflict, match="The key is registered"):
                await store.account.register_key(KEY_REQUEST)
        assert (key.name, key.public_key_sha3_384) == ("default", KEY_ID)
        assert dashboard.bodies["POST /dev/api/account/account-key"][0] == {"account_key_request": KEY_REQUEST}

    @pytest.mark.parametrize("fault", [DropAfter(), DropBefore()], ids=repr)
    async def test_a_key_is_registered_once(self, dashboard: SnapDashboard, fault: Any):
        dashboard.faults.add(fault, method="POST")
        async with dashboard.client() as store:
            key = await store.account.register_key(KEY_REQUEST)
        assert key.name == "default"
        assert dashboard.count("POST") == len(dashboard.keys) == 1

    async def test_what_is_no_request_for_a_key(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            for wrong in ("", "type: account-key-request\n\nx", b"\xff\xfe"):
                with pytest.raises(InputError):
                    await store.account.register_key(wrong)
        assert dashboard.seen == []


class TestBuilds:
    async def test_push(self, dashboard: SnapDashboard):
        key = f"POST /dev/api/snaps/{SNAP_ID}/builds"
        dashboard.canned[key] = {"type": "snap-build"}
        dashboard.faults.add(DropAfter(), method="POST")
        async with dashboard.client() as store:
            await store.builds.push(NAME, b"type: snap-build\n\nsignature")
            with pytest.raises(NotFound, match="other is no snap"):
                await store.builds.push("other", "x")
        assert dashboard.bodies[key] == [{"assertion": "type: snap-build\n\nsignature"}] * 2
        assert dashboard.seen[:3] == [ACCOUNT, key, key]

    async def test_refusals(self, dashboard: SnapDashboard):
        key = f"POST /dev/api/snaps/{SNAP_ID}/builds"
        async with dashboard.client() as store:
            dashboard.canned[key] = refusal(400, "invalid-field", "The snap-build assertion is not valid.")
            with pytest.raises(BadRequest, match="not valid") as caught:
                await store.builds.push(NAME, "x")
            assert caught.value.code == "invalid-field"
            dashboard.canned[key] = refusal(501, "feature-disabled", "The snap-build assertions are disabled.")
            with pytest.raises(ServerError, match="disabled") as disabled:
                await store.builds.push(NAME, "x")
        assert disabled.value.outcome == "not_done"


class TestValidations:
    async def test_list_and_push(self, dashboard: SnapDashboard):
        path = f"/dev/api/snaps/{SNAP_ID}/validations"
        dashboard.canned[f"GET {path}"] = [
            {
                "approved-snap-id": "snap-id-1",
                "approved-snap-revision": "3",
                "approved-snap-name": "other-snap",
                "authority-id": "acc-1",
                "revoked": "false",
                "series": "16",
                "snap-id": SNAP_ID,
                "timestamp": "2026-09-19T21:07:27.756001Z",
                "type": "validation",
            }
        ]
        dashboard.canned[f"PUT {path}"] = dashboard.canned[f"POST {path}"] = {"success": True}
        async with dashboard.client() as store:
            (found,) = await store.validations.list(NAME)
            await store.validations.push(NAME, "signed")
            await store.validations.push(NAME, "signed", replace=False)
        assert (found.approved_snap_name, found.approved_snap_revision, found.revoked) == ("other-snap", 3, False)
        assert dashboard.bodies[f"PUT {path}"] == dashboard.bodies[f"POST {path}"] == [{"assertion": "signed"}]


class TestValidationSets:
    async def test_lists(self, dashboard: SnapDashboard):
        dashboard.canned[f"GET {SETS}"] = {"assertions": [{"headers": HEADERS}]}
        dashboard.canned[f"GET {SETS}/my-set"] = {"assertions": []}
        async with dashboard.client() as store:
            (found,) = await store.validations.list_sets()
            assert await store.validations.list_sets("my-set", sequence="all") == ()
            assert await store.validations.list_sets("my-set", sequence=3) == ()
            with pytest.raises(InputError, match="needs the name"):
                await store.validations.list_sets(sequence=3)
        assert (found.name, found.sequence, found.revision) == ("my-set", 3, 1)
        assert dashboard.seen[1:] == [f"GET {SETS}/my-set?sequence=all", f"GET {SETS}/my-set?sequence=3"]

    async def test_the_store_builds_what_is_signed(self, dashboard: SnapDashboard):
        key = f"POST {SETS}/build-assertion"
        dashboard.canned[key] = HEADERS
        definition = {"account-id": "acc-1", "name": "my-set", "sequence": "3", "snaps": [{"name": NAME}]}
        async with dashboard.client() as store:
            headers = await store.validations.build_set(definition)
        assert headers.timestamp == "2026-11-01T10:00:00Z"
        assert dashboard.bodies[key] == [definition]

    async def test_a_signed_set_is_posted_as_it_is(self, dashboard: SnapDashboard):
        key = f"POST {SETS}"
        dashboard.canned[key] = {"assertions": [{"headers": HEADERS}]}
        async with dashboard.client() as store:
            (posted,) = await store.validations.post_set(SET)
        assert posted.name == "my-set"
        assert dashboard.bodies[key] == [SET.encode()]
        assert dashboard.headers[key]["content-type"] == "application/x.ubuntu.assertion"

    @pytest.mark.parametrize("listed", ["this", "another", "none"])
    async def test_after_a_lost_response_the_set_is_looked_up(self, dashboard: SnapDashboard, listed: str):
        there = {
            "this": [{"headers": HEADERS}],
            "another": [{"headers": HEADERS | {"timestamp": "2026-10-01T00:00:00Z"}}],
        }
        dashboard.canned[f"POST {SETS}"] = {"assertions": [{"headers": HEADERS}]}
        if listed != "none":
            dashboard.canned[f"GET {SETS}/my-set"] = {"assertions": there[listed]}
        dashboard.faults.add(DropAfter(), method="POST")
        async with dashboard.client() as store:
            (posted,) = await store.validations.post_set(SET)
        assert posted.revision == 1
        assert dashboard.count("POST") == (1 if listed == "this" else 2)
        assert dashboard.clock.time >= (0 if listed == "this" else 30)

    async def test_what_cannot_be_looked_up_leaves_the_outcome_unknown(self, dashboard: SnapDashboard):
        dashboard.canned[f"GET {SETS}/my-set"] = refusal(403, "resource-forbidden", "no")
        dashboard.faults.add(DropAfter(), method="POST")
        async with dashboard.client() as store:
            with pytest.raises(NetworkError) as caught:
                await store.validations.post_set(SET)
        assert caught.value.outcome == "unknown"

    async def test_what_is_no_signed_set(self, dashboard: SnapDashboard):
        async with dashboard.client() as store:
            with pytest.raises(InputError, match="no header 'timestamp'"):
                await store.validations.post_set(SET.replace("timestamp", "time"))
            with pytest.raises(InputError, match="'validation-set', not a confdb-schema"):
                await store.validations.post_confdb_schema(SET)
        assert dashboard.seen == []

    async def test_confdb_schemas(self, dashboard: SnapDashboard):
        path = "/api/v2/confdb-schemas"
        headers = {"type": "confdb-schema", "name": "net", "revision": "2", "timestamp": "2026-11-01T10:00:00Z"}
        signed = "\n".join(f"{name}: {value}" for name, value in (headers | {"sign-key-sha3-384": "k"}).items())
        dashboard.canned |= {
            f"GET {path}": {"assertions": [{"headers": headers}]},
            f"GET {path}/net": {"assertions": None},
            f"POST {path}/build-assertion": headers,
            f"POST {path}": {"assertions": [{"headers": headers}]},
        }
        async with dashboard.client() as store:
            assert [one.name for one in await store.validations.list_confdb_schemas()] == ["net"]
            assert await store.validations.list_confdb_schemas("net") == ()
            assert (await store.validations.build_confdb_schema({"name": "net"})).revision == 2
            (posted,) = await store.validations.post_confdb_schema(f"{signed}\n\nsignature")
        assert posted.type == "confdb-schema"


class TestMetrics:
    async def test_get(self, dashboard: SnapDashboard):
        key = "POST /dev/api/snaps/metrics"
        dashboard.canned[key] = {
            "metrics": [
                {
                    "status": "OK",
                    "snap_id": SNAP_ID,
                    "metric_name": "daily_device_change",
                    "buckets": ["2026-11-01", "2026-11-02"],
                    "series": [{"name": "continued", "values": [10, None]}, {"name": "lost", "values": None}],
                }
            ]
        }
        start, end = date(2026, 11, 1), date(2026, 11, 2)
        async with dashboard.client() as store:
            found = await store.metrics.get(NAME, "daily_device_change", start, end)
            with pytest.raises(InvalidResponse):
                await store.metrics.get(NAME, "installed_base_by_version", start, end)
            with pytest.raises(InputError, match="is before start"):
                await store.metrics.get(NAME, "daily_device_change", end, start)
            assert await store.metrics.query([MetricFilter(SNAP_ID, "daily_device_change", start, end)]) == (found,)
            with pytest.raises(InputError, match="one or more filters"):
                await store.metrics.query([])
        assert dashboard.bodies[key][0] == {
            "filters": [
                {
                    "snap_id": SNAP_ID,
                    "metric_name": "daily_device_change",
                    "start": "2026-11-01",
                    "end": "2026-11-02",
                }
            ]
        }
        assert [(series.name, series.values) for series in found.series] == [("continued", (10, None)), ("lost", ())]


class TestMetadata:
    @pytest.mark.parametrize(("force", "method"), [(False, "POST"), (True, "PUT")])
    async def test_update(self, dashboard: SnapDashboard, force: Any, method: str):
        key = f"{method} /dev/api/snaps/{SNAP_ID}/metadata"
        dashboard.canned[key] = {}
        dashboard.faults.add(DropAfter(), method=method)
        async with dashboard.client() as store:
            await store.metadata.update(NAME, {"summary": "A snap"}, force=force)
            with pytest.raises(InputError, match="metadata= is empty"):
                await store.metadata.update(NAME, {})
        assert dashboard.bodies[key] == [{"summary": "A snap"}] * 2

    async def test_a_conflict_has_all_values_of_the_store(self, dashboard: SnapDashboard):
        errors = [
            {"message": "original summary", "code": "conflict", "extra": {"name": "summary"}},
            {"message": "original description", "code": "conflict", "extra": {"name": "description"}},
        ]
        dashboard.canned[f"POST /dev/api/snaps/{SNAP_ID}/metadata"] = lambda *_: refusal_of(errors)
        async with dashboard.client() as store:
            with pytest.raises(Conflict, match="original summary; original description") as caught:
                await store.metadata.update(NAME, {"summary": "A", "description": "B"})
        assert [message for _, message in caught.value.errors] == ["original summary", "original description"]

    @pytest.mark.parametrize(("force", "method"), [(False, "POST"), (True, "PUT")])
    async def test_an_icon(self, dashboard: SnapDashboard, icon: Path, force: Any, method: str):
        path = f"/dev/api/snaps/{SNAP_ID}/binary-metadata"
        screenshot = {"type": "screenshot", "url": "https://example.com/1.png", "hash": "1"}
        dashboard.canned[f"GET {path}"] = [{"type": "icon", "hash": "0"}, screenshot]
        forms = []

        def respond(request: ServerRequest, body: Any) -> Any:
            forms.append(form(request, body))
            return json.loads(forms[-1]["info"][1])

        dashboard.canned[f"{method} {path}"] = respond
        async with dashboard.client() as store:
            assert await store.metadata.update_binary(NAME, icon, force=force) is True
            assert await store.metadata.update_binary(NAME, b"PNG 1", filename="x.png", force=force) is True
        digest = hashlib.sha256(b"PNG").hexdigest()
        assert [part["icon"] for part in forms] == [("icon.png", b"PNG"), ("x.png", b"PNG 1")]
        assert json.loads(forms[0]["info"][1]) == [
            screenshot,
            {"type": "icon", "hash": digest, "key": "icon", "filename": "icon.png"},
        ]

    async def test_the_same_icon_is_not_sent_again(self, dashboard: SnapDashboard, icon: Path):
        path = f"/dev/api/snaps/{SNAP_ID}/binary-metadata"
        dashboard.canned[f"GET {path}"] = [{"type": "icon", "hash": hashlib.sha256(b"PNG").hexdigest()}]
        async with dashboard.client() as store:
            assert await store.metadata.update_binary(NAME, icon) is False
            assert [media.type for media in await store.metadata.get_binary(NAME)] == ["icon"]
            dashboard.canned[f"GET {path}"] = []
            assert await store.metadata.update_binary(NAME, None) is False
        assert dashboard.count("POST") == 0

    @pytest.mark.parametrize("media", [{"type": 5}, {"url": "x"}, {"type": "icon", "url": ["x"]}])
    async def test_media_that_cannot_be_read(self, dashboard: SnapDashboard, media: Any):
        dashboard.canned[f"GET /dev/api/snaps/{SNAP_ID}/binary-metadata"] = [media]
        async with dashboard.client() as store:
            with pytest.raises(InvalidResponse, match="binary-metadata"):
                await store.metadata.get_binary(NAME)

    async def test_no_icon(self, dashboard: SnapDashboard):
        path = f"/dev/api/snaps/{SNAP_ID}/binary-metadata"
        dashboard.canned[f"GET {path}"] = [{"type": "icon", "hash": "0"}]
        forms = []
        dashboard.canned[f"POST {path}"] = lambda request, body: (forms.append(form(request, body)), [])[1]
        async with dashboard.client() as store:
            assert await store.metadata.update_binary(NAME, None) is True
            for wrong in ((b"PNG", None), ("icon.png", "x.png"), (None, "x.png")):
                with pytest.raises(InputError):
                    await store.metadata.update_binary(NAME, wrong[0], filename=wrong[1])
        assert forms == [{"info": (None, b"[]")}]


@pytest.fixture
def icon(tmp_path: Path) -> Path:
    """An icon."""
    path = tmp_path / "icon.png"
    path.write_bytes(b"PNG")
    return path


def refusal_of(errors: list[Any]) -> Any:
    """A refusal with these errors."""
    response = refusal(409, "", "")
    return type(response)(409, response.headers, json.dumps({"error_list": errors}).encode())


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.revisions.check_upload(NAME),
        lambda store: store.metrics.query([MetricFilter(SNAP_ID, "m", date(2026, 1, 1), date(2026, 1, 1))]),
        lambda store: store.validations.build_set({"name": "x"}),
        lambda store: store.validations.build_confdb_schema({"name": "x"}),
    ],
    ids=["check_upload", "metrics", "build_set", "build_confdb_schema"],
)
async def test_posts_that_change_nothing_leave_no_doubt(dashboard: SnapDashboard, call: Any):
    dashboard.faults.add(DropAfter(), method="POST", times=None)
    async with dashboard.client() as store:
        with pytest.raises(NetworkError) as caught:
            await call(store)
    assert caught.value.outcome == "not_done"
    assert dashboard.count("POST") == 3
