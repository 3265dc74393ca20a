"""What must never be printed: secrets in texts that come from elsewhere, and in addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"

# Shapes of secrets that a store or proxy may echo back at us: PyPI macaroons, serialised macaroons of any store
# (v1 and v2 both begin with these letters in base64), JSON in base64 (web tokens, bundles of macaroons), and
# credentials in a header or an address. Every shape is found in linear time: the texts come from servers.
_SHAPES = re.compile(
    r"""(?x)
      pypi-[A-Za-z0-9_=-]{16,}
    | \b(?:MDA|AgE)[A-Za-z0-9_+/=-]{30,}
    | \beyJ[A-Za-z0-9_+/=-]{10,}(?:\.[A-Za-z0-9_-]+){0,2}
    | (?<=\bBasic\ )(?![A-Z]?[a-z]+(?![A-Za-z0-9+/]))[A-Za-z0-9+/=]{6,}  # words are none: "Basic authentication"
    | (?i:(?<=\bbearer\ )|(?<=\btoken\ )|(?<=\bmacaroon\ ))[A-Za-z0-9._~+/=-]{16,}
    | (?<=://)[^/\s@]+(?=@)
    | (?i:(?<=signature=)|(?<=credential=)|(?<=security-token=))[^&\s"']+
    """
)
# Shorter values than this would turn every text into masks, and are no secret worth the name.
_SHORTEST = 4


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """*text* with every one of *secrets*, and everything that looks like a secret, masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    return _SHAPES.sub(MASK, text)


def safe_url(url: str) -> str:
    """*url* without user information, query and fragment: what an error or a log line may show."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none: part of a password, perhaps
    except ValueError:
        return "(no address)"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def one_line(text: str, longest: int = 300) -> str:
    """*text* on one line, control characters gone, cut at *longest* characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: longest * 8]).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
