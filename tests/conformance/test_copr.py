"""python-copr beside lading: every method that it has, and the same requests, or a reason."""

from __future__ import annotations

import gc
import inspect
import json
import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from copr.v3 import Client, client, helpers, pagination

from lading.copr import BuildOptions, ChrootOptions, NewProjectOptions, PackageOptions, ProjectOptions
from lading.copr._config_file import parse_config
from lading.copr._pagination import PAGE_SIZE
from lading.errors import ConfigError
from tests.conformance import copr_cases_builds, copr_cases_chroots, copr_cases_packages, copr_cases_projects
from tests.conformance import copr_deviations as rows
from tests.conformance.copr_case_server import Frontend
from tests.conformance.copr_cases import account
from tests.conformance.copr_cases_helpers import judging, waiting
from tests.conformance.copr_cases_paging import paging, refusals
from tests.conformance.copr_normalize import BACK, HEADERS, Case
from tests.conformance.copr_runner import Comparison, public
from tests.conformance.ledger import EQUAL, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.ledger import Difference

PROXIES = {
    name.removesuffix("_proxy"): type(proxy)
    for name, proxy in vars(Client({"copr_url": "https://copr.example"})).items()
    if name.endswith("_proxy")
}
CONSTRUCTORS = {"base.create_from_config_file", "Client.create_from_config_file"}
# python-copr's own modules make their classes with these.
DECORATORS = {"for_all_methods", "bind_proxy"}
# What sends requests, and the helpers that python-copr has for it.
SENDING = {f"{name}.{method}" for name, kind in PROXIES.items() for method in public(kind)} - CONSTRUCTORS
HELPING = (public(helpers) | public(pagination)) - DECORATORS
ROWS = {
    **dict.fromkeys(SENDING | HELPING | CONSTRUCTORS | {BACK}, EQUAL),
    **dict.fromkeys((f"header {name}" for name in HEADERS), EQUAL),
    **{deviation.row: deviation for deviation in rows.DEVIATIONS},
}
LEDGER = ledger("copr", SENDING | HELPING, ROWS)


def cases(directory: Path) -> Iterator[Case]:
    yield from account()
    yield from copr_cases_projects.projects()
    yield from copr_cases_builds.builds()
    yield from copr_cases_builds.sources()
    yield from copr_cases_builds.uploads(directory)
    yield from copr_cases_packages.packages()
    yield from copr_cases_chroots.chroots(directory)
    yield from waiting()
    yield from judging()
    yield from paging()
    yield from refusals()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """After everything was done with both."""
    comparison = Comparison(LEDGER)
    home = tmp_path_factory.mktemp("home")
    frontend = Frontend()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # python-copr leaves files and connections open, and warns of arguments that are compared here all the same.
        warnings.simplefilter("ignore")
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name.startswith("COPR_"):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setattr(helpers, "DEFAULT_CONFIG_PATH", str(home / ".config" / "copr"))
        with frontend.server:
            comparison.requests(frontend, list(cases(tmp_path_factory.mktemp("files"))))
        comparison.configuration(home)
        gc.collect()
    assert frontend.server.errors == []
    return comparison


def different(compared: Comparison, row: str) -> list[Difference]:
    return compared.ledger.different[row]


def test_everything_has_a_row(compared: Comparison):
    compared.ledger.check_complete()
    assert compared.ledger.methods <= compared.ledger.seen


@pytest.mark.parametrize("name", sorted(ROWS))
def test_row(compared: Comparison, name: str):
    compared.ledger.check(name)


def test_what_python_copr_has():
    assert len(SENDING) == 51
    assert {"wait", "succeeded", "config_from_file", "next_page", "all_pages", "unlimited"} == HELPING
    assert {f"Client.{name}" for name in public(client.Client)} < CONSTRUCTORS


