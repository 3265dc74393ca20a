"""Run an embedded store until it is interrupted: ``python -m lading.testing pypi|copr|snap [--port N]``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from lading.testing.canonical.snap import EmbeddedSnapStore
from lading.testing.copr import EmbeddedCopr
from lading.testing.index import EmbeddedIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the store's URLs and a token, and serve until interrupted (Ctrl-C, or SIGTERM)."""
    parser = argparse.ArgumentParser(
        prog="python -m lading.testing", description="Serve an embedded store on 127.0.0.1."
    )
    parser.add_argument(
        "store",
        choices=["pypi", "copr", "snap"],
        help="pypi: a package index; copr: a Copr, whose builds advance whenever they are read; snap: a Snap Store, "
        "whose pushes advance likewise",
    )
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on (default: a free one)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.store == "copr":
            with EmbeddedCopr(port=options.port, auto_advance=True) as store:
                _serve(store.config_text(), store.advance_clock)
        elif options.store == "snap":
            with EmbeddedSnapStore(port=options.port) as snap_store:
                _serve(_lines(_describe(snap_store), 10), snap_store.advance_clock)
        else:
            with EmbeddedIndex(port=options.port) as index:
                lines = {
                    "upload": index.index.upload_url,
                    "simple": index.index.simple_url,
                    "token": index.create_token(),
                }
                _serve(_lines(lines), index.advance_clock)
    except KeyboardInterrupt:
        return 0
    except OSError as error:  # the port is in use
        parser.exit(1, f"{parser.prog}: {error}\n")


def _describe(store: EmbeddedSnapStore) -> dict[str, str]:
    """Return the hosts of a store, and who can log in."""
    return {
        "api": store.url,
        "storage": store.storage_url,
        "login": store.login_url,
        "email": store.owner.email,
        "password": store.owner.password,
    }


def _lines(values: Mapping[str, object], width: int = 8) -> str:
    return "".join(f"{name:<{width}}{value}\n" for name, value in values.items())


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
