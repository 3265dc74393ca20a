"""The service of ``service.py`` under load: 8 tenants, embedded stores, and faults all the time.

    python examples/service_load.py --seconds 60 --operations 1000

It prints what the operations resulted in, whether the stores agree with that, how long the tenants had to wait while
one of them received ``Retry-After``, and what the process held at the beginning and at the end. Needs fastapi and
``lading[testing]``; memory and descriptors are counted on Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import os
import random
import sys
import threading
import time
import zipfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
from service import create_app

from lading import Copr, PyPI, Retry
from lading.testing import Delay, DropAfter, DropBefore, EmbeddedCopr, EmbeddedIndex, Respond, Truncate

TENANTS = tuple(f"tenant{number}" for number in range(8))
RETRY_AFTER = 5
"""The ``Retry-After`` that one tenant receives, in seconds."""
PATIENT = TENANTS[0]
LOST = (DropAfter(), DropAfter(reset=True), Truncate(10))
FAILED = (Respond(502), Respond(503, retry_after=0), DropBefore(), DropBefore(reset=True), Delay(0.2))


@dataclass
class Report:
    """What became of the operations.

    Attributes:
        statuses: How often each operation had each status.
        slowest: How long each tenant's slowest operation took, in seconds.
        files: The files that were reported as uploaded.
        builds: The builds that were reported.
        unknown: How many writes had an unknown outcome.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    slowest: dict[str, float] = field(default_factory=dict[str, float])
    files: set[str] = field(default_factory=set[str])
    builds: set[int] = field(default_factory=set[int])
    unknown: int = 0

    def add(self, tenant: str, operation: str, took: float, response: httpx.Response) -> None:
        """Add an operation."""
        self.statuses[operation, response.status_code] += 1
        self.slowest[tenant] = max(took, self.slowest.get(tenant, 0.0))
        content = response.json()
        if response.is_success and operation == "publish":
            self.files.add(content["filename"])
        elif response.is_success and operation == "submit":
            self.builds.add(content["id"])
        elif not response.is_success and content.get("outcome") == "unknown":
            self.unknown += 1
            print("unknown:", content["error"])


class Load:
    """8 tenants of the service, and what they do.

    Args:
        service: A client of the service.
        credentials: The credentials of each tenant at the index and at Copr.
        index: The index.
        copr: The Copr.
        seed: Decides what happens.
    """

    def __init__(
        self,
        service: httpx.AsyncClient,
        credentials: dict[str, tuple[str, str]],
        index: EmbeddedIndex,
        copr: EmbeddedCopr,
        seed: int,
    ) -> None:
        self.report = Report()
        self._service = service
        self._credentials = credentials
        self._index = index
        self._copr = copr
        self._random = random.Random(seed)
        self._versions = count()

    async def run(self, operations: int, seconds: float) -> None:
        """Begin *operations* spread over *seconds*, and wait until all have ended."""
        async with anyio.create_task_group() as group:
            for number in range(operations):
                if number % 3 == 0:
                    self._add_fault()
                group.start_soon(self._operate, TENANTS[number % len(TENANTS)])
                await anyio.sleep(seconds / operations)

    def _add_fault(self) -> None:
        draw = self._random.random()
        if draw < 0.2:  # only one tenant's project, and no one else is to notice
            busy = Respond(429, retry_after=RETRY_AFTER)
            self._index.faults.add(busy, path=f"/simple/{PATIENT}/")
        elif draw < 0.4:
            self._copr.faults.add(self._random.choice(LOST), method="POST")
        elif draw < 0.6:
            self._copr.faults.add(self._random.choice(FAILED), method="GET", path="/api_3/build/[0-9]*")
        else:
            self._index.faults.add(self._random.choice(LOST + FAILED), path="/legacy/")

    async def _operate(self, tenant: str) -> None:
        index, copr = self._credentials[tenant]
        operation = self._random.choice(("publish", "files", "submit", "build"))
        began = time.monotonic()
        match operation:
            case "publish":
                name, content = wheel(tenant, f"1.{next(self._versions)}")
                response = await self._send("PUT", f"/files/{name}", index, content)
            case "files":
                response = await self._send("GET", f"/projects/{tenant}/files", index)
            case "submit":
                url = f"https://example.com/{tenant}-1.{next(self._versions)}-1.src.rpm"
                response = await self._send("POST", f"/builds/{tenant}/demo?url={url}", copr)
            case _:
                response = await self._send("GET", f"/builds/{TENANTS.index(tenant) + 1}", copr)
        self.report.add(tenant, operation, time.monotonic() - began, response)

    async def _send(self, method: str, path: str, credentials: str, content: bytes = b"") -> httpx.Response:
        return await self._service.request(method, path, headers={"X-Credentials": credentials}, content=content)


