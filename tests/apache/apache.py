"""An Apache on loopback with client certificates: one port speaks TLS 1.2 alone, the other TLS 1.3 alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import trustme

MODULES = ("mpm_prefork", "authz_core", "ssl", "alias", "cgi")
VERSIONS = ("TLSv1.2", "TLSv1.3")
# Above this the server refuses a body that it would have to keep while it requests the certificate.
BUFFER = 128 * 1024
LARGE_BUFFER = 128 * 1024 * 1024

_SCRIPT = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "$SSL_PROTOCOL $SSL_CLIENT_VERIFY $(sha256sum | cut -c1-64)"
"""
_CONFIGURATION = """
ServerRoot "{root}"
ServerName 127.0.0.1
PidFile apache.pid
ErrorLog error.log
LogLevel warn ssl:info
{modules}
{user}
SSLCertificateFile "{root}/server.pem"
SSLCACertificateFile "{root}/ca.pem"
SSLSessionCache none
ScriptAlias / "{root}/cgi/"
<Directory "{root}/cgi">
    Require all granted
    SSLOptions +StdEnvVars
</Directory>
<Location /closed>
    SSLVerifyClient require
    SSLVerifyDepth 1
    SSLRenegBufferSize {buffer}
</Location>
<Location /closed-large>
    SSLVerifyClient require
    SSLVerifyDepth 1
    SSLRenegBufferSize {large_buffer}
</Location>
{hosts}
"""
_HOST = """
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    SSLEngine on
    SSLProtocol -all +{version}
</VirtualHost>
"""


class NotHere(Exception):
    """This machine cannot run an Apache; the text says why."""


def installed() -> str:
    """The path of the server, which is installed from this machine's own package sources when it is missing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if found := shutil.which("apache2", path=path):
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NotHere("apache2 is missing, and installing it needs root and apt-get")
    # The server and its modules, without a service that would be started.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "apache2-bin"]):
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise NotHere(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")
    found = shutil.which("apache2", path=path)
    assert found is not None
    return found


class Apache:
    """The server.

    Attributes:
        urls: Its root by version of TLS.
        version: What it calls itself.
    """

    def __init__(self, authority: trustme.CA) -> None:
        self._authority = authority
        self._binary = installed()
        first = subprocess.run([self._binary, "-v"], check=True, capture_output=True, text=True).stdout
        self.version = first.splitlines()[0].partition(": ")[2]
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        # Readable for the user that the server becomes, which pytest's own directories are not.
        self._root = Path(tempfile.mkdtemp(prefix="lading-apache-"))
        self._root.chmod(0o755)
        ports = dict(zip(VERSIONS, _free_ports(len(VERSIONS)), strict=True))
        self.urls = {version: f"https://127.0.0.1:{port}" for version, port in ports.items()}
        self._authority.cert_pem.write_to_path(str(self._root / "ca.pem"))
        self._authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            str(self._root / "server.pem")
        )
        (self._root / "cgi").mkdir()
        for name in ("open", "closed", "closed-large"):
            script = self._root / "cgi" / name
            script.write_text(_SCRIPT, "utf-8")
            script.chmod(0o755)
        (self._root / "apache.conf").write_text(self._configuration(ports), "utf-8")
        with (self._root / "start.log").open("wb") as log:
            command = [self._binary, "-f", str(self._root / "apache.conf"), "-DFOREGROUND"]
            # In a group of its own, for it ends all of its group with itself.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            for port in ports.values():
                self._await(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _configuration(self, ports: dict[str, int]) -> str:
        return _CONFIGURATION.format(
            root=self._root,
            modules="\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in MODULES),
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
            buffer=BUFFER,
            large_buffer=LARGE_BUFFER,
            hosts="".join(_HOST.format(port=port, version=version) for version, port in ports.items()),
        )

    def _await(self, port: int) -> None:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        logs = [path.read_text("utf-8") for path in sorted(self._root.glob("*.log"))]
        raise NotHere(f"apache2 does not start: {' '.join(logs)}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._root)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
