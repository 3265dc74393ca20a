"""The HTML pages of the Simple API (PEP 503, 629). Pure.

libxml2 reads them: it takes a page in pieces, in a time that grows with its length alone. ``html.parser`` and parsers
that build a tree take quadratic time for pages made to annoy them, and hold the event loop for all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no types

from lading._core.json_steps import text_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_DEPTH = 256
_MAX_TAG = 256 * 1024
_MAX_TEXT = 1024
_PIECE = 8 * 1024  # characters
_BATCH = 200


@dataclass(slots=True)
class Anchor:
    """A link on a page.

    Attributes:
        href: Where it leads.
        base: What that may be relative to.
        attributes: Its attributes.
        text: What can be read there.
    """

    href: str
    base: str
    attributes: Mapping[str, str]
    text: str = ""

    def url(self) -> str:
        """Return the absolute URL, with its fragment; empty where it is none."""
        return _join(self.base, self.href)


@dataclass(slots=True)
class HtmlPage:
    """What a page says.

    Args:
        url: The page's.

    Attributes:
        base: What its relative links are relative to.
        metas: The contents of its ``<meta>`` elements by name.
        has_password: Whether there is a field for a password: it is a sign-in page.
        anchors: The links that :meth:`read` has found since they were last taken.
    """

    url: str
    base: str = ""
    metas: dict[str, str] = field(default_factory=dict[str, str])
    has_password: bool = False
    anchors: list[Anchor] = field(default_factory=list[Anchor])

    def read(self, body: bytes) -> Iterator[list[Anchor]]:
        """Read *body*, and yield the links that were found, step by step.

        Raises:
            ValueError: It is not HTML that an index would send: tags without an end, elements in each other without
                end.
        """
        self.base = self.url
        parser = etree.HTMLParser(target=_Target(self), encoding="utf-8", huge_tree=True)
        open_for = 0
        for text in text_pieces(body, "replace"):
            for start in range(0, len(text), _PIECE):
                piece = text[start : start + _PIECE]
                end = piece.rfind(">")
                open_for = open_for + len(piece) if end < 0 else len(piece) - end
                if open_for > _MAX_TAG:  # it would be read in one go
                    raise ValueError("the HTML has a tag or text without an end")
                parser.feed(piece.encode())
                yield from self._take()
        try:
            parser.close()
        except etree.XMLSyntaxError:  # nothing in it
            return
        yield from self._take()

    def _take(self) -> Iterator[list[Anchor]]:
        found, self.anchors = self.anchors, []
        yield from (found[start : start + _BATCH] for start in range(0, len(found) or 1, _BATCH))


class _Target:
    """Called for each element by the parser."""

    def __init__(self, page: HtmlPage) -> None:
        self._page = page
        self._depth = 0
        self._anchor: Anchor | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError("the HTML's elements are nested too deeply")
        if tag == "a":
            self._anchor = None
            if href := attributes.get("href", "").strip():
                self._anchor = Anchor(href, self._page.base, dict(attributes))
                self._page.anchors.append(self._anchor)
        elif tag == "meta":
            if (name := attributes.get("name")) and len(self._page.metas) < _MAX_DEPTH:
                self._page.metas[name.lower()] = attributes.get("content", "")
        elif tag == "base":
            self._page.base = _join(self._page.base, attributes.get("href", "")) or self._page.base
        elif tag == "input" and attributes.get("type", "").lower() == "password":
            self._page.has_password = True

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "a":
            self._anchor = None

    def data(self, text: str) -> None:
        anchor = self._anchor
        if anchor is not None and len(anchor.text) < _MAX_TEXT:
            anchor.text += text[:_MAX_TEXT]

    def close(self) -> None:
        """End the page; the parser calls it."""


def _join(base: str, href: str) -> str:
    if href.startswith(("https://", "http://")):
        return href
    try:
        return urljoin(base, href)
    except ValueError:
        return ""
