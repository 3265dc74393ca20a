"""A Debian sid chroot with Ceph's S3 gateway: the only distribution that has a recent one ready to run.

Everything that is mounted is mounted in a namespace of the command's own. So nothing is ever mounted where others see
it: the directory can be deleted at any time, and there is nothing to take down when the tests are killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-common", "libqatzip3")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Its processes end with it, and it with its parent; its mounts are nobody else's.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
# Daemons are not started by their packages' installation.
_NOT_NOW = "#!/bin/sh\nexit 101\n"
_INSTALL = """
cp /etc/hosts /etc/resolv.conf "$ROOT/etc/"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
chroot "$ROOT" apt-get install -y --no-install-recommends "$@"
chroot "$ROOT" apt-get clean
"""


class NotHere(Exception):
    """This machine cannot run a Ceph; the text says why."""


def installed(directory: Path) -> Path:
    """The chroot in *directory*, installed unless it is there already: a minute, and a gigabyte."""
    root = directory / "sid-with-ceph"  # nobody else's name: it may be deleted
    stamp = directory / "installed"
    wanted = "\n".join(PACKAGES)
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return root
    _check()
    # What a broken attempt left would only break the next.
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "install.log").open("wb") as log, tempfile.TemporaryDirectory(dir=directory) as work:
        _bootstrap(root, Path(work), log)
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text(_NOT_NOW, "utf-8")
        policy.chmod(0o755)
        _run([*ALONE, "sh", "-eu", "-c", _INSTALL, "install", *PACKAGES], log, {"ROOT": str(root)})
    stamp.write_text(wanted, "utf-8")
    return root


def _check() -> None:
    if os.geteuid() != 0:
        raise NotHere("a chroot needs root")
    for name in ("apt-get", "dpkg-deb", "unshare", "gpgv"):
        if shutil.which(name) is None:
            raise NotHere(f"{name} is missing: this needs a Debian machine, or one derived from it")
    if not KEYRING.is_file():
        raise NotHere(f"{KEYRING} is missing: without it no package could be trusted")


def _bootstrap(root: Path, work: Path, log: BinaryIO) -> None:
    """The bare system, its Release file's signature checked."""
    tool, more = shutil.which("debootstrap"), {}
    if tool is None:
        # Not installed here, so as to change nothing on the machine.
        _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", "debootstrap"], log, cwd=work)
        _run(["dpkg-deb", "-x", str(next(work.glob("debootstrap_*.deb"))), str(work)], log)
        tool, more = str(work / "usr/sbin/debootstrap"), {"DEBOOTSTRAP_DIR": str(work / "usr/share/debootstrap")}
    command = [tool, "--variant=minbase", f"--keyring={KEYRING}", "--force-check-gpg", "sid", str(root), mirror()]
    _run([*ALONE, *command], log, more)


def mirror() -> str:
    """The archive that this machine installs from, by its own sources."""
    if given := os.environ.get("LADING_CEPH_MIRROR"):
        return given
    listed = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages"]
    lines = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.splitlines()
    # Security updates are an archive of their own, without the rest.
    found = [uri for uri, release in map(str.split, lines) if not release.endswith("-security") and "/debian" in uri]
    if not found:
        raise NotHere("apt's sources name no Debian archive: set LADING_CEPH_MIRROR to one")
    return found[0]


def _run(command: list[str], log: BinaryIO, more: dict[str, str] | None = None, *, cwd: Path | None = None) -> None:
    # A locale that the chroot has, and no questions.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(more or {})}
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, env=environment
    )
    if done.returncode:
        raise NotHere(f"{command[0]} … ended with {done.returncode}; see install.log beside the chroot")
