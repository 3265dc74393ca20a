"""The base class of models, and what makes building them cheap."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from lading._core.threads import run_in_thread


class Model(BaseModel):
    """A value that a store returned: frozen, and tolerant of fields added later (``model_extra`` has them)."""

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


_prepared = False


async def prepare_models() -> None:
    """Have pydantic search for plugins, off the event loop, the first time.

    It reads the metadata of all installed packages when a process builds its first model, and models are built when
    they are first used.
    """
    global _prepared  # noqa: PLW0603 - as pydantic's own, it is the process's
    if not _prepared:
        await run_in_thread(Model.model_rebuild)
        _prepared = True


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None or moment.tzinfo == UTC:  # by another name; converting costs as much as validating
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is before the year 1 or after the year 9999 in UTC") from None


UtcDatetime = Annotated[datetime, AfterValidator(_aware)]
"""A point in time, aware and in UTC, from an ISO 8601 string (UTC where it has no offset) or epoch seconds."""
