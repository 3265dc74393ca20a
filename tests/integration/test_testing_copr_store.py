"""The controls of the embedded Copr: clock, states of builds, results to download, sessions, optional features."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from configparser import RawConfigParser
from datetime import UTC, datetime

import httpx
import pytest

from lading.testing import EmbeddedCopr, Respond
from lading.testing.copr._results import read_nevra

URL = "https://example.com/hello-1.0-1.src.rpm"
CHROOT = "fedora-rawhide-x86_64"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def store():
    with EmbeddedCopr(now=NOW) as store:
        store.add_project("demo", chroots=[CHROOT, "epel-9-x86_64"])
        yield store
    assert not store.errors


def get(url, **more):
    return httpx.get(url, trust_env=False, **more)


def results(store, build, chroot=CHROOT, name="hello"):
    return f"{store.url}/results/owner/demo/{chroot}/{build:08}-{name}/"


def links(response):
    return re.findall(r'href="([^"]+)"', response.text)


class TestByHand:
    def test_every_state_on_the_way(self, store):
        build = store.add_build("demo", URL)
        seen = []
        for _ in range(9):
            seen.append(
                (store.build(build).state, store.build(build).source_state, *store.build(build).chroots.values())
            )
            store.advance_builds(build)
        assert seen == [
            ("pending", "pending"),
            ("starting", "starting"),
            ("running", "running"),
            ("importing", "importing"),
            ("pending", "succeeded", "pending", "pending"),
            ("starting", "succeeded", "starting", "starting"),
            ("running", "succeeded", "running", "running"),
            ("succeeded", "succeeded", "succeeded", "succeeded"),
            ("succeeded", "succeeded", "succeeded", "succeeded"),
        ]

    def test_times_are_those_of_the_clock(self, store):
        build = store.add_build("demo", URL)
        for _ in range(7):
            store.advance_clock(10)
            store.advance_builds()
        shown = get(f"{store.url}/api_3/build/{build}").json()
        start = int(NOW.timestamp())
        assert [shown[name] - start for name in ("submitted_on", "started_on", "ended_on")] == [0, 60, 70]

    @pytest.mark.parametrize(
        ("state", "chroots", "overall"),
        [
            ("succeeded", {"epel-9-x86_64": "failed"}, "failed"),
            ("succeeded", {"epel-9-x86_64": "skipped"}, "succeeded"),
            ("skipped", None, "skipped"),
            ("forked", None, "forked"),
            ("canceled", None, "canceled"),
            ("failed", None, "failed"),
        ],
    )
    def test_final_states(self, store, state, chroots, overall):
        build = store.add_build("demo", URL)
        store.finish(build, state, chroots=chroots)
        assert store.build(build).state == overall

    def test_a_source_build_that_fails(self, store):
        build = store.add_build("demo", URL)
        store.finish(build, "failed", source=True)
        store.advance_builds()
        assert (store.build(build).state, dict(store.build(build).chroots)) == ("failed", {})
        log = f"{store.url}/results/owner/demo/srpm-builds/{build:08}/builder-live.log.gz"
        assert get(log).text == "builder-live.log\n"

    def test_cancelled_while_it_runs(self, store):
        build = store.add_build("demo", URL)
        for _ in range(6):
            store.advance_builds()
        auth = (store.owner.login, store.owner.token)
        httpx.put(f"{store.url}/api_3/build/cancel/{build}", auth=auth, trust_env=False).raise_for_status()
        seen = [(store.build(build).state, store.build(build).chroots[CHROOT])]
        store.advance_builds()
        seen.append((store.build(build).state, store.build(build).chroots[CHROOT]))
        assert seen == [("canceled", "running"), ("canceled", "canceled")]
        assert get(results(store, build) + "success").status_code == 404

    def test_unknown_states(self, store):
        build = store.add_build("demo", URL)
        store.set_state(build, "marinating")
        store.advance_builds()
        assert get(f"{store.url}/api_3/build/{build}").json()["state"] == "marinating"
        store.set_state(build, None)
        assert store.build(build).state == "pending"

    def test_mistakes(self, store):
        build = store.add_build("demo", URL)
        with pytest.raises(LookupError, match="the store has no build 9"):
            store.advance_builds(9)
        with pytest.raises(ValueError, match="a build does not end as running"):
            store.finish(build, "running")
        with pytest.raises(ValueError, match="only as failed"):
            store.finish(build, source=True)
        with pytest.raises(ValueError, match="is not a state"):
            store.set_state(build, "no state")
        with pytest.raises(LookupError, match="has no chroot epel-7-x86_64"):
            store.finish(build, chroots={"epel-7-x86_64": "failed"})
        with pytest.raises(ValueError, match="is not the name of a package"):
            store.finish(build, packages=["nonsense"])
        with pytest.raises(RuntimeError, match="started only once"):
            store.start()

    def test_names_of_packages(self):
        assert read_nevra("hello-lib-2:1.0-1.fc43.noarch.rpm") == {
            "name": "hello-lib",
            "epoch": 2,
            "version": "1.0",
            "release": "1.fc43",
            "arch": "noarch",
        }


class TestResults:
    def test_everything_is_in_the_list(self, store):
        build = store.add_build("demo", URL)
        store.finish(build, packages={"hello-1.0-1.noarch": b"package"})
        listing = get(results(store, build))
        assert listing.headers["Content-Type"].startswith("text/html")
        assert links(listing) == [
            *("..", "backend.log.gz", "build.info", "build.log.gz", "builder-live.log.gz"),
            *("hello-1.0-1.noarch.rpm", "hello.spec", "results.json", "root.log.gz", "state.log.gz", "success"),
        ]
        for name in links(listing)[1:]:
            assert get(results(store, build) + name).status_code == 200
        assert get(results(store, build) + "hello-1.0-1.noarch.rpm").content == b"package"
        shown = get(results(store, build) + "results.json").json()
        assert [package["name"] for package in shown["packages"]] == ["hello"]
        moved = get(results(store, build).rstrip("/"))
        assert (moved.status_code, moved.headers["Location"]) == (301, httpx.URL(results(store, build)).path)

    def test_files_that_a_test_adds(self, store):
        build = store.add_build("demo", URL)
        store.finish(build)
        (store.result_directory(build, CHROOT) / "review.txt").write_text("fine")
        assert "review.txt" in links(get(results(store, build)))
        assert get(results(store, build) + "review.txt").text == "fine"

    def test_directories_of_a_project(self, store):
        build = store.add_build("demo", URL, dirname="demo:pr:12")
        store.finish(build)
        url = f"{store.url}/results/owner/demo:pr:12/{CHROOT}/{build:08}-hello/success"
        assert get(url).text == "done\n"
        assert "demo%3Apr%3A12/" in links(get(f"{store.url}/results/owner/"))

    @pytest.mark.parametrize("devel_mode", [False, True])
    def test_pulp_has_packages_elsewhere(self, store, devel_mode):
        store.add_project("pulp", storage="pulp", devel_mode=devel_mode)
        build = store.add_build("pulp", URL)
        store.finish(build, packages={"hello-1.0-1.noarch": b"package"})
        listed, direct, devel = (
            f"{store.url}/results/owner/pulp/{CHROOT}{suffix}/{build:08}-hello/{name}"
            for suffix, name in (("", ""), ("", "hello-1.0-1.noarch.rpm"), ("-devel", "hello-1.0-1.noarch.rpm"))
        )
        assert not [name for name in links(get(listed)) if name.endswith(".rpm")]
        found, missing = (devel, direct) if devel_mode else (direct, devel)
        assert get(found).status_code == 302
        assert get(found, follow_redirects=True).content == b"package"
        assert get(missing).status_code == 404

    @pytest.mark.parametrize("path", ["/results/../tmp", "/results/%2e%2e/secret", "/etc/passwd", "/results//x", "/"])
    def test_nothing_outside(self, store, path):
        assert httpx.get(httpx.URL(store.url).copy_with(raw_path=path.encode()), trust_env=False).status_code == 404

    def test_it_is_read_only(self, store):
        assert httpx.put(f"{store.url}/results/x", content=b"", trust_env=False).status_code == 405


class TestSessions:
    def test_a_ticket_opens_one(self):
        with (
            EmbeddedCopr(gssapi="kerberized") as store,
            httpx.Client(base_url=f"{store.url}/api_3", trust_env=False) as client,
        ):
            refused = client.get("/gssapi_login/")
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Negotiate")
            assert refused.headers["Content-Type"].startswith("text/html")
            opened = client.get("/gssapi_login/", headers={"Authorization": "Negotiate dGlja2V0"})
            assert opened.json() == client.get("/auth-check").json() == {"name": "kerberized", "id": 2}
            # The session outranks a token, whether that is good or not.
            for login in ((store.owner.login, store.owner.token), ("x", "y")):
                assert client.get("/auth-check", auth=login).json()["name"] == "kerberized"
            store.expire_sessions()
            assert client.get("/auth-check").status_code == 401
            assert client.get("/auth-check", auth=(store.owner.login, store.owner.token)).json()["name"] == "owner"
        assert not store.errors

    def test_its_configuration(self, store, tmp_path):
        parser = RawConfigParser()
        parser.read(store.write_config(tmp_path / "deep" / "copr", store.add_user("friend")))
        section = dict(parser["copr-cli"])
        friend = store.add_user("friend")
        assert section == {
            "login": friend.login,
            "username": "friend",
            "token": friend.token,
            "copr_url": store.url,
            "encrypted": "False",
        }
        assert "# expiration date: 2027-05-19" in store.config_text()


def test_modules_as_they_were():
    with EmbeddedCopr(modules=True) as store:
        store.add_project("demo")
        url, auth = f"{store.url}/api_3/module/build/owner/demo", (store.owner.login, store.owner.token)
        by_url = httpx.post(
            url, json={"scmurl": "https://example.com/mod", "branch": "f43"}, auth=auth, trust_env=False
        )
        by_file = httpx.post(url, files={"modulemd": ("mod.yaml", b"document: modulemd")}, auth=auth, trust_env=False)
        nothing = httpx.post(url, json={}, auth=auth, trust_env=False)
        assert (by_url.json(), by_file.json()) == ({"nsv": "mod-f43-1"}, {"nsv": "mod-master-2"})
        assert nothing.json() == {"error": "scmurl: This field is required."}
    assert not store.errors


def test_builds_that_get_on_when_they_are_looked_at():
    with EmbeddedCopr(auto_advance=True) as store:
        store.add_project("demo")
        build = store.add_build("demo", URL)
        lists = f"{store.url}/api_3/build/list?ownername=owner&projectname=demo"
        seen = [get(f"{store.url}/api_3/build/{build}").json()["state"]]
        seen.extend(get(lists).json()["items"][0]["state"] for _ in range(7))
    assert seen == ["pending", "starting", "running", "importing", "pending", "starting", "running", "succeeded"]


def test_projects_of_others():
    with EmbeddedCopr(chroots=["epel-9-x86_64"]) as store:
        store.add_user("member", groups=["@packagers"])
        store.add_project("demo", owner="@packagers")
        shown = get(f"{store.url}/api_3/project?ownername=@packagers&projectname=demo").json()
        assert (shown["ownername"], list(shown["chroot_repos"])) == ("@packagers", ["epel-9-x86_64"])
        with pytest.raises(LookupError, match="no user or group @nobody"):
            store.add_project("demo", owner="@nobody")


def test_faults(store):
    store.faults.add(Respond(502, b"<html>", {"Content-Type": "text/html"}), path="/api_3/build/*")
    build = store.add_build("demo", URL)
    statuses = [get(f"{store.url}/api_3/build/{build}").status_code for _ in range(2)]
    assert statuses == [502, 200]


def test_the_fixture(lading_copr):
    assert get(f"{lading_copr.url}/api_3/").json() == {"version": 3}


def test_it_runs_as_a_command():
    command = [sys.executable, "-m", "lading.testing", "copr"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = [process.stdout.readline() for _ in range(7)]
            parser = RawConfigParser()
            parser.read_string("".join(lines))
            section = parser["copr-cli"]
            response = get(f"{section['copr_url']}/api_3/auth-check", auth=(section["login"], section["token"]))
            assert response.json()["name"] == "owner"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
