"""Checking the arguments of calls: builds by number or model, names, lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lading.copr._models.builds import Build
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

S = TypeVar("S", bound=str)


def build_number(build: int | Build, argument: str = "build") -> int:
    """Return the number of *build*.

    Raises:
        InputError: It is neither a number nor a :class:`Build`.
    """
    if isinstance(build, Build):
        return build.id
    given: object = build
    if not isinstance(given, int) or isinstance(given, bool):
        raise InputError(f"{argument} is a build's number or a Build, not {_shown(given)}", argument=argument)
    return build


def check_builds(builds: Iterable[int | Build]) -> Iterable[int | Build]:
    """Return *builds*, which is to be a list of builds.

    Raises:
        InputError: It is one build, or something else.
    """
    given: Any = builds
    if isinstance(given, (str, bytes, int, Build)) or not hasattr(given, "__iter__"):
        raise InputError(f"builds is a list of builds, not {_shown(given)}", argument="builds")
    return builds


def build_numbers(builds: Iterable[int | Build]) -> list[int]:
    """Return the numbers of *builds*.

    Raises:
        InputError: It is one build, or has what is neither a number nor a :class:`Build`.
    """
    return [build_number(build, "builds") for build in check_builds(builds)]


def check_names(**names: object) -> None:
    """Check names of owners, projects, packages and the like; ``None`` is an optional one that was not given.

    Raises:
        InputError: One is empty, or not a name; a frontend would take an empty one for "all".
    """
    for argument, name in names.items():
        if name is None:
            continue
        if not isinstance(name, str):
            raise InputError(f"{argument} is a name, not {_shown(name)}", argument=argument)
        if not name.strip():
            raise InputError(f"{argument} must not be empty", argument=argument)


def check_list(argument: str, names: Iterable[S]) -> tuple[S, ...]:
    """Return a list of names as a tuple.

    Raises:
        InputError: It is one string, or has an empty name or what is not a name.
    """
    given: Any = names
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise InputError(f"{argument} is a list of names, not {_shown(given)}", argument=argument)
    found = tuple(names)
    for name in found:
        check_names(**{argument: name or ""})
    return found


def check_chroots(chroots: Iterable[str] | None, empty: str) -> tuple[str, ...] | None:
    """Return chroots as a tuple, ``None`` where none were given.

    Args:
        chroots: The argument.
        empty: What the caller should do instead of an empty list, for the error.

    Raises:
        InputError: It is one string, or empty: a frontend would take that for "all", or for "no change".
    """
    if chroots is None:
        return None
    found = check_list("chroots", chroots)
    if not found:
        raise InputError(f"chroots is empty: {empty}", argument="chroots")
    return found


def build_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a build as they are sent.

    Raises:
        InputError: ``chroots`` is empty, or an option is not what it should be.
    """
    checked = dict(options)
    checked["chroots"] = check_chroots(options.get("chroots"), "leave it out to build in all enabled chroots")
    if options.get("exclude_chroots") is not None:
        checked["exclude_chroots"] = check_list("exclude_chroots", options["exclude_chroots"])
    for name in ("with_build_id", "after_build_id"):
        if options.get(name) is not None:
            checked[name] = build_number(options[name], name)
    return {name: value for name, value in checked.items() if value is not None}


def _shown(value: object) -> str:
    kind = type(value).__name__
    return f"{kind} {value!r}" if isinstance(value, (str, bytes, int, float)) else kind
