"""What a bucket's store refuses is done without, where that is safe, and once for each bucket."""

from __future__ import annotations

import pytest

from lading.errors import ApiError, BadRequest, ServerError
from lading.s3._aws.features import Features

pytestmark = pytest.mark.anyio


def refusal(status: int, code: str, detail: str) -> ApiError:
    return (ServerError if status == 501 else BadRequest)(detail, service="s3", status=status, code=code, detail=detail)


B2 = refusal(400, "InvalidArgument", "Unsupported header 'x-amz-sdk-checksum-algorithm' received for this API call.")
R2 = refusal(501, "NotImplemented", "Header 'x-amz-checksum-crc32' with value 'AAAAAA==' not implemented")
STORJ = refusal(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
WHOLE = refusal(501, "NotImplemented", "Header 'x-amz-checksum-type' with value 'FULL_OBJECT' not implemented")
CONDITION = refusal(501, "NotImplemented", "If-None-Match is not implemented")
DIGEST = refusal(400, "BadDigest", "The CRC32 checksum you specified did not match")

TAGGING = refusal(501, "NotImplemented", "Header 'x-amz-tagging' with value 'a=b' not implemented")


async def adapted(features: Features, *errors: ApiError, agreed: bool = False) -> int:
    """How many requests it takes."""
    left, made = list(errors), 0

    async def request() -> None:
        nonlocal made
        made += 1
        if left:
            raise left.pop(0)

    await features.adapting(request, agreed=agreed)
    return made


@pytest.mark.parametrize("error", [B2, R2, STORJ], ids=["b2", "r2", "storj"])
async def test_checksums_that_are_refused_are_left_out(error: ApiError):
    features = Features("b")
    assert await adapted(features, error) == 2
    assert (features.checksums, features.whole, features.sends_conditions) == (False, False, True)
    (warning,) = features.warnings
    assert warning.startswith("the store of b lacks a feature: it does not support checksum headers")


async def test_a_checksum_of_the_whole_that_is_refused_leaves_those_of_the_parts():
    features = Features("b")
    assert await adapted(features, WHOLE) == 2
    assert (features.checksums, features.whole) == (True, False)
    assert await adapted(features, R2) == 2
    assert (features.checksums, features.whole) == (False, False)


async def test_a_condition_is_left_out_only_if_agreed():
    with pytest.raises(ServerError):
        await adapted(Features("b"), CONDITION)
    features = Features("b")
    assert await adapted(features, CONDITION, agreed=True) == 2
    assert (features.sends_conditions, features.checksums) == (False, True)
    # One that does not say what it refuses: the checksums, then the condition.
    features = Features("b")
    assert await adapted(features, STORJ, STORJ, agreed=True) == 3
    with pytest.raises(ServerError):
        await adapted(Features("b"), STORJ, STORJ)


@pytest.mark.parametrize("agreed", [True, False])
async def test_another_header_that_is_refused_by_name_takes_nothing_else_away(agreed: bool):
    features = Features("b")
    with pytest.raises(ServerError):
        await adapted(features, TAGGING, agreed=agreed)
    assert (features.checksums, features.whole, features.sends_conditions) == (True, True, True)
    assert not features.warnings


async def test_a_wrong_checksum_is_no_lacking_feature():
    features = Features("b")
    with pytest.raises(BadRequest):
        await adapted(features, DIGEST)
    assert features.checksums


async def test_what_another_request_found_meanwhile_is_used():
    features = Features("b")

    async def request() -> str:
        if features.checksums:
            features.drop_checksums("it said so to another")
            raise R2
        return "done"

    assert await features.adapting(request) == "done"
