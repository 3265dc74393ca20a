"""What a release bot runs: ``python examples/publish.py [folder] [index]`` publishes the wheels and sdists of a folder.

The folder is ``dist`` and the index PyPI where they are not given. Credentials are found where twine and uv look for
them: in the environment, in ``~/.pypirc``, in the keyring, or by trusted publishing. Running it once more does what is
left to do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

import lading


async def main(files: list[Path], index: str | None) -> int:
    """The number of files that could not be published."""
    failed = 0
    async with (
        lading.PyPI.from_config(index) as pypi,
        pypi.releases.upload_many(files, limit=8) as outcomes,
    ):
        async for outcome in outcomes:
            failed += not outcome.ok
            print(f"{outcome.item.name}: {outcome.value.status if outcome.ok else outcome.error}", flush=True)
    return failed


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    index = sys.argv[2] if len(sys.argv) > 2 else None
    files = [path for path in sorted(folder.glob("*")) if path.name.endswith((".whl", ".tar.gz"))]
    if not files:
        sys.exit(f"{folder}: no wheels and no sdists there")
    try:
        failed = anyio.run(main, files, index)
    except lading.ConfigError as error:
        sys.exit(str(error))
    sys.exit(1 if failed else 0)
