"""twine beside lading: the same wheels and sdists, the same fields with the same values."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import anyio
import pytest
from twine.package import PackageFile, PackageMetadata
from twine.repository import Repository

from lading import Index, PyPI
from lading.testing import ServerResponse
from tests.conformance.ledger import EQUAL, Ledger, ledger
from tests.conformance.recorder import Recorder, upload_seen
from tests.conformance.twine_cases import attested, cases
from tests.conformance.twine_deviations import DEVIATIONS
from tests.support.distributions import wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "pypi-made-up"

FIELDS = frozenset({*PackageMetadata.__annotations__, ":action", "protocol_version", "content"})

EQUAL_ROWS = (
    "(method)",
    "(path)",
    "(last part)",
    "(heads of text parts)",
    "(head of the file's part)",
    "(length announced)",
    "header authorization",
    "header content-type",
    "header transfer-encoding",
    "header expect",
)
ROWS = {
    **dict.fromkeys([*FIELDS, *EQUAL_ROWS], EQUAL),
    **{deviation.row: deviation for deviation in DEVIATIONS},
}
LEDGER = ledger("twine", FIELDS, ROWS)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The ledger, after both clients have uploaded every case."""
    recorder = Recorder(lambda request: ServerResponse(404) if request.method == "GET" else ServerResponse())
    with pytest.MonkeyPatch.context() as patch, recorder.server:
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                patch.delenv(name)
        for case, make in cases().items():
            path = make(tmp_path_factory.mktemp("case"))
            compare(recorder, case, path)
        path = wheel(tmp_path_factory.mktemp("case"))
        for case, extra in EXTRAS.items():
            compare(recorder, case, path, extra)
        for case, make in attested().items():
            path, *sidecars = make(tmp_path_factory.mktemp("case"))
            names = [str(sidecar) for sidecar in sidecars]
            compare(recorder, case, path, lambda package, names=names: package.add_attestations(names))
    assert recorder.server.errors == []
    return LEDGER


def compare(recorder: Recorder, case: str, path: Path, extra: Callable[[PackageFile], None] | None = None) -> None:
    """Upload the same file with both."""
    with_twine(recorder.server.url, path, extra)
    theirs = upload_seen(recorder.take())
    anyio.run(with_lading, recorder.server.url, path)
    LEDGER.compare(case, theirs, upload_seen(recorder.take()))


def with_twine(url: str, path: Path, extra: Callable[[PackageFile], None] | None) -> None:
    package = PackageFile.from_filename(str(path), None)
    if extra is not None:
        extra(package)
    repository = Repository(f"{url}/legacy/", "__token__", PASSWORD, disable_progress_bar=True)
    try:
        assert repository.upload(package).status_code == 200
    finally:
        repository.close()


async def with_lading(url: str, path: Path) -> None:
    async with PyPI(Index(f"{url}/legacy/", f"{url}/simple/"), token=PASSWORD) as pypi:
        assert (await pypi.releases.upload(path, attestations=True)).status == "uploaded"


def signed(package: PackageFile) -> None:
    package.gpg_signature = ("demo-1.0-py3-none-any.whl.asc", b"-----BEGIN PGP SIGNATURE-----")


def commented(package: PackageFile) -> None:
    package.comment = "a comment"


EXTRAS = {"signed": signed, "commented": commented}


def test_everything_has_a_row(compared: Ledger):
    compared.check_complete()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_row(compared: Ledger, name: str):
    compared.check(name)


def test_nothing_of_the_fields_is_left_out(compared: Ledger):
    assert compared.methods <= compared.seen


def test_the_name_differs_in_what_twine_replaces_and_in_nothing_else(compared: Ledger):
    found = [(difference.theirs, difference.ours) for difference in compared.different["name"]]
    assert (["Demo.Pkg-x"], ["Demo.Pkg_x"]) in found
    for (theirs,), (ours,) in found:
        assert theirs == re.sub("[^A-Za-z0-9.]+", "-", ours)


@pytest.mark.parametrize("name", ["comment", "gpg_signature"])
def test_what_only_twine_sends(compared: Ledger, name: str):
    assert [difference.ours for difference in compared.different[name]] == [None]


@pytest.mark.parametrize("name", ["import_name", "import_namespace"])
def test_what_only_lading_sends(compared: Ledger, name: str):
    found = compared.different[name]
    assert {difference.case for difference in found} == {"2.5 wheel", "2.5 tar.gz", "2.5 zip"}
    assert {difference.theirs for difference in found} == {None}
