"""The upload form of a package index: its fields, and the response to it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

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


def read_upload_warnings(response: Response, *, must_know: bool = True) -> tuple[str, ...]:
    """Return what an index says besides success; ``InvalidResponse`` for what is no index's response to an upload.

    Indexes respond with nothing (the official one, Artifactory, Nexus), lines of text (its warnings; devpi), or a JSON
    object that says so (GitLab). The official index sends 200 with a help page to a form that it does not recognise as
    an upload; proxies and single sign-on send 200 with a page of their own.

    Args:
        response: The response, a success by its status.
        must_know: Whether a response that no known index sends leaves the outcome open: the file can be looked up.
            Otherwise there is a warning. HTML, and JSON that says error, leave it open in any case.
    """
    text = response.text.strip()
    # Some gates declare no type, or a wrong one.
    if response.media_type.endswith("json") or (text.startswith("{") and _is_json(response)):
        verdict = _verdict(response) if text else "success"
        if verdict == "failure" or (verdict == "unknown" and must_know):
            raise InvalidResponse("the response to the upload is not a success in JSON", outcome="unknown")
        return () if verdict == "success" else (_UNKNOWN_RESPONSE,)
    if text.startswith("<") or (response.media_type == "text/html" and "<" in text):
        raise InvalidResponse(
            "the response to the upload is an HTML page: is upload_url right, or is a proxy or a sign-in page in "
            "between?",
            outcome="unknown",
        )
    if response.media_type not in ("", "text/plain", "text/html"):
        if not text:
            return ()
        if must_know:
            raise InvalidResponse(f"the response to the upload is {response.media_type}", outcome="unknown")
        return (_UNKNOWN_RESPONSE,)
    return tuple(line.strip() for line in text.splitlines() if line.strip() not in ("", "OK"))


_UNKNOWN_RESPONSE = "the index's response is none that lading knows as a success, and could not be verified"
# What says success in words, after a status of its own perhaps: "201 Created".
_SUCCESS = re.compile(r"(?i)(2\d\d( |$))?(|ok|okay|success|successful|created|accepted|done|true)")


def _verdict(response: Response) -> Literal["success", "failure", "unknown"]:
    """Return what a JSON body says of the upload."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return "failure"
    if not isinstance(body, dict) or body.get("success") is False or any(body.get(n) for n in ("error", "errors")):
        return "failure"
    said = [body[name] for name in ("status", "code", "message", "result", "success") if name in body]
    if any(map(_says_failure, said)):
        return "failure"
    return "success" if all(map(_says_success, said)) and (said or not body) else "unknown"


def _is_json(response: Response) -> bool:
    try:
        response.json()
    except ValueError:
        return False
    except RecursionError:
        pass
    return True


def _says_failure(value: object) -> bool:
    if isinstance(value, str):
        return value.lower() in ("error", "fail", "failed", "failure") or value[:1] in ("4", "5")
    return isinstance(value, int) and value >= 400


def _says_success(value: object) -> bool:
    if isinstance(value, int):
        return value is True or 200 <= value < 300
    return isinstance(value, str) and _SUCCESS.fullmatch(value) is not None
