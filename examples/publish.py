"""Publish the wheels and sdists of a directory: ``python examples/publish.py [FILES] [INDEX]``.

FILES is a directory or a pattern, by default ``dist``; INDEX is PyPI by default. Credentials come from where twine and
uv look for them: the environment, ``~/.pypirc``, the keyring, or trusted publishing. Running it again uploads only what
is missing.
"""

from __future__ import annotations

import sys

import anyio

import lading


async def main(files: str, index: str | None) -> int:
    """Publish *files*, a directory or a pattern, and return the number of those that failed."""
    failed = 0
    async with lading.PyPI.from_config(index) as pypi:
        uploads = pypi.releases.upload_many(files, limit=8)
        async with uploads as results:
            for path in uploads.skipped:
                print(f"{path.name}: neither a wheel nor an sdist, skipped", file=sys.stderr)
            async for result in results:
                failed += not result.ok
                status = result.value.status if result.ok else result.error
                print(f"{result.item.name}: {status}", flush=True)
    return failed


if __name__ == "__main__":
    files = sys.argv[1] if len(sys.argv) > 1 else "dist"
    index = sys.argv[2] if len(sys.argv) > 2 else None
    try:
        failed = anyio.run(main, files, index)
    except (lading.ConfigError, lading.InputError) as error:
        sys.exit(str(error))
    sys.exit(1 if failed else 0)
