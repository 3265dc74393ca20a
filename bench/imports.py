"""What it costs to import lading and make a client, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._measure import Options

BARE = "pass"
OURS = "from lading import PyPI; PyPI()"
PEERS = {"httpx.AsyncClient()": "import httpx; httpx.AsyncClient()"}
ROUNDS = 8


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `import`: wall milliseconds, the smallest of several rounds in turns."""
    programs = [BARE, OURS, *PEERS.values()]
    best = dict.fromkeys(programs, float("inf"))
    for number in range(1 + ROUNDS * options.repeats):
        for program in programs:
            took = _wall(program)
            if number:  # the first round writes bytecode and fills the page cache
                best[program] = min(best[program], took)
    ours = best[OURS] - best[BARE]
    values = [(OURS, "ms", best[OURS], "bare interpreter", best[BARE])]
    for peer, program in PEERS.items():
        values.append((f"{OURS}, more than bare", "ms", ours, peer, best[program] - best[BARE]))
    rss = _peak(OURS)
    for case, unit, value, peer, theirs in values:
        if options.only in case:
            yield {
                "bench": name,
                "case": case,
                "ours": round(value, 1),
                "unit": unit,
                "peer": peer,
                "peer_value": round(theirs, 1),
                "ratio": round(value / theirs, 3),
                "rss_mib": rss,
            }


def _wall(program: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return (time.perf_counter() - start) * 1000


def _peak(program: str) -> float:
    """The peak resident MiB of a process that runs the program."""
    code = f"{program}; from bench._job import peak_rss; print(peak_rss())"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return round(float(done.stdout), 1)
