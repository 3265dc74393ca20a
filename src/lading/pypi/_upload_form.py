"""The upload form of a package index: its fields, and the response to it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from lading.errors import InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.metadata import RawMetadata

    from lading._artifacts.python import Distribution
    from lading._core.messages import Response

# The form's names of metadata fields, where packaging has another name. The official index ignores unknown names
# silently, so `license_files` would lose the licences.
_FORM_NAMES = {
    "platforms": "platform",
    "supported_platforms": "supported_platform",
    "license_files": "license_file",
    "import_names": "import_name",
    "import_namespaces": "import_namespace",
}


def form_fields(distribution: Distribution) -> list[tuple[str, str]]:
    """Return the fields of the upload form before the file itself, in the order they are sent."""
    return [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        *_metadata_fields(distribution.metadata),
        ("filetype", distribution.filetype),
        ("pyversion", distribution.pyversion),
        *((f"{name}_digest", digest) for name, digest in distribution.hashed.digests.items()),
    ]


def _metadata_fields(metadata: RawMetadata) -> Iterator[tuple[str, str]]:
    for key, value in metadata.items():
        # setuptools wrote License-File into older metadata, and the official index then refuses the file.
        if key == "license_files" and not _is_at_least(metadata, "2.4"):
            continue
        name = _FORM_NAMES.get(key, key)
        for text in _values(key, value):
            if text:
                yield name, text


def _values(key: str, value: Any) -> list[str]:
    if key == "keywords":
        return [", ".join(value)]
    if key == "project_urls":
        return [f"{label}, {url}" for label, url in value.items()]
    return [value] if isinstance(value, str) else list(value)


def _is_at_least(metadata: RawMetadata, version: str) -> bool:
    try:
        return Version(metadata.get("metadata_version", "0")) >= Version(version)
    except InvalidVersion:
        return False


def read_upload_warnings(response: Response) -> tuple[str, ...]:
    """Return what an index says besides success; ``InvalidResponse`` for what is no index's response to an upload.

    Indexes respond with nothing (the official one, Artifactory, Nexus), lines of text (its warnings; devpi), or a JSON
    object. The official index sends 200 with a help page to a form that it does not recognise as an upload; proxies
    and single sign-on send 200 with a page of their own.
    """
    text = response.text.strip()
    if response.media_type.endswith("json"):
        if text and not _is_success(response):
            raise InvalidResponse("the response to the upload is not a success in JSON", outcome="unknown")
        return ()
    if text.startswith("<") or (response.media_type == "text/html" and "<" in text):
        raise InvalidResponse(
            "the response to the upload is an HTML page: is upload_url right, or is a proxy or a sign-in page in "
            "between?",
            outcome="unknown",
        )
    if response.media_type not in ("", "text/plain"):
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.strip() not in ("", "OK"))


def _is_success(response: Response) -> bool:
    """Return whether a JSON body is an object that names no error."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return False
    if not isinstance(body, dict) or body.get("success") is False:
        return False
    status = body.get("status", body.get("code"))
    if isinstance(status, str):
        failed = status.lower() in ("error", "fail", "failed", "failure") or status[:1] in ("4", "5")
    else:
        failed = isinstance(status, int) and status >= 400
    return not failed and not any(body.get(name) for name in ("error", "errors"))
