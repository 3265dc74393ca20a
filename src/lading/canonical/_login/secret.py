"""Secrets on their way into a request."""

from __future__ import annotations

from dataclasses import dataclass, field

from lading._core.auth import Auth


@dataclass(frozen=True, slots=True)
class Secret:
    """A string that no ``repr`` shows, nor a traceback with the variables of its frames.

    Attributes:
        value: The string.
    """

    value: str = field(repr=False)


class Masked(Auth):
    """No credentials; but secrets in the body of a request, which are masked in errors all the same.

    Args:
        secrets: The secrets.
    """

    def __init__(self, *secrets: Secret) -> None:
        self._secrets = secrets

    def secrets(self) -> tuple[str, ...]:
        """Return the secrets."""
        return tuple(secret.value for secret in self._secrets if secret.value)
