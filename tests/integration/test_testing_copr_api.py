"""The embedded Copr over HTTP: the recorded responses of a genuine frontend (August 2026), with its quirks."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from lading.testing import EmbeddedCopr
from tests.support.copr_refusals import BUG, REFUSED, URL, WHERE, new, submission

NOW = datetime(2026, 11, 20, 15, 48, tzinfo=UTC)
CHROOTS = {
    "fedora-rawhide-x86_64": "",
    "fedora-43-x86_64": "",
    "epel-8-x86_64": "",
    "epel-9-x86_64": "",
    "centos-stream-10-x86_64": "a comment for this chroot",
}
NOT_JSON = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
LATE = "Login invalid/expired. Please visit {url}/api to get or renew your API token."


@pytest.fixture
def store():
    with EmbeddedCopr(now=NOW, chroots=CHROOTS) as store:
        store.add_project("demo", chroots=["fedora-rawhide-x86_64", "fedora-43-x86_64"])
        store.add_user("other")
        store.add_user("boss", admin=True)
        yield store
    assert not store.errors


@pytest.fixture
def call(store):
    """Send a request as a user, ``owner`` where not given; without a token where ``by`` is ``None``."""
    with httpx.Client(base_url=f"{store.url}/api_3", trust_env=False) as client:

        def call(verb, path, payload=None, *, by="owner", **more):
            user = None if by is None else store.add_user(by)
            auth = None if user is None else (user.login, user.token)
            if payload is not None:
                more["json"] = payload
            return client.request(verb, path, auth=auth, **more)

        yield call


@pytest.mark.parametrize(
    ("by", "verb", "path", "payload", "status", "text"), REFUSED, ids=lambda value: str(value)[:40]
)
def test_refusals(call, by, verb, path, payload, status, text):
    response = call(verb, path, payload, by=by)
    assert (response.status_code, response.json()) == (status, {"error": text})
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["", "/", "/project/?ownername=owner&projectname=demo"])
def test_slashes_at_the_end_are_neither_needed_nor_harmful(call, path):
    assert call("GET", path, by=None).status_code == 200


def test_other_methods(call):
    head = call("HEAD", "/project?ownername=owner&projectname=demo", by=None)
    assert (head.status_code, head.content) == (200, b"")
    options = call("OPTIONS", "/project", by=None)
    assert (options.status_code, options.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Basic eDp5", 401),
        ("Basic eDp5Ono=", 500),
        ("Basic ???", 500),
        ("Bearer abc", 500),
        ("Basic", 500),
    ],
)
def test_invalid_credentials(store, call, authorization, status):
    headers = {} if authorization is None else {"Authorization": authorization}
    response = call("GET", "/auth-check", by=None, headers=headers)
    text = LATE.format(url=store.url) if status == 401 else BUG
    assert (response.status_code, response.json()["error"]) == (status, text)
    assert response.json().get("output") == ("notok" if status == 401 else None)
    assert call("GET", "/project/list", by=None, headers=headers).status_code == 200


def test_a_token_ends_with_its_last_day(store, call):
    assert call("GET", "/auth-check").json() == {"name": "owner", "id": 1}
    store.advance_clock(180 * 24 * 3600)
    assert call("GET", "/auth-check").status_code == 200
    store.advance_clock(24 * 3600)
    assert call("GET", "/auth-check").status_code == 401


def test_a_rotated_token(store, call):
    old = (store.owner.login, store.owner.token)
    fresh = call("POST", "/api-token").json()
    assert fresh == {"api_login": store.owner.login, "api_token": store.owner.token, "expiration": "2027-05-19"}
    assert {len(fresh["api_login"]), len(fresh["api_token"])} == {20, 30}
    assert httpx.get(f"{store.url}/api_3/auth-check", auth=old, trust_env=False).status_code == 401
    assert call("GET", "/auth-check").status_code == 200


class TestProjects:
    def test_a_new_project(self, store, call):
        assert call("POST", "/project/add/owner", new()).json() == {
            "name": "new",
            "persistent": False,
            "additional_repos": [],
            "storage": "backend",
            "homepage": None,
            "contact": None,
            "description": "",
            "instructions": "",
            "devel_mode": False,
            "unlisted_on_hp": False,
            "auto_prune": True,
            "enable_net": False,
            "bootstrap": "default",
            "isolation": "default",
            "module_hotfixes": False,
            "appstream": False,
            "packit_forge_projects_allowed": [],
            "follow_fedora_branching": True,
            "repo_priority": None,
            "id": 2,
            "ownername": "owner",
            "full_name": "owner/new",
            "chroot_repos": {"fedora-rawhide-x86_64": f"{store.url}/results/owner/new/fedora-rawhide-x86_64/"},
        }

    @pytest.mark.parametrize(("value", "status"), [("True", 200), ("true", 400), ("1", 400)])
    def test_exist_ok_must_be_spelled_exactly(self, call, value, status):
        response = call("POST", f"/project/add/owner?exist_ok={value}", new("demo", description="changed"))
        assert response.status_code == status
        assert response.json().get("description", "") == ""

    def test_null_means_missing_and_strings_are_true(self, call):
        response = call("POST", "/project/add/owner", new(homepage=None, enable_net="False", devel_mode="false")).json()
        assert (response["homepage"], response["enable_net"], response["devel_mode"]) == (None, True, False)

    def test_an_administrator_may_do_more(self, call):
        response = call("POST", "/project/add/boss", new(persistent=True, storage="pulp"), by="boss").json()
        assert (response["persistent"], response["storage"]) == (True, "pulp")
        refused = call("DELETE", "/project/delete/boss/new", {"verify": True}, by="boss")
        assert (refused.status_code, refused.json()) == (403, {"error": "This project is protected against deletion."})

    def test_a_web_form_is_read_character_by_character(self, call):
        response = call("POST", "/project/add/owner", data={"name": "new", "chroots": "epel-9"})
        assert (response.status_code, response.json()) == (400, {"error": "Unexpected chroot: -, 9, e, l, p"})

    def test_malformed_json_means_an_empty_body(self, call):
        response = call("POST", "/project/add/owner", content=b"{no", headers={"Content-Type": "application/json"})
        assert response.json()["error"].startswith("name: This field is required.")

    def test_edits_change_the_sent_fields(self, call):
        before = call("GET", "/project?ownername=owner&projectname=demo").json()
        after = call("PUT", "/project/edit/owner/demo", {"repos": ["http://e.com/"], "chroots": [], "repo_priority": 7})
        assert after.json() == {**before, "additional_repos": ["http://e.com/"], "repo_priority": 7}
        cleared = call("POST", "/project/edit/owner/demo", {"additional_repos": [], "delete_after_days": -1})
        assert cleared.json()["additional_repos"] == []
        assert cleared.headers["Warning"] == "This method is deprecated: Use PUT method instead of POST"

    def test_deletion_needs_no_verification_but_finished_builds(self, store, call):
        build = store.add_build("demo", URL)
        refused = call("DELETE", "/project/delete/owner/demo", {"verify": True})
        assert (refused.status_code, refused.json()) == (400, {"error": f"Build(s) {build} are still running.\n"})
        store.finish(build)
        assert call("DELETE", "/project/delete/owner/demo").json()["name"] == "demo"
        assert store.builds == ()

    def test_search_finds_words_of_listed_projects(self, store, call):
        store.add_project("hidden", unlisted_on_hp=True)
        found = {
            query: [
                project["name"] for project in call("GET", "/project/search", params={"query": query}).json()["items"]
            ]
            for query in ("demo", "dem", "hidden", "own/dem")
        }
        assert found == {"demo": ["demo"], "dem": [], "hidden": [], "own/dem": ["demo"]}

    def test_permission_to_build(self, call):
        path = "/project/permissions/can_build_in/{}/owner/demo"
        assert call("GET", path.format("other"), by=None).json() == {**WHERE, "who": "other", "can_build_in": False}
        assert call("GET", path.format("nobody"), by=None).status_code == 500
        assert call("PUT", "/project/permissions/request/owner/demo", {"builder": True}, by="other").json() == {
            "updated": True
        }
        changed = call("PUT", "/project/permissions/set/owner/demo", {"other": {"builder": "approved"}}).json()
        assert changed == {"updated": ["other"]}
        assert call("GET", path.format("other"), by=None).json()["can_build_in"] is True


class TestPaging:
    @pytest.fixture
    def names(self, store, call):
        for number in range(5):
            store.add_project(f"page{number}", owner="other")

        def names(query):
            response = call("GET", f"/project/list?ownername=other&{query}", by=None).json()
            return "".join(item["name"][-1] for item in response["items"]), response["meta"]

        return names

    @pytest.mark.parametrize(
        ("query", "found", "meta"),
        [
            ("", "01234", (None, 0, "id", "ASC")),
            ("limit=3", "012", (3, 0, "id", "ASC")),
            ("limit=3&offset=3", "34", (3, 3, "id", "ASC")),
            ("limit=3&offset=1000", "", (3, 1000, "id", "ASC")),
            ("limit=0", "01234", (None, 0, "id", "ASC")),
            ("order=name&order_type=DESC", "43210", (None, 0, "name", "DESC")),
            ("order_type=", "43210", (None, 0, "id", "DESC")),
            ("limit=2&limit=3", "01", (2, 0, "id", "ASC")),
        ],
    )
    def test_projects(self, names, query, found, meta):
        assert names(query) == (found, dict(zip(("limit", "offset", "order", "order_type"), meta, strict=True)))

    def test_builds_are_newest_first_whatever_order_is_requested(self, store, call):
        for _ in range(4):
            store.add_build("demo", URL)
        response = call("GET", "/build/list?ownername=owner&projectname=demo&limit=3&order=id&order_type=ASC").json()
        assert [build["id"] for build in response["items"]] == [4, 3, 2]
        assert response["meta"] == {"limit": 3, "offset": 0, "order": "id", "order_type": "ASC"}

    def test_builds_in_one_state_overlap_from_page_to_page(self, store, call):
        for number in range(1, 7):
            store.add_build("demo", URL)
            if number % 2:
                store.finish(number)
        pages = [
            [build["id"] for build in call("GET", path).json()["items"]]
            for offset in (0, 2, 4)
            for path in [f"/build/list?ownername=owner&projectname=demo&status=succeeded&limit=2&offset={offset}"]
        ]
        assert pages == [[5, 3], [3, 1], [1]]

    def test_mock_chroots_are_not_paged(self, call):
        assert call("GET", "/mock-chroots/list?limit=1", by=None).json() == CHROOTS


class TestUploads:
    def send(self, call, *parts):
        return call("POST", "/build/create/upload", files=list(parts))

    def test_the_file_and_the_fields_arrive_in_any_order(self, store, call):
        file = ("pkgs", ("a-1-1.src.rpm", b"zz", "application/x-rpm"))
        payload = ("json", ("json", json.dumps(WHERE), "application/json"))
        for parts in ((file, payload), (payload, file)):
            response = self.send(call, *parts).json()
            assert response["state"] == "pending"
            assert httpx.get(response["source_package"]["url"], trust_env=False).content == b"zz"
        assert [build.upload.read_bytes() for build in store.builds] == [b"zz", b"zz"]

    @pytest.mark.parametrize(
        ("filename", "status", "text"),
        [
            ("plain.txt", 400, "['You can upload only .src.rpm, .nosrc.rpm, and .spec files']"),
            (None, 400, "['This field is required.']"),
        ],
    )
    def test_other_files(self, call, filename, status, text):
        payload = ("json", ("json", json.dumps(WHERE), "application/json"))
        files = [] if filename is None else [("pkgs", (filename, b"", "application/x-rpm"))]
        response = self.send(call, payload, *files)
        assert (response.status_code, response.json()) == (
            status,
            {"error": f"Bad request parameters: {{'pkgs': {text}}}"},
        )

    def test_json_without_a_file_name_is_not_read(self, call):
        payload = ("json", (None, json.dumps(WHERE)))
        response = self.send(call, payload, ("pkgs", ("a-1-1.src.rpm", b"zz", "application/x-rpm")))
        assert (response.status_code, response.json()) == (415, {"error": NOT_JSON})

    def test_a_form_that_is_cut_off(self, store, call):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        part = b'--x\r\nContent-Disposition: form-data; name="pkgs"; filename="a.src.rpm"\r\n\r\nzz'
        response = call("POST", "/build/create/upload", content=part, headers=headers)
        assert response.status_code == 400
        assert store.builds == ()


class TestBuilds:
    def test_a_new_build(self, store, call):
        (build,) = call("POST", "/build/create/url", submission()).json()["items"]
        assert build == {
            "chroots": [],
            "ended_on": None,
            "id": 1,
            "is_background": False,
            "ownername": "owner",
            "project_dirname": "demo",
            "projectname": "demo",
            "repo_url": f"{store.url}/results/owner/demo",
            "started_on": None,
            "state": "pending",
            "submitted_on": int(NOW.timestamp()),
            "submitter": "owner",
            "source_package": {"name": None, "url": URL, "version": None},
        }
        config = call("GET", "/build/source-build-config/1", by=None).json()
        assert config == {
            "source_type": "link",
            "source_dict": {"url": URL},
            "memory_limit": 2048,
            "timeout": 18000,
            "is_background": False,
        }

    def test_chroots_by_pattern(self, store, call):
        call("POST", "/build/create/url", submission(chroots=["fedora-*"], exclude_chroots=["*-43-*"], background=True))
        (build,) = store.builds
        assert (dict(build.chroots), build.options["background"]) == ({"fedora-rawhide-x86_64": "waiting"}, True)

    def test_logs_are_renamed(self, store, call):
        build = store.add_build("demo", URL)
        seen = []
        for _ in range(8):
            (shown,) = call(
                "GET",
                "/monitor?ownername=owner&projectname=demo&additional_fields[]=url_build_log&additional_fields[]=url_backend_log",
            ).json()["packages"] or [None]
            if shown is not None:
                chroot = shown["chroots"]["fedora-43-x86_64"]
                seen.append(
                    (
                        chroot["state"],
                        *(re.sub(r".*/", "", chroot[n] or "") for n in ("url_build_log", "url_backend_log")),
                    )
                )
            store.advance_builds(build)
        assert seen == [
            ("pending", "", ""),
            ("starting", "", "backend.log"),
            ("running", "builder-live.log", "backend.log"),
            ("succeeded", "builder-live.log.gz", "backend.log.gz"),
        ]

    def test_the_source_chroot_is_not_there_before_it_has_logs(self, store, call):
        build = store.add_build("demo", URL)
        statuses = []
        for _ in range(5):
            statuses.append(call("GET", f"/build/source-chroot/{build}").status_code)
            store.advance_builds(build)
        assert statuses == [500, 500, 200, 200, 200]

    def test_cancelled_at_once(self, store, call):
        build = store.add_build("demo", URL)
        assert call("PUT", f"/build/cancel/{build}").json()["state"] == "canceled"
        refused = call("PUT", f"/build/cancel/{build}")
        assert (refused.status_code, refused.json()) == (409, {"error": f"Cannot cancel build {build}"})
        assert call("POST", f"/build/delete/{build}").headers["Warning"].startswith("This method is deprecated")

    def test_deletion_of_many_is_all_or_nothing(self, store, call):
        done, running = (store.add_build("demo", URL) for _ in range(2))
        store.finish(done)
        refused = call("DELETE", "/build/delete/list", {"builds": [done, running, 99]})
        text = f"Build(s) {running} are still running.\nBuild(s) 99 don't exist.\n"
        assert (refused.status_code, refused.json()) == (400, {"error": text})
        forbidden = call("DELETE", f"/build/delete/{done}", by="other")
        assert forbidden.json() == {"error": f"User 'other' doesn't have permissions to delete build {done}"}
        assert len(store.builds) == 2

    def test_flags_of_one_package_are_set_by_any_value(self, store, call):
        store.finish(store.add_build("demo", URL))
        one, many = "/package?packagename=a&ownername=owner", "/package/list?ownername=owner"
        found = {}
        for path in (one, many):
            for value in ("", "False", "True"):
                response = call("GET", f"{path}&projectname=demo&with_latest_build={value}").json()
                (package,) = response.get("items", [response])
                found[path, value] = package["builds"]["latest"] is not None
        assert [found[one, value] for value in ("", "False", "True")] == [False, True, True]
        assert [found[many, value] for value in ("", "False", "True")] == [False, False, True]

    def test_a_chroot_has_its_own_page(self, store, call):
        build = store.add_build("demo", URL)
        path = f"/build-chroot?build_id={build}&chrootname="
        text = f"Build {build} was not submitted to epel-8-x86_64 chroot."
        assert call("GET", f"{path}epel-8-x86_64").json() == {"error": text}
        store.finish(build)
        shown = call("GET", f"{path}fedora-43-x86_64").json()
        url = f"{store.url}/results/owner/demo/fedora-43-x86_64/00000001-a/"
        assert (shown["state"], shown["result_url"]) == ("succeeded", url)
