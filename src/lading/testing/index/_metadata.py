"""The checks of the metadata in an upload form, with the messages of warehouse (August 2026)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata

from lading.testing.index._metadata_rules import find_violations
from lading.testing.index._refusals import ApiRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.testing.messages import Fields

_SEE = " See https://packaging.python.org/specifications/core-metadata for more information."
_SEE_LOCAL = (
    " See https://packaging.python.org/en/latest/specifications/version-specifiers/#local-version-identifiers for more "
    "information."
)
_VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5")
# The form's names where they are not those of packaging's RawMetadata.
_FORM_NAMES = {
    "platforms": "platform",
    "supported_platforms": "supported_platform",
    "license_files": "license_file",
    "import_names": "import_name",
    "import_namespaces": "import_namespace",
}
_MULTIPLE = {
    *_FORM_NAMES,
    *("classifiers", "requires", "provides", "obsoletes", "requires_dist", "provides_dist", "obsoletes_dist"),
    *("requires_external", "dynamic", "provides_extra"),
}
_CONTENT_TYPES = ["text/plain", "text/markdown", "text/x-rst"]
_FIRST = ("metadata-version", "name", "version")


def check_metadata(fields: Fields) -> RawMetadata:
    """Check the metadata in form fields and return them.

    Raises:
        ApiRefusal: The metadata have errors. As at warehouse, the refusal names one of them, and first of all those
            that make the others meaningless.
    """
    raw, wrong = read_metadata(fields)
    faults = [(name, f"{name!r} has invalid data") for name in wrong] or list(_faults(raw))
    if faults:
        name, detail = min(faults, key=lambda fault: _rank(fault[0]))
        see = _SEE_LOCAL if "use of local versions" in detail and name == "version" else _SEE
        raise ApiRefusal(400, detail.removesuffix(".") + "." + see)
    return raw


def metadata_fault(detail: str) -> ApiRefusal:
    """Return a refusal that ends with the reference to the specification, as those about metadata do."""
    return ApiRefusal(400, detail + _SEE)


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name), "") if name in _FIRST else (len(_FIRST), name)


def read_metadata(fields: Fields) -> tuple[RawMetadata, list[str]]:
    """Return the metadata in form fields, and the names of fields that cannot be read. Unknown fields are ignored."""
    raw: dict[str, Any] = {}
    wrong: list[str] = []
    for key in RawMetadata.__annotations__:
        name = _FORM_NAMES.get(key, key)
        values = fields.get_all(name)
        # distutils wrote UNKNOWN for what it did not know. Of repeated fields the last decides over all.
        if not values or values == [""] or values[-1].strip() == "UNKNOWN":
            continue
        if key in _MULTIPLE:
            raw[key] = values
        elif key == "project_urls":
            raw[key] = urls = dict(_label(value) for value in values)
            if len(urls) < len(values):
                wrong.append(name)
        elif len(values) > 1:
            wrong.append(name)
        else:
            raw[key] = [word.strip() for word in values[0].split(",")] if key == "keywords" else values[0]
    return cast("RawMetadata", raw), wrong


def _label(text: str) -> tuple[str, str]:
    label, _, url = text.partition(",")
    return label.strip(), url.strip()


def _faults(raw: RawMetadata) -> Iterator[tuple[str, str]]:
    version = raw.get("metadata_version")
    if version not in _VERSIONS:
        # packaging may know versions that the index does not accept yet.
        yield "metadata-version", f"{version!r} is not a valid metadata version"
        return
    try:
        metadata = Metadata.from_raw(raw, validate=True)
    except Exception as error:  # noqa: BLE001 - a group, of a class that older versions of packaging define themselves
        for one in getattr(error, "exceptions", ()):
            if isinstance(one, InvalidMetadata):
                # packaging lists a set, in arbitrary order.
                yield one.field, re.sub(r"one of \[.*\]", f"one of {_CONTENT_TYPES}", str(one))
    else:
        yield from find_violations(metadata)
