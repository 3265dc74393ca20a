"""The restrictions that are written as arrays: ``[tag, ...]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from lading.errors import InvalidRestriction, TokenInvalid
from lading.pypi._token.checks import (
    NAME,
    UUID_TEXT,
    all_match,
    as_list,
    format_names,
    format_time,
    is_time,
    normalise_project,
    printable,
    timestamp_from_parameter,
    uuid_text,
)
from lading.pypi._token.restriction import Context, Restriction, require

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class DateRestriction(Restriction):
    """Only from *not_before* on, and only before *not_after*: seconds since the epoch.

    In the token the end comes first: ``[0, not_after, not_before]``.
    """

    not_before: int
    not_after: int
    tag: ClassVar[int | None] = 0
    needs_context: ClassVar[tuple[str, ...]] = ("now",)
    parameters: ClassVar[tuple[str, ...]] = ("not_before", "not_after")

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        if len(items) != 2 or not all(map(is_time, items)):
            return None
        return cls(not_before=items[1], not_after=items[0])

    def dump(self) -> Any:
        return [self.tag, self.not_after, self.not_before]

    def check(self, context: Context) -> None:
        now = cast("int", context.now)
        if now < self.not_before:
            raise TokenInvalid(f"the token is not valid before {format_time(self.not_before)}")
        if now >= self.not_after:
            raise TokenInvalid(f"the token expired at {format_time(self.not_after)}")

    def explain(self) -> str:
        return f"from {format_time(self.not_before)} until {format_time(self.not_after)}"

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        first, last = (parameters.get(name) for name in cls.parameters)
        if first is None and last is None:
            return None
        if first is None or last is None:
            raise InvalidRestriction(
                f"{' and '.join(cls.parameters)} go together: give both", argument=cls.parameters[0]
            )
        begin, end = (timestamp_from_parameter(v, n) for v, n in zip((first, last), cls.parameters, strict=True))
        if begin >= end:
            raise InvalidRestriction(
                f"{cls.parameters[0]} ({begin}) is not before {cls.parameters[1]} ({end}): it would never be valid",
                argument=cls.parameters[0],
            )
        return cls(not_before=begin, not_after=end)


@dataclass(frozen=True)
class ProjectNamesRestriction(Restriction):
    """Only for these projects, by normalised name."""

    project_names: list[str]
    tag: ClassVar[int | None] = 1
    needs_context: ClassVar[tuple[str, ...]] = ("project_name",)
    parameters: ClassVar[tuple[str, ...]] = ("project_names",)

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        return cls(items[0]) if len(items) == 1 and all_match(items[0], NAME) else None

    def dump(self) -> Any:
        return [self.tag, list(self.project_names)]

    def check(self, context: Context) -> None:
        name = require(context, "project_name", "project name")
        if name not in self.project_names:
            raise TokenInvalid(
                f"the token is for {format_names(self.project_names)}, not for project {printable(name)}"
            )

    def explain(self) -> str:
        return f"for {format_names(self.project_names)}"

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        given = parameters.get(cls.parameters[0])
        if given is None:
            return None
        names = [normalise_project(name, cls.parameters[0]) for name in as_list(given, cls.parameters[0])]
        return cls(names)


@dataclass(frozen=True)
class ProjectIDsRestriction(Restriction):
    """Only for these projects, by their UUID at the index."""

    project_ids: list[str]
    tag: ClassVar[int | None] = 2
    needs_context: ClassVar[tuple[str, ...]] = ("project_id",)
    parameters: ClassVar[tuple[str, ...]] = ("project_ids",)

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        return cls(items[0]) if len(items) == 1 and all_match(items[0], UUID_TEXT) else None

    def dump(self) -> Any:
        return [self.tag, list(self.project_ids)]

    def check(self, context: Context) -> None:
        given = require(context, "project_id", "project id")
        if given not in self.project_ids:
            raise TokenInvalid("the token is for other projects, by their ids")

    def explain(self) -> str:
        count = len(self.project_ids)
        return "for no project at all" if not count else f"for {count} project{'s' * (count > 1)} known by id alone"

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        given = parameters.get("project_ids")
        if given is None:
            return None
        return cls([uuid_text(one, "project_ids") for one in as_list(given, "project_ids")])


@dataclass(frozen=True)
class UserIDRestriction(Restriction):
    """Only for this user, by UUID at the index."""

    user_id: str
    tag: ClassVar[int | None] = 3
    needs_context: ClassVar[tuple[str, ...]] = ("user_id",)
    parameters: ClassVar[tuple[str, ...]] = ("user_id",)

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        return cls(items[0]) if len(items) == 1 and all_match(items, UUID_TEXT) else None

    def dump(self) -> Any:
        return [self.tag, self.user_id]

    def check(self, context: Context) -> None:
        if require(context, "user_id", "user") != self.user_id:
            raise TokenInvalid("the token is for another user")

    def explain(self) -> str:
        return "for all projects of one user"

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        given = parameters.get("user_id")
        return None if given is None else cls(uuid_text(given, "user_id"))


@dataclass(frozen=True)
class PublisherRestriction(Restriction):
    """Only for uploads of one trusted publisher; in every token that trusted publishing mints.

    Attributes:
        publisher_id: The publisher's UUID at the index.
        claims: Extra data of old tokens; the index ignores it.
    """

    publisher_id: str
    claims: Mapping[str, Any] | None = None
    tag: ClassVar[int | None] = 4
    needs_context: ClassVar[tuple[str, ...]] = ("publisher_id",)

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        if not 1 <= len(items) <= 2 or not isinstance(items[0], str):
            return None
        claims = items[1] if len(items) == 2 else None
        return cls(items[0], claims) if claims is None or isinstance(claims, dict) else None

    def dump(self) -> Any:
        return [self.tag, self.publisher_id, None if self.claims is None else dict(self.claims)]

    def check(self, context: Context) -> None:
        if require(context, "publisher_id", "trusted publisher") != self.publisher_id.lower():
            raise TokenInvalid("the token is for another trusted publisher")

    def explain(self) -> str:
        return "by one trusted publisher"
