"""The certificates that a configuration names: an authority of its own, and a client's."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lading._core.threads import run_in_thread
from lading.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """Files of certificates, each with the variable or key that names it.

    Attributes:
        ca_cert: A file or directory of CA certificates in PEM, instead of the usual ones.
        client_cert: A file with the client's certificate and its key in PEM.
    """

    ca_cert: tuple[str, str] | None = None
    client_cert: tuple[str, str] | None = None

    async def load(self) -> ssl.SSLContext | None:
        """Load the files in a worker thread; ``None`` where none is named.

        Raises:
            ConfigError: A file is not what it should be; the message names it, and what named it.
        """
        if self.ca_cert is None and self.client_cert is None:
            return None
        return await run_in_thread(self._load)

    def _load(self) -> ssl.SSLContext:
        context = self._trusting()
        context.set_alpn_protocols(["http/1.1"])
        if self.client_cert is not None:
            file, what = self.client_cert
            try:
                context.load_cert_chain(Path(file).expanduser(), password=_refuse_prompt)
            except _EncryptedKeyError as error:
                raise ConfigError(f"{what}: the key in {file} is encrypted; lading does not prompt") from error
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"{what}: {file} is not a certificate and its key in PEM") from error
        return context

    def _trusting(self) -> ssl.SSLContext:
        """Return a context that trusts the named authorities, else those that the transport trusts by default."""
        if self.ca_cert is None:
            file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
            if not file and not directory:
                import certifi  # noqa: PLC0415 - in a worker thread, and rarely needed

                file = certifi.where()
            return ssl.create_default_context(cafile=file or None, capath=None if file else directory)
        name, what = self.ca_cert
        path = Path(name).expanduser()
        try:
            if path.is_dir():
                return ssl.create_default_context(capath=path)
            return ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{what}: {name} is not a file of CA certificates in PEM") from error


class _EncryptedKeyError(Exception):
    """The key has a passphrase, which OpenSSL would prompt for on the terminal."""


def _refuse_prompt() -> NoReturn:
    raise _EncryptedKeyError
