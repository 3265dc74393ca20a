"""What a token is checked for, and what all restrictions have in common."""

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
    """The use that a token is checked for. ``None`` means that it is not known.

    Attributes:
        project_name: The project, in any spelling: names are normalised (PEP 503).
        project_id: The project's UUID at the index.
        user_id: The user's UUID at the index.
        now: Seconds since the epoch, or an aware datetime; by default this machine's clock.
        publisher_id: The trusted publisher's UUID at the index.
    """

    project_name: str | None = None
    project_id: str | UUID | None = None
    user_id: str | UUID | None = None
    now: Timestamp = field(default_factory=_now)
    publisher_id: str | UUID | None = None

    def __post_init__(self) -> None:
        if self.project_name is not None:
            if not isinstance(self.project_name, str):
                raise InputError("project_name must be text", argument="project_name")
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
        needs_context: What of a :class:`Context` it looks at.
    """

    tag: ClassVar[int | None] = None
    needs_context: ClassVar[tuple[str, ...]] = ()
    # All that there are, in the order in which parameters of restrict() become caveats. Listed and not collected: what
    # a token allows must not depend on which subclasses a program has.
    kinds: ClassVar[tuple[type[Restriction], ...]] = ()
    # The parameters of restrict() that a class looks at.
    parameters: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def load(caveat: Any) -> Restriction:
        """The restriction that a decoded caveat says; ``TokenUnreadable`` when it says none that is known."""
        if isinstance(caveat, list) and caveat:
            tag, *items = caveat
            for kind in Restriction.kinds:
                # The type too: True is no 1 here, though it equals it.
                if kind.tag is not None and type(tag) is int and kind.tag == tag and (found := kind.from_array(items)):
                    return found
        elif isinstance(caveat, dict):
            for kind in Restriction.kinds:
                if kind.tag is None and (found := kind.from_object(caveat)):
                    return found
        raise TokenUnreadable("a caveat of the token says nothing that is known here")

    @staticmethod
    def load_json(caveat: str | bytes) -> Restriction:
        """The restriction that a caveat's JSON text says; ``TokenUnreadable`` when it is none."""
        try:
            # Decoded here: json would guess at UTF-16 and 32, and pass over a byte order mark.
            value = json.loads(caveat.decode() if isinstance(caveat, bytes) else caveat)
        except (ValueError, RecursionError, TypeError) as error:
            raise TokenUnreadable("a caveat of the token is not JSON") from error
        return Restriction.load(value)

    def dump(self) -> Any:
        """The restriction as JSON values."""
        raise NotImplementedError

    def dump_json(self) -> str:
        """The restriction as pypitoken writes it: JSON with a space after commas and colons."""
        return json.dumps(self.dump())

    def check(self, context: Context) -> None:
        """Return when the use is allowed.

        Raises:
            MissingContext: It cannot be judged without a value that *context* does not have.
            TokenInvalid: The use is not allowed.
        """
        raise NotImplementedError

    def explain(self) -> str:
        """The restriction in words, as the end of a sentence that begins with "It can be used"."""
        raise NotImplementedError

    @classmethod
    def from_parameters(cls, **parameters: Any) -> Self | None:
        """The restriction that parameters of ``Token.restrict`` ask for; ``None`` when they ask for none.

        Raises:
            InvalidRestriction: They ask for one that no token can carry.
        """
        del parameters
        return None

    @staticmethod
    def restrictions_from_parameters(**parameters: Any) -> list[Restriction]:
        """All that parameters of ``Token.restrict`` ask for, in the order they are added to a token."""
        asked = {name: value for name, value in parameters.items() if value is not None}
        found: list[Restriction] = []
        for kind in Restriction.kinds:
            if not asked.keys().isdisjoint(kind.parameters):
                restriction = kind.from_parameters(**{name: asked.pop(name, None) for name in kind.parameters})
                if restriction is not None:
                    found.append(restriction)
        if asked:
            raise InvalidRestriction(f"there is no restriction by {', '.join(sorted(asked))}")
        return found

    @classmethod
    def from_array(cls, items: list[Any]) -> Self | None:
        """From what follows the tag; ``None`` when that is not how this restriction is written."""
        del items
        return None

    @classmethod
    def from_object(cls, value: dict[str, Any]) -> Self | None:
        """From the object form; ``None`` when that is not how this restriction is written."""
        del value
        return None