def wheel(name: str, version: str) -> tuple[str, bytes]:
    """Return a small wheel: its file name and its content."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'version = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", content.getvalue()


def held() -> dict[str, int]:
    """Return what this process holds: tasks, threads, and on Linux descriptors and MiB of memory."""
    gc.collect()
    counts = {"tasks": len(asyncio.all_tasks()), "threads": threading.active_count()}
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        counts |= {
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "MiB": pages * os.sysconf("SC_PAGE_SIZE") >> 20,
        }
    return counts


def open_stores(stack: ExitStack) -> tuple[EmbeddedIndex, EmbeddedCopr, dict[str, tuple[str, str]]]:
    """Start the stores, with a user and a project of each tenant's, and return them with the credentials."""
    index, copr = stack.enter_context(EmbeddedIndex()), stack.enter_context(EmbeddedCopr())
    credentials = {}
    for tenant in TENANTS:
        user = copr.add_user(tenant)
        copr.add_project("demo", owner=tenant)
        copr.add_build("demo", f"https://example.com/{tenant}-1.0-1.src.rpm", owner=tenant)
        index.add_project(tenant)
        token = index.create_token(project_names=[tenant])
        credentials[tenant] = (f"__token__:{token}", f"{user.login}:{user.token}")
    return index, copr, credentials


async def run(seconds: float, operations: int, seed: int) -> bool:
    """Run the load and print its report; return whether the stores agree with it."""
    with ExitStack() as stack:
        index, copr, credentials = await anyio.to_thread.run_sync(open_stores, stack)
        retry = Retry(attempts=8, backoff=0.1)
        app = create_app(PyPI(index.index, retry=retry), Copr(copr.url, retry=retry))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service", timeout=None) as service,
        ):
            load = Load(service, credentials, index, copr, seed)
            await load.run(operations // 5, seconds / 5)  # connections, threads and caches are there from here on
            before = held()
            await load.run(operations, seconds)
            after = held()
        return show(load.report, index, copr, before, after)


def show(
    report: Report, index: EmbeddedIndex, copr: EmbeddedCopr, before: dict[str, int], after: dict[str, int]
) -> bool:
    """Print the report, and return whether it agrees with what the stores have."""
    for (operation, status), number in sorted(report.statuses.items()):
        print(f"{operation:8} {status}: {number}")
    files = {file.filename for file in index.uploads}
    builds = {build.id for build in copr.builds[len(TENANTS) :]}
    claimed = len(report.files - files) + len(report.builds - builds)
    unclaimed = len(files - report.files) + len(builds - report.builds)
    print(f"claimed and not there: {claimed}; there and not claimed: {unclaimed}; unknown: {report.unknown}")
    others = max(took for tenant, took in report.slowest.items() if tenant != PATIENT)
    print(
        f"slowest operation: {report.slowest[PATIENT]:.1f} s of {PATIENT}, which had to wait; {others:.1f} s of others"
    )
    for name, number in before.items():
        print(f"{name}: {number} -> {after[name]}")
    return claimed == 0 and unclaimed <= report.unknown


def main() -> int:
    """Read the arguments and run the load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    return 0 if asyncio.run(run(arguments.seconds, arguments.operations, arguments.seed)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