def test_every_parameter_was_given(compared: Comparison):
    found = {
        f"{name}.{method}({parameter})"
        for name, kind in PROXIES.items()
        for method in public(kind)
        if f"{name}.{method}" in SENDING
        for parameter in list(inspect.signature(getattr(kind, method)).parameters)[1:]
    }
    assert found == compared.given


def test_every_option_of_ours_was_given():
    project, new = copr_cases_projects.PROJECT.keys(), copr_cases_projects.NEW_PROJECT.keys()
    assert project == ProjectOptions.__annotations__.keys()
    assert new == project | NewProjectOptions.__annotations__.keys()
    assert copr_cases_builds.OPTIONS.keys() == BuildOptions.__annotations__.keys()
    assert copr_cases_packages.COMMON.keys() | {"chroot_denylist"} == PackageOptions.__annotations__.keys()
    chroot = copr_cases_chroots.CHROOT_OPTIONS.keys() - {"delete_comps"} | {"bootstrap_image"}
    assert chroot == ChrootOptions.__annotations__.keys()
    for kind, settings in copr_cases_packages.KINDS.values():
        assert settings.keys() == set(kind.__match_args__)


# Rows whose differences are all of one kind: what python-copr sends, and what lading does.
ALIKE: dict[str, tuple[set[str] | None, set[str]]] = {
    rows.PATH_AGAIN: (None, set()),
    rows.LIMIT: (set(), {f"limit={PAGE_SIZE}"}),
    rows.FALSE: (None, set()),
    rows.ASCENDING: ({"order_type=ASC"}, set()),
    rows.FIRST: ({"offset=0"}, set()),
    rows.NULLS: (None, set()),
    "header accept": ({"*/*"}, {"application/json"}),
    "header connection": ({"keep-alive"}, {"None"}),
}


@pytest.mark.parametrize("row", ALIKE)
def test_what_differs_everywhere(compared: Comparison, row: str):
    theirs, ours = ALIKE[row]
    # Waiting for many builds requests lists that python-copr does not request.
    for difference in [found for found in different(compared, row) if found.case != "wait ten"]:
        assert difference.ours == ours, difference
        assert theirs in (None, difference.theirs)


def test_every_list_has_a_limit(compared: Comparison):
    lists = {f"{name}.get_list" for name in ("project", "build", "package", "build_chroot")} | {"project.search"}
    assert {found.case.split()[0] for found in different(compared, rows.LIMIT)} == {*lists, "next_page", "wait"}


def test_the_gate_lets_both_pass(compared: Comparison):
    for difference in different(compared, "header user-agent"):
        ((theirs,), (ours,)) = difference.theirs, difference.ours
        assert theirs == "copr python-copr/2.7"
        assert ours.startswith("copr lading/")


def test_lists_differ_in_how_they_are_joined_alone(compared: Comparison):
    for difference in different(compared, rows.JOINED):
        separators = {name: "," if name == "chroot_denylist" else " " for name in difference.theirs}
        assert difference.ours == {name: separators[name].join(value) for name, value in difference.theirs.items()}


def test_can_build_in_differs_in_the_credentials_alone(compared: Comparison):
    for difference in different(compared, "project.can_build_in"):
        (theirs,), (ours,) = difference.theirs, difference.ours
        assert theirs["headers"].pop("authorization")
        assert theirs == ours


def test_no_request_but_a_delete_announces_no_length(compared: Comparison):
    alone = [difference for difference in different(compared, rows.LENGTH) if difference.ours == {"False"}]
    assert {difference.case.split()[0] for difference in alone} == {"build.delete"}
    # The others request the package first.
    assert {d.case.split()[0] for d in different(compared, rows.LENGTH) if d not in alone} == {"package.edit"}


def requested(requests: list[dict[str, Any]]) -> list[str]:
    return [request["request"].rstrip("?") for request in requests]


