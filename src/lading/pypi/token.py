"""API tokens of PyPI and of indexes that make theirs the same way: read, restrict, verify, explain.

A token is a macaroon: whoever has it can restrict it further, only its issuer can verify it. Everything here works
without a network; the wire format is PyPI's, by pypitoken 7.1 and warehouse of August 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from lading._macaroons import codec as _macaroon
from lading.errors import InputError, LadingError, MissingContext, TokenInvalid, TokenUnreadable
from lading.pypi._token.checks import as_bytes
from lading.pypi.restrictions import Context, DateRestriction, ProjectNamesRestriction, Restriction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from lading._macaroons.codec import Macaroon
    from lading.pypi._token.checks import Timestamp


class Token:
    """One API token. Its ``repr`` shows nothing that could be used.

    Attributes:
        prefix: What stands before the first dash; ``"pypi"``.
        domain: The index that issued it. Not covered by the signature.
        identifier: Which of the index's tokens it is.
    """

    __slots__ = ("_macaroon", "prefix")

    def __init__(self, prefix: str, macaroon: Macaroon) -> None:
        """For :meth:`load` and :meth:`create`."""
        self.prefix: str = prefix
        self._macaroon = macaroon

    @classmethod
    def load(cls, raw: str) -> Self:
        """The token in *raw*. Its signature is not verified: only its issuer can.

        Args:
            raw: ``<prefix>-<base64>``, as the index showed it once.

        Raises:
            TokenUnreadable: It is no token, or not all of one. The text is never quoted.
        """
        if not isinstance(raw, str):
            raise TokenUnreadable(f"a token is text, not {type(raw).__name__}")
        prefix, dash, body = raw.partition("-")
        if not dash:
            raise TokenUnreadable("a token has a prefix and a dash before it, as in pypi-…")
        macaroon = _macaroon.decode(body)
        try:
            macaroon.location.decode()
        except UnicodeDecodeError as error:
            raise TokenUnreadable("the token's domain is not text") from error
        return cls(prefix, macaroon)

    @classmethod
    def create(
        cls, domain: str, identifier: str | bytes, key: str | bytes, prefix: str = "pypi", version: int = 2
    ) -> Self:
        """A new, unrestricted token: what an index does.

        Args:
            domain: The index it is for.
            identifier: How the index finds the key again.
            key: The secret; 32 random bytes are right. Text is taken as UTF-8.
            prefix: What stands before the dash; without a dash of its own, or it could not be loaded again.
            version: The macaroon's: 2, or 1 for verifiers of old.

        Raises:
            InputError: One of them cannot be in a token. An empty key is refused: anybody could sign with it.
        """
        if version not in (1, 2):
            raise InputError("version must be 1 or 2", argument="version")
        for value, argument in ((prefix, "prefix"), (domain, "domain")):
            if not isinstance(value, str):
                raise InputError(f"{argument} must be text, not {type(value).__name__}", argument=argument)
        if "-" in prefix:
            raise InputError("prefix must not have a dash in it", argument="prefix")
        named = as_bytes(domain, "domain"), as_bytes(identifier, "identifier")
        return cls(prefix, _macaroon.create(*named, _secret(key), 1 if version == 1 else 2))

    @property
    def domain(self) -> str:
        """The index that issued it, as it says itself; empty when it says none."""
        return self._macaroon.location.decode()

    @property
    def identifier(self) -> str:
        """Which of the index's tokens it is; ``TokenUnreadable`` when that is not text."""
        try:
            return self._macaroon.identifier.decode()
        except UnicodeDecodeError as error:
            raise TokenUnreadable("the token's identifier is not text") from error

    @property
    def restrictions(self) -> list[Restriction]:
        """What restricts it, in order; ``TokenUnreadable`` when a caveat says nothing that is known here."""
        return [_read(caveat) for caveat in self._macaroon.caveats]

    def restrict(  # noqa: PLR0917 - in pypitoken's order
        self,
        not_before: Timestamp | None = None,
        not_after: Timestamp | None = None,
        project_names: Iterable[str] | None = None,
        project_ids: Iterable[str | UUID] | None = None,
        user_id: str | UUID | None = None,
        legacy_project_names: Iterable[str] | None = None,
        legacy_not_before: Timestamp | None = None,
        legacy_not_after: Timestamp | None = None,
        legacy_noop: bool | None = None,
    ) -> Self:
        """This token, restricted further: it is changed in place and returned. What is restricted stays so.

        Several restrictions, by one call or many, must all be met. Either all that are asked for are added or none.

        Args:
            not_before: The first second it is valid in, with *not_after*: seconds since the epoch, or an aware
                datetime.
            not_after: The second from which on it is not valid any more.
            project_names: The projects it is good for. Names are normalised. None at all makes it good for nothing.
            project_ids: Likewise by UUID at the index.
            user_id: The user it is good for, by UUID at the index.
            legacy_project_names: *project_names* as old verifiers read them.
            legacy_not_before: *not_before*, likewise.
            legacy_not_after: *not_after*, likewise.
            legacy_noop: Add the old caveat that restricts nothing.

        Raises:
            InvalidRestriction: One of them is none that a token can carry, or could never be met.
        """
        added = Restriction.restrictions_from_parameters(
            not_before=not_before,
            not_after=not_after,
            project_names=project_names,
            project_ids=project_ids,
            user_id=user_id,
            legacy_project_names=legacy_project_names,
            legacy_not_before=legacy_not_before,
            legacy_not_after=legacy_not_after,
            legacy_noop=legacy_noop,
        )
        self._macaroon.add([restriction.dump_json().encode() for restriction in added])
        return self

    def dump(self) -> str:
        """The token as text, to hand on. This is the secret."""
        return f"{self.prefix}-{_macaroon.encode(self._macaroon)}"

    def check(
        self,
        key: str | bytes,
        project_name: str | None = None,
        project_id: str | UUID | None = None,
        user_id: str | UUID | None = None,
        now: Timestamp | None = None,
        *,
        publisher_id: str | UUID | None = None,
    ) -> None:
        """Return when the token is genuine and allows the use: what an index does.

        The signature is verified first, over all caveats and in constant time. Then every caveat is judged; one that is
        not understood allows nothing.

        Args:
            key: The secret it was created with.
            project_name: The project it is used for, in any spelling.
            project_id: The project's UUID.
            user_id: The UUID of the user it belongs to.
            now: Seconds since the epoch, or an aware datetime; by default this machine's clock.
            publisher_id: The UUID of the trusted publisher that asks.

        Raises:
            MissingContext: Nothing speaks against it but values that were not given.
            TokenInvalid: It is not genuine, or does not allow this. ``failures`` has every reason.
            InvalidRestriction: *now* is neither of the two.
            InputError: *key* is empty or neither text nor bytes, or *project_name* is no text.
        """
        known: dict[str, Any] = {} if now is None else {"now": now}
        context = Context(project_name, project_id, user_id, publisher_id=publisher_id, **known)
        if not self._macaroon.verifies(_secret(key)):
            raise TokenInvalid("the token's signature does not match: it was not made with this key, or was changed")
        failures = tuple(self._failures(context))
        if not failures:
            return
        text = "; ".join(str(failure) for failure in failures)
        missing_alone = all(isinstance(failure, MissingContext) for failure in failures)
        raise (MissingContext if missing_alone else TokenInvalid)(text, failures=failures)

    def _failures(self, context: Context) -> Iterable[LadingError]:
        for caveat in self._macaroon.caveats:
            try:
                _read(caveat).check(context)
            except (TokenInvalid, TokenUnreadable) as failure:
                yield failure

    @property
    def project_names(self) -> frozenset[str] | None:
        """The projects that it can be good for, by name; ``None`` when names do not restrict it."""
        named = [set(r.project_names) for r in self._known() if isinstance(r, ProjectNamesRestriction)]
        return frozenset(set.intersection(*named)) if named else None

    @property
    def expires_at(self) -> datetime | None:
        """When it stops being valid, in UTC; ``None`` when it does not."""
        ends = [r.not_after for r in self._known() if isinstance(r, DateRestriction)]
        return _moment(min(ends)) if ends else None

    @property
    def valid_from(self) -> datetime | None:
        """When it begins to be valid, in UTC; ``None`` when it always was."""
        begins = [r.not_before for r in self._known() if isinstance(r, DateRestriction)]
        return _moment(max(begins)) if begins else None

    def _known(self) -> Iterable[Restriction]:
        for caveat in self._macaroon.caveats:
            try:
                yield _read(caveat)
            except TokenUnreadable:
                continue

    def explain(self) -> str:
        """What the token may be used for and until when, in words. Needs no key, so it takes the token at its word."""
        said: list[str] = []
        unknown = False
        for caveat in self._macaroon.caveats:
            try:
                said.append(_read(caveat).explain())
            except TokenUnreadable:
                said.append("under a condition that is not known here")
                unknown = True
        begin = f"A token of {self.domain or 'an index that it does not name'}. It can be used "
        if not said:
            return begin + "for everything that its owner may do, without an end."
        end = "" if unknown or self.expires_at is not None else " It does not expire."
        return f"{begin}{', and only '.join(said)}.{end}"

    def __repr__(self) -> str:
        count = len(self._macaroon.caveats)
        return f"<Token of {self.domain!r} with {count} restriction{'s' * (count != 1)}>"


def _read(caveat: _macaroon.Caveat) -> Restriction:
    if caveat.verification_id is not None:
        raise TokenUnreadable("a caveat of the token wants a third party's word, which package indexes do not take")
    return Restriction.load_json(caveat.id)


def _secret(key: str | bytes) -> bytes:
    secret = as_bytes(key, "key")
    if not secret:
        raise InputError("key must not be empty: anybody could sign with it", argument="key")
    return secret


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)
