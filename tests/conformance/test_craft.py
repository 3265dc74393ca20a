"""craft-store beside lading: every method that it has, and the same requests, or a reason."""

from __future__ import annotations

import gc
import inspect
import json
import os
import re
import warnings
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from craft_store import (
    Auth,
    CandidAuth,
    DeveloperTokenAuth,
    HTTPClient,
    PublisherGateway,
    StoreClient,
    UbuntuOneAuth,
    UbuntuOneStoreClient,
    endpoints,
    errors,
)
from craft_store.base_client import BaseClient
from craft_store.errors import CraftStoreError as CraftError
from craft_store.login import UbuntuOneLogin
from xdg import BaseDirectory

from lading.canonical import Charmhub, SnapStore, permissions
from tests.conformance import (
    craft_cases_auth,
    craft_cases_gateway,
    craft_cases_http,
    craft_cases_logins,
    craft_cases_resources,
    craft_cases_snap,
    craft_cases_store,
    craft_cases_tables,
    craft_clients,
)
from tests.conformance import craft_deviations as rows
from tests.conformance.craft_case_server import CaseServer
from tests.conformance.craft_normalize import BACK, HEADERS, Case
from tests.conformance.craft_runner import Comparison, methods
from tests.conformance.ledger import EQUAL, ledger
from tests.conformance.tables import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.ledger import Difference


CLASSES: dict[str, type] = {
    "BaseClient": BaseClient,
    "StoreClient": StoreClient,
    "UbuntuOneStoreClient": UbuntuOneStoreClient,
    "UbuntuOneLogin": UbuntuOneLogin,
    "PublisherGateway": PublisherGateway,
    "HTTPClient": HTTPClient,
    "Auth": Auth,
    "Endpoints": endpoints.Endpoints,
}
METHODS = {f"{name}.{method}" for name, kind in CLASSES.items() for method in methods(kind)}
SIGNING = {kind.__name__ for kind in (CandidAuth, DeveloperTokenAuth, UbuntuOneAuth)}
CONSTANTS = {f"attenuations.{name}" for name in craft_cases_tables.ATTENUATIONS} | {
    "StoreClient.TOKEN_TYPE",
    "UbuntuOneStoreClient.TOKEN_TYPE",
}
MEASURED = METHODS | SIGNING | CONSTANTS | craft_cases_tables.CREDENTIALS | craft_cases_tables.FIELDS
ROWS = {
    **dict.fromkeys(MEASURED | {BACK, rows.FILE}, EQUAL),
    **dict.fromkeys((f"header {name}" for name in HEADERS), EQUAL),
    **{deviation.row: deviation for deviation in rows.DEVIATIONS},
}
LEDGER = ledger("craft-store", MEASURED, ROWS)


