"""Metadata and artifact of two and three stagers at once, in every order: never torn, one winner, and all know."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lading.s3 import VersionExists
from lading.s3._staging import metadata as _metadata
from lading.s3._staging.commit import Commit
from tests.support.interleavings import Actors, every_order, without_time
from tests.support.memory_s3 import Bucket, source_of

KEY = "P@1.0.0"
Spec = tuple[bytes, bytes | None]

TWO: dict[str, tuple[Spec, Spec]] = {
    "other bytes, other metadata": ((b"a", b"{a}"), (b"b", b"{b}")),
    "other bytes, same metadata": ((b"a", b"{m}"), (b"b", b"{m}")),
    "other bytes, one without metadata": ((b"a", None), (b"b", b"{b}")),
    "other bytes, no metadata": ((b"a", None), (b"b", None)),
    "same bytes, same metadata": ((b"a", b"{m}"), (b"a", b"{m}")),
    "same bytes, other metadata": ((b"a", b"{a}"), (b"a", b"{b}")),
    "same bytes, one without metadata": ((b"a", None), (b"a", b"{b}")),
}
THREE: dict[str, tuple[Spec, Spec, Spec]] = {
    "all different": ((b"a", b"{a}"), (b"b", b"{b}"), (b"c", b"{c}")),
    "one without metadata": ((b"a", b"{a}"), (b"b", None), (b"c", b"{c}")),
    "two identical": ((b"a", b"{m}"), (b"b", b"{m}"), (b"a", b"{m}")),
    "two with the same metadata": ((b"a", b"{m}"), (b"b", b"{m}"), (b"c", b"{c}")),
}
# How many waits it takes until a stager thinks that another has crashed: none is the worst that can happen.
PATIENCE = [pytest.param(0.0, id="impatient"), pytest.param(0.5, id="patient")]


def commit(bucket: Bucket, name: str, spec: Spec) -> Commit:
    """One stager of the version."""
    return Commit(bucket, "P", "1.0.0", KEY, source_of(spec[0]), spec[1], "here", _stage=name)


def state(bucket: Bucket) -> list[object]:
    return sorted((key, one.data, one.metadata.get("lading-stage", "")) for key, one in bucket.objects.items())


def stagers(specs: dict[str, Spec], start: Callable[[Bucket], None] = lambda _: None) -> Callable[[], Actors]:
    """A maker of stagers, all of one version in one bucket."""

    def make() -> Actors:
        bucket = Bucket()
        start(bucket)
        work = {name: commit(bucket, name, spec).run() for name, spec in specs.items()}
        return Actors(work, [bucket], lambda: state(bucket))

    return make


def bucket_of(actors: Actors) -> Bucket:
    found = actors.stores[0]
    assert isinstance(found, Bucket)
    return found


def check_whole(bucket: Bucket, spec: Spec) -> None:
    """Artifact and metadata are one stager's."""
    assert bucket.objects[KEY].data == spec[0]
    there = bucket.objects.get(f"{KEY}/metadata")
    assert (b"{}" if there is None else there.data) == (spec[1] or b"{}")


def check(actors: Actors, specs: dict[str, Spec]) -> None:
    """One winner, whole; the others know."""
    created = [name for name, result in actors.results.items() if result == "created"]
    assert len(created) == 1
    won = specs[created[0]]
    check_whole(bucket_of(actors), won)
    for name in specs.keys() - created:
        if specs[name] == won:
            assert actors.results[name] in {"unchanged", "repaired"}
        else:
            assert isinstance(actors.results[name], VersionExists)


@pytest.fixture(autouse=True)
def patience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """Sleeping takes no time, and waiting for others ends soon."""
    monkeypatch.setattr(_metadata, "_ORPHANED", getattr(request, "param", 0.0))
    with without_time("lading.s3._staging.metadata", "lading.s3._staging.commit", "lading.s3._staging.transfer"):
        yield


@pytest.mark.parametrize("patience", PATIENCE, indirect=True)
@pytest.mark.parametrize("case", [*TWO, *THREE])
def test_in_every_order_there_is_one_winner_and_nothing_is_torn(case: str):
    specs = dict(zip("ABC", {**TWO, **THREE}[case], strict=False))
    count = 0
    for _, actors in every_order(stagers(specs)):
        check(actors, specs)
        count += 1
    assert count >= 8  # there were orders to try


@pytest.mark.parametrize("case", TWO)
def test_the_metadata_of_somebody_who_crashed_does_not_stay(case: str):
    specs = dict(zip("AB", TWO[case], strict=True))

    def crashed(bucket: Bucket) -> None:
        bucket.write(f"{KEY}/metadata", b"{x}")

    for _, actors in every_order(stagers(specs, crashed)):
        check(actors, specs)


