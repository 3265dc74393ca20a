"""Models of Charmhub and the Snap Store that both share."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import AliasChoices, AliasGenerator, BeforeValidator, ConfigDict, Field

from lading._core.model import Model, UtcDatetime

T = TypeVar("T")


def _none_is_empty(value: object) -> object:
    return () if value is None else value


Several = Annotated[tuple[T, ...], BeforeValidator(_none_is_empty)]
"""Some values; empty also where a store sends ``null``."""


def _with_hyphens(name: str) -> str:
    return name.replace("_", "-")


class StoreModel(Model):
    """A model whose members have hyphens in JSON."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=AliasGenerator(validation_alias=_with_hyphens))


class Account(StoreModel):
    """An account.

    Attributes:
        id: Its identifier.
        display_name: The name that people see.
        username: Its user name.
        email: Its address, of the account that the credentials are of.
        validation: Whether the store vouches for it, such as ``"verified"``.
    """

    id: str
    # The Snap Store's name for it.
    display_name: str | None = Field(default=None, validation_alias=AliasChoices("display-name", "name"))
    username: str | None = None
    email: str | None = None
    validation: str | None = None


def _ids_are_packages(value: object) -> object:
    """Return the members of a package; the Snap Store sends its identifier alone."""
    return {"id": value} if isinstance(value, str) else value


class PackageName(StoreModel):
    """A package that credentials are restricted to. The Snap Store sends its identifier alone."""

    name: str | None = None
    type: str | None = None
    id: str | None = None


class WhoAmI(StoreModel):
    """The account, and what the credentials in use are restricted to.

    Attributes:
        account: The account.
        permissions: The permissions; ``None`` for all.
        channels: The channels that may be released to; ``None`` for all.
        packages: The packages; ``None`` for all.
    """

    account: Account
    permissions: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    packages: tuple[Annotated[PackageName, BeforeValidator(_ids_are_packages)], ...] | None = None


class Session(StoreModel):
    """A login that the store knows of.

    Attributes:
        session_id: Its identifier, to revoke it with.
        description: What it was called when it began.
        valid_since: When it began, in UTC.
        valid_until: When it expires.
        revoked_at: When it was revoked; ``None`` where it was not.
        revoked_by: Who revoked it.
    """

    session_id: str
    description: str | None = None
    valid_since: UtcDatetime | None = None
    valid_until: UtcDatetime | None = None
    revoked_at: UtcDatetime | None = None
    revoked_by: str | None = None


class SessionList(StoreModel):
    """The sessions of an account."""

    macaroons: Several[Session] = ()
