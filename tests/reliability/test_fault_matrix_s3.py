"""Every write request of every operation of the stager, times every fault: the result says what each region has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import Stager
from tests.reliability.fault_rows_s3 import READS, ROWS
from tests.support.stager_faults import FAULT_NAMES
from tests.support.stager_matrix import run_row

if TYPE_CHECKING:
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor
    from tests.support.stager_matrix import StagerRow

pytestmark = pytest.mark.timeout(300)


def test_every_public_operation_has_a_row_or_only_reads():
    names = {name for name in dir(Stager) if not name.startswith("_")}
    operations = {f"stager.{name}" for name in names if callable(getattr(Stager, name))}
    rows = {row.operation for row in ROWS}
    assert len({str(row) for row in ROWS}) == len(ROWS)
    assert rows | READS == operations
    assert not rows & READS


# On asyncio alone: what an event loop does with these faults, the matrix of the other stores shows on all of them.
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_the_result_says_what_each_region_has(
    aws: Aws,
    aws_backdoor: Backdoor,
    row: StagerRow,
    monkeypatch: pytest.MonkeyPatch,
    record_property: pytest.RecordProperty,
):
    assert row.differs.keys() <= FAULT_NAMES
    if row.parts:
        monkeypatch.setattr("lading.s3._staging.transfer.PART", 0)
    cells = await run_row(row, aws, aws_backdoor)
    held = sum(not cell.problems for cell in cells)
    record_property("fault_matrix", (row.operation, [cell.case.name for cell in cells], held))
    if held < len(cells):
        pytest.fail("\n".join(problem for cell in cells for problem in cell.problems), pytrace=False)
