"""The one place where an :class:`ApiError` is made: nothing that a server sent gets past it unmasked."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from lading._core.redact import one_line, scrub

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading.errors import ApiError, WriteOutcome

E = TypeVar("E", bound="ApiError")

_LONGEST_TEXT = 400
_LONGEST_ID = 128
_MOST_ERRORS = 50


def make_api_error(
    kind: type[E],
    service: str,
    text: str,
    *,
    suffix: str = "",
    detail: str = "",
    status: int | None = None,
    code: str | None = None,
    errors: Iterable[tuple[str, str]] = (),
    retry_after: float | None = None,
    request_id: str | None = None,
    outcome: WriteOutcome = "not_done",
    final: bool = False,
    secrets: Iterable[str] = (),
) -> E:
    """Make an error whose texts are in one line each, of bounded length, and without secrets.

    Every ``ApiError`` of every store is made here, whether a server caused it or not; a test forbids other places.

    Args:
        kind: The class.
        service: The store's name, which the text begins with.
        text: What is wrong.
        suffix: Follows *text*, however long that is: the status, a hint.
        detail: The store's own message.
        status: The HTTP status.
        code: The store's own code.
        errors: Every (code, message) that the store sent.
        retry_after: How many seconds the store requests to wait.
        request_id: The store's identifier of the request.
        outcome: What is known of a write.
        final: Whether it is not to be retried, whatever its status.
        secrets: What the texts must not show, in any encoding: everything that signed the request. What looks like a
            secret is masked without being listed here.
    """
    secrets = tuple(secrets)

    def clean(value: str, longest: int = 300) -> str:
        return one_line(scrub(value, secrets), longest)

    return kind(
        clean(f"{service}: {text}", _LONGEST_TEXT) + suffix,
        service=service,
        status=status,
        code=code and clean(code),
        errors=[(clean(c), clean(m)) for c, m in islice(errors, _MOST_ERRORS)],
        detail=clean(detail),
        retry_after=retry_after,
        request_id=clean(request_id, _LONGEST_ID) if request_id else None,
        outcome=outcome,
        final=final,
    )
