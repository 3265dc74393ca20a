"""`python -m bench NAME`: one JSON object per figure on stdout, and nothing else there."""

from __future__ import annotations

import argparse
import importlib
import json

from bench._measure import Options

BENCHES = {
    "upload": ("upload", "one file, multipart from disk, beside a raw read and send loop"),
    "upload-tls": ("upload", "the same over TLS"),
    "small": ("small", "1 KB JSON GETs, ten at a time and 3000 queued, beside aiohttp"),
    "medium-tls": (
        "medium",
        "150 uploads of 1 to 20 MiB, 10 and 50 at once, beside one warm raw TLS connection",
    ),
    "download": ("download", "one file to disk with SHA-256, beside a raw loop"),
    "download-tls": ("download", "the same over TLS, beside aiohttp"),
    "token": ("token", "tokens: load and check, create and restrict, beside pypitoken"),
    "copr": ("copr", "500 builds waited for at once, 1000 listed, beside python-copr"),
    "charmhub": (
        "charmhub",
        "100 charms uploaded, notified of and released, 10 at once, beside craft-store in threads",
    ),
    "publish": (
        "publish",
        "50 wheels of 1 MiB to the embedded index, 8 at once, beside twine and uv; and with 5000 there already",
    ),
    "pages": ("pages", "how long pages of 100,000 files, and pages made to annoy parsers, hold the loop"),
    "s3": ("s3", "one large file, 200 small ones, three regions, beside boto3, aiobotocore, s3fs and obstore"),
    "s3-silent": (
        "s3_silent",
        "calls beside a region that never responds, beside those without one",
    ),
    "import": ("imports", "what `from lading import PyPI; PyPI()` costs over a bare interpreter"),
}


def main() -> None:
    """Run the benches named, or list them."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*BENCHES, "all"], help="which bench; without one, they are listed")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each case (the best counts; default 3)")
    parser.add_argument("--size", type=int, metavar="MIB", help="size of the large file, for a quick look")
    parser.add_argument("--only", default="", metavar="CASE", help="only figures whose case contains this")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name, (_, what) in BENCHES.items():
            print(f"{name:13} {what}")
        return
    options = Options(max(1, arguments.repeats), arguments.size, arguments.only)
    for name in BENCHES if arguments.name == "all" else [arguments.name]:
        module = importlib.import_module(f"bench.{BENCHES[name][0]}")
        for line in module.run(name, options):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
