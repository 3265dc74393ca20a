"""The measuring side: files and servers for a run, cases in fresh processes, and the lines that come out.

Every case runs several times, ours and the peers in turns, and the smallest value counts: whatever else the
machine does can only make a value larger. Memory is a promise about the worst case: the largest counts. So is lag,
but its clock also counts what a virtual machine's host takes away in between: there it is the middle one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from bench._job import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SETTING = re.compile(r"(?i)(_proxy|_CA_BUNDLE|^SSL_CERT_(FILE|DIR))$")


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    repeats: int = 3
    size: int | None = None
    only: str = ""


@dataclass(frozen=True)
class Reading:
    """One value of one case.

    Where a figure is about growth: divided by the same value of the case `over`, or `less` another value of
    the same case.
    """

    case: str
    key: str = "cpu"
    over: str = ""
    less: str = ""

    @property
    def cases(self) -> set[str]:
        return {self.case, self.over} - {""}

    def value(self, results: Mapping[str, Result]) -> float:
        if self.less:
            return results[self.case].growth(self.less, self.key)
        value = results[self.case].best(self.key)
        return value / results[self.over].best(self.key) if self.over else value


@dataclass(frozen=True)
class Figure:
    """One thing to know: our reading, the peers' readings, and the case in which the lag was watched."""

    case: str
    unit: str
    ours: Reading
    peers: Mapping[str, Reading]
    lag: str = ""

    @property
    def cases(self) -> set[str]:
        readings = [self.ours, *self.peers.values()]
        return {self.lag, *(case for reading in readings for case in reading.cases)} - {""}


class Result:
    """What the repeats of one case gave."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            self._values.setdefault(key, []).append(value)

    def best(self, key: str) -> float:
        pick = statistics.median if key in ("lag", "gap") else max if key == "rss" else min
        return pick(self._values[key])

    def growth(self, before: str, after: str) -> float:
        """The largest difference between two values of one run."""
        pairs = zip(self._values[before], self._values[after], strict=True)
        return max(later - earlier for earlier, later in pairs)


def run_case(module: str, case: str, params: Mapping[str, Any]) -> dict[str, float]:
    """Run one case once, in a process of its own."""
    command = [sys.executable, "-m", "bench._job", module, case, json.dumps(params)]
    # What the machine's settings say of proxies and authorities is no business of a run on loopback.
    kept = {name: value for name, value in os.environ.items() if not _SETTING.search(name)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=300, env=kept)
    if done.returncode:
        raise SystemExit(f"bench: {module} {case} failed (its error is above)")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def figures(
    bench: str, module: str, wanted: Iterable[Figure], params: Mapping[str, Any], options: Options
) -> Iterator[dict[str, Any]]:
    """Run every case the figures need and give their lines."""
    chosen = [figure for figure in wanted if options.only in figure.case]
    # In the order the figures name them, so that ours and its peers run next to each other.
    cases = list(dict.fromkeys(case for figure in chosen for case in sorted(figure.cases)))
    results = {case: Result() for case in cases}
    for _ in range(options.repeats):
        for case in cases:
            results[case].add(run_case(module, case, params))
    for figure in chosen:
        for peer, reading in figure.peers.items():
            yield _line(bench, figure, peer, reading.value(results), results)


def _line(bench: str, figure: Figure, peer: str, theirs: float, results: Mapping[str, Result]) -> dict[str, Any]:
    ours = figure.ours.value(results)
    line = {
        "bench": bench,
        "case": figure.case,
        "ours": _rounded(ours),
        "unit": figure.unit,
        "peer": peer,
        "peer_value": _rounded(theirs),
        "ratio": round(ours / theirs, 3) if theirs else None,
        "rss_mib": round(results[figure.ours.case].best("rss"), 1),
    }
    if figure.lag:
        line["lag_ms"] = round(results[figure.lag].best("lag"), 1)
    return line


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for the run's files, removed afterwards, also when the run is terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def certificate(directory: Path) -> tuple[str, str]:
    """A fresh authority's file and a server certificate with its key, for 127.0.0.1."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
    return str(directory / "ca.pem"), str(directory / "server.pem")


def write_file(path: Path, mib: int) -> str:
    """A file of that many MiB, one random block over and over, synced to disk; gives its SHA-256."""
    block, digest = os.urandom(MIB), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(block)
            digest.update(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
