"""API tokens of PyPI, and of indexes whose tokens have the same format: read, restrict, verify, explain.

A token is a macaroon: whoever has it can restrict it further, only its issuer can verify it. Nothing here uses the
network; the format is that of pypitoken 7.1 and warehouse of August 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from lading._macaroons import codec
from lading.errors import InputError, LadingError, MissingContext, TokenInvalid, TokenUnreadable
from lading.pypi._token.checks import as_bytes
from lading.pypi.restrictions import Context, DateRestriction, ProjectNamesRestriction, Restriction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from lading._macaroons.codec import Caveat, Macaroon
    from lading.pypi._token.checks import Timestamp


class Token:
    """One API token. Its ``repr`` does not show the secret.

    Attributes:
        prefix: The part before the first dash; ``"pypi"``.
        domain: The index that issued it. Not covered by the signature.
        identifier: The index's identifier of the token.
        restrictions: Its restrictions.
    """

    __slots__ = ("_macaroon", "prefix")

    def __init__(self, prefix: str, macaroon: Macaroon) -> None:
        """Make a token of its parts; see :meth:`load` and :meth:`create`."""
        self.prefix: str = prefix
        self._macaroon = macaroon

    @classmethod
    def load(cls, raw: str) -> Self:
        """Read a token. Its signature is not verified: only its issuer can.

        Args:
            raw: ``<prefix>-<base64>``, as the index showed it once.

        Raises:
            TokenUnreadable: It is not a token, or not a complete one. The error does not quote it.
        """
        if not isinstance(raw, str):
            raise TokenUnreadable(f"a token is a string, not {type(raw).__name__}")
        prefix, dash, body = raw.partition("-")
        if not dash:
            raise TokenUnreadable("a token has a prefix and a dash before it, as in pypi-…")
        macaroon = codec.decode(body)
        try:
            prefix.encode()
            macaroon.location.decode()
        except UnicodeError:
            # Without its cause, which has the text.
            raise TokenUnreadable("the token's prefix or its domain is not UTF-8") from None
        return cls(prefix, macaroon)

    @classmethod
    def create(
        cls, domain: str, identifier: str | bytes, key: str | bytes, prefix: str = "pypi", version: int = 2
    ) -> Self:
        """Create an unrestricted token, as an index does.

        Args:
            domain: The index that it is for.
            identifier: How the index finds the key again.
            key: The secret: 32 random bytes. A string is encoded as UTF-8.
            prefix: The part before the dash. It must not have a dash itself, or the token could not be read again.
            version: The macaroon's version: 2, or 1 for old verifiers.

        Raises:
            InputError: One of them cannot be in a token. An empty key is refused: anybody could sign with it.
        """
        if version not in (1, 2):
            raise InputError("version must be 1 or 2", argument="version")
        for value, argument in ((prefix, "prefix"), (domain, "domain")):
            if not isinstance(value, str):
                raise InputError(f"{argument} must be a string, not {type(value).__name__}", argument=argument)
        if "-" in prefix:
            raise InputError("prefix must not have a dash in it", argument="prefix")
        as_bytes(prefix, "prefix")
        named = as_bytes(domain, "domain"), as_bytes(identifier, "identifier")
        return cls(prefix, codec.create(*named, _secret(key), 1 if version == 1 else 2))

    @property
    def domain(self) -> str:
        """The index that issued it, as the token says; empty when it says none."""
        return self._macaroon.location.decode()

    @property
    def identifier(self) -> str:
        """The index's identifier of the token; ``TokenUnreadable`` when that is not UTF-8."""
        try:
            return self._macaroon.identifier.decode()
        except UnicodeDecodeError as error:
            raise TokenUnreadable("the token's identifier is not UTF-8") from error

    @property
    def restrictions(self) -> list[Restriction]:
        """Its restrictions, in order; ``TokenUnreadable`` when a caveat has an unknown form."""
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
        """Restrict this token further, in place, and return it. Restrictions cannot be removed.

        All restrictions, of one call or of many, must be met. Either all that are requested are added or none.

        Args:
            not_before: The first second that it is valid in, with *not_after*: seconds since the epoch, or an aware
                datetime.
            not_after: The first second that it is no longer valid in.
            project_names: The projects that it is valid for. Names are normalised. An empty list makes it valid for
                nothing.
            project_ids: The projects that it is valid for, by UUID at the index.
            user_id: The user that it is valid for, by UUID at the index.
            legacy_project_names: *project_names* in the form of old verifiers.
            legacy_not_before: *not_before* in the form of old verifiers.
            legacy_not_after: *not_after* in the form of old verifiers.
            legacy_noop: Add the old caveat that restricts nothing.

        Raises:
            InvalidRestriction: One of them is not one that a token can have, or could never be met.
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
        """Return the token as a string. This is the secret."""
        return f"{self.prefix}-{codec.encode(self._macaroon)}"

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
        """Check that the token is genuine and allows a use, as an index does.

        The signature is verified first, over all caveats and in constant time. Then every caveat is checked; one of
        an unknown form allows nothing.

        Args:
            key: The secret that it was created with.
            project_name: The project that it is used for, in any spelling.
            project_id: The project's UUID.
            user_id: The UUID of the user that it belongs to.
            now: Seconds since the epoch, or an aware datetime; by default this machine's clock.
            publisher_id: The UUID of the trusted publisher that uses it.

        Raises:
            MissingContext: The only reason is that values were not given.
            TokenInvalid: It is not genuine, or does not allow this. ``failures`` has every reason.
            InvalidRestriction: *now* is neither of the two.
            InputError: *key* is empty, or one of the others has a wrong type.
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
        """The projects that it can be valid for, by name; ``None`` when names do not restrict it."""
        named = [set(r.project_names) for r in self._known() if isinstance(r, ProjectNamesRestriction)]
        return frozenset(set.intersection(*named)) if named else None

    @property
    def expires_at(self) -> datetime | None:
        """When it expires, in UTC; ``None`` when it does not."""
        ends = [r.not_after for r in self._known() if isinstance(r, DateRestriction)]
        return _moment(min(ends)) if ends else None

    @property
    def valid_from(self) -> datetime | None:
        """When it becomes valid, in UTC; ``None`` when it always was."""
        begins = [r.not_before for r in self._known() if isinstance(r, DateRestriction)]
        return _moment(max(begins)) if begins else None

    def _known(self) -> Iterable[Restriction]:
        for caveat in self._macaroon.caveats:
            try:
                yield _read(caveat)
            except TokenUnreadable:
                continue

    def explain(self) -> str:
        """Describe what the token can be used for and until when. Without a key this is unverified."""
        conditions: list[str] = []
        unknown = False
        for caveat in self._macaroon.caveats:
            try:
                conditions.append(_read(caveat).explain())
            except TokenUnreadable:
                conditions.append("under a condition that is not known here")
                unknown = True
        begin = f"A token of {self.domain or 'an index that it does not name'}. It can be used "
        if not conditions:
            return begin + "for everything that its owner may do, without an end."
        end = "" if unknown or self.expires_at is not None else " It does not expire."
        return f"{begin}{', and only '.join(conditions)}.{end}"

    def __repr__(self) -> str:
        count = len(self._macaroon.caveats)
        return f"<Token of {self.domain!r} with {count} restriction{'s' * (count != 1)}>"


def _read(caveat: Caveat) -> Restriction:
    if caveat.verification_id is not None:
        raise TokenUnreadable(
            "a caveat of the token is a third party's to discharge, which package indexes do not support"
        )
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
