"""``uv publish`` beside lading: the same wheels and sdists, the same fields with the same values."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import anyio
import pytest
import uv

from lading import Index, PyPI
from lading.testing import ServerResponse
from tests.conformance.ledger import EQUAL, Ledger, ledger
from tests.conformance.recorder import Recorded, Recorder, upload_seen
from tests.conformance.uv_cases import cases
from tests.conformance.uv_deviations import DEVIATIONS

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "pypi-made-up"

# Every field that uv 0.13 sends.
FIELDS = frozenset(
    {
        ":action",
        "protocol_version",
        "content",
        "filetype",
        "pyversion",
        "sha256_digest",
        "blake2_256_digest",
        "attestations",
        "metadata_version",
        "name",
        "version",
        "summary",
        "description",
        "description_content_type",
        "keywords",
        "home_page",
        "download_url",
        "author",
        "author_email",
        "maintainer",
        "maintainer_email",
        "license",
        "license_expression",
        "license_file",
        "classifiers",
        "platform",
        "dynamic",
        "requires_python",
        "requires_dist",
        "requires_external",
        "provides_dist",
        "provides_extra",
        "obsoletes_dist",
        "project_urls",
        "import_names",
        "import_namespaces",
    }
)
EQUAL_ROWS = (
    "(method)",
    "(path)",
    "(heads of text parts)",
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
LEDGER = ledger("uv", FIELDS, ROWS)
SENT: set[str] = set()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The ledger, after both clients have uploaded every case."""
    recorder = Recorder(lambda request: ServerResponse(404) if request.method == "GET" else ServerResponse())
    with recorder.server:
        for case, make in cases().items():
            directory = tmp_path_factory.mktemp("case")
            make(directory)
            with_uv(recorder.server.url, directory)
            theirs = recorder.take()
            anyio.run(with_lading, recorder.server.url, directory)
            compare(case, theirs, recorder.take())
    assert recorder.server.errors == []
    return LEDGER


def compare(case: str, theirs: list[Recorded], ours: list[Recorded]) -> None:
    """Note what differs; where uv sent nothing, only that."""
    LEDGER.compare(case, {"(sent at all)": bool(theirs)}, {"(sent at all)": bool(ours)})
    if theirs:
        seen = upload_seen(theirs)
        SENT.update(name for name in seen if name.isidentifier() or name.startswith(":"))
        LEDGER.compare(case, seen, upload_seen(ours))


def with_uv(url: str, directory: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("UV_") and not name.lower().endswith("_proxy")
    }
    quiet = ["--no-config", "--no-cache", "--no-progress"]
    done = subprocess.run(
        [uv.find_uv_bin(), "publish", *quiet, "--publish-url", f"{url}/legacy/", f"{directory}/*"],
        env={**environment, "UV_PUBLISH_TOKEN": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or "are valid source distributions" in done.stderr, done.stderr


async def with_lading(url: str, directory: Path) -> None:
    index = Index(f"{url}/legacy/", f"{url}/simple/")
    paths = sorted(directory.iterdir())
    async with PyPI(index, token=PASSWORD) as pypi, pypi.releases.upload_many(paths, attestations=True) as outcomes:
        assert [outcome.value.status async for outcome in outcomes] == ["uploaded"]


def test_everything_has_a_row(compared: Ledger):
    compared.check_complete()


@pytest.mark.parametrize("name", sorted(ROWS))
def test_row(compared: Ledger, name: str):
    compared.check(name)


def test_nothing_of_the_fields_is_left_out(compared: Ledger):
    assert compared.methods == SENT


def test_what_uv_does_not_send_at_all(compared: Ledger):
    refused = {difference.case for difference in compared.different["(sent at all)"]}
    assert {difference.ours for difference in compared.different["(sent at all)"]} == {True}
    assert all(case.endswith(" zip") or case.startswith(("name ", "version 2024")) for case in refused)


@pytest.mark.parametrize("name", ["license", "description", "author"])
def test_texts_differ_in_their_lines_and_in_nothing_else(compared: Ledger, name: str):
    for difference in compared.different[name]:
        if difference.ours == ["UNKNOWN"]:
            assert difference.theirs is None
        else:
            assert [" ".join(text.split()) for text in difference.ours] == difference.theirs


def test_keywords_differ_in_their_spaces_alone(compared: Ledger):
    for difference in compared.different["keywords"]:
        (theirs,), (ours,) = difference.theirs, difference.ours
        assert [word.strip() for word in theirs.split(",")] == ours.split(", ")


@pytest.mark.parametrize("name", ["import_name", "import_namespace"])
def test_import_names_differ_in_the_fields_name_alone(compared: Ledger, name: str):
    ours = {difference.case: difference.ours for difference in compared.different[name]}
    theirs = {difference.case: difference.theirs for difference in compared.different[f"{name}s"]}
    assert ours == theirs


def test_attestations_differ_in_those_that_uv_does_not_send(compared: Ledger):
    found = {difference.case: difference for difference in compared.different["attestations"]}
    assert found.keys() == {"attested twice", "attested otherwise"}
    assert found["attested otherwise"].theirs is None
    assert compared.equal["attestations"] == 2
