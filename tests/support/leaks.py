"""Where a secret might be shown: its encodings, and the variables in tracebacks."""

from __future__ import annotations

import base64
import html
import json
import traceback
from pathlib import Path
from urllib.parse import quote

import lading

SOURCE = Path(lading.__file__).parent


def forms_of(secret: str) -> set[str]:
    """The secret as it may be shown."""
    raw = secret.encode()
    encoded = base64.b64encode(raw).decode().rstrip("=")
    return {secret, json.dumps(secret)[1:-1], repr(raw)[2:-1], quote(secret, safe=""), encoded, html.escape(secret)}


def locals_of(error: BaseException) -> list[str]:
    """The variables of lading's own frames as error reporters show them, those of causes and contexts included."""
    found: list[str] = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        pending += [one.__cause__, one.__context__]
        report = traceback.TracebackException.from_exception(one, capture_locals=True)
        found += [
            f"{frame.filename}:{frame.lineno} {name} = {value}"
            for frame in report.stack
            if frame.filename.startswith(str(SOURCE))
            for name, value in (frame.locals or {}).items()
        ]
    assert found
    return found
