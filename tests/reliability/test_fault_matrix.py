"""Every operation that changes a store, times every fault: the result says what the store has."""

from __future__ import annotations

import pytest

from tests.reliability.fault_rows_charmhub import CHARMHUB
from tests.reliability.fault_rows_copr import COPR
from tests.reliability.fault_rows_pypi import PYPI
from tests.reliability.fault_rows_snap import ON_PREM, SNAP_STORE
from tests.support.fault_matrix import FAULTS, MatrixStore, Row, done_state, run_cell

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
STORES = [COPR, PYPI, CHARMHUB, SNAP_STORE, ON_PREM]


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.name)
def test_every_public_operation_has_a_row_or_only_reads(store: MatrixStore):
    rows = {row.name for row in store.rows}
    assert len(rows) == len(store.rows)
    assert rows | store.reads == store.operations()
    assert not rows & store.reads


def loops(store: MatrixStore) -> tuple[str, ...]:
    """Return the event loops that a store's rows run on.

    Not uvloop: how the loops differ when connections break, test_transport_* test on each of them. On-prem stores have
    the gateway's API, whose calls the rows of Charmhub run on both.
    """
    return ("asyncio",) if store is ON_PREM else ("asyncio", "trio")


@pytest.mark.parametrize(
    ("store", "row", "anyio_backend"),
    [
        pytest.param(store, row, loop, id=f"{row.name}-{loop}")
        for store in STORES
        for row in store.rows
        for loop in loops(store)
    ],
)
async def test_the_result_says_what_the_store_has(store: MatrixStore, row: Row, record_property: pytest.RecordProperty):
    assert row.differs.keys() <= {case.name for case in FAULTS}
    done = await done_state(store, row)
    cells = [await run_cell(store, row, case, done) for case in FAULTS]
    problems = [cell.problem for cell in cells if cell.problem]
    record_property("fault_matrix", (row.name, [cell.case.name for cell in cells], len(cells) - len(problems)))
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
