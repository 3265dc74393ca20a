"""The tables of deliberate deviations on the pages are those of the tests."""

from __future__ import annotations

import pytest

from tests.conformance.tables import DOCS, PAGES, with_table


@pytest.mark.parametrize("name", PAGES)
def test_the_page_has_the_current_table(name: str):
    text = (DOCS / PAGES[name][0]).read_text("utf-8")
    assert text == with_table(text, name), "run: python -m tests.conformance.tables"
