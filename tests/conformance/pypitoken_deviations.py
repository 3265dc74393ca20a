"""Where lading deviates from pypitoken on purpose. Everything else must be equal."""

from __future__ import annotations

from tests.conformance.deviations import Deviation


def _deviation(row: str, theirs: str, ours: str, reason: str) -> Deviation:
    """Create a deviation that is shown by the first of its row's cases in ``pypitoken_deviation_cases``."""
    return Deviation(row, theirs, ours, reason, f"{row} 0")


DEVIATIONS = (
    Deviation(
        "Restriction",
        "compares with `==`",
        "is only the base class of the others",
        "each restriction defines what it compares",
        "equal",
    ),
    Deviation(
        "Restriction.check",
        "passes",
        "raises `NotImplementedError`",
        "the base class restricts nothing, and must not pass for a restriction",
        "base",
    ),
    Deviation(
        "Restriction.from_parameters",
        "raises `NotImplementedError`",
        "returns `None`",
        "no parameter requests the base class",
        "all",
    ),
    _deviation(
        "create: an empty key",
        "creates a token that never verifies",
        "raises `InputError`, in `check` as well",
        "anyone could sign with it",
    ),
    _deviation(
        "create: a prefix with a dash",
        "creates a token that cannot be loaded",
        "raises `InputError`",
        "the token must be loadable",
    ),
    _deviation("create: version 0 or 3", "writes version 2", "raises `InputError`", "there are versions 1 and 2"),
    _deviation(
        "create: a domain that is not a string",
        "raises `TypeError`",
        "raises `InputError`",
        "errors of other libraries cannot be handled",
    ),
    _deviation(
        "dump: version 1 with non-ASCII content",
        "counts characters, so that no library can load it",
        "counts bytes",
        "the token must be loadable",
    ),
    _deviation(
        "load: a value that is not a string",
        "raises `AttributeError` or `TypeError`",
        "raises `TokenUnreadable`",
        "errors of other libraries cannot be handled",
    ),
    _deviation(
        "load: characters that no token contains",
        "skips them in groups of four",
        "raises `TokenUnreadable`",
        "part of the input would be ignored",
    ),
    _deviation(
        "load: data after the signature", "ignores it", "raises `TokenUnreadable`", "two tokens have been concatenated"
    ),
    _deviation(
        "load: a signature that is not 32 bytes long",
        "accepts it",
        "raises `TokenUnreadable`",
        "the token is truncated",
    ),
    _deviation("load: version 1, truncated", "accepts it", "raises `TokenUnreadable`", "the token is truncated"),
    _deviation(
        "load: version 1 with lengths in capitals", "accepts it", "raises `TokenUnreadable`", "no library writes it"
    ),
    _deviation(
        "load: version 1 with a caveat after the signature",
        "accepts the caveat",
        "raises `TokenUnreadable`",
        "the signature does not cover it",
    ),
    _deviation(
        "identifier: not UTF-8",
        "raises `UnicodeDecodeError`",
        "raises `TokenUnreadable`",
        "errors of other libraries cannot be handled",
    ),
    _deviation(
        "restrict: 0 as a time",
        "treats it as not given: raises an error, or omits the bound",
        "accepts it as a time",
        "a requested bound must not be lost",
    ),
    _deviation(
        "restrict: an end that is not after the start",
        "creates a token that is never valid",
        "raises `InvalidRestriction`",
        "the token could never be used",
    ),
    _deviation(
        "restrict: a boolean as a time, or 1 as a boolean",
        "accepts `True` as 1, and ignores `legacy_noop=1`",
        "raises `InvalidRestriction`",
        "it is a mistake",
    ),
    _deviation(
        "restrict: a value that is not a time",
        "raises `AttributeError` or `ValueError`",
        "raises `InvalidRestriction`",
        "errors of other libraries cannot be handled",
    ),
    _deviation(
        "restrict: a name that is not normalised",
        "creates a token that never verifies",
        "normalises it",
        "the token must be usable",
    ),
    _deviation(
        "restrict: an invalid name",
        "creates a token that never verifies",
        "raises `InvalidRestriction`",
        "the token could never be used",
    ),
    _deviation(
        "restrict: bytes or a mapping as several values",
        "uses the numbers or the keys",
        "raises `InvalidRestriction`",
        "it is a mistake",
    ),
    _deviation(
        "restrict: a UUID in capitals",
        "creates a token that never verifies",
        "writes it in lower case",
        "PyPI compares the lower-case form",
    ),
    _deviation(
        "restrict: an invalid UUID",
        "creates a token that never verifies",
        "raises `InvalidRestriction`",
        "the token could never be used",
    ),
    _deviation("restrict: a `uuid.UUID`", "raises `TypeError`", "accepts it", "it is a UUID"),
    _deviation(
        "restrict: one of several is invalid",
        "adds the ones before it",
        "adds nothing",
        "a failed call must change nothing",
    ),
    _deviation("read: tag 4", "cannot read it", "reads it", "every token of trusted publishing has it"),
    _deviation("read: project_ids as an object", "cannot read it", "reads it", "PyPI reads it"),
    _deviation(
        "read: integers written as fractions", "reads them as floats", "raises `TokenUnreadable`", "PyPI rejects them"
    ),
    _deviation(
        "read: a time of more than 600 digits",
        "reads it, as far as Python reads its digits",
        "raises `TokenUnreadable`",
        "it could not be written again everywhere",
    ),
    _deviation(
        "read: a line break after a name or UUID",
        "accepts it",
        "raises `TokenUnreadable`",
        "names and UUIDs of PyPI have none",
    ),
    _deviation(
        "read: bytes in UTF-16 or with a byte order mark",
        "guesses the encoding",
        "raises `TokenUnreadable`",
        "a restriction is JSON in UTF-8",
    ),
    _deviation(
        "check: a name that is not normalised",
        "compares it unchanged",
        "normalises it",
        "the spellings name the same project",
    ),
    _deviation(
        "check: a UUID in capitals, or a `uuid.UUID`", "compares it unchanged", "accepts it", "it is the same UUID"
    ),
    _deviation(
        "check: a legacy restriction with names that are not normalised",
        "compares them unchanged",
        "is never met",
        "PyPI compares normalised names",
    ),
    _deviation(
        "check: two restrictions that are not met",
        "raises a bare `ValueError`",
        "raises `TokenInvalid` with both in `failures`",
        "the caller can see every reason",
    ),
    _deviation(
        "check: a missing value",
        "raises `ValidationError` with the reason as its cause",
        "raises `MissingContext`",
        "callers can catch it",
    ),
    _deviation(
        "check: a wrong key and a restriction that is not met",
        "reports the restriction",
        "reports the signature",
        "without a valid signature nothing is known",
    ),
    _deviation(
        "check: an unsigned restriction that is not met",
        "leaves it out of the signature chain, so that the token passes",
        "raises `TokenInvalid`: the signature does not match",
        "the token was changed",
    ),
    _deviation(
        "check: an empty key",
        "raises `ValidationError`",
        "raises `InputError`",
        "it is a mistake of the caller, not a fault of the token",
    ),
    _deviation(
        "check: `now` that is not a time",
        "raises `AttributeError`",
        "raises `InvalidRestriction`",
        "errors of other libraries cannot be handled",
    ),
    _deviation(
        "context: a name that is not normalised", "keeps it", "normalises it", "the spellings name the same project"
    ),
    _deviation(
        "restrictions: changing one",
        "changes the object",
        "raises an error: they are frozen",
        "changing one would change no token",
    ),
    _deviation(
        "restrictions: current and legacy kinds",
        "are unrelated classes",
        "legacy kinds are subclasses",
        "one `isinstance` finds both",
    ),
)
