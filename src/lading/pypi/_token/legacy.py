"""The restrictions of old tokens, written as objects; and one that has both forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from lading.errors import InvalidRestriction
from lading.pypi._token.caveats import (
    DateRestriction,
    ProjectIDsRestriction,
    ProjectNamesRestriction,
    PublisherRestriction,
    UserIDRestriction,
)
from lading.pypi._token.checks import UUID_TEXT, all_match, is_time
from lading.pypi._token.restriction import Context, Restriction


@dataclass(frozen=True)
class LegacyNoopRestriction(Restriction):
    """No restriction: an old form of "for all projects of its user"."""

    parameters: ClassVar[tuple[str, ...]] = ("legacy_noop",)

    @classmethod
    def from_object(cls, value: dict[str, Any]) -> Self | None:
        return cls() if read_permissions(value) == "user" else None

    def dump(self) -> Any:
        return {"version": 1, "permissions": "user"}

    def check(self, context: Context) -> None:
        del context

    def explain(self) -> str:
        return "for all projects of its user"

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        given = parameters.get("legacy_noop")
        if given is None or given is False:
            return None
        if given is not True:
            raise InvalidRestriction("legacy_noop must be True, or left out", argument="legacy_noop")
        return cls()


@dataclass(frozen=True)
class LegacyProjectNamesRestriction(ProjectNamesRestriction):
    """Only for these projects, in the form of old tokens."""

    tag: ClassVar[int | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("legacy_project_names",)

    @classmethod
    def from_object(cls, value: dict[str, Any]) -> Self | None:
        inner = read_permissions(value)
        if not isinstance(inner, dict):
            return None
        return cls(inner["projects"]) if inner.keys() == {"projects"} and all_match(inner["projects"], None) else None

    def dump(self) -> Any:
        return {"version": 1, "permissions": {"projects": list(self.project_names)}}


@dataclass(frozen=True)
class LegacyDateRestriction(DateRestriction):
    """Only in this time, in the form of old tokens."""

    tag: ClassVar[int | None] = None
    parameters: ClassVar[tuple[str, ...]] = ("legacy_not_before", "legacy_not_after")

    @classmethod
    def from_object(cls, value: dict[str, Any]) -> Self | None:
        fits = value.keys() == {"nbf", "exp"} and all(map(is_time, value.values()))
        return cls(not_before=value["nbf"], not_after=value["exp"]) if fits else None

    def dump(self) -> Any:
        return {"nbf": self.not_before, "exp": self.not_after}


@dataclass(frozen=True)
class LegacyProjectIDsRestriction(ProjectIDsRestriction):
    """Only for these projects by id, in the object form that PyPI reads besides the array."""

    tag: ClassVar[int | None] = None

    parameters: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_object(cls, value: dict[str, Any]) -> Self | None:
        fits = value.keys() == {"project_ids"} and all_match(value["project_ids"], UUID_TEXT)
        return cls(value["project_ids"]) if fits else None

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        """Return ``None``: new restrictions are written as arrays."""
        del parameters
        return None

    def dump(self) -> Any:
        return {"project_ids": list(self.project_ids)}


Restriction.kinds = (
    DateRestriction,
    ProjectNamesRestriction,
    ProjectIDsRestriction,
    UserIDRestriction,
    PublisherRestriction,
    LegacyNoopRestriction,
    LegacyProjectNamesRestriction,
    LegacyDateRestriction,
    LegacyProjectIDsRestriction,
)


def read_permissions(value: dict[str, Any]) -> Any:
    """Return what an old token permits; ``None`` when *value* is not in that form."""
    fits = value.keys() == {"version", "permissions"} and type(value["version"]) is int and value["version"] == 1
    return value["permissions"] if fits else None
