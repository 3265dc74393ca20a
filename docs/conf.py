"""Configuration of Sphinx for these pages: `python -m tox -e docs`."""

from __future__ import annotations

import os
import re
import tempfile
import types
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.addnodes import pending_xref

import lading
import lading.canonical
import lading.copr
import lading.pypi
import lading.pypi.restrictions
import lading.s3
import lading.testing

if TYPE_CHECKING:
    from docutils.nodes import Element, document
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "lading"
author = "The lading maintainers"
copyright = author
version = release = lading.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]

html_theme = "furo"
# Links to the source of each page, and to edit it, where the build says where on GitHub, GitLab or Codeberg it is.
_repository = os.environ.get("DOCS_REPOSITORY")
html_theme_options = (
    {
        "source_repository": _repository,
        "source_branch": os.environ.get("DOCS_BRANCH", "main"),
        "source_directory": "docs/",
    }
    if _repository
    else {}
)
html_title = f"lading {release}"
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_static_path = ["_static"]
html_css_files = ["tables.css"]

# Output has no copy button, and a copied command no prompt.
_COPIED = ("python", "py", "console", "ini", "json", "yaml")
copybutton_selector = ", ".join(
    f"div.highlight-{language} pre" for language in _COPIED
)
copybutton_exclude = ".linenos, .gp"

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


def _write_inventory(source: Path, directory: Path) -> str:
    """Write the names in *source* as an inventory of Sphinx, and return its path."""
    rows = [
        line.split()
        for line in source.read_text("utf-8").splitlines()
        if not line.startswith("#")
    ]
    entries = "".join(
        f"{name} py:{role} 1 {uri} -\n" for name, role, uri in rows
    )
    head = (
        f"# Sphinx inventory version 2\n# Project: {source.stem}\n# Version:\n"
    )
    head += "# The remainder of this file is compressed using zlib.\n"
    path = directory / f"{source.stem}.inv"
    path.write_bytes(head.encode() + zlib.compress(entries.encode()))
    return str(path)


# The inventories list only the names that these pages use, so the build needs no network. Annotations are written with
# short names, which have rows of their own.
_SITES = {
    "python": "https://docs.python.org/3/",
    "anyio": "https://anyio.readthedocs.io/en/stable/",
    "httpx": "https://www.python-httpx.org/",
}
_directory = tempfile.TemporaryDirectory(
    prefix="lading-inventories-"
)  # removed with this object
intersphinx_mapping = {
    name: (
        url,
        _write_inventory(
            Path(__file__).parent / "inventories" / f"{name}.txt",
            Path(_directory.name),
        ),
    )
    for name, url in _SITES.items()
}

# Names that annotations and docstrings use and that are documented elsewhere, or are private aliases of these.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(builtins|collections|contextlib|datetime|httpx|os|pathlib|pytest|re|semver|ssl|trace|types|typing)\..*",
    ),
    (
        "py:class",
        r"(Any|Element|Literal|None|Self|StrPath|Unpack|Version)",
    ),
    (
        "py:class",
        r"(lading\.\S*\.)?(ArtifactSource|ByteSource|CallSender|ClientOpener|ConditionalWrites|EndpointUrls|FileVersion|HeaderPairs|K|Kind|LoginKind|MetricName|Param|Params|PathLike|Permission|Piece|Policy|R|Reader|RefreshCode|Request|ResponseBody|Sender|T|Then|Timestamp|Ts|V|WriteOutcome)",
    ),
    ("py:attr", "errors"),
]

_HOMES = {
    "lading": lading,
    "lading.canonical": lading.canonical,
    "lading.copr": lading.copr,
    "lading.pypi": lading.pypi,
    "lading.pypi.restrictions": lading.pypi.restrictions,
    "lading.s3": lading.s3,
    "lading.testing": lading.testing,
}


def _qualify(app: Sphinx, doctree: document) -> None:
    """Let short names on the reference page of a store mean the store's own: others have classes of the same names."""
    home = "lading." + app.env.docname.rpartition("/")[2]
    # What is at the top as well is documented there.
    names = (
        set(_HOMES[home].__all__) - set(lading.__all__)
        if home in _HOMES
        else ()
    )
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and node["reftarget"] in names:
            node["reftarget"] = f"{home}.{node['reftarget']}"


def _public(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element
) -> Any:
    """Resolve a reference to the page that documents a public name, whichever module defines it."""
    name = node["reftarget"].rpartition(".")[2]
    homes = [home for home, module in _HOMES.items() if name in module.__all__]
    # Two stores may have a class of the same name: prefer the store of this page.
    home = next(
        (home for home in homes if home == node.get("py:module")),
        homes[0] if homes else None,
    )
    if (
        node.get("refdomain") != "py"
        or home is None
        or node["reftarget"] == f"{home}.{name}"
    ):
        return None
    node["reftarget"] = f"{home}.{name}"
    domain = env.get_domain("py")
    return domain.resolve_xref(
        env,
        node["refdoc"],
        app.builder,
        "obj",
        node["reftarget"],
        node,
        contnode,
    )


def _prose(
    _app: Sphinx,
    what: str,
    _name: str,
    obj: object,
    _options: object,
    lines: list[str],
) -> None:
    """Adapt docstrings that autodoc and napoleon would misread.

    The words before a colon in a property's first line are no type, and a union of types has no docstring of its own.
    """
    if isinstance(obj, types.UnionType):
        lines.clear()
    elif what == "property":
        lines.insert(
            0, "\\"
        )  # white space to reStructuredText, and no empty line to napoleon


def _without_setup(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Remove the code that only the test of the examples needs."""
    source[0] = re.sub(
        r"^<!-- setup\n.*?^-->$", "", source[0], flags=re.MULTILINE | re.DOTALL
    )


def setup(app: Sphinx) -> None:
    """Connect the functions of this file to Sphinx."""
    app.connect("source-read", _without_setup)
    app.connect("doctree-read", _qualify)
    app.connect("missing-reference", _public)
    app.connect("autodoc-process-docstring", _prose, priority=400)
