"""Third-party caveats: what needs pymacaroons. Imported off the event loop, as it takes time."""

from __future__ import annotations

from pymacaroons import Macaroon  # type: ignore[import-untyped]

from lading.errors import TokenUnreadable


def bind(root: str, discharge: str) -> str:
    """Return *discharge* bound to *root*, as requests need it, in the serialisation that it came in.

    Args:
        root: A macaroon in URL-safe base64.
        discharge: A discharge of one of its third-party caveats, in URL-safe base64.

    Raises:
        TokenUnreadable: One of them is not a macaroon.
    """
    bound: str = _read(root).prepare_for_request(_read(discharge)).serialize()
    return bound


def _read(text: str) -> Macaroon:
    try:
        return Macaroon.deserialize(text)
    except Exception:  # noqa: BLE001 - it raises whatever its parsers do, and quotes what it read
        raise TokenUnreadable("these credentials are not macaroons") from None
