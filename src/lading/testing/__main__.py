"""``python -m lading.testing pypi [--port N]``: an embedded store by itself, until it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING

from lading.testing.index import EmbeddedIndex

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted (Ctrl-C, or SIGTERM); its addresses and a token are printed first."""
    parser = argparse.ArgumentParser(
        prog="python -m lading.testing", description="Serve an embedded store on 127.0.0.1."
    )
    parser.add_argument("store", choices=["pypi"], help="which one: pypi is a package index")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with EmbeddedIndex(port=options.port) as index:
            lines = {
                "upload": index.index.upload_url,
                "simple": index.index.simple_url,
                "token": index.create_token(),
            }
            sys.stdout.write("".join(f"{name:8}{value}\n" for name, value in lines.items()))
            sys.stdout.flush()
            last = time.monotonic()
            while True:
                time.sleep(1)
                # Outside a test there is nobody to move its clock by hand.
                now = time.monotonic()
                index.advance(now - last)
                last = now
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
