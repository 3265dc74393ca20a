"""The use that a token is checked for, and the base of all restrictions."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, cast
from uuid import UUID

from lading.errors import InputError, InvalidRestriction, MissingContext, TokenUnreadable
from lading.pypi._token.checks import Timestamp, normal_name, timestamp_from_parameter


def _now() -> int:
    return int(time.time())


@dataclass(frozen=True)
class Context:
    """The use that a token is checked for. ``None`` means not known.

    Attributes:
        project_name: The project, in any spelling: names are normalised (PEP 503).
        project_id: The project's UUID at the index.
        user_id: The user's UUID at the index.
        now: Seconds since the epoch, or an aware datetime; by default this machine's clock.
        publisher_id: The trusted publisher's UUID at the index.

    Raises:
        InputError: One of them has another type.
    """

    project_name: str | None = None
    project_id: str | UUID | None = None
    user_id: str | UUID | None = None
    now: Timestamp = field(default_factory=_now)
    publisher_id: str | UUID | None = None

    def __post_init__(self) -> None:
        if self.project_name is not None:
            if not isinstance(self.project_name, str):
                raise InputError("project_name must be a string", argument="project_name")
            object.__setattr__(self, "project_name", normal_name(self.project_name))
        for name in ("project_id", "user_id", "publisher_id"):
            value = getattr(self, name)
            if value is not None:
                if not isinstance(value, (str, UUID)):
                    raise InputError(f"{name} must be a string or a UUID, not {type(value).__name__}", argument=name)
                object.__setattr__(self, name, str(value).lower())
        object.__setattr__(self, "now", timestamp_from_parameter(self.now))


def require(context: Context, name: str, what: str) -> str:
    value = getattr(context, name)
    if value is None:
        raise MissingContext(f"the token is restricted by {what}, and {name} was not given")
    return cast("str", value)


class Restriction:
    """One restriction of a token. Instances compare by value.

    Attributes:
        tag: The number that begins its array form; ``None`` for the object forms of old tokens.
        needs_context: The fields of a :class:`Context` that it checks.
    """

    tag: ClassVar[int | None] = None
    needs_context: ClassVar[tuple[str, ...]] = ()
    # All classes, in the order in which parameters of restrict() become caveats. Listed and not collected: what a token
    # allows must not depend on the subclasses that a program defines.
    kinds: ClassVar[tuple[type[Restriction], ...]] = ()
    # The parameters of restrict() that a class reads.
    parameters: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def load(caveat: Any) -> Restriction:
        """Read a restriction from a decoded caveat.

        Args:
            caveat: The JSON value of the caveat.

        Raises:
            TokenUnreadable: It is not a known restriction.
        """
        if isinstance(caveat, list) and caveat:
            tag, *items = caveat
            for kind in Restriction.kinds:
                # The type too: True equals 1, and is not 1 here.
                if kind.tag is not None and type(tag) is int and kind.tag == tag and (found := kind.from_array(items)):
                    return found
        elif isinstance(caveat, dict):
            for kind in Restriction.kinds:
                if kind.tag is None and (found := kind.from_object(caveat)):
                    return found
        raise TokenUnreadable("a caveat of the token has an unknown form")

    @staticmethod
    def load_json(caveat: str | bytes) -> Restriction:
        """Read a restriction from the JSON of a caveat.

        Args:
            caveat: The JSON, as in the token.

        Raises:
            TokenUnreadable: It is not JSON, or not a known restriction.
        """
        try:
            # Decoded here: json would guess at UTF-16 and 32, and skip a byte order mark.
            value = json.loads(caveat.decode() if isinstance(caveat, bytes) else caveat)
        except (ValueError, RecursionError, TypeError) as error:
            raise TokenUnreadable("a caveat of the token is not JSON") from error
        return Restriction.load(value)

    def dump(self) -> Any:
        """Return the restriction as a JSON value."""
        raise NotImplementedError

    def dump_json(self) -> str:
        """Return the restriction as JSON, with a space after commas and colons as pypitoken writes it.

        Raises:
            InvalidRestriction: It was created with values that JSON cannot express.
        """
        try:
            return json.dumps(self.dump())
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidRestriction("the restriction has values that JSON cannot express") from error

    def check(self, context: Context) -> None:
        """Check that the restriction allows a use.

        Args:
            context: The use.

        Raises:
            MissingContext: It cannot be decided without a value that *context* does not have.
            TokenInvalid: The use is not allowed.
        """
        raise NotImplementedError

    def explain(self) -> str:
        """Describe the restriction, as the end of a sentence that begins with "It can be used"."""
        raise NotImplementedError

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        """Create the restriction that parameters of ``Token.restrict`` request; ``None`` when they request none.

        Args:
            parameters: Those that are listed in ``parameters``; ``None`` for each that was not given.

        Raises:
            InvalidRestriction: They request a restriction that no token can have.
        """
        del parameters
        return None

    @staticmethod
    def restrictions_from_parameters(**parameters: Any) -> list[Restriction]:
        """Create all restrictions that parameters of ``Token.restrict`` request, in the order they are added to a
        token.

        Args:
            parameters: Those of ``Token.restrict``.

        Raises:
            InvalidRestriction: They request a restriction that no token can have.
        """
        left = {name: value for name, value in parameters.items() if value is not None}
        found: list[Restriction] = []
        for kind in Restriction.kinds:
            if not left.keys().isdisjoint(kind.parameters):
                restriction = kind.from_parameters(**{name: left.pop(name, None) for name in kind.parameters})
                if restriction is not None:
                    found.append(restriction)
        if left:
            raise InvalidRestriction(f"there is no restriction by {', '.join(sorted(left))}")
        return found

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        """Read the array form from what follows the tag; ``None`` when it does not have that form."""
        del items
        return None

    @classmethod
    def from_object(cls, value: dict[str, Any]) -> Self | None:
        """Read the object form; ``None`` when it does not have that form."""
        del value
        return None
