"""Pages of the Simple API, JSON or HTML, read in steps. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lading._artifacts.python import normalize_name
from lading._core.json_steps import read_members
from lading.errors import InvalidResponse
from lading.pypi._simple_files import entry_of, is_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading._core.messages import Response
    from lading.pypi._simple_html import Anchor

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SIMPLE_HTML = "application/vnd.pypi.simple.v1+html"
_NOT_ONE = "the page is not one of the Simple API: is simple_url right, or is a proxy or a sign-in page in between?"
# The most that a page of 64 MiB has whose entries say something; a page made for it has twenty times as many.
_MAX_FILES = 400_000
_MAX_NAMES = 5_000_000
_MEMBERS = frozenset({"meta", "name", "project-status"})


class SimplePage:
    """A page of the Simple API.

    Args:
        response: The response that it is.

    Attributes:
        is_html: Whether it is HTML, whose parser is a module that is imported when it is needed.
        base: What the URLs of files may be relative to.
        members: What a project's page in JSON says beside its files and versions.
        versions: The project's versions, where the page has them.
    """

    def __init__(self, response: Response) -> None:
        kind = response.media_type
        self._response = response
        self.is_html = not kind.endswith("json")
        if self.is_html and kind not in ("text/html", SIMPLE_HTML):
            raise InvalidResponse(f"the media type of the response is {kind or 'missing'}, neither JSON nor HTML")
        self._marked = kind in (SIMPLE_JSON, SIMPLE_HTML)
        self.members: dict[str, Any] = {}
        self.versions: list[str] = []
        self.base = response.url

    def files(self) -> Iterator[list[Any]]:
        """Yield the entries of the project's files, as JSON has them, step by step.

        Raises:
            InvalidResponse: It is no project's page.
            ValueError: It cannot be read.
        """
        yield from self._counted(self._html_files() if self.is_html else self._json("files"), _MAX_FILES)

    def projects(self) -> Iterator[list[str]]:
        """Yield the names of projects, step by step.

        Raises:
            InvalidResponse: It is not the index's root.
            ValueError: It cannot be read.
        """
        batches = self._html_projects() if self.is_html else self._json_projects()
        yield from self._counted(batches, _MAX_NAMES)

    def _counted(self, batches: Iterator[list[Any]], most: int) -> Iterator[list[Any]]:
        count = 0
        for batch in batches:
            count += len(batch)
            if count > most:
                raise InvalidResponse(f"the page lists more than {most} entries")
            yield batch
        if not count and not self._marked:
            raise InvalidResponse(_NOT_ONE)

    def _json(self, array: str) -> Iterator[list[Any]]:
        """Yield the elements of *array*, and keep the other members that say something."""
        there = False
        for name, value in read_members(self._response.body, _MEMBERS, {array, "versions"}):
            if name == array:
                if not isinstance(value, list):
                    raise ValueError(f"{array} is not an array")
                there = True
                yield value
                continue
            if name == "meta" and isinstance(value, dict):
                self._marked = True
                _check_version(value.get("api-version", "1.0"))
            elif name == "versions" and isinstance(value, list):
                self.versions += [version for version in value if isinstance(version, str)]
            elif name:
                self.members[name] = value
            yield []
        if not there:
            raise InvalidResponse(f"{_NOT_ONE} It has no {array}")

    def _json_projects(self) -> Iterator[list[str]]:
        for batch in self._json("projects"):
            yield [e["name"] for e in batch if isinstance(e, dict) and isinstance(e.get("name"), str)]

    def _anchors(self) -> Iterator[list[Anchor]]:
        from lading.pypi._simple_html import HtmlPage  # noqa: PLC0415 - imported off the loop by then

        page = HtmlPage(self._response.url)
        for anchors in page.read(self._response.body):
            self.base = page.base
            if not self._marked and "pypi:repository-version" in page.metas:
                self._marked = True
            yield anchors
        _check_version(page.metas.get("pypi:repository-version", "1.0"))
        if page.has_password and not self._marked:
            raise InvalidResponse(_NOT_ONE)

    def _html_files(self) -> Iterator[list[Any]]:
        for anchors in self._anchors():
            found = []
            for anchor in anchors:
                entry = entry_of(anchor)
                if entry["filename"] and (self._marked or is_file(entry, anchor)):
                    found.append(entry)
            yield found

    def _html_projects(self) -> Iterator[list[str]]:
        for anchors in self._anchors():
            yield [name for anchor in anchors if (name := self._project_of(anchor)) is not None]

    def _project_of(self, anchor: Anchor) -> str | None:
        """Return the name of the project that a link is for: its text (PEP 503), where its URL agrees."""
        name = anchor.text.strip()
        try:
            path = urlsplit(anchor.url()).path
        except ValueError:
            return None
        directory, _, last = path.removesuffix("/index.html").removesuffix("/").rpartition("/")
        below = urlsplit(anchor.base).path.rpartition("/")[0]
        if not name or directory != below or normalize_name(unquote(last)) != normalize_name(name):
            return None
        return name


def _check_version(version: object) -> None:
    text = str(version)
    if text.partition(".")[0] != "1":
        raise InvalidResponse(f"the index speaks version {text[:20]} of the Simple API; lading knows 1")
