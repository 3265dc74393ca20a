"""The base of every answer's model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter

# With its first validator pydantic looks through all installed packages for plugins. Models are built when they are
# first used, which is on the loop; the disk is read now.
TypeAdapter(int)


class Model(BaseModel):
    """A value a store gave us: frozen, and tolerant of fields the store adds later (``model_extra`` has them)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="allow",
        defer_build=True,
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
        # A validation error quotes its input, and inputs may be secrets.
        hide_input_in_errors=True,
    )


# The first model that a process builds makes pydantic look through all that is installed, for plugins: 7 ms of reading
# files, better spent while importing than on somebody's event loop. All other models wait until they are used.
Model.model_rebuild()


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.tzinfo == UTC:  # by another name; converting costs as much as validating
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(_aware)]
"""A point in time, aware and in UTC, from ISO 8601 text (UTC where it names no offset) or epoch seconds."""
