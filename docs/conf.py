"""How Sphinx builds these pages: `python -m tox -e docs`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import lading
import lading.copr
import lading.pypi
import lading.pypi.restrictions
import lading.s3
import lading.testing

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "lading"
author = "The lading maintainers"
copyright = author
version = release = lading.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"lading {release}"
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

myst_enable_extensions = ["colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
# Annotations are shown as they are written: the names in them are the public ones.
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Names that annotations and docstrings use and that are documented elsewhere, or are private aliases of these.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(builtins|collections|contextlib|datetime|httpx|os|pathlib|pytest|re|semver|ssl|trace|types|typing)\..*",
    ),
    (
        "py:class",
        r"(Any|Awaitable|AsyncIterable|AsyncIterator|Callable|Element|Generator|Iterable|Literal|Mapping|None)",
    ),
    (
        "py:class",
        r"(Path|Self|Sequence|StrPath|TracebackType|UUID|Unpack|Version|bool|bytes|date|datetime|dict|float|frozenset|int|list|str|tuple)",
    ),
    (
        "py:class",
        r"(lading\.\S*\.)?(EndpointUrls|HeaderPairs|K|Kind|Opening|Outgoing|Param|Params|PathLike|Permission|Piece|Policy|R|Reader|ResponseBody|Sender|SourceLike|Stamp|T|Then|Timestamp|Ts|V)",
    ),
    ("py:attr", "errors"),
]

_HOMES = {
    "lading": lading,
    "lading.copr": lading.copr,
    "lading.pypi": lading.pypi,
    "lading.pypi.restrictions": lading.pypi.restrictions,
    "lading.s3": lading.s3,
    "lading.testing": lading.testing,
}


def _public(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element) -> Any:
    """Lead a reference to where a public name is documented, whichever module it was written or defined in."""
    name = node["reftarget"].rpartition(".")[2]
    homes = [home for home, module in _HOMES.items() if name in module.__all__]
    # Two stores may have a class of one name: the one whose page this is.
    home = next((home for home in homes if home == node.get("py:module")), homes[0] if homes else None)
    if node.get("refdomain") != "py" or home is None or node["reftarget"] == f"{home}.{name}":
        return None
    node["reftarget"] = f"{home}.{name}"
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", node["reftarget"], node, contnode)


def _prose(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from taking what stands before a colon in a property's first line for its type."""
    if what == "property":
        lines.insert(0, "\\")  # white space to reStructuredText, and no empty line to napoleon


def _without_setup(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Leave out what only the test of the examples needs."""
    source[0] = re.sub(r"^<!-- setup\n.*?^-->$", "", source[0], flags=re.MULTILINE | re.DOTALL)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _without_setup)
    app.connect("missing-reference", _public)
    app.connect("autodoc-process-docstring", _prose, priority=400)
