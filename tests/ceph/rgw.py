"""A Ceph cluster of the smallest kind behind its S3 gateway: one monitor, one disk, one gateway, on 127.0.0.1."""

from __future__ import annotations

import fcntl
import secrets
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from string import Template
from typing import Self

from tests.ceph.chroot import ALONE, NotHere, installed

HERE = "/srv/ceph"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_CONFIGURATION = Template("""
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth allow insecure global id reclaim = true
keyring = $here/keyring
run dir = $here
admin socket = $here/$$name.asok
log file = $here/$$name.log
# One disk: nothing is copied, and few groups do.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
# A disk that is nearly full otherwise is no reason to stop.
mon data avail warn = 1
mon data avail crit = 1
[mon.a]
mon data = $here/mon
[osd.0]
osd data = $here/osd
osd objectstore = bluestore
# A sparse file. What is overwritten or deleted is freed late: it must be much larger than what the tests keep.
bluestore block size = $disk
bluestore block create = true
osd memory target = 1073741824
[client]
# Without nodelay every response with a body waits for the client's delayed acknowledgement: 40 ms each.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw dns name = localhost
rgw enable usage log = false
rgw enable ops log = false
rgw gc obj min wait = 0
rgw gc processor period = 4
rgw gc processor max time = 4
""")

# The namespace's first process: when it ends, the kernel ends all others. It ends when nobody holds its input open,
# be it that the tests have finished or that they were killed.
_MOUNT = """
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount --bind /sys "$ROOT/sys"
mkdir -p "$ROOT$HERE"
mount --bind "$DATA" "$ROOT$HERE"
exec chroot "$ROOT" sh -eu "$HERE/start"
"""
_START = Template("""
export CEPH_CONF=$here/ceph.conf
# Debian's ceph-osd looks for its plugins from here.
cd /
ceph-authtool --create-keyring $here/keyring --gen-key -n mon. --cap mon 'allow *'
ceph-authtool $here/keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *'
ceph-authtool $here/keyring --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
monmaptool --create --fsid $fsid --addv a '[v2:127.0.0.1:$mon]' $here/monmap
mkdir $here/mon $here/osd
ceph-mon --mkfs -i a --monmap $here/monmap --keyring $here/keyring
ceph-mon -f -i a &
timeout 60 ceph osd new $disk_id 0
ceph-osd -i 0 --mkfs --osd-uuid $disk_id
ceph-osd -f -i 0 &
timeout 120 radosgw-admin user create --uid=tests --display-name=tests --access-key=$key --secret-key=$secret
radosgw -f -n client.admin &
cat
""")


class Rgw:
    """A running gateway, from ``with`` to its end.

    Args:
        directory: Where the chroot is, or will be; one cluster at a time runs there.
        disk: The size of its disk in bytes, a sparse file.

    Attributes:
        version: Ceph's.
        url: The gateway's address, without a slash at its end.
        key: The access key of its one user.
        secret: The key's secret.
    """

    def __init__(self, directory: Path, *, disk: int = 64 << 30) -> None:
        self._directory = directory
        self._disk = disk
        self._running = ExitStack()
        self.version = self.url = ""
        self.key = "AKIA" + secrets.token_hex(8).upper()
        self.secret = secrets.token_hex(20)

    def __enter__(self) -> Self:
        root = installed(self._directory)
        with ExitStack() as stack:
            lock = stack.enter_context((self._directory / "lock").open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise NotHere(f"another cluster is running in {self._directory}") from None
            self._start(root, stack)
            self._running = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.close()

    def _start(self, root: Path, stack: ExitStack) -> None:
        data = self._directory / "ceph-data"
        shutil.rmtree(data, ignore_errors=True)  # of tests that were killed
        data.mkdir()
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        port, mon = _free_ports(2)
        known = {
            "here": HERE, "fsid": _uuid(), "disk_id": _uuid(), "disk": self._disk,
            "port": port, "mon": mon, "key": self.key, "secret": self.secret,
        }  # fmt: skip
        (data / "ceph.conf").write_text(_CONFIGURATION.substitute(known), "utf-8")
        (data / "start").write_text(_START.substitute(known), "utf-8")
        reported = subprocess.run(
            ["chroot", str(root), "radosgw", "--version"], check=True, capture_output=True, text=True
        )
        self.version = reported.stdout.split()[2]
        self.url = f"http://127.0.0.1:{port}"
        # Not in data: that is gone afterwards.
        log = stack.enter_context((self._directory / "start.log").open("wb"))
        process = subprocess.Popen(
            [*ALONE, "sh", "-eu", "-c", _MOUNT],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={"ROOT": str(root), "DATA": str(data), "HERE": HERE, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        stack.callback(_end, process)
        self._wait(process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise NotHere("Ceph did not start; see start.log beside the chroot")
            try:
                _OPENER.open(self.url, timeout=5).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise NotHere("Ceph took more than four minutes to start; see start.log beside the chroot")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _uuid() -> str:
    return Path("/proc/sys/kernel/random/uuid").read_text("ascii").strip()


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports
