"""What an account approves: validations, validation sets and confdb schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.arguments import checked
from lading._core.call import Call
from lading.canonical._errors import read_accepted
from lading.canonical.snap._assertions import as_text
from lading.canonical.snap._dashboard import send_harmless
from lading.canonical.snap._models import Validation
from lading.canonical.snap._signed import CONFDB_SCHEMAS, VALIDATION_SETS, build, list_all, post
from lading.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.messages import Response
    from lading.canonical.snap._dashboard import Dashboard
    from lading.canonical.snap._models import AssertionHeaders


@checked()
class SnapValidations:
    """What an account approves; available as ``snap_store.validations``.

    An assertion is built by the store, signed by the caller (``snap sign``), and posted.
    """

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def list(self, name: str) -> tuple[Validation, ...]:
        """Return the revisions of other snaps that are approved to be used with a snap.

        Args:
            name: The snap that approves.

        Raises:
            ConfigError: The store has no such API.
            NotFound: The account has no such snap.

        Source: ``GET /dev/api/snaps/{snap_id}/validations``.
        """
        snap_id = await self._dashboard.snap_id(name)
        call = Call("GET", "dev/api/snaps/{snap_id}/validations", _read_validations, path_params={"snap_id": snap_id})
        return await self._dashboard.sender.send(call)

    async def push(self, name: str, assertion: str | bytes, *, replace: bool = True) -> None:
        """Push a signed ``validation`` assertion.

        It is sent again after a lost response: an assertion is signed, so the same one says the same. When the store
        has carried the first request out and refuses the second one, the error's ``outcome`` is ``"unknown"``.

        Args:
            name: The snap that approves.
            assertion: The signed assertion.
            replace: Send it with ``PUT``, as snapcraft does; with ``POST`` otherwise.

        Raises:
            ConfigError: The store has no such API.
            InputError: The assertion is not text.
            NotFound: The account has no such snap.
            BadRequest: The store does not accept the assertion.

        Source: ``PUT`` or ``POST /dev/api/snaps/{snap_id}/validations``.
        """
        sender = self._dashboard.sender
        text = as_text(assertion)
        snap_id = await self._dashboard.snap_id(name)
        call = Call(
            "PUT" if replace else "POST",
            "dev/api/snaps/{snap_id}/validations",
            read_accepted,
            path_params={"snap_id": snap_id},
            json={"assertion": text},
            idempotent=True,
        )
        await sender.send(call)

    async def list_sets(
        self, name: str | None = None, *, sequence: int | str | None = None
    ) -> tuple[AssertionHeaders, ...]:
        """Return the validation sets of the account.

        Args:
            name: Only the one of this name.
            sequence: Of *name*: only this number of the sequence, or ``"all"``; by default the newest.

        Raises:
            ConfigError: The store has no such API.
            InputError: *sequence* without *name*.
            NotFound: There is no such set.

        Source: ``GET /api/v2/validation-sets[/{name}]``.
        """
        sender = self._dashboard.sender
        if sequence is not None and name is None:
            raise InputError("sequence= needs the name of a set", argument="sequence")
        return await sender.send(list_all(VALIDATION_SETS, name, sequence))

    async def build_set(self, definition: Mapping[str, Any]) -> AssertionHeaders:
        """Have the store validate and complete a validation set, and return the headers to sign. Nothing is stored.

        Args:
            definition: The set: ``account-id``, ``name``, ``sequence``, ``snaps`` and so on.

        Raises:
            ConfigError: The store has no such API.
            BadRequest: The definition is not valid.

        Source: ``POST /api/v2/validation-sets/build-assertion``.
        """
        return await send_harmless(self._dashboard.sender, build(VALIDATION_SETS, definition))

    async def post_set(self, assertion: str | bytes) -> tuple[AssertionHeaders, ...]:
        """Post a signed validation set, and return the headers of what the store has now.

        It is posted at most once: after a lost response the set is looked up by name and sequence, and compared by
        its revision and timestamp.

        Args:
            assertion: The signed assertion.

        Raises:
            ConfigError: The store has no such API.
            InputError: It is not a signed assertion.
            BadRequest: The store does not accept it.

        Source: ``POST /api/v2/validation-sets``, as ``application/x.ubuntu.assertion``.
        """
        return await post(self._dashboard.sender, VALIDATION_SETS, assertion)

    async def list_confdb_schemas(self, name: str | None = None) -> tuple[AssertionHeaders, ...]:
        """Return the confdb schemas of the account.

        Args:
            name: Only the one of this name.

        Raises:
            ConfigError: The store has no such API.
            NotFound: There is no such schema.

        Source: ``GET /api/v2/confdb-schemas[/{name}]``.
        """
        return await self._dashboard.sender.send(list_all(CONFDB_SCHEMAS, name))

    async def build_confdb_schema(self, definition: Mapping[str, Any]) -> AssertionHeaders:
        """Have the store validate and complete a confdb schema, and return the headers to sign. Nothing is stored.

        Args:
            definition: The schema.

        Raises:
            ConfigError: The store has no such API.
            BadRequest: The definition is not valid.

        Source: ``POST /api/v2/confdb-schemas/build-assertion``.
        """
        return await send_harmless(self._dashboard.sender, build(CONFDB_SCHEMAS, definition))

    async def post_confdb_schema(self, assertion: str | bytes) -> tuple[AssertionHeaders, ...]:
        """Post a signed confdb schema, and return the headers of what the store has now.

        It is posted at most once, as :meth:`post_set` does it.

        Args:
            assertion: The signed assertion.

        Raises:
            ConfigError: The store has no such API.
            InputError: It is not a signed assertion.
            BadRequest: The store does not accept it.

        Source: ``POST /api/v2/confdb-schemas``, as ``application/x.ubuntu.assertion``.
        """
        return await post(self._dashboard.sender, CONFDB_SCHEMAS, assertion)


def _read_validations(response: Response) -> tuple[Validation, ...]:
    return tuple(map(Validation.model_validate, response.json()))
