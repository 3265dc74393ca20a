"""What botocore would log of our requests: session tokens, signatures, the secrets of roles. None of it is."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ours: ContextVar[bool] = ContextVar("lading s3 ours", default=False)


@contextmanager
def suppress_botocore_logs() -> Iterator[None]:
    """For the block, what botocore does is kept out of its own log; lading's has every request, without secrets."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


def _is_others(record: logging.LogRecord) -> bool:
    del record
    return not _ours.get()


# Only while we are at it: whoever debugs boto3 beside us still can.
for _name in ("auth", "endpoint", "hooks", "parsers"):
    logging.getLogger(f"botocore.{_name}").addFilter(_is_others)
