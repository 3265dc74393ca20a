"""The rows of the fault matrix for the stager: every kind of write request of every operation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import CONFIGURATION, Backdoor, stage_as_startifact
from tests.support.stager_matrix import ARTIFACT, METADATA, Outcomes, StagerRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading import Stager

# By name: the first one decides between stagers.
FIRST, SECOND, THIRD = sorted(REGIONS)
DATA, FIELDS = b"artifact", {"lang": "dotnet"}


def _staged_in(*regions: str, latest: bool = True) -> Callable[[Backdoor], None]:
    """Return what stages P 1.0.0 as startifact does, in some regions."""

    def prepare(backdoor: Backdoor) -> None:
        stage_as_startifact(backdoor, DATA, FIELDS)
        for region in REGIONS:
            if region not in regions:
                backdoor.delete(region, ARTIFACT)
                backdoor.delete(region, METADATA)
            if region not in regions or not latest:
                backdoor.ssm(region).delete_parameter(Name="/arts/P/latest")

    return prepare


def _without_metadata(backdoor: Backdoor) -> None:
    """P 1.0.0 in every region, in two of them without its metadata."""
    _staged_in(*REGIONS)(backdoor)
    backdoor.delete(FIRST, METADATA)
    backdoor.delete(THIRD, METADATA)


def _with_uploads(backdoor: Backdoor) -> None:
    """An upload of a killed process in every region."""
    for region in REGIONS:
        backdoor.s3(region).create_multipart_upload(Bucket=f"bucket-{region}", Key=ARTIFACT)


def _stage(stager: Stager) -> Awaitable[object]:
    return stager.stage("P", "1.0.0", DATA, metadata=FIELDS)


def _set_latest(stager: Stager) -> Awaitable[object]:
    return stager.set_latest("P", "1.0.0")


def _repair(stager: Stager) -> Awaitable[object]:
    return stager.repair("P", "1.0.0")


def _setup(stager: Stager) -> Awaitable[object]:
    """Another configuration in two regions; the third is dropped."""
    return stager.setup(**{**CONFIGURATION, "parameter_name_prefix": "/new"}, regions=[FIRST, SECOND])


def _drop(stager: Stager) -> Awaitable[object]:
    """A configuration of one region; two are dropped."""
    return stager.setup(**CONFIGURATION, regions=[SECOND])


def _abort(stager: Stager) -> Awaitable[object]:
    return stager.abort_stale_uploads("P", older_than=-100)


# While the region that decides fails, nothing is written to another.
_DECIDED: dict[str, Any] = {"deciders": frozenset({FIRST}), "held_back": frozenset({SECOND, THIRD})}
_UPLOADED: dict[str, Any] = {**_DECIDED, "once": (FIRST,), "for_ever": (FIRST,)}
_METADATA: dict[str, Any] = {**_DECIDED, "for_ever": (FIRST, THIRD)}
# The other regions copy from it.
_COPIED: dict[str, Any] = {"once": (SECOND, THIRD), "for_ever": (THIRD,)}

# The identifier of the upload, or the part's ETag, is lost with every response: the artifact cannot be completed.
_LOST: Outcomes = {"always closed after the work": "not_done"}
_LOST_OR_REFUSED: Outcomes = {
    **_LOST,
    "200 with a login page after the work": "not_done",
    "closed after the work, then throttled for ever": "not_done",
}
# A region that responds and does not copy is uploaded to.
_NOT_COPIED: Outcomes = {"500 for ever": "done", "throttled for ever": "done"}
# The request is refused, but another write before it is done: the artifact is there, or the pointer.
_HALF_DONE: Outcomes = {"throttled for ever": "unknown"}

# Metadata is written before its artifact, and nobody sees it without one: the next stager replaces it.
_ORPHAN = frozenset({METADATA})
# An upload whose identifier was lost with the response: the result warns of it.
_UPLOAD = frozenset({"uploads"})

_stage_row = partial(StagerRow, "stager.stage", run=_stage)
_set_latest_row = partial(StagerRow, "stager.set_latest", run=_set_latest)
_repair_row = partial(StagerRow, "stager.repair", run=_repair)
_setup_row = partial(StagerRow, "stager.setup")

# The requests that only tidy up, which abort the upload of a failed stage or remove what has found no majority, fail in
# test_s3_commit_stopped.py, test_s3_policies.py and test_s3_random_failures.py.
ROWS = (
    _stage_row("PutObject", "looked up", "/metadata", **_METADATA, may_leave=_ORPHAN),
    _stage_row("PutObject", "looked up", "@1.0.0", **_UPLOADED, may_leave=_ORPHAN),
    _stage_row(
        "CreateMultipartUpload", "looked up", **_UPLOADED, parts=True, may_leave=_UPLOAD, differs=_LOST_OR_REFUSED
    ),
    _stage_row("UploadPart", "looked up", **_UPLOADED, parts=True, differs=_LOST_OR_REFUSED),
    _stage_row("CompleteMultipartUpload", "looked up", **_UPLOADED, parts=True, may_leave=_ORPHAN),
    _stage_row(
        "CreateMultipartUpload",
        "looked up",
        note="of a copy",
        **_COPIED,
        may_leave=_UPLOAD,
        differs={**_LOST, **_NOT_COPIED},
    ),
    _stage_row("UploadPartCopy", "looked up", **_COPIED, differs={**_LOST, **_NOT_COPIED}),
    _stage_row(
        "CompleteMultipartUpload", "looked up", note="of a copy", **_COPIED, may_leave=_ORPHAN, differs=_NOT_COPIED
    ),
    _stage_row("PutObject", "repeated", "/latest", differs=_HALF_DONE),
    _stage_row("PutParameter", "repeated", "/latest", differs=_HALF_DONE),
    _set_latest_row("PutObject", "repeated", "/latest", prepare=_staged_in(*REGIONS)),
    _set_latest_row(
        "PutParameter", "repeated", "/latest", prepare=_staged_in(*REGIONS, latest=False), differs=_HALF_DONE
    ),
    _repair_row(
        "PutObject",
        "looked up",
        "/metadata",
        **{**_METADATA, "once": (FIRST, THIRD)},
        prepare=_staged_in(SECOND),
        may_leave=_ORPHAN,
    ),
    _repair_row("PutObject", "looked up", "@1.0.0", **_UPLOADED, prepare=_staged_in(SECOND), may_leave=_ORPHAN),
    _repair_row(
        "PutObject",
        "repeated",
        "/metadata",
        "beside an artifact",
        **{**_METADATA, "once": (FIRST, THIRD)},
        prepare=_without_metadata,
    ),
    _repair_row("PutObject", "repeated", "/latest", prepare=_staged_in(*REGIONS)),
    _repair_row("PutParameter", "repeated", "/latest", prepare=_staged_in(*REGIONS, latest=False), differs=_HALF_DONE),
    _setup_row(
        "PutParameter",
        "repeated",
        run=_setup,
        once=(FIRST, SECOND),
        deciders=frozenset({FIRST, SECOND}),
        held_back=frozenset({THIRD}),
    ),
    _setup_row("DeleteParameter", "repeated", run=_drop, once=(FIRST, THIRD)),
    StagerRow("stager.abort_stale_uploads", "AbortMultipartUpload", "repeated", run=_abort, prepare=_with_uploads),
)
READS = frozenset(
    f"stager.{name}" for name in ("aclose", "get", "latest", "validate_project_name", "versions", "with_options")
)
