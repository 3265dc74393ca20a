"""Tables of deliberate deviations for the documentation.

``python -m tests.conformance.tables`` writes the table of each client between the marks ``<!-- deviations:NAME -->`` and
``<!-- end -->`` of its page. Where a page has no marks yet, they replace its section "Deliberate differences", or are
added at its end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance import copr_deviations, craft_deviations, pypitoken_deviations, startifact_deviations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.conformance.deviations import Deviation

DOCS = Path(__file__).parents[2] / "docs"
HEADING = "## Deliberate differences"
PAGES: dict[str, tuple[str, str, tuple[Deviation, ...]]] = {
    "copr": ("coming-from-python-copr.md", "python-copr", copr_deviations.DEVIATIONS),
    "craft": ("coming-from-craft-store.md", "craft-store", craft_deviations.DEVIATIONS),
    "pypitoken": ("coming-from-pypitoken.md", "pypitoken", pypitoken_deviations.DEVIATIONS),
    "startifact": ("coming-from-startifact.md", "startifact", startifact_deviations.DEVIATIONS),
}
"""By name: the page, the client's name in the table, and its deviations."""


def table(client: str, deviations: Iterable[Deviation]) -> str:
    """Return the deviations as a table in Markdown; requests and results that differ alike share a line."""
    lines = [f"| Case | {client} | lading | Reason |", "|---|---|---|---|"]
    seen: dict[tuple[str, str, str], str] = {}
    for deviation in deviations:
        label, cells = _label(deviation.row), (deviation.theirs, deviation.ours, deviation.reason)
        if not (cells in seen and label.startswith(f"{seen[cells]}: ")):
            seen[cells] = label
            lines.append(f"| {' | '.join([label, *cells])} |")
    return "\n".join(lines)


def _label(row: str) -> str:
    """Return the name of a row as the page prints it: names of the API as code, descriptions as text."""
    text = re.sub(r"^\((.*)\)$", r"\1", row)
    if text.startswith("header "):
        return f"header `{text.removeprefix('header ')}`"
    return f"`{text}`" if re.fullmatch(r"[A-Za-z]+[a-z]\.[A-Za-z_]+|[A-Z1_]+\.[a-z_]+|[A-Z][A-Za-z]+", text) else text


def with_table(page: str, name: str) -> str:
    """Return the text of a page with the current table of *name*."""
    _, client, deviations = PAGES[name]
    region = f"<!-- deviations:{name} -->\n\n{table(client, deviations)}\n\n<!-- end -->"
    marked = re.compile(rf"<!-- deviations:{name} -->.*?<!-- end -->", re.DOTALL)
    if marked.search(page):
        return marked.sub(lambda _: region, page)
    intro = f"{HEADING}\n\nlading's tests compare both on the same cases, and fail when a row no longer holds.\n\n"
    before = page.partition(f"{HEADING}\n")[0].rstrip()
    return f"{before}\n\n{intro}{region}\n"


def main() -> None:
    """Write the tables into their pages."""
    for name, (filename, _, _) in PAGES.items():
        path = DOCS / filename
        path.write_text(with_table(path.read_text("utf-8"), name), "utf-8")


if __name__ == "__main__":
    main()
