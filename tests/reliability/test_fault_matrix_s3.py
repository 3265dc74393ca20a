"""Write requests of the stager, times every fault: the result says what each region has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.fault_rows_s3 import CELLS, ROWS, StagerRow, done_state, run_cell

if TYPE_CHECKING:
    from tests.support.aws_proxy import Aws
    from tests.support.moto_aws import Backdoor

pytestmark = pytest.mark.timeout(300)


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
    if row.parts:
        monkeypatch.setattr("lading.s3._staging.transfer.PART", 0)
    done = await done_state(row, aws, aws_backdoor)
    found = [await run_cell(row, case, regions, aws, aws_backdoor, done) for case, regions in CELLS]
    cells = [cell for cell in found if cell is not None]
    problems = [problem for cell in cells for problem in cell.problems]
    record_property("fault_matrix_stager", (str(row), len(cells), len(cells) - len(problems)))
    assert cells
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
