"""Run an embedded store until it is interrupted: ``python -m lading.testing pypi|copr|charmhub|snap [--port N]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from lading.testing.copr import EmbeddedCopr
from lading.testing.index import EmbeddedIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lading.testing.canonical import EmbeddedCharmhub
    from lading.testing.canonical.snap import EmbeddedSnapStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the store's URLs and a token, and serve until interrupted (Ctrl-C, or SIGTERM)."""
    parser = argparse.ArgumentParser(
        prog="python -m lading.testing", description="Serve an embedded store on 127.0.0.1."
    )
    parser.add_argument(
        "store",
        choices=["pypi", "copr", "charmhub", "snap"],
        help="pypi: a package index; copr: a Copr, whose builds advance whenever they are read; charmhub: a Charmhub; "
        "snap: a Snap Store",
    )
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on (default: a free one)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.store == "copr":
            with EmbeddedCopr(port=options.port, auto_advance=True) as store:
                _serve(store.config_text(), store.advance_clock)
        elif options.store == "charmhub":
            from lading.testing.canonical import EmbeddedCharmhub  # noqa: PLC0415 - it needs lading[testing]

            with EmbeddedCharmhub(port=options.port) as charmhub:
                environment = charmhub.charmcraft_environment(charmhub.create_token())
                _serve(_exports(charmhub, environment), charmhub.advance_clock)
        elif options.store == "snap":
            from lading.testing.canonical.snap import EmbeddedSnapStore  # noqa: PLC0415 - it needs lading[testing]

            with EmbeddedSnapStore(port=options.port) as snap_store:
                environment = snap_store.snapcraft_environment(snap_store.export_credentials())
                _serve(_exports(snap_store, environment), snap_store.advance_clock)
        else:
            with EmbeddedIndex(port=options.port) as index:
                lines = {
                    "upload": index.index.upload_url,
                    "simple": index.index.simple_url,
                    "token": index.create_token(),
                }
                _serve("".join(f"{name:8}{value}\n" for name, value in lines.items()), index.advance_clock)
    except KeyboardInterrupt:
        return 0
    except OSError as error:  # the port is in use
        parser.exit(1, f"{parser.prog}: {error}\n")


def _exports(store: EmbeddedCharmhub | EmbeddedSnapStore, environment: Mapping[str, str]) -> str:
    """Return the shell commands that set *environment*, and who can log in."""
    exports = "".join(f"export {name}={value}\n" for name, value in environment.items())
    return f"{exports}# {store.owner.email}, password: {store.owner.password!r}; {store.identity_url} (Candid)\n"


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _serve(text: str, advance: Callable[[float], None]) -> NoReturn:
    """Print *text*, and advance the store's clock with real time, because no test does."""
    sys.stdout.write(text)
    sys.stdout.flush()
    last = time.monotonic()
    while True:
        time.sleep(1)
        now = time.monotonic()
        advance(now - last)
        last = now


if __name__ == "__main__":
    sys.exit(main())
