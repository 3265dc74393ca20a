"""Doing every case with python-copr and with lading, and noting what came of it."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from copr.v3 import BuildProxy, Client

from lading import Copr
from lading.types import Retry
from tests.conformance import copr_cases_config as config
from tests.conformance.copr_case_server import PACKAGE
from tests.conformance.copr_deviations import ENVIRONMENT
from tests.conformance.copr_normalize import plain, raised, sent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.conformance.copr_case_server import Frontend
    from tests.conformance.copr_normalize import Case
    from tests.conformance.ledger import Ledger

LOGIN = {"login": "made-up-login", "token": "made-up-token"}


class Comparison:
    """Both clients at one frontend.

    Attributes:
        ledger: What was found.
        given: Every parameter of python-copr's methods that a case gave, as ``project.edit(chroots)``.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.given: set[str] = set()

    def requests(self, frontend: Frontend, cases: Sequence[Case]) -> None:
        """Compare what is sent, and what comes back."""
        theirs = [self._with_python_copr(frontend, case) for case in cases]
        ours = anyio.run(_with_lading, frontend, cases)
        for case, their, our in zip(cases, theirs, ours, strict=True):
            self.ledger.compare(f"{case.method} {case.name}", *_where_both_requested(their, our))

    def _with_python_copr(self, frontend: Frontend, case: Case) -> dict[str, Any]:
        url = _prepare(frontend, case)
        client = Client({"copr_url": url, "username": "me", **(LOGIN if case.login else {})})
        for name, proxy in vars(client).items():
            if name.endswith("_proxy"):
                self._watch(name.removesuffix("_proxy"), proxy)
        try:
            back = plain(case.theirs(client))
        except Exception as error:
            back = raised(error)
        return {**sent(case, frontend.take()), case.back: back}

    def _watch(self, name: str, proxy: Any) -> None:
        """Note what the proxy's own methods are given."""
        for method in public(type(proxy)):
            setattr(proxy, method, self._noting(f"{name}.{method}", getattr(proxy, method)))

    def _noting(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @wraps(method)
        def noting(*args: Any, **kwargs: Any) -> Any:
            self.given.update(f"{name}({given})" for given in signature.bind(*args, **kwargs).arguments)
            return method(*args, **kwargs)

        return noting

    def configuration(self, home: Path) -> None:
        """Compare how configuration files are read, when they are named and at their usual place."""
        usual = home / ".config" / "copr"
        for case, (text, row) in config.FILES.items():
            config.write(usual, text)
            for path in (str(usual), "~/.config/copr", None):
                self._read(row, case, path)
        self._read("config_from_file", "missing", str(home / "missing"))
        self._read("config_from_file", "a directory", str(home))
        usual.unlink()
        self._read("config_from_file", "nothing at the usual place", None)
        config.write(usual, config.WHOLE)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COPR_URL", "https://other.example")
            self._read(ENVIRONMENT, "another instance", None)
            patch.setenv("COPR_LOGIN", "of the environment")
            patch.setenv("COPR_TOKEN", "of the environment")
            self._read(ENVIRONMENT, "another login", None)
        self._make()

    def _read(self, row: str, case: str, path: str | None) -> None:
        try:
            theirs = plain(config.theirs(path))
        except Exception as error:
            theirs = raised(error)
        try:
            ours = plain(anyio.run(config.ours, path))
        except Exception as error:
            ours = raised(error)
        self.ledger.compare(case, {row: theirs}, {row: ours})

    def _make(self) -> None:
        """Clients that are made from the file at the usual place."""

        async def client() -> dict[str, Any]:
            async with Copr.from_config() as copr:
                return {"builds": hasattr(copr.builds, "create_from_url"), "username": copr.username}

        ours = anyio.run(client)
        found = Client.create_from_config_file()
        theirs = {"builds": hasattr(found.build_proxy, "create_from_url"), "username": found.config["username"]}
        row = "Client.create_from_config_file"
        self.ledger.compare("a client", {row: theirs}, {row: ours})
        theirs = {**theirs, "builds": hasattr(BuildProxy.create_from_config_file(), "create_from_url")}
        row = "base.create_from_config_file"
        self.ledger.compare("a proxy", {row: theirs}, {row: ours})


async def _with_lading(frontend: Frontend, cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [await _one(frontend, case) for case in cases]


async def _one(frontend: Frontend, case: Case) -> dict[str, Any]:
    url = _prepare(frontend, case)
    async with Copr(url, username="me", retry=Retry(backoff=0), **(LOGIN if case.login else {})) as copr:
        try:
            back = plain(await case.ours(copr))
        except Exception as error:
            back = raised(error)
    return {**sent(case, frontend.take()), case.back: back}


def _prepare(frontend: Frontend, case: Case) -> str:
    """The address of the instance, which is as it was before the first case."""
    frontend.states, frontend.total, frontend.refusal, frontend.package = {}, 0, None, PACKAGE
    case.setup(frontend)
    frontend.take()
    return f"{frontend.server.url}{case.site}"


def _where_both_requested(*sides: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs everywhere is compared where both sent something; that only one did has another row."""
    common = set.intersection(*({name for name, value in side.items() if isinstance(value, set)} for side in sides))
    return [
        {name: value for name, value in side.items() if name in common or not isinstance(value, set)} for side in sides
    ]


def public(where: Any) -> set[str]:
    """The functions of a class or module that are its own, and meant for others."""
    home = where.__name__ if inspect.ismodule(where) else where.__module__
    found = {name: value for name, value in vars(where).items() if not name.startswith("_")}
    return {name for name in found if inspect.isroutine(getattr(where, name)) and found[name].__module__ == home}
