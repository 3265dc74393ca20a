"""What must never be printed: secrets in texts that come from elsewhere, and in addresses."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape
from json import dumps
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"

# Shapes of secrets that a store or proxy may echo back at us: PyPI macaroons, serialised macaroons of any store
# (v1 and v2 both begin with these letters in base64), JSON in base64 (web tokens, bundles of macaroons), AWS session
# tokens, and credentials in a header or a canonical request. Every shape is found in linear time: the texts come from
# servers.
_SHAPES = re.compile(
    r"""(?x)
      pypi-[A-Za-z0-9_=-]{16,}
    | \b(?:MDA|AgE|IQoJ|FwoG|FQoG)[A-Za-z0-9_+/=%-]{30,}
    | \beyJ[A-Za-z0-9_+/=-]{10,}(?:\.[A-Za-z0-9_-]+){0,2}
    | (?<=\bBasic\ )(?![A-Z]?[a-z]+(?![A-Za-z0-9+/]))[A-Za-z0-9+/=]{6,}  # words are none: "Basic authentication"
    | (?i:(?<=\bbearer\ )|(?<=\btoken\ )|(?<=\bmacaroon\ ))[A-Za-z0-9._~+/=-]{16,}
    | (?i:(?<=signature[=:])|(?<=credential=)|(?<=security-token[=:])|(?<=security-token:\ ))[^&\s"',]+
    """
)
# The host of a URL with what stands before it, and its path; then its query and fragment. JSON may escape the slashes.
# It matches at every "://", and what it has read is not read again.
_URL = re.compile(r"""(:(?:\\?/){2})([^/\s"'<>?#\\]*)([^\s"'<>?#]*)([?#][^\s"'<>]*)?""")
_HOST_AND_PORT = re.compile(r"\[[^\]]*\](?::\d*)?|[^:]*(?::\d*)?")
# Shorter values than this would turn every text into masks, and are no secret worth the name.
_SHORTEST = 4
_PADDING = re.compile("(?:=|%3[Dd]){0,2}")
_BASE64_REST = re.compile(r"(?:[A-Za-z0-9+/_-]|%2[BbFf])?" + _PADDING.pattern)
_URL_SAFE = str.maketrans("+/", "-_")


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """*text* with every one of *secrets*, and everything that looks like a secret, masked.

    A secret is masked in the encodings that servers echo it in, too: base64 (also within something longer),
    percent-encoding, the escapes of JSON, HTML and Python, and hexadecimal. URLs lose user information, query and
    fragment.
    """
    text = _mask_spans(text, [span for secret in secrets for span in _find(text, secret)])
    return _SHAPES.sub(MASK, _URL.sub(_mask_url, text))


def _find(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where *secret* stands in *text*, in any encoding: overlapping ones as well."""
    # No encoding is shorter than what it encodes, and most errors are.
    if len(secret) < _SHORTEST or len(secret) > len(text):
        return
    for encoded in _encodings(secret):
        start = text.find(encoded)
        while start >= 0:
            yield start, start + len(encoded)
            start = text.find(encoded, start + 1)
    for core in _base64_forms(secret):
        start = text.find(core.text)
        while start >= 0:
            end = start + len(core.text)
            rest = _BASE64_REST.match(text, end) if core.ends_within else _PADDING.match(text, end)
            begins = start - 1 if core.begins_within and start else start
            yield begins, rest.end() if rest is not None else end
            start = text.find(core.text, start + 1)


def _encodings(secret: str) -> set[str]:
    """Return *secret* as it is and as it may be echoed, without base64."""
    raw = secret.encode("utf-8", "surrogatepass")
    in_hex = {raw.hex(), raw.hex().upper(), raw.hex(" "), raw.hex(" ").upper()}
    if secret.isascii() and secret.isalnum():
        return {secret, *in_hex}  # nothing to escape
    percent = {quote(raw, safe=safe) for safe in ("", "/", "!'()*~-_.", "/:@+", ":/?#[]@!$&'()*+,;=")}
    percent.add(quote_plus(raw))
    percent |= {quote(one) for one in percent}  # encoded twice, as a query within a query is
    percent |= set(map(_lower_hex, percent))
    escaped = {dumps(secret)[1:-1], dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1], escape(secret)}
    escaped |= {escape(secret, quote=False), escape(secret).replace("&#x27;", "&#39;")}
    escaped |= {one.replace("/", r"\/") for one in escaped}
    return {secret, *percent, *escaped, *in_hex}


class _Base64(NamedTuple):
    """What a secret becomes in base64, without the characters that depend on what stands beside it."""

    text: str
    begins_within: bool
    ends_within: bool


def _base64_forms(secret: str) -> set[_Base64]:
    """Return what *secret* becomes in base64, wherever it stands in what is encoded."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = set[_Base64]()
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        size = offset + len(raw)
        usual = b64encode(bytes(offset) + raw).decode("ascii")[skipped : size * 8 // 6]
        percent = quote(usual, safe="")
        for text in (usual, usual.translate(_URL_SAFE), percent, _lower_hex(percent)):
            forms.add(_Base64(text, offset > 0, size % 3 > 0))
    return forms


def _lower_hex(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _mask_spans(text: str, spans: list[tuple[int, int]]) -> str:
    """Return *text* with the characters in *spans* masked: one mask for those that overlap, and no rest is shown."""
    if not spans:
        return text
    shown: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start > end or not shown:
            shown += (text[end:start], MASK)
        end = max(end, stop)
    return "".join((*shown, text[end:]))


def _mask_url(url: re.Match[str]) -> str:
    before, host, path, query = url.groups("")
    _, at, host_alone = host.rpartition("@")
    if at:
        host = f"{MASK}@{host_alone}"
    elif not _HOST_AND_PORT.fullmatch(host):
        # No port: the first part of a password with a slash or a question mark in it.
        _, at, rest = path.rpartition("@")
        host, path = (f"{MASK}@{rest}", "") if at else (f"{host.partition(':')[0]}:{MASK}", path)
    return f"{before}{host}{path}{f'{query[0]}{MASK}' if query else ''}"


def safe_url(url: str) -> str:
    """*url* without user information, query and fragment: what an error or a log line may show."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none: part of a password, perhaps
    except ValueError:
        return "(no address)"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def origin_of(url: str) -> str:
    """Scheme and host of *url*: what a ``repr`` may show, for a path may hold a secret too."""
    return "/".join(safe_url(url).split("/")[:3])


def one_line(text: str, longest: int = 300) -> str:
    """*text* on one line, control characters gone, cut at *longest* characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: longest * 8]).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
