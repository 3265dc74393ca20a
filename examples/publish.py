"""Publish a folder of wheels and sdists: ``python examples/publish.py dist``.

The token is taken from the environment variable ``PYPI_TOKEN``. For another index than the official one, give the
address to post files to and the root of its Simple API as further arguments.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import anyio

import lading


async def main(folder: str, upload_url: str = "", simple_url: str | None = None) -> int:
    """The number of files that could not be published."""
    files = [path for path in sorted(Path(folder).iterdir()) if path.name.endswith((".whl", ".tar.gz"))]
    # An sdist that is there before the wheels would be built by everybody who installs in that moment.
    wheels = [path for path in files if path.suffix == ".whl"]
    sdists = [path for path in files if path not in wheels]
    token = lading.EnvironmentCredentials("PYPI_TOKEN")
    async with lading.PyPI(lading.Index(upload_url, simple_url) if upload_url else "pypi", token=token) as pypi:
        failed = await publish(pypi, wheels)
        return failed or await publish(pypi, sdists)


async def publish(pypi: lading.PyPI, files: list[Path]) -> int:
    """Publish the files at the same time; how many failed."""
    failed = 0
    async with lading.fan_out(pypi.releases.upload, files, limit=8) as outcomes:
        async for outcome in outcomes:
            failed += not outcome.ok
            print(f"{outcome.item.name}: {outcome.value.result if outcome.ok else outcome.error}")
    return failed


if __name__ == "__main__":
    sys.exit(1 if anyio.run(partial(main, *sys.argv[1:])) else 0)
