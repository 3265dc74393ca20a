"""The checks of the metadata in an upload form, with the messages of warehouse (August 2026)."""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from packaging.metadata import InvalidMetadata, Metadata, RawMetadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from lading.testing.index._refusals import ApiRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading.testing.messages import Fields

_SEE = " See https://packaging.python.org/specifications/core-metadata for more information."
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
_DIRECT = ("requires_dist", "provides_dist", "obsoletes_dist")


def check_metadata(fields: Fields) -> Version:
    """Check the metadata in form fields and return the version.

    Raises:
        ApiRefusal: The metadata have errors. As at warehouse, the refusal names one of them, and first of all those
            that make the others meaningless.
    """
    raw, wrong = read_metadata(fields)
    faults = [(name, f"{name!r} has invalid data") for name in wrong] + list(_faults(raw))
    if faults:
        raise ApiRefusal(400, min(faults, key=lambda fault: _rank(fault[0]))[1] + "." + _SEE)
    return Version(raw.get("version", ""))


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
        values = [v for v in fields.get_all(name) if v.strip() and v.strip() != "UNKNOWN"]
        if not values:
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
        Metadata.from_raw(raw, validate=True)
    except Exception as error:  # noqa: BLE001 - a group, of a class that older versions of packaging define themselves
        for one in getattr(error, "exceptions", ()):
            if isinstance(one, InvalidMetadata):
                # packaging lists a set, in arbitrary order.
                yield one.field, re.sub(r"one of \[.*\]", f"one of {_CONTENT_TYPES}", str(one))
    yield from _stricter(raw)


def _stricter(metadata: RawMetadata) -> Iterator[tuple[str, str]]:
    """Yield violations of rules that PyPI has beyond the specification."""
    raw = cast("dict[str, Any]", metadata)
    try:
        if Version(raw.get("version", "0")).local is not None:
            yield "version", f"The use of local versions in {raw['version']!r} is not allowed"
    except InvalidVersion:
        pass
    if len(raw.get("summary", "")) > 512:
        yield "summary", "'summary' field must be 512 characters or less"
    for key in ("author_email", "maintainer_email"):
        for _, address in getaddresses([raw.get(key, "")]):
            if address and "@" not in address:
                yield (
                    key.replace("_", "-"),
                    f"{address!r} is not a valid email address: An email address must have an @-sign",
                )
    for classifier in raw.get("classifiers", ()):
        if classifier.lower().startswith("private ::"):
            yield "classifier", f"{classifier!r} is not a valid classifier"
    for key in ("home_page", "download_url"):
        if key in raw and not _is_url(raw[key]):
            yield key.replace("_", "-"), f"{raw[key]!r} is not a valid url"
    for label, url in raw.get("project_urls", {}).items():
        if len(label) > 32:
            yield "project-url", f"{label!r} must be 32 characters or less"
        elif not url:
            yield "project-url", "Must have a URL"
        elif not _is_url(url):
            yield "project-url", f"{url!r} is not a valid url"
    if "license" in raw and "license_expression" in raw:
        yield (
            "license",
            "License is deprecated when License-Expression is present. Only License-Expression should be present",
        )
    for key in _DIRECT:
        for text in raw.get(key, []):
            try:
                direct = Requirement(text).url is not None
            except InvalidRequirement:
                continue
            if direct:
                yield key.replace("_", "-"), f"Can't have direct dependency: {text}"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "ftp") and bool(re.search(r"\w", parts.netloc))