@pytest.mark.parametrize("case", TWO)
def test_whoever_crashes_anywhere_the_same_again_makes_it_whole(case: str):
    specs = dict(zip("AB", TWO[case], strict=True))
    crashes = 0
    for _, actors in every_order(stagers(specs), crashing="B"):
        crashes += bool(actors.crashed)
        bucket = bucket_of(actors)
        results = {}
        for name in "AB":  # the same again, one after the other
            again = Actors({name: commit(bucket, f"{name} again", specs[name]).run()}, [bucket], lambda: None)
            while again.ready:
                again.step(name)
            results[name] = again.results[name]
        won = specs["A" if bucket.objects[KEY].data == specs["A"][0] and results["A"] in DONE else "B"]
        check_whole(bucket, won)
        for name, result in results.items():
            assert (result in DONE) == (specs[name] == won)
            assert result in DONE or isinstance(result, VersionExists)
    assert crashes > 3


DONE = {"created", "unchanged", "repaired"}


def run(bucket: Bucket, spec: Spec, name: str = "A") -> object:
    """What one stager alone says."""
    actors = Actors({name: commit(bucket, name, spec).run()}, [bucket], lambda: None)
    while actors.ready:
        actors.step(name)
    return actors.results[name]


def test_metadata_is_there_before_the_artifact():
    bucket = Bucket()
    assert run(bucket, (b"a", b"{a}")) == "created"
    writes = [call for call in bucket.calls if call[0].startswith("put")]
    assert writes == [("put_small", f"{KEY}/metadata"), ("put", KEY)]


def test_without_metadata_there_is_no_metadata_object():
    bucket = Bucket()
    assert run(bucket, (b"a", None)) == "created"
    assert list(bucket.objects) == [KEY]


def test_the_same_again_writes_nothing():
    bucket = Bucket()
    run(bucket, (b"a", b"{a}"))
    bucket.calls.clear()
    assert run(bucket, (b"a", b"{a}"), "B") == "unchanged"
    assert {name for name, _ in bucket.calls} == {"head", "get"}


def test_metadata_that_was_lost_is_repaired_by_the_same_again():
    bucket = Bucket()
    run(bucket, (b"a", b"{a}"))
    del bucket.objects[f"{KEY}/metadata"]
    assert run(bucket, (b"a", b"{a}"), "B") == "repaired"
    check_whole(bucket, (b"a", b"{a}"))


def test_metadata_that_somebody_spoilt_is_repaired_by_the_same_again():
    bucket = Bucket()
    run(bucket, (b"a", b"{a}"))
    bucket.write(f"{KEY}/metadata", b"{x}")
    assert isinstance(run(bucket, (b"a", b"{x}"), "B"), VersionExists)
    assert run(bucket, (b"a", b"{a}"), "C") == "repaired"
    check_whole(bucket, (b"a", b"{a}"))


def test_a_version_staged_without_metadata_gets_none_later():
    bucket = Bucket()
    run(bucket, (b"a", None))
    assert isinstance(run(bucket, (b"a", b"{b}"), "B"), VersionExists)
    check_whole(bucket, (b"a", None))


@pytest.mark.parametrize(
    ("there", "ours", "expected"),
    [
        (b"{a}", b"{a}", "unchanged"),
        (None, b"{a}", "repaired"),  # its stager crashed in between
        (None, None, "unchanged"),
        (b"{b}", b"{a}", VersionExists),
        (b"{b}", None, VersionExists),
    ],
)
def test_the_metadata_of_what_startifact_staged(there: bytes | None, ours: bytes | None, expected: object):
    bucket = Bucket()
    bucket.write(KEY, b"a")
    if there is not None:
        bucket.write(f"{KEY}/metadata", there)
    found = run(bucket, (b"a", ours))
    assert isinstance(found, VersionExists) if expected is VersionExists else found == expected
    check_whole(bucket, (b"a", there if expected is VersionExists else ours))


@pytest.mark.parametrize("theirs", [None, b"{theirs}"])
def test_startifact_in_between_wins_and_our_metadata_goes(theirs: bytes | None):
    bucket = Bucket()

    def startifact() -> None:
        bucket.write(KEY, b"theirs")
        if theirs is not None:
            bucket.write(f"{KEY}/metadata", theirs)

    bucket.before("put", startifact)
    assert isinstance(run(bucket, (b"a", b"{a}")), VersionExists)
    check_whole(bucket, (b"theirs", theirs))
