"""Publish the wheels and sdists of a directory: ``python examples/publish.py [DIRECTORY] [INDEX]``.

The defaults are ``dist`` and PyPI. Credentials come from where twine and uv look for them: the environment,
``~/.pypirc``, the keyring, or trusted publishing. Running it again uploads only what is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

import lading


async def main(files: list[Path], index: str | None) -> int:
    """Publish *files* and return the number of those that failed."""
    failed = 0
    async with (
        lading.PyPI.from_config(index) as pypi,
        pypi.releases.upload_many(files, limit=8) as results,
    ):
        async for result in results:
            failed += not result.ok
            status = result.value.status if result.ok else result.error
            print(f"{result.item.name}: {status}", flush=True)
    return failed


if __name__ == "__main__":
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    index = sys.argv[2] if len(sys.argv) > 2 else None
    files = [path for path in sorted(directory.glob("*")) if path.name.endswith((".whl", ".tar.gz"))]
    if not files:
        sys.exit(f"{directory}: no wheels and no sdists there")
    try:
        failed = anyio.run(main, files, index)
    except lading.ConfigError as error:
        sys.exit(str(error))
    sys.exit(1 if failed else 0)
