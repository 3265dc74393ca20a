"""The measured side: one case in a process of its own, with a stopwatch and a watch on the event loop.

Started as `python -m bench._job MODULE CASE PARAMS`, where CASE is `function[:argument][+lag]`. The case
function prepares (imports, opens its client, sends one small request) and does the work in `job.measure()`.
The result goes to stdout as one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import os
import resource
import ssl
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
PIECE = 256 * 1024  # what the raw references read and send at once
EVEN = "loop held 1 ms at a time"


class Job:
    """What a case is given: where its server is, which files to use, and the stopwatch."""

    def __init__(self, params: dict[str, Any], argument: str, *, watch: bool) -> None:
        self.url: str = params.get("url", "")
        self.ca: str | None = params.get("ca")
        self.files: list[str] = params.get("files", [])
        self.size: int = params.get("size", 0)
        self.digest: str = params.get("digest", "")
        self.scratch = Path(params.get("scratch", "."))
        self.count: int = params.get("count", 0)
        self.argument = argument
        self.result: dict[str, float] = {}
        self._watch = watch

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server, for the raw references."""
        host, port = self.url.split("//")[1].rsplit(":", 1)
        return host, int(port)

    def context(self) -> ssl.SSLContext:
        """A verifying TLS context that trusts the run's own authority."""
        return ssl.create_default_context(cafile=self.ca)

    def verify(self) -> Any:
        """The same for libraries whose argument is called `verify`; False where nothing is to be verified."""
        return self.context() if self.ca else False

    def warm_cache(self) -> None:
        """Read every file once, so that the page cache holds it."""
        buffer = bytearray(MIB)
        for name in self.files:
            with open(name, "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass

    def drop_cache(self) -> None:
        """Make the kernel forget the files; they were synced when written, so that no page is dirty."""
        for name in self.files:
            with open(name, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    @contextmanager
    def measure(self, per: float = 1.0) -> Iterator[None]:
        """Measure the body: CPU of the whole process, divided by `per`, and on request the loop's lag.

        The watch costs CPU itself, so a run that watches the loop gives no CPU figure.
        """
        gc.collect()
        if self._watch:
            # A full collection walks all that was ever imported, 15 to 30 ms at a moment of its own. That is neither
            # ours nor a peer's: what was made until here is left out.
            gc.freeze()
        watcher = asyncio.ensure_future(_watch_loop(self.result)) if self._watch else None
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if watcher is None:
                self.result["cpu"] = cpu / per
            else:
                watcher.cancel()
            self.result["wall"] = wall


async def _watch_loop(result: dict[str, float]) -> None:
    """Sleep 2 ms again and again and keep the longest time between two wake-ups.

    `gap` is wall time, with everything else the machine does in it; `lag` is the CPU time this thread spent
    meanwhile, which is what our own code is responsible for.
    """
    result["gap"] = result["lag"] = 0.0
    while True:
        wall, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.002)
        result["gap"] = max(result["gap"], (time.perf_counter() - wall) * 1000)
        result["lag"] = max(result["lag"], (time.thread_time() - cpu) * 1000)


async def even_loop(job: Job) -> None:
    """A loop that is held for one millisecond at a time: what the watch shows of this machine's own unevenness."""
    with job.measure():
        end = time.perf_counter() + 1.5
        while (now := time.perf_counter()) < end:
            while time.perf_counter() < now + 0.001:
                pass
            await asyncio.sleep(0)


def peak_rss() -> float:
    """The process's peak resident size in MiB.

    Linux carries `ru_maxrss` over from the process that started this one, so there the kernel's mark for this
    address space alone is read.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024


def main() -> None:
    """Run the case named on the command line."""
    module, name, params = sys.argv[1:]
    name, _, watch = name.partition("+")
    name, _, argument = name.partition(":")
    function = getattr(importlib.import_module(module), name)
    job = Job(json.loads(params), argument, watch=bool(watch))
    if inspect.iscoroutinefunction(function):
        asyncio.run(function(job))
    else:
        function(job)
    print(json.dumps({**job.result, "rss": peak_rss()}))


if __name__ == "__main__":
    main()
