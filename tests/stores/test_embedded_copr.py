"""python-copr completes its whole cycle against the embedded Copr."""

from __future__ import annotations

import gc
import gzip
import warnings

import pytest
import requests
from copr.v3 import (
    BuildProxy,
    Client,
    CoprAuthException,
    CoprException,
    CoprNoResultException,
    CoprRequestException,
    config_from_file,
)
from copr.v3.helpers import succeeded, wait
from copr.v3.pagination import all_pages, next_page

from lading.testing import EmbeddedCopr
from tests.support.srpm import srpm

CHROOTS = ["fedora-rawhide-x86_64", "epel-9-x86_64"]


# The official client never closes the files that it sends.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture(autouse=True)
def nothing_left_open():
    """What it left open is closed before the next test, where that would be an error."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def official(embedded_copr, tmp_path):
    """python-copr, configured by file; and how to make another one for another user."""

    def official(user=None):
        path = embedded_copr.write_config(tmp_path / f"copr-{user.name if user else 'owner'}", user)
        return Client(config_from_file(str(path)))

    return official


@pytest.fixture
def client(official):
    client = official()
    client.project_proxy.add("owner", "demo", CHROOTS, description="A demo")
    return client


def plain(response):
    """A response without what the client adds to it."""
    return {key: value for key, value in response.items() if not key.startswith("__")}


def test_projects(embedded_copr, client):
    assert client.base_proxy.home()["version"] == 3
    assert client.base_proxy.auth_check()["name"] == client.base_proxy.auth_username() == "owner"
    projects = client.project_proxy
    got = projects.get("owner", "demo")
    assert (got.full_name, got.description, set(got.chroot_repos)) == ("owner/demo", "A demo", set(CHROOTS))
    with pytest.raises(CoprRequestException, match="You already have a project named 'demo'"):
        projects.add("owner", "demo", CHROOTS)
    assert plain(projects.add("owner", "demo", CHROOTS[:1], exist_ok=True)) == plain(got)
    changed = projects.edit(
        "owner", "demo", description="Other", chroots=CHROOTS[:1], additional_repos=["https://e.com"]
    )
    assert (changed.description, list(changed.chroot_repos)) == ("Other", CHROOTS[:1])
    assert changed.additional_repos == ["https://e.com"]
    assert plain(projects.regenerate_repos("owner", "demo")) == plain(projects.get("owner", "demo"))
    assert [found.name for found in projects.search("demo")] == ["demo"]
    assert [found.name for found in projects.get_list("owner")] == ["demo"]
    assert projects.delete("owner", "demo").name == "demo"
    with pytest.raises(CoprNoResultException, match="Project owner/demo does not exist"):
        projects.get("owner", "demo")


def test_permissions(embedded_copr, official, client):
    friend = official(embedded_copr.add_user("friend"))
    projects = client.project_proxy
    with pytest.raises(CoprNoResultException, match="No permissions set on owner/demo project"):
        projects.get_permissions("owner", "demo")
    assert projects.can_build_in("friend", "owner", "demo") is False
    friend.project_proxy.request_permissions("owner", "demo", {"builder": True})
    assert projects.get_permissions("owner", "demo").permissions == {
        "friend": {"admin": "nothing", "builder": "request"}
    }
    with pytest.raises(CoprAuthException, match="not allowed to build in the copr"):
        friend.build_proxy.create_from_url("owner", "demo", "https://example.com/a-1-1.src.rpm")
    projects.set_permissions("owner", "demo", {"friend": {"builder": "approved"}})
    assert projects.can_build_in("friend", "owner", "demo") is True
    assert (
        friend.build_proxy.create_from_url("owner", "demo", "https://example.com/a-1-1.src.rpm").submitter == "friend"
    )


def test_a_group(embedded_copr, official):
    member = official(embedded_copr.add_user("member", groups=["packagers"]))
    member.project_proxy.add("@packagers", "demo", CHROOTS)
    assert member.project_proxy.get("@packagers", "demo").ownername == "@packagers"
    build = member.build_proxy.create_from_url("@packagers", "demo", "https://example.com/a-1-1.src.rpm")
    embedded_copr.finish(build.id)
    (chroot, *_) = member.build_chroot_proxy.get_list(build.id)
    assert f"/results/@packagers/demo/{chroot.name}/00000001-a/" in chroot.result_url
    assert requests.get(chroot.result_url + "success", timeout=10).status_code == 200


def test_builds_from_all_sources(embedded_copr, client, tmp_path):
    builds = client.build_proxy
    path = srpm(tmp_path)
    sent = []
    made = [
        builds.create_from_url("owner", "demo", "https://example.com/a-1-1.src.rpm"),
        *builds.create_from_urls("owner", "demo", ["https://example.com/b-1-1.src.rpm", "https://example.com/c.spec"]),
        builds.create_from_file(
            "owner", "demo", str(path), buildopts={"progress_callback": sent.append, "chroots": ["epel-*"]}
        ),
        builds.create_from_scm("owner", "demo", "https://example.com/hello.git", committish="main"),
        builds.create_from_distgit("owner", "demo", "tar"),
        builds.create_from_pypi("owner", "demo", "motionpaint"),
        builds.create_from_rubygems("owner", "demo", "afm"),
        builds.create_from_custom("owner", "demo", "#!/bin/sh\ntrue", script_builddeps="git make"),
    ]
    assert [build.state for build in made] == ["pending"] * len(made)
    seen = embedded_copr.builds
    assert [build.source_type for build in seen] == [
        *("link", "link", "link", "upload", "scm", "distgit", "pypi", "rubygems", "custom")
    ]
    assert seen[3].upload.read_bytes() == path.read_bytes()
    assert (list(seen[3].chroots), bool(sent)) == (["epel-9-x86_64"], True)
    for build in made:
        embedded_copr.finish(build.id)
    names = [build.package for build in embedded_copr.builds]
    assert names == ["a", "b", "c", "hello-lading", "hello", "tar", "python-motionpaint", "rubygem-afm", "custom-9"]
    assert succeeded([builds.get(build.id) for build in made])
    config = builds.get_source_build_config(made[4].id)
    assert (config.source_type, config.source_dict["srpm_build_method"]) == ("scm", "rpkg")
    listed = builds.get_list("owner", "demo", pagination={"limit": 4})
    assert [build.id for build in listed] == [9, 8, 7, 6]
    assert [build.id for build in next_page(listed)] == [5, 4, 3, 2]
    assert len(all_pages(builds.get_list("owner", "demo", pagination={"limit": 4}))) == 9
    assert [build.id for build in builds.get_list("owner", "demo", packagename="hello-lading")] == [4]
    assert builds.get_list("owner", "demo", status="failed") == []


def test_a_build_travels(embedded_copr, client):
    builds, chroots = client.build_proxy, client.build_chroot_proxy
    build = builds.create_from_url("owner", "demo", "https://example.com/hello-1.0-1.src.rpm")
    with pytest.raises(CoprRequestException, match="there is probably a bug in the Copr code"):
        builds.get_source_chroot(build.id)
    states = []
    for _ in range(8):
        states.append(builds.get(build.id).state)
        embedded_copr.advance_builds()
    assert states == ["pending", "starting", "running", "importing", "pending", "starting", "running", "succeeded"]
    got = builds.get(build.id)
    assert sorted(got.chroots) == sorted(CHROOTS)
    assert (got.source_package["name"], got.source_package["version"]) == ("hello", "1.0-1")
    assert requests.get(got.source_package["url"], timeout=10).content == b"hello-1.0-1.src.rpm"
    source = builds.get_source_chroot(build.id)
    assert source.state == "succeeded"
    assert source.result_url.endswith("/results/owner/demo/srpm-builds/00000001")
    packages = builds.get_built_packages(build.id)
    assert [nevra["arch"] for nevra in packages["epel-9-x86_64"]["packages"]] == ["x86_64", "src"]
    built = chroots.get(build.id, "epel-9-x86_64")
    assert built.result_url.endswith("/results/owner/demo/epel-9-x86_64/00000001-hello/")
    assert plain(chroots.get_built_packages(build.id, "epel-9-x86_64")) == plain(packages["epel-9-x86_64"])
    assert chroots.get_build_config(build.id, "epel-9-x86_64").repos[0]["id"] == "copr_base"
    with pytest.raises(CoprRequestException, match="Cannot cancel build 1"):
        builds.cancel(build.id)
    assert builds.delete(build.id).id == build.id
    assert requests.get(built.result_url, timeout=10).status_code == 404


def test_waiting(embedded_copr, client, monkeypatch):
    builds = [client.build_proxy.create_from_url("owner", "demo", f"https://e.com/{n}-1-1.src.rpm") for n in "abc"]
    ends = iter([(1, "succeeded"), (2, "failed"), (3, "canceled")])
    monkeypatch.setattr("copr.v3.helpers.time.sleep", lambda _: embedded_copr.finish(*next(ends)))
    done = wait(builds)
    assert [build.state for build in done] == ["succeeded", "failed", "canceled"]
    assert not succeeded(done)
    embedded_copr.set_state(1, "unknown")
    with pytest.raises(CoprException, match="Unknown status"):
        wait(done[0])
    embedded_copr.set_state(1, None)
    assert client.build_proxy.delete_list([1, 2, 3]).builds == [1, 2, 3]
    assert embedded_copr.builds == ()


def test_a_store_that_gets_on_by_itself(monkeypatch, tmp_path):
    with EmbeddedCopr(auto_advance=True) as store:
        store.add_project("demo")
        number = store.add_build("demo", "https://example.com/a-1-1.src.rpm")
        proxy = BuildProxy(config_from_file(str(store.write_config(tmp_path / "copr"))))
        monkeypatch.setattr("copr.v3.helpers.time.sleep", lambda _: None)
        assert [build.state for build in wait(proxy.get(number))] == ["succeeded"]
    assert not store.errors


def test_packages(embedded_copr, client):
    packages = client.package_proxy
    source = {"clone_url": "https://example.com/hello.git", "spec": "hello.spec", "webhook_rebuild": True}
    added = packages.add("owner", "demo", "hello", "scm", source)
    assert (added.auto_rebuild, added.source_dict["source_build_method"]) == (True, "rpkg")
    with pytest.raises(CoprRequestException, match="Package hello already exists in copr owner/demo"):
        packages.add("owner", "demo", "hello", "scm", source)
    packages.add("owner", "demo", "script", "custom", {"script": "true", "script_resultdir": "out"})
    assert packages.get("owner", "demo", "script").source_dict["resultdir"] == "out"
    edited = packages.edit("owner", "demo", "hello", "scm", {"committish": "devel"})
    assert (edited.source_dict["committish"], edited.source_dict["spec"]) == ("devel", "hello.spec")
    build = packages.build("owner", "demo", "hello", buildopts={"timeout": 100})
    assert (build.source_package["name"], sorted(build.chroots)) == ("hello", sorted(CHROOTS))
    embedded_copr.finish(build.id, chroots={"epel-9-x86_64": "failed"})
    latest = packages.get_list("owner", "demo", with_latest_build=True, with_latest_succeeded_build=True)
    assert [(package.name, (package.builds["latest"] or {}).get("state")) for package in latest] == [
        *(("hello", "failed"), ("script", None))
    ]
    assert latest[0].builds["latest_succeeded"] is None
    monitored = client.monitor_proxy.monitor("owner", "demo", additional_fields=["url_build_log"])
    shown = monitored.packages[0]["chroots"]
    assert [shown[name]["state"] for name in CHROOTS] == ["succeeded", "failed"]
    log = requests.get(shown["epel-9-x86_64"]["url_build_log"], timeout=10)
    assert log.text == "builder-live.log\n"
    assert packages.reset("owner", "demo", "hello").source_type == "unset"
    with pytest.raises(CoprRequestException, match="doesn't have the default source method set"):
        packages.build("owner", "demo", "hello")
    assert packages.delete("owner", "demo", "hello").name == "hello"
    assert [package.name for package in packages.get_list("owner", "demo")] == ["script"]


def test_chroots(embedded_copr, client, tmp_path):
    chroots = client.project_chroot_proxy
    comps = tmp_path / "comps.xml"
    comps.write_text("<comps/>")
    changed = chroots.edit(
        "owner",
        "demo",
        "epel-9-x86_64",
        additional_packages=["git", "make"],
        additional_modules=["a:1", "!b:2"],
        comps=str(comps),
        bootstrap_image="fedora:43",
    )
    assert (changed.comps_name, changed.additional_packages) == ("comps.xml", ["git", "make"])
    got = chroots.get("owner", "demo", "epel-9-x86_64")
    assert plain(got) == plain(changed)
    config = chroots.get_build_config("owner", "demo", "epel-9-x86_64")
    assert (config.additional_repos, config.additional_modules) == (["copr://owner/demo"], ["a:1,", "!b:2"])
    back = chroots.edit("owner", "demo", "epel-9-x86_64", delete_comps=True, reset_fields=["additional_packages"])
    assert (back.comps_name, back.additional_packages, back.additional_modules) == (None, [], ["a:1", "!b:2"])
    assert "fedora-43-x86_64" in client.mock_chroot_proxy.get_list()


def test_a_fork(embedded_copr, official, client):
    build = client.build_proxy.create_from_url("owner", "demo", "https://example.com/hello-1.0-1.src.rpm")
    embedded_copr.finish(build.id, packages={"hello-2:1.0-1.noarch": b"the package"})
    friend = official(embedded_copr.add_user("friend"))
    forked = friend.project_proxy.fork("owner", "demo", "friend", "mine")
    assert (forked.full_name, set(forked.chroot_repos)) == ("friend/mine", set(CHROOTS))
    with pytest.raises(CoprRequestException, match="You are about to fork into existing project: mine"):
        friend.project_proxy.fork("owner", "demo", "friend", "mine")
    friend.project_proxy.fork("owner", "demo", "friend", "mine", confirm=True)
    (*_, copied) = friend.build_proxy.get_list("friend", "mine")
    assert copied.state == "forked"
    (chroot, *_) = friend.build_chroot_proxy.get_list(copied.id)
    assert requests.get(chroot.result_url + "hello-1.0-1.noarch.rpm", timeout=10).content == b"the package"
    (nevra,) = friend.build_chroot_proxy.get_built_packages(copied.id, chroot.name).packages
    assert (nevra["epoch"], nevra["version"]) == (2, "1.0")


def test_the_token_is_rotated(embedded_copr, official, client):
    old = (embedded_copr.owner.login, embedded_copr.owner.token)
    fresh = client.base_proxy.new_api_token()
    assert (fresh.api_login, fresh.api_token) == (embedded_copr.owner.login, embedded_copr.owner.token) != old
    with pytest.raises(CoprRequestException, match="Login invalid/expired"):
        client.base_proxy.auth_check()
    assert official().base_proxy.auth_check()["name"] == "owner"
    embedded_copr.advance_clock(181 * 24 * 3600)
    with pytest.raises(CoprRequestException, match="Login invalid/expired"):
        official().base_proxy.auth_check()


def test_a_webhook_and_a_check(client):
    first = client.webhook_proxy.generate("owner", "demo").webhook_secret
    assert client.webhook_proxy.generate("owner", "demo").webhook_secret != first
    message = client.build_proxy.check_before_build("owner", "demo", buildopts={"progress_callback": None})
    assert message.message == "It should be safe to submit a build like this"
    with pytest.raises(CoprRequestException, match="'nope' is not a valid choice"):
        client.build_proxy.check_before_build(
            "owner", "demo", buildopts={"progress_callback": None, "chroots": ["nope"]}
        )


def test_a_binary_package(tmp_path):
    path = tmp_path / "hello-1.0-1.noarch.rpm"
    path.write_bytes(b"a package")
    with EmbeddedCopr(rpm_upload=True) as store:
        store.add_project("demo")
        proxy = BuildProxy(config_from_file(str(store.write_config(tmp_path / "copr"))))
        with pytest.raises(CoprRequestException, match="This field is required"):
            proxy.create_from_rpm_upload("owner", "demo", str(path), buildopts={"chroots": ["fedora-rawhide-x86_64"]})
        build = proxy.create_from_rpm_upload("owner", "demo", str(path), buildopts={"chroot": "fedora-rawhide-x86_64"})
        store.finish(build.id)
        directory = store.result_directory(build.id, "fedora-rawhide-x86_64")
        assert (directory / path.name).read_bytes() == b"a package"
    assert not store.errors


def test_logs_grow_and_end_compressed(embedded_copr, client):
    build = client.build_proxy.create_from_url("owner", "demo", "https://example.com/hello-1.0-1.src.rpm")
    for _ in range(6):
        embedded_copr.advance_builds()
    chroot = client.build_chroot_proxy.get(build.id, "epel-9-x86_64")
    log = chroot.result_url + "builder-live.log"
    before = requests.get(log, timeout=10).content
    embedded_copr.append_log(build.id, "epel-9-x86_64", "more\n")
    rest = requests.get(log, headers={"Range": f"bytes={len(before)}-"}, timeout=10)
    assert (rest.status_code, rest.content) == (206, b"more\n")
    embedded_copr.advance_builds()
    assert requests.get(log, timeout=10).status_code == 404
    # As on the genuine backend, a compressed log comes as text in an encoding: what is read is the text.
    raw = requests.get(log + ".gz", stream=True, timeout=10)
    assert gzip.decompress(raw.raw.read()) == before + b"more\n"
    assert raw.headers["Content-Encoding"] == "gzip"
    with pytest.raises(RuntimeError, match="is not being written now"):
        embedded_copr.append_log(build.id, "epel-9-x86_64", "late\n")
