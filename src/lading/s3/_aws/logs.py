"""Keeps secrets out of botocore's log: session tokens, signatures, and the keys of assumed roles."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_suppressed: ContextVar[bool] = ContextVar("lading s3 logs suppressed", default=False)


@contextmanager
def suppress_botocore_logs() -> Iterator[None]:
    """Keep botocore's log records out of its log within the block; lading logs every request without secrets."""
    token = _suppressed.set(True)
    try:
        yield
    finally:
        _suppressed.reset(token)


def _is_allowed(record: logging.LogRecord) -> bool:
    """Return whether a record may be logged: only lading's own use is suppressed, not that of boto3 in this process."""
    del record
    return not _suppressed.get()


for _name in ("auth", "endpoint", "hooks", "parsers"):
    logging.getLogger(f"botocore.{_name}").addFilter(_is_allowed)
