"""Several stagers of several versions, among regions that are silent, dead, reset and late at random.

At the end the store is the truth: what every caller was told is compared with it, by the promise of the policy.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from lading import LadingError, StageFailed, Stager
from lading.s3 import StageResult, VersionExists, _session
from lading.s3._staging import latest as _latest
from lading.s3._staging import source as _source
from lading.s3._staging import transfer as _transfer
from tests.support.memory_s3 import Region, make_regions
from tests.support.s3_random import ExposedRegion, Weather, caller
from tests.support.virtual_clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from lading.s3._results import Policy

pytestmark = pytest.mark.anyio

VERSIONS = ["1.0.0", "1.1.0"]
BYTES = [b"0123456789", b"9876543210", b"abc"]
SEEDS = 25


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No threads, no waiting for other writers, parts of a few bytes, and stages that say whose they are."""

    async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    numbers = itertools.count()
    monkeypatch.setattr(_source, "run_in_thread", at_once)
    monkeypatch.setattr(_latest, "_BACKOFF", 0.0)
    for module in (_source, _transfer):
        monkeypatch.setattr(module, "PART", 4)
    monkeypatch.setattr("lading.s3._staging.commit.secrets.token_hex", lambda _: f"{caller.get()}-{next(numbers)}")


class Run:
    """One run: regions, stagers, and what each caller was told."""

    def __init__(self, seed: int, policy: Policy) -> None:
        self.order = random.Random(seed)
        self.policy = policy
        self.clock = VirtualClock()
        self.weather = Weather(self.order, self.clock, self.order.choice([0.0, 0.3, 1.0]))
        self.known: dict[str, Region] = make_regions("a", "b", "c")
        self.told: dict[str, StageResult | Exception] = {}
        self.staged: dict[str, tuple[str, bytes]] = {}

    async def run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let some stagers stage, at random."""
        for region in self.known.values():
            region.store.clock = region.parameters.clock = self.clock

        async def open_regions(names: Any, *_: Any) -> dict[str, ExposedRegion]:
            return {name: ExposedRegion(self.known[name], self.weather) for name in names}

        monkeypatch.setattr(_session, "open_regions", open_regions)
        async with anyio.create_task_group() as group:
            for number in range(self.order.randint(2, 4)):
                group.start_soon(self._stager, f"s{number}")
        await self.weather.arrive_late()

    async def _stager(self, name: str) -> None:
        plan = [(version, self.order.choice(BYTES)) for version in VERSIONS]
        self.order.shuffle(plan)
        caller.set(name)
        async with Stager(["a", "b", "c"], clock=self.clock) as stager:
            for version, data in plan:
                call = f"{name}v{version[2]}"
                self.staged[call] = version, data
                caller.set(call)
                try:
                    self.told[call] = await stager.stage("P", version, data, policy=self.policy)
                except LadingError as error:
                    self.told[call] = error

    def there(self, version: str) -> dict[str, tuple[bytes, str]]:
        """By region: the artifact's bytes, and which call has put them there."""
        found = {name: region.store.objects.get(f"pre/P@{version}") for name, region in self.known.items()}
        return {name: (one.data, one.metadata["lading-stage"].partition("-")[0]) for name, one in found.items() if one}

    def check(self) -> None:
        """Compare what was told with what is there."""
        for version in VERSIONS:
            there = self.there(version)
            calls = {call: data for call, (number, data) in self.staged.items() if number == version}
            won = {data for call, data in calls.items() if isinstance(self.told.get(call), StageResult)}
            if self.policy != "any":
                assert len(won) <= 1
            for call, data in calls.items():
                if call in self.told:
                    self._check_call(call, data, there)
            results = [r for call in calls if isinstance(r := self.told.get(call), StageResult)]
            if len(won) > 1:
                assert any(result.warnings for result in results)

    def _check_call(self, call: str, data: bytes, there: dict[str, tuple[bytes, str]]) -> None:
        told = self.told[call]
        own = {name for name, (_, by) in there.items() if by == call}
        if isinstance(told, StageResult):
            done = {name for name, found in told.regions.items() if found.error is None}
            failed = told.failed
            assert len(done) >= {"all": 3, "quorum": 2, "any": 1}[self.policy]
        elif isinstance(told, StageFailed):
            done, failed = set(told.succeeded), told.failed
        else:
            assert isinstance(told, LadingError)
            # It is another's, or nothing could be done; what may be there all the same is unknown.
            assert told.outcome == "unknown" or not own
            if isinstance(told, VersionExists) and told.outcome == "unknown":
                assert own or self.hit_by(call)
            return
        # What is done is there, and stays.
        assert all(there[name][0] == data for name in done), (told, there)
        for name, error in failed.items():
            if error.outcome == "not_done":
                assert name not in own, (name, error, there)
            else:
                # It is unknown only where it could not be known, or is there without all that belongs to it: the
                # pointer may be written and its parameter not.
                known = (call, name) not in self.weather.hit | self.weather.pointed and name not in own
                assert not known or "counts on that" in str(error), (name, error)

    def hit_by(self, call: str) -> bool:
        """Whether any write of that call had no proper response."""
        return any(one == call for one, _ in self.weather.hit)


@pytest.mark.parametrize("policy", ["all", "quorum", "any"])
async def test_every_caller_is_told_what_is_there(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, anyio_backend_name: str
):
    ends = set()
    for seed in range(SEEDS):
        if anyio_backend_name == "trio":
            from trio._core import _run

            _run._r.seed(seed)
        run = Run(seed, policy)
        try:
            await run.run(monkeypatch)
            run.check()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        ends |= {type(told).__name__ for told in run.told.values()}
    assert {"StageResult", "StageFailed", "VersionExists"} <= ends
