"""Settings refuse what cannot work, and name the field."""

from __future__ import annotations

import pickle

import pytest

from lading import InputError, Limits, Progress, Retry, Timeout


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        *((Retry, name, -1) for name in ("attempts", "deadline", "backoff", "backoff_max", "retry_after_max")),
        *((Timeout, name, -0.5) for name in ("connect", "read", "write", "pool", "upload_response")),
        *((Limits, name, -1) for name in ("max_connections", "max_requests", "max_uploads", "keepalive_expiry")),
        (Retry, "backoff", float("nan")),
        (Timeout, "read", float("nan")),
    ],
)
def test_values_below_zero_and_nan_are_refused(cls, field, value):
    with pytest.raises(InputError, match=rf"{cls.__name__}\({field}=") as caught:
        cls(**{field: value})
    assert caught.value.argument == field


@pytest.mark.parametrize(
    ("cls", "field"),
    [(Retry, "attempts"), (Limits, "max_connections"), (Limits, "max_requests"), (Limits, "max_uploads")],
)
def test_counts_start_at_one(cls, field):
    with pytest.raises(InputError, match="1 or more"):
        cls(**{field: 0})
    assert getattr(cls(**{field: 1}), field) == 1


def test_no_bound_and_zero_are_values():
    assert Retry(deadline=None).deadline is None
    assert Timeout(connect=None, read=0, pool=None).read == 0
    assert Limits(keepalive_expiry=0).keepalive_expiry == 0


@pytest.mark.parametrize("value", [Retry(), Timeout(), Limits(), Progress(1, None)])
def test_values_are_frozen_hashable_and_pickle(value):
    name = next(iter(value.__dataclass_fields__))
    with pytest.raises(AttributeError):
        setattr(value, name, 1)
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(value) == hash(type(value)(*(getattr(value, name) for name in value.__dataclass_fields__)))
