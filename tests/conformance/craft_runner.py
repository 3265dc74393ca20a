"""Doing every case with craft-store and with lading, and noting what came of it."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import shutil
from functools import wraps
from typing import TYPE_CHECKING, Any

import anyio
from xdg import BaseDirectory

from tests.conformance.craft_clients import Craft, our_client
from tests.conformance.craft_normalize import like, plain, raised, sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tests.conformance.craft_case_server import CaseServer
    from tests.conformance.craft_cases_auth import KeyringCase
    from tests.conformance.craft_cases_tables import Compared
    from tests.conformance.craft_normalize import Case
    from tests.conformance.ledger import Ledger


class Comparison:
    """Both clients at one server.

    Attributes:
        ledger: What was found.
        given: Every parameter of craft-store's methods that a case gave, as ``BaseClient.release(name)``.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.given: set[str] = set()

    def requests(self, server: CaseServer, cases: Sequence[Case]) -> None:
        """Compare what is sent, and what comes back."""
        theirs = [_with_craft_store(server, case) for case in cases]
        ours = anyio.run(
            _with_lading, server, cases, [_requested(case, their) for case, their in zip(cases, theirs, strict=True)]
        )
        for case, their, our in zip(cases, theirs, ours, strict=True):
            our[case.back] = like(their[case.back], our[case.back])
            self.ledger.compare(f"{case.method} {case.name}".strip(), *_where_both_requested(their, our))

    def keyrings(self, server: CaseServer, cases: Iterable[KeyringCase], home: Path) -> None:
        """Compare what is kept, and where."""
        for case in cases:
            found = [self._keep(server, case, home / name) for name in ("theirs", "ours")]
            self.ledger.compare(f"{case.row} {case.name}", *found)

    def _keep(self, server: CaseServer, case: KeyringCase, home: Path) -> dict[str, Any]:
        memory = case.prepare(server)
        shutil.rmtree(home, ignore_errors=True)
        os.environ["XDG_DATA_HOME"] = BaseDirectory.xdg_data_home = str(home)
        try:
            result = plain(
                anyio.run(case.with_lading, server) if home.name == "ours" else case.with_craft_store(server)
            )
        except Exception as error:
            result = raised(error)
        assert server.take() == []
        return case.outcome(memory, home, result)

    def constants(self, rows: Iterable[Compared]) -> None:
        """Compare constants."""
        for case, row, theirs, ours in rows:
            self.ledger.compare(case, {row: theirs}, {row: ours})

    def watch(self, kinds: dict[str, type]) -> Callable[[], None]:
        """Note what methods are given; returns what ends that."""
        before: list[tuple[type, str, Any]] = []
        for kind_name, kind in kinds.items():
            for name in methods(kind):
                found = inspect.getattr_static(kind, name)
                if name not in vars(kind):
                    continue
                before.append((kind, name, found))
                setattr(kind, name, self._noting(f"{kind_name}.{name}", found))

        def undo() -> None:
            for kind, name, found in before:
                setattr(kind, name, found)

        return undo

    def _noting(self, row: str, found: Any) -> Any:
        wrapper = type(found) if isinstance(found, (staticmethod, classmethod)) else None
        function = found.__func__ if wrapper else found
        signature = inspect.signature(function)

        @wraps(function)
        def noting(*args: Any, **kwargs: Any) -> Any:
            self.given.update(f"{row}({given})" for given in signature.bind(*args, **kwargs).arguments)
            return function(*args, **kwargs)

        return wrapper(noting) if wrapper else noting


def methods(kind: type) -> set[str]:
    """The public methods of a class, those that it inherits, too."""
    return {name for name, _ in inspect.getmembers(kind, inspect.isroutine) if not name.startswith("_")}


def _requested(case: Case, theirs: dict[str, Any]) -> list[str]:
    row = case.method if case.row is None else case.row
    return [one["request"] for one in theirs.get(row, [])]


def _with_craft_store(server: CaseServer, case: Case) -> dict[str, Any]:
    _prepare(server, case)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints where to log in
            back = plain(case.theirs(Craft(server, case.side, login=case.login, site=case.site)))
    except Exception as error:
        back = raised(error)
    return {**sent(case, server.take()), case.back: back}


async def _with_lading(server: CaseServer, cases: Sequence[Case], usual: Sequence[list[str]]) -> list[dict[str, Any]]:
    return [await _one(server, case, requests) for case, requests in zip(cases, usual, strict=True)]


async def _one(server: CaseServer, case: Case, usual: list[str]) -> dict[str, Any]:
    _prepare(server, case)
    async with our_client(server, case.side, login=case.login, site=case.site) as client:
        try:
            back = plain(await case.ours(client))
        except Exception as error:
            back = raised(error)
    return {**sent(case, server.take(), usual), case.back: back}


def _prepare(server: CaseServer, case: Case) -> None:
    server.reset()
    case.setup(server)


def _where_both_requested(*sides: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs everywhere is compared where both sent something; that only one did has another row."""
    common = set.intersection(*({name for name, value in side.items() if isinstance(value, set)} for side in sides))
    return [
        {name: value for name, value in side.items() if name in common or not isinstance(value, set)} for side in sides
    ]
