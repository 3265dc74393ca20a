"""The faults of the stager's matrix, as S3 and SSM respond, and what must come out."""

from __future__ import annotations

import json

from lading.testing import DropAfter, DropBefore, Respond, RespondAfter
from tests.support.aws_proxy import error
from tests.support.fault_matrix import HTML, PAGE, FaultCase, Outcome

ALL_DONE: tuple[Outcome, Outcome, Outcome] = ("done", "done", "done")
NEVER: tuple[Outcome, Outcome, Outcome] = ("not_done", "unknown", "unknown")
REFUSED: tuple[Outcome, Outcome, Outcome] = ("not_done", "not_done", "not_done")
LIE: tuple[Outcome, Outcome, Outcome] = ("done", "unknown", "unknown")

_SSM = {"Content-Type": "application/x-amz-json-1.1"}


def _ssm(status: int, name: str) -> Respond:
    """Return an error as SSM responds with it."""
    return Respond(status, json.dumps({"__type": name, "message": "because"}).encode(), _SSM)


_SLOW_DOWN, _THROTTLED = Respond(503, error("SlowDown")), _ssm(400, "ThrottlingException")

# The buckets in memory (memory_s3.py) take the place of the requests, and cannot have these faults. The requests of one
# operation in three regions take 0.3 s of CPU with moto, so this is a selection of the faults of the other stores: one
# status for each kind that the client distinguishes (429, throttling, 500, another gateway's), and no faults in the
# middle of a message, which the transport treats like those before and after the work. S3 is consistent: no late work.
_FAULTS = (
    FaultCase("closed before the work", DropBefore(), ALL_DONE),
    FaultCase("429 of a gateway", Respond(429, PAGE, HTML, retry_after=0), ALL_DONE),
    FaultCase("504 after the work", RespondAfter(504, PAGE, HTML), ALL_DONE),
    FaultCase("200 with a login page after the work", RespondAfter(200, PAGE, HTML), LIE),
    FaultCase("always closed before the work", DropBefore(), NEVER, None),
    FaultCase("always closed after the work", DropAfter(), LIE, None),
)
S3_FAULTS = (
    *_FAULTS,
    FaultCase("500 for ever", Respond(500, error("InternalError")), NEVER, None),
    FaultCase("throttled for ever", _SLOW_DOWN, REFUSED, None),
    FaultCase("closed after the work, then throttled for ever", DropAfter(), LIE, 1, _SLOW_DOWN),
)
SSM_FAULTS = (
    *_FAULTS,
    FaultCase("500 for ever", _ssm(500, "InternalServerError"), NEVER, None),
    FaultCase("throttled for ever", _THROTTLED, REFUSED, None),
    FaultCase("closed after the work, then throttled for ever", DropAfter(), LIE, 1, _THROTTLED),
)
FAULT_NAMES = frozenset(case.name for case in S3_FAULTS)