def cases(directory: Path) -> Iterator[Case]:
    yield from craft_cases_store.everywhere(directory)
    yield from craft_cases_store.addresses(directory)
    yield from craft_cases_store.progress(directory)
    yield from craft_cases_store.gateway_api()
    yield from craft_cases_resources.resources()
    yield from craft_cases_snap.snap_store()
    yield from craft_cases_resources.endpoint_paths(directory)
    yield from craft_cases_gateway.gateway()
    yield from craft_cases_logins.candid()
    yield from craft_cases_logins.by_password()
    yield from craft_cases_logins.exchanged()
    yield from craft_cases_logins.caveats()
    yield from craft_cases_logins.refused()
    yield from craft_cases_http.http()
    yield from craft_cases_http.errors()
    yield from craft_cases_http.lost(directory)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """After everything was done with both."""
    comparison = Comparison(LEDGER)
    before = keyring.get_keyring()
    server = CaseServer()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # craft-store leaves connections open
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setattr(BaseDirectory, "xdg_data_home", BaseDirectory.xdg_data_home)
        for name in (craft_cases_auth.VARIABLE, craft_clients.VARIABLE, "XDG_DATA_HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("CRAFT_STORE_RETRIES", "2")
        patch.setenv("CRAFT_STORE_BACKOFF", "0")
        undo = comparison.watch(CLASSES)
        try:
            with server:
                comparison.requests(server, list(cases(tmp_path_factory.mktemp("files"))))
                comparison.keyrings(server, craft_cases_auth.keeping(), tmp_path_factory.mktemp("home"))
        finally:
            undo()
            keyring.set_keyring(before)
        for found in (
            craft_cases_tables.attenuation_rows,
            craft_cases_tables.table_rows,
            craft_cases_tables.token_requests,
            craft_cases_tables.credentials,
        ):
            comparison.constants(found())
        gc.collect()
    assert server.errors == []
    return comparison


def test_everything_has_a_row(compared: Comparison):
    compared.ledger.check_complete()
    assert compared.ledger.methods <= compared.ledger.seen


@pytest.mark.parametrize("name", sorted(ROWS))
def test_row(compared: Comparison, name: str):
    compared.ledger.check(name)


def different(compared: Comparison, row: str) -> list[Difference]:
    return compared.ledger.different[row]


def test_what_craft_store_has():
    counts = {name: len(methods(kind)) for name, kind in CLASSES.items()}
    assert counts == {
        "BaseClient": 16,
        "StoreClient": 16,
        "UbuntuOneStoreClient": 16,
        "UbuntuOneLogin": 1,
        "PublisherGateway": 10,
        "HTTPClient": 4,
        "Auth": 6,
        "Endpoints": 6,
    }
    assert len(craft_cases_tables.ATTENUATIONS) == 18
    assert len(craft_cases_tables.FIELDS) == 3 * 8


def test_every_parameter_was_given(compared: Comparison):
    found = {
        f"{name}.{method}({parameter})"
        for name, kind in CLASSES.items()
        for method in methods(kind) & vars(kind).keys()
        for parameter in inspect.signature(getattr(kind, method)).parameters
        if parameter not in ("self", "cls")
    }
    assert found <= compared.given


# Rows whose differences are all of one kind: what craft-store sends, and what lading does.
ALIKE: dict[str, tuple[set[str], set[str]]] = {
    "header accept": ({"*/*"}, {"application/json"}),
    "header connection": ({"keep-alive"}, {"None"}),
    rows.WAITING: ({"None"}, {"3"}),
}


@pytest.mark.parametrize("row", ALIKE)
def test_what_differs_everywhere(compared: Comparison, row: str):
    theirs, ours = ALIKE[row]
    for difference in different(compared, row):
        assert difference.ours == ours, difference
        assert difference.theirs & theirs, difference


def changed(difference: Difference) -> list[tuple[Any, Any]]:
    """The requests that differ, of as many on both sides."""
    pairs = zip(difference.theirs, difference.ours, strict=True)
    return [(theirs, ours) for theirs, ours in pairs if theirs != ours]


@pytest.mark.parametrize(
    ("row", "theirs", "ours"),
    [
        (rows.DESCRIPTION, {"client-description": "craft-store"}, {"client-description": "lading"}),
        (rows.LIFETIME, {"permissions": ["p"], "ttl": 86400}, {"permissions": ["p"], "ttl": 108000}),
        (
            rows.EMPTY_LISTS,
            {"channels": [], "packages": [], "permissions": ["package-view"], "ttl": 3600},
            {"permissions": ["package-view"], "ttl": 3600},
        ),
        (
            rows.PERMISSIONS,
            {"permissions": ["account-view-packages"], "ttl": 60},
            {"permissions": [*permissions.PUBLISH_PERMISSIONS], "ttl": 60},
        ),
    ],
)
def test_one_body_differs_in_nothing_else(compared: Comparison, row: str, theirs: Any, ours: Any):
    for difference in different(compared, row):
        ((their, our),) = changed(difference)
        assert (json.loads(their.pop("body")), json.loads(our.pop("body"))) == (theirs, ours)
        assert their == our


def test_a_second_factor_costs_one_request_less(compared: Comparison):
    (difference,) = different(compared, rows.ON_DEMAND)
    root, refused, again, discharged = difference.theirs
    assert again == root
    assert difference.ours == [root, refused, discharged]


def test_after_a_lost_response_lading_looks_the_work_up(compared: Comparison):
    sent = {found.case: [one["request"] for one in found.ours] for found in different(compared, rows.LOST)}
    notify, release = "POST /v1/charm/demo/revisions", "POST /v1/charm/demo/releases"
    assert sent == {
        "StoreClient.upload_file store lost.charm": ["POST /unscanned-upload/"] * 2,
        "StoreClient.notify_revision store lost": [notify, "GET /v1/charm/demo/revisions/review?upload-id=upload-1"],
        "StoreClient.release store lost": [release, "GET /v1/charm/demo/releases"],
        "StoreClient.register_name store lost": [
            "POST /v1/charm",
            "GET /v1/charm/demo",
            "GET /v1/tokens/whoami",
        ],
        "PublisherGateway.whoami lost": ["GET /v1/tokens/whoami"] * 2,
    }
    assert all(found.theirs == found.ours[:1] for found in different(compared, rows.LOST))


def test_a_resource_is_looked_up_and_uploaded_first(compared: Comparison):
    for difference in different(compared, rows.WHOLE_RESOURCE):
        assert difference.theirs == []
        assert difference.ours == ["GET /v1/charm/demo/resources/image/revisions", "POST /unscanned-upload/"]


def test_names_stay_in_their_part_of_the_path(compared: Comparison):
    sent = {
        difference.case: [one["request"] for one in difference.ours]
        for difference in different(compared, rows.ODD_NAMES)
        if difference.case.startswith("BaseClient.list_revisions base")
    }
    start = "GET /v1/charm/"
    assert sent == {
        "BaseClient.list_revisions base a/b": [f"{start}a%2Fb/revisions"],
        "BaseClient.list_revisions base a?b": [f"{start}a%3Fb/revisions"],
        "BaseClient.list_revisions base ..": [],
    }


@pytest.mark.parametrize(
    ("row", "theirs", "ours"),
    [
        (rows.INVALID_ARGUMENT, "ValueError", "InputError"),
        (rows.NO_UPDATE, "ValueError", "InputError"),
        (rows.GATEWAY_ERRORS, "CraftStoreError", "ApiError"),
        (rows.ODD_ERRORS, "TypeError", "ApiError"),
        (rows.PAGE, "JSONDecodeError", "InvalidResponse"),
        (rows.NO_KEY, "KeyError", "InvalidResponse"),
        (rows.SNAP_RESOURCES, "NotImplementedError", "AttributeError"),
    ],
)
def test_errors(compared: Comparison, row: str, theirs: str, ours: str):
    found = {(difference.theirs, difference.ours) for difference in different(compared, row)}
    assert found == {(f"raises {theirs}", f"raises {ours}")}


def test_the_page_has_every_method():
    """The page for those who come from craft-store has a row for each, and for each error."""
    page = (DOCS / "coming-from-craft-store.md").read_text("utf-8")
    reported = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    wanted = {f"{name.rpartition('.')[2]}(" for name in METHODS}
    wanted |= {f"gateway.{name}(" for name in methods(PublisherGateway) - {"with_ubuntu_one"}}
    wanted |= {f"client.{name}(" for name in methods(BaseClient)} | {f"auth.{name}(" for name in methods(Auth)}
    wanted |= {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, CraftError)}
    wanted |= {*CLASSES, *SIGNING, *craft_cases_tables.TABLES, "TOKEN_TYPE", "attenuations", "environment_auth="}
    assert sorted(name for name in wanted - {"Auth", "HTTPClient"} if name not in reported) == []


def test_the_page_names_what_lading_has():
    """Each method in its second column exists, with the parameters that are named."""
    page = (DOCS / "coming-from-craft-store.md").read_text("utf-8")
    column = " ".join(line.split("|")[2] for line in page.splitlines() if line.startswith("| "))
    found = re.findall(r"`(snaps\.)?([a-z]+)\.(\w+)\(([^)`]*)\)`", column)
    assert len(found) > 20
    for snaps, resource, name, arguments in found:
        method = getattr(getattr(SnapStore() if snaps else Charmhub(), resource), name)
        assert set(re.findall(r"(\w+)=", arguments)) <= inspect.signature(method).parameters.keys(), method
        assert resource in ("resources", "tracks") or hasattr(getattr(SnapStore(), resource), name)
