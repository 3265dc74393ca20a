"""copr-cli, as its users start it, completes its cycle against the embedded Copr."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.srpm import srpm

CHROOTS = ("fedora-rawhide-x86_64", "epel-9-x86_64")


@pytest.fixture
def cli(embedded_copr, tmp_path):
    """Run copr-cli without anything of this machine's configuration; what it printed, when it ends as it should."""
    program = shutil.which("copr-cli", path=os.path.dirname(sys.executable))
    assert program is not None, "copr-cli is among the test dependencies"
    assert shutil.which("wget") is not None, "copr-cli downloads with wget, please install that"
    config = embedded_copr.write_config(tmp_path / "home" / ".config" / "copr")
    env = {
        **{name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ},
        "HOME": str(tmp_path / "home"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "COLUMNS": "200",
    }

    def cli(*arguments, status=0):
        command = [program, "--config", str(config), *map(str, arguments)]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return cli


@pytest.fixture
def project(cli):
    """A project of two chroots."""
    chroots = (argument for name in CHROOTS for argument in ("--chroot", name))
    assert "New project was successfully created" in cli("create", "demo", *chroots, "--description", "A demo")
    return "demo"


def files(directory):
    return {path.name for path in directory.rglob("*") if path.is_file()}


def test_its_cycle(embedded_copr, cli, project, tmp_path):
    path = srpm(tmp_path)
    assert cli("whoami").strip() == "owner"
    assert "Created builds: 1" in cli("build", project, path, "--nowait")
    assert embedded_copr.build(1).upload.read_bytes() == path.read_bytes()
    assert cli("status", 1).strip() == "pending"
    embedded_copr.finish(1)
    assert "Build 1: succeeded" in cli("watch-build", 1)
    assert "Name: demo" in cli("list", "owner")
    assert cli("list-builds", project).split()[:3] == ["1", "hello-lading", "succeeded"]
    cli("download-build", 1, "--dest", "got")
    for chroot in CHROOTS:
        got = files(tmp_path / "got" / chroot)
        assert {"hello-lading-1.0-1.x86_64.rpm", path.name, "hello-lading.spec", "success", "results.json"} <= got
        (source,) = (tmp_path / "got" / chroot).rglob("*.src.rpm")
        assert source.read_bytes() == path.read_bytes()
        (log,) = (tmp_path / "got" / chroot).rglob("builder-live.log.gz")
        assert gzip.decompress(log.read_bytes()) == b"builder-live.log\n"
    assert "Build(s) 1 were deleted" in cli("delete-build", 1)
    assert "Project demo has been deleted" in cli("delete", project)
    assert "No copr retrieved" in cli("list", "owner")


def test_only_packages_of_one_chroot(embedded_copr, cli, project, tmp_path):
    cli("build", project, srpm(tmp_path), "--nowait")
    embedded_copr.finish(1, chroots={"fedora-rawhide-x86_64": "failed"})
    cli("download-build", 1, "--dest", "got", "--rpms", "--chroot", "epel-9-x86_64")
    assert os.listdir(tmp_path / "got") == ["epel-9-x86_64"]
    assert files(tmp_path / "got") == {"hello-lading-1.0-1.x86_64.rpm", "hello-lading-1.0-1.src.rpm"}


@pytest.mark.parametrize("devel_mode", [False, True])
def test_packages_that_pulp_keeps(embedded_copr, cli, tmp_path, devel_mode):
    embedded_copr.add_project("demo", storage="pulp", devel_mode=devel_mode)
    build = embedded_copr.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
    embedded_copr.finish(build, packages={"hello-2:1.0-1.noarch": b"the package"})
    cli("download-build", build, "--dest", "got", "--rpms")
    # wget leaves nothing: in the list there are no packages, which are fetched by name.
    assert files(tmp_path / "got") == {"hello-1.0-1.noarch.rpm"}
    (package,) = (tmp_path / "got").rglob("*.rpm")
    assert package.read_bytes() == b"the package"


def test_a_build_that_failed(embedded_copr, cli, project, tmp_path):
    cli("build", project, srpm(tmp_path), "--nowait")
    embedded_copr.finish(1, "failed", source=True)
    assert "Build(s) 1 failed" in cli("watch-build", 1, status=4)


def test_other_commands(embedded_copr, cli, project):
    embedded_copr.finish(embedded_copr.add_build(project, "https://example.com/hello-1.0-1.src.rpm"))
    cli("modify", project, "--description", "Other")
    assert "Other" in cli("get", project)
    assert "fedora-43-aarch64" in cli("list-chroots")
    cli("edit-chroot", f"{project}/epel-9-x86_64", "--packages", "git make")
    assert "git" in cli("get-chroot", f"{project}/epel-9-x86_64")
    assert "hello" in cli("list-package-names", project)
    assert "succeeded" in cli("monitor", project)
    assert "Forking" in cli("fork", f"owner/{project}", "owner/other")
    assert "already have a project named" in cli("create", project, "--chroot", CHROOTS[0], status=1)
    embedded_copr.advance_clock(181 * 24 * 3600)
    assert "Login invalid/expired" in cli("create", "late", "--chroot", CHROOTS[0], status=1)
