"""Models: tolerant of what a store adds, strict about nothing but identity, times aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from lading import Model
from lading._core.model import UtcDatetime

State = Literal["running", "done"] | str


class Thing(Model):
    id: int
    state: State = "running"
    made: UtcDatetime | None = None
    renamed: str | None = Field(default=None, validation_alias="wire-name")


def test_unknown_fields_and_states_are_kept():
    thing = Thing.model_validate_json(b'{"id": 1, "state": "invented", "model_x": {"a": 1}, "wire-name": "w"}')
    assert (thing.state, thing.renamed, thing.model_extra) == ("invented", "w", {"model_x": {"a": 1}})
    assert Thing(id=1, renamed="w").renamed == "w"


def test_models_are_frozen():
    with pytest.raises(ValidationError):
        Thing(id=1).state = "done"  # type: ignore[misc]


def test_a_validation_error_does_not_quote_its_input():
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate_json(b'{"id": "hunter2"}')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ['"2024-05-01T12:00:00Z"', '"2024-05-01T14:00:00+02:00"', '"2024-05-01T12:00:00"', "1714564800"]
)
def test_moments_in_all_forms(text: str):
    made = Thing.model_validate_json(f'{{"id": 1, "made": {text}}}').made
    assert made == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert made is not None
    assert made.tzinfo is UTC


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(-12 * 60, 14 * 60) | st.none())
def test_any_moment_is_aware_and_in_utc(moment: datetime, minutes: int | None):
    from datetime import timezone

    given = moment if minutes is None else moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    made = Thing(id=1, made=given).made
    assert made is not None
    assert made.utcoffset() == timedelta(0)
    assert made == (moment.replace(tzinfo=UTC) if minutes is None else given)
