"""The rules of PyPI for metadata beyond the specification, with the messages of warehouse (August 2026)."""

from __future__ import annotations

import re
from email.utils import getaddresses
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.metadata import Metadata

_LONGEST_SUMMARY = 512
_LONGEST_LABEL = 32
_URL = re.compile(r"(?i:https?):(?://[^/?#]*)?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?")


def find_violations(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """Yield the name of a field and a message for each violation. *metadata* are valid by the specification.

    The names of classifiers are checked where ``trove-classifiers`` is installed, addresses in full where
    ``email-validator`` is: the extra ``testing`` has both.
    """
    if metadata.version.local:
        yield "version", f"The use of local versions in '{metadata.version}' is not allowed."
    if len(metadata.summary or "") > _LONGEST_SUMMARY:
        yield "summary", f"'summary' field must be {_LONGEST_SUMMARY} characters or less."
    for field, text in (("author-email", metadata.author_email), ("maintainer-email", metadata.maintainer_email)):
        addresses = [address for _, address in getaddresses([text or ""])]
        # Of several none is checked, nor of what only seems to be several: "me [at] example [dot] org".
        address = addresses[0] if len(addresses) == 1 else ""
        if address and "[" not in address and (fault := _address_fault(address)):
            yield field, f"{address!r} is not a valid email address: {fault}"
    yield from _classifiers(set(metadata.classifiers or ()))
    for field, url in (("home-page", metadata.home_page), ("download-url", metadata.download_url)):
        if url is not None and not is_url(url):
            yield field, f"{url!r} is not a valid url."
    for label, url in (metadata.project_urls or {}).items():
        if fault := _project_url_fault(label, url):
            yield "project-url", fault
    yield from _requirements(metadata)
    if metadata.license and metadata.license_expression:
        yield (
            "license",
            "License is deprecated when License-Expression is present. Only License-Expression should be present.",
        )


def _address_fault(address: str) -> str | None:
    try:
        from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415
    except ImportError:
        return None if "@" in address else "An email address must have an @-sign."
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return None


def _classifiers(given: set[str]) -> Iterator[tuple[str, str]]:
    try:
        from trove_classifiers import all_classifiers, deprecated_classifiers  # noqa: PLC0415
    except ImportError:
        unknown, deprecated = {one for one in given if one.lower().startswith("private ::")}, dict[str, list[str]]()
    else:
        unknown = given - set(all_classifiers)
        deprecated = {one: deprecated_classifiers[one] for one in given & deprecated_classifiers.keys()}
    for one in sorted(unknown):
        yield "classifier", f"{one!r} is not a valid classifier."
    for one, instead in sorted(deprecated.items()):
        hint = f", use one of {instead} instead." if instead else "."
        yield "classifier", f"The classifier {one!r} has been deprecated{hint}"


def _project_url_fault(label: str, url: str) -> str | None:
    if not label:
        return "Must have a label"
    if len(label) > _LONGEST_LABEL:
        return f"{label!r} must be {_LONGEST_LABEL} characters or less."
    if not url:
        return "Must have a URL"
    return None if is_url(url) else f"{url!r} is not a valid url"


def _requirements(metadata: Metadata) -> Iterator[tuple[str, str]]:
    for field, texts in (("provides-dist", metadata.provides_dist), ("obsoletes-dist", metadata.obsoletes_dist)):
        for text in texts or ():
            try:
                direct = Requirement(text).url is not None
            except InvalidRequirement as error:
                yield field, f"{text!r} is invalid: {error}"
                continue
            if direct:
                yield field, f"Can't have direct dependency: {text!r}"
    for requirement in metadata.requires_dist or ():
        if requirement.url is not None:
            yield "requires-dist", f"Can't have direct dependency: {requirement}"


def is_url(text: str) -> bool:
    """Return whether PyPI takes *text* for a URL. It encodes what should be encoded, brackets alone excepted."""
    match = _URL.match(text)
    return match is not None and not re.search(r"[\[\]]", match["path"] + (match["query"] or ""))
