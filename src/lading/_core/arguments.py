"""Checks of the arguments of public calls at run time, from their annotations.

:func:`checked` decorates a public class or function. Each call is refused before it does anything when an argument has
another type than its annotation says (``InputError``, with what to write instead), or when an option has a name that
it does not have (``TypeError``, with the name that was probably meant).

Annotations are read as text, by name, when a function is first called: what only type checkers import is understood
too, and loading lading imports nothing for it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cache, wraps
from os import PathLike
from typing import Any, NamedTuple, TypeVar

from lading._core.argument_hints import NO_OPTION_NEEDED, OURS, explain, is_async
from lading._core.unset import UNSET
from lading.errors import InputError, LadingError

T = TypeVar("T")

ALIASES = {
    "ArtifactSource": "StrPath | bytes | AsyncIterable[bytes] | Callable[[], AsyncIterable[bytes]]",
    "Api": "Literal['gateway', 'dashboard']",
    "Bootstrap": "str",
    "BuildState": "str",
    "ByteSource": "bytes | AsyncIterable[bytes] | Callable[[], AsyncIterable[bytes]]",
    "ConditionalWrites": "str",  # its own check names the three
    "EndpointUrls": "Mapping[str, str | Mapping[str, str]]",
    "Hook": "Callable[[Event], object]",
    "Isolation": "str",
    "Kind": "str",  # its own check names them
    "MetricName": "str",
    "LoginKind": "Literal['usso', 'acl', 'candid']",
    "Namespace": "Literal['charm', 'snap']",
    "OnProgress": "Callable[[Progress], object]",
    "Params": "Mapping[str, Any]",
    "Permission": "Literal['nothing', 'request', 'approved']",
    "Policy": "str",  # its own check names the three
    "RefreshCode": "Literal['macaroon-needs-refresh', 'macaroon-permission-required']",
    "Source": "ScmSource | PyPISource | RubyGemsSource | CustomSource | DistGitSource",
    "StrPath": "str | PathLike[str]",
    "Timestamp": "int | datetime",
}
"""What the names of types in public annotations stand for, where they are no classes."""

# Protocols, which any class can have: what is looked for.
_PROTOCOLS = {"Clock": ("now", "sleep"), "Credentials": ("get",)}
_ANYTHING = {"Any", "object", "T", "R", "K", "V", "C", "Self", "Sender", "CallSender"}
_SEVERAL = {"Iterable", "Sequence", "Collection", "Set", "AbstractSet", "list", "tuple", "set", "frozenset"}
_MAPPINGS = {"Mapping", "MutableMapping", "dict"}
_WRAPPERS = {"Required", "NotRequired", "Annotated", "Final", "ReadOnly"}
_ONE_BY_ONE = (list, tuple, set, frozenset)
# What an argument without a type of its own takes, by its name: the class is of a library that has no types.
_BY_NAME = {"session": "AioSession | None"}
# Classes that are not lading's own. Other libraries have an Auth, Limits, Retry and Timeout, too.
_OF_OTHERS = {"AioSession", "SSLContext", "UUID", "Version", "date", "datetime"}
_SECRETS = {"token", "password", "login", "secret"}


class Check(NamedTuple):
    """The requirement that a value is checked against.

    Attributes:
        fits: Returns whether a value is one.
        wanted: What the error says is expected.
        several: Whether it is an iterable that is not one string.
    """

    fits: Callable[[Any], bool]
    wanted: str
    several: bool = False


@cache
def check_of(annotation: str) -> Check:
    """Return what a value with this annotation has to be."""
    return _compile(ast.parse(annotation.strip(), mode="eval").body)


def _compile(node: ast.expr) -> Check:
    match node:
        case ast.BinOp(left=left, right=right):
            return _either(_compile(left), _compile(right))
        case ast.Constant(value=None):
            return Check(lambda value: value is None, "None")
        case ast.Constant(value=str(text)):
            return check_of(text)
        case ast.Subscript(value=base, slice=inner):
            return _compile_generic(_name_of(base), inner.elts if isinstance(inner, ast.Tuple) else [inner])
        case _:
            name = _name_of(node)
    if name in ALIASES:
        return check_of(ALIASES[name])
    if name in _ANYTHING:
        return Check(lambda _: True, "anything")
    return _BUILTINS.get(name) or _class_named(name)


def _name_of(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


_BUILTINS = {
    "str": Check(lambda value: isinstance(value, str), "a str"),
    "bytes": Check(lambda value: isinstance(value, (bytes, bytearray, memoryview)), "bytes"),
    "bool": Check(lambda value: isinstance(value, bool), "True or False"),
    "int": Check(lambda value: isinstance(value, int) and not isinstance(value, bool), "an int"),
    "float": Check(lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number"),
    "PathLike": Check(lambda value: isinstance(value, PathLike), "a path"),
}


def _class_named(name: str) -> Check:
    article = "an" if name[0] in "AEIO" else "a"
    if methods := _PROTOCOLS.get(name):
        return Check(lambda value: _has_methods(value, methods), f"{article} {name}")
    return Check(lambda value: _is_instance(value, name), f"{article} {name}")


def _is_instance(value: Any, name: str) -> bool:
    """Return whether *value* is of the class called *name*; as for ``isinstance``, its ``__class__`` counts as well."""
    return any(
        cls.__name__ == name and (name in _OF_OTHERS or cls.__module__.partition(".")[0] == "lading")
        for cls in (*type(value).__mro__, *value.__class__.__mro__)
    )


def _has_methods(value: Any, names: tuple[str, ...]) -> bool:
    return not isinstance(value, Mapping) and all(callable(getattr(value, name, None)) for name in names)


def _either(one: Check, other: Check) -> Check:
    if one.wanted == "anything":
        return one
    shown = [part for part in (one.wanted, other.wanted) if part != "None"]
    wanted = " or ".join(dict.fromkeys(shown)) or "None"
    return Check(lambda value: one.fits(value) or other.fits(value), wanted, one.several or other.several)


def _compile_generic(name: str, inner: list[ast.expr]) -> Check:
    if name == "Literal":
        values = [ast.literal_eval(one) for one in inner]
        return Check(lambda value: value in values, "one of " + ", ".join(map(repr, values)))
    if name in _WRAPPERS:
        return _compile(inner[0])
    if name == "Callable":
        if _name_of(inner[1]).startswith(("Async", "Awaitable")):
            return Check(callable, "a function")
        return Check(lambda value: callable(value) and not is_async(value), "a plain function")
    if name in _SEVERAL:
        return _several_of(_compile(inner[0]))
    if name in _MAPPINGS:
        return _mapping_of(*map(_compile, inner[:2]))
    if name in {"AsyncIterable", "AsyncIterator"}:
        return Check(lambda value: isinstance(value, AsyncIterable), "an async iterable")
    return _BUILTINS.get(name) or _class_named(name)


def _several_of(item: Check) -> Check:
    def fits(value: Any) -> bool:
        if isinstance(value, (str, bytes, bytearray, PathLike)) or not isinstance(value, Iterable):
            return False
        # Others can be iterated over once only.
        return not isinstance(value, _ONE_BY_ONE) or all(map(item.fits, value))

    plural = {"a str": "strings", "an int": "numbers", "a str or a path": "paths"}.get(item.wanted)
    return Check(fits, f"several {plural or f'({item.wanted})'} in a list", several=True)


def _mapping_of(key: Check, value: Check) -> Check:
    def fits(given: Any) -> bool:
        return isinstance(given, Mapping) and all(key.fits(k) and value.fits(v) for k, v in given.items())

    return Check(fits, f"a mapping from {key.wanted} to {value.wanted}")


class _Signature:
    """The parameters of one function, and what each of them takes."""

    def __init__(self, function: Callable[..., Any], options: tuple[type, ...]) -> None:
        self.shown = function.__qualname__.removesuffix(".__init__")
        parameters = inspect.signature(function).parameters.values()
        self.positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        annotations = {p.name: p.annotation for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        self.rest = {p.name: p.annotation for p in parameters if p.kind is p.VAR_POSITIONAL}
        self.takes_any = False
        for parameter in parameters:
            if parameter.kind is parameter.VAR_KEYWORD:
                self.takes_any = not str(parameter.annotation).startswith("Unpack[")
                annotations |= self._options(str(parameter.annotation), options)
        self.names = set(annotations)
        self._annotations = annotations | self.rest
        self._checks: dict[str, Check] = {}

    @staticmethod
    def _options(annotation: str, options: tuple[type, ...]) -> dict[str, Any]:
        """Return the annotations of the ``TypedDict`` that is unpacked."""
        for one in options:
            if annotation == f"Unpack[{one.__name__}]":
                return {name: getattr(hint, "__forward_arg__", hint) for name, hint in one.__annotations__.items()}
        return {}

    def find_error(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None:
        """Return the error for the first argument that has a wrong name or a wrong type."""
        for name in kwargs:
            if name not in self.names and not self.takes_any:
                return TypeError(self._unknown(name))
        for name, value in (*zip(self.positional, args, strict=False), *kwargs.items()):
            if value is not UNSET and name in self.names and name != "self":
                error = self._error_of(name, value)
                if error is not None:
                    return error
        for name in self.rest:
            for value in args[len(self.positional) :]:
                error = self._error_of(name, value)
                if error is not None:
                    return error
        return None

    def _error_of(self, name: str, value: Any) -> InputError | None:
        found = self._checks.get(name)
        if found is None:
            annotation = self._annotations[name]
            if annotation == "Any":
                annotation = _BY_NAME.get(name, annotation)
            found = self._checks[name] = check_of(annotation if isinstance(annotation, str) else "Any")
        if not found.fits(value):
            return InputError(
                f"{self.shown}: {name}= {explain(name, value, found.wanted, several=found.several)}", argument=name
            )
        if name in _SECRETS and isinstance(value, str) and not value.strip():
            return InputError(
                f"{self.shown}: {name}= is empty: is the environment variable or CI secret that it comes from set?",
                argument=name,
            )
        return None

    def _unknown(self, name: str) -> str:
        text = f"{self.shown}() has no option {name!r}"
        for own, instead in OURS.get(name, ()):
            if own in self.names:
                return f"{text}: use {instead}"
        near = get_close_matches(name, self.names - {"self"}, n=1)
        if near:
            return f"{text}: did you mean {near[0]!r}?"
        return f"{text}: {NO_OPTION_NEEDED[name]}" if name in NO_OPTION_NEEDED else text


def checked(*options: type) -> Callable[[T], T]:
    """Decorate a function, or all public methods of a class, so that their arguments are checked at each call.

    Args:
        options: The ``TypedDict`` classes of the ``**options`` that it has, or that its methods have.
    """

    def decorate(target: T) -> T:
        if not isinstance(target, type):
            decorated: Any = _wrap(target, options)
            return decorated  # type: ignore[no-any-return]
        for name, member in list(vars(target).items()):
            if name.startswith("_") and name != "__init__":
                continue
            if isinstance(member, (classmethod, staticmethod)):
                setattr(target, name, type(member)(_wrap(member.__func__, options)))
            elif inspect.isfunction(member):
                setattr(target, name, _wrap(member, options))
        return target

    return decorate


def _wrap(function: Any, options: tuple[type, ...]) -> Any:
    signature: _Signature | None = None

    def find_error(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None:
        nonlocal signature
        if signature is None:
            signature = _Signature(function, options)
        return signature.find_error(args, kwargs)

    # The frames below are in the traceback of every error: when it is shown, they have no arguments, which may be
    # credentials.
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            try:
                error = find_error(args, kwargs)
                if error is None:
                    return await function(*args, **kwargs)
            finally:
                args, kwargs = (), {}
            raise error

        return call_async

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            error = find_error(args, kwargs)
            if error is None:
                return function(*args, **kwargs)
        except LadingError as failure:
            if function.__name__ == "__init__":
                # Nor is the frame of a constructor shown, which has them too.
                raise failure.with_traceback(None)  # noqa: B904 - it is the same error
            raise
        finally:
            args, kwargs = (), {}
        raise error

    return call