def test_packages_are_edited_without_a_type(compared: Comparison):
    look = "GET /api_3/package?ownername=me&projectname=demo&packagename=hello"
    path = "POST /api_3/package/edit/me/demo/hello/"
    for difference in different(compared, rows.NO_TYPE):
        (theirs,), (get, edit) = difference.theirs, difference.ours
        assert requested([theirs, get]) == [f"{path}None", look]
        kind = {"scm_type": "svn", "spec": ""} if difference.case.startswith("package.edit svn") else {}
        assert requested([edit]) == [f"{path}scm" if kind else path]
        assert json.loads(edit["body"]) == {**json.loads(theirs["body"]), **kind}
        assert edit["headers"] == theirs["headers"]
    (difference,) = different(compared, rows.NO_KIND)
    (theirs,), (get, edit) = difference.theirs, difference.ours
    assert requested([theirs, get, edit]) == [f"{path}scm", look, f"{path}scm"]
    assert json.loads(edit["body"]) == {**json.loads(theirs["body"]), "scm_type": "svn", "spec": ""}


def test_packages_from_scm_have_a_spec_file_or_an_empty_one(compared: Comparison):
    look = "GET /api_3/package?ownername=me&projectname=demo&packagename=hello"
    for difference in different(compared, rows.NO_SPEC):
        (theirs,), (*looks, change) = difference.theirs, difference.ours
        assert requested(looks) == ([look] if difference.case.startswith("package.edit") else [])
        assert requested([change]) == requested([theirs])
        assert json.loads(change["body"]) == {**json.loads(theirs["body"]), "spec": ""}


def test_no_chroots_are_not_sent(compared: Comparison):
    (difference,) = different(compared, rows.NO_CHROOTS)
    assert len(difference.theirs) == 1
    assert difference.ours == []


def test_names_stay_in_their_part_of_the_path(compared: Comparison):
    sent = {
        difference.case.split()[1]: requested(difference.ours) for difference in different(compared, rows.ODD_NAMES)
    }
    start = "PUT /api_3/project/regenerate-repos/me/"
    encoded = {"'a/b'": "a%2Fb", "'a?b=c'": "a%3Fb%3Dc", "'a#b'": "a%23b", "'a%41b'": "a%2541b"}
    assert sent == {**{name: [start + path] for name, path in encoded.items()}, "'..'": [], "''": []}


def test_many_builds_are_followed_by_pages(compared: Comparison):
    (difference,) = different(compared, rows.MANY)
    theirs, ours = requested(difference.theirs)[10:], requested(difference.ours)[10:]
    assert len(theirs) == 20
    assert len(ours) == 2
    assert all(request.startswith("GET /api_3/build/list?") for request in ours)


@pytest.mark.parametrize(
    ("row", "theirs", "ours"),
    [
        (rows.NOBODY, "CoprAuthException", "ConfigError"),
        (rows.TOO_LONG, "CoprException", "TimeoutError"),
        (rows.PAGE, "CoprRequestException", "InvalidResponse"),
        (rows.NO_SECTION, "KeyError", "ConfigError"),
        (rows.NO_BOOLEAN, "ValueError", "ConfigError"),
    ],
)
def test_errors(compared: Comparison, row: str, theirs: str, ours: str):
    found = {(difference.theirs, difference.ours) for difference in different(compared, row)}
    assert found == {(f"raises {theirs}", f"raises {ours}")}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[other]\nlogin = a", ["no section", "copr-cli"]),
        ("[copr-cli]\nlogin = a", ["copr-cli", "copr_url"]),
        ("[copr-cli]\ncopr_url = https://copr.example\ngssapi = maybe", ["copr-cli", "gssapi", "maybe"]),
        ("[copr-cli]\ncopr_url = https://copr.example\nencrypted = 2", ["copr-cli", "encrypted", "'2'"]),
        ("[copr-cli]\ncopr_url = https://copr.example\nlogin = a", ["copr-cli", "login", "token"]),
    ],
)
def test_errors_of_configuration_say_where(text: str, named: list[str]):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "the/file")
    assert [word for word in ["the/file", *named] if word not in str(caught.value)] == []
