"""Comparison of what official clients and lading sent: one row for each thing compared.

A row says that both are equal, or is a :class:`~tests.conformance.deviations.Deviation`. A row that is missing, that no
longer holds, or that no case has tested fails the suite. Each official client has a module of its own, which creates a
:class:`Ledger`, lets both clients do the same in a number of cases, and has one test for each row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.conformance.deviations import Deviation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EQUAL = ""
"""The row of something that is the same in both."""


@dataclass(frozen=True)
class Difference:
    """One case in which both sent something, or only one did."""

    case: str
    theirs: Any
    ours: Any


@dataclass
class Ledger:
    """The rows of one official client.

    Attributes:
        client: Its name.
        methods: The public methods or upload fields that lading is measured by. Each needs a row.
        rows: By what is compared: :data:`EQUAL`, or the deviation. There may be more rows than methods, as for
            headers.
    """

    client: str
    methods: frozenset[str]
    rows: Mapping[str, str | Deviation]
    equal: Counter[str] = field(default_factory=Counter)
    different: dict[str, list[Difference]] = field(default_factory=dict)

    def compare(self, case: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        """Record what is equal and what is not; something that only one of them has is a difference."""
        for name in theirs.keys() | ours.keys():
            if theirs.get(name) == ours.get(name):
                self.equal[name] += 1
            else:
                self.different.setdefault(name, []).append(Difference(case, theirs.get(name), ours.get(name)))

    @property
    def seen(self) -> set[str]:
        """Everything that was compared at least once."""
        return {*self.equal, *self.different}

    def check_complete(self) -> None:
        """Assert that every method and everything that was compared has a row."""
        missing = (self.methods | self.seen) - self.rows.keys()
        assert not missing, f"no row for {sorted(missing)}: {[self.different.get(name) for name in sorted(missing)]}"

    def check(self, name: str) -> None:
        """Assert that the row holds, that it is needed, and that its case shows it."""
        row = self.rows[name]
        found = self.different.get(name, [])
        assert name in self.seen, f"no case has {name!r}"
        if isinstance(row, Deviation):
            assert found, f"{name!r} is always equal: this row is not needed ({row.reason})"
            cases = {difference.case for difference in found}
            assert row.shown_by in cases, f"{row.shown_by!r} does not show {name!r}; these do: {sorted(cases)}"
        else:
            assert found == [], f"{name!r} differs from what {self.client} sends, and its row does not say so"

    @property
    def summary(self) -> str:
        """One line for the end of the run."""
        covered = len(self.methods & self.seen)
        different = sum(name in self.different for name in self.rows)
        equal = sum(name in self.seen and name not in self.different for name in self.rows)
        return (
            f"conformance {self.client} methods={len(self.methods)} covered={covered} "
            f"rows={len(self.rows)} equal={equal} different={different}"
        )


LEDGERS: list[Ledger] = []


def ledger(client: str, methods: Iterable[str], rows: Mapping[str, str | Deviation]) -> Ledger:
    """Create a ledger whose summary is printed when all tests have run."""
    created = Ledger(client, frozenset(methods), rows)
    LEDGERS.append(created)
    return created
