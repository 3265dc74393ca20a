"""The checks of file names, in warehouse's order and with its messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from lading.testing.index._refusals import ApiRefusal

if TYPE_CHECKING:
    from packaging.tags import Tag

_EXTENSION = re.compile(r".+?(\.(?:tar\.gz|zip|whl))$", re.IGNORECASE)
_ALLOWED = {"bdist_wheel": (".whl",), "sdist": (".tar.gz", ".zip")}
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f]")

_JOINT = r"x86_64|i686|aarch64|armv7l|ppc64le|s390x|riscv64"
_MAC = r"ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2"
# The platforms that the index has defined. Some patterns are not anchored at their end, as they are not at warehouse.
_PLATFORMS = [
    re.compile(pattern)
    for pattern in (
        r"any\Z",
        r"(?:win32|win_arm64|win_amd64|win_ia64|linux_armv6l|linux_armv7l)\Z",
        r"manylinux(?:1|2010|2014)_(?:x86_64|i686)\Z",
        r"manylinux2014_(?:aarch64|armv7l|ppc64|ppc64le|s390x)\Z",
        rf"manylinux_\d+_\d+_(?:{_JOINT}|ppc64)\Z",
        rf"musllinux_\d+_\d+_(?:{_JOINT})\Z",
        rf"macosx_10_\d+_(?:{_MAC})\Z",
        rf"macosx_(?:11|12|13|14|15|26)_0_(?:{_MAC})\Z",
        r"ios_\d+_\d+_(?:arm64|x86_64)_(?:iphoneos|iphonesimulator)",
        r"android_\d+_(?:armeabi_v7a|arm64_v8a|x86|x86_64)\Z",
        r"pyemscripten_\d+_\d+_wasm32",
    )
]


def check_filename(filename: str, filetype: str) -> None:
    """Check that *filename* is one of a distribution of that type."""
    if _NOT_PRINTABLE.search(filename):
        raise ApiRefusal(
            400,
            "Cannot upload a file with non-printable characters (ordinals 0-31) or the DEL character (ordinal 127) in "
            "the name.",
        )
    if "/" in filename or "\\" in filename:
        raise ApiRefusal(400, "Cannot upload a file with '/' or '\\' in the name.")
    match = _EXTENSION.match(filename)
    if match is None:
        raise ApiRefusal(
            400,
            "Invalid file extension: Use .tar.gz, .whl or .zip extension. See "
            "https://www.python.org/dev/peps/pep-0527 and https://peps.python.org/pep-0715/ for more information",
        )
    if match[1] not in _ALLOWED[filetype]:
        raise ApiRefusal(
            400,
            f"Invalid file extension: Extension {match[1]} is invalid for filetype {filetype}. See "
            "https://www.python.org/dev/peps/pep-0527 for more information.",
        )


def check_sdist_name(filename: str, name: str, version: Version) -> None:
    """Check that an sdist is named after its project and version, as PEP 625 has it.

    Args:
        filename: The file name.
        name: The project's name in the metadata.
        version: The version in the metadata.
    """
    try:
        found: str = parse_sdist_filename(filename)[0]
    except InvalidSdistFilename:
        raise ApiRefusal(400, f"Invalid source distribution filename: {filename}") from None
    normalized = canonicalize_name(name)
    if version.is_postrelease and found != normalized and filename.count("-") >= 2:
        found = _before_post_release(filename, found)
    escaped = normalized.replace("-", "_")
    if canonicalize_name(found) != normalized:
        raise ApiRefusal(400, f"Start filename for {name!r} with {escaped!r}.")
    expected = f"{escaped}-{version}.tar.gz"
    if filename != expected:
        raise ApiRefusal(400, f"Filename {filename!r} is invalid, should be {expected!r}.")


def _before_post_release(filename: str, found: str) -> str:
    """Return the project's name if the version has a hyphen, as in ``demo-1.0-1.tar.gz``."""
    shorter = filename.rpartition("-")[0].rpartition("-")[0]
    try:
        Version(filename[len(shorter) + 1 : -len(".tar.gz")])
    except InvalidVersion:
        return found
    return shorter


def check_wheel_name(filename: str, name: str, version: Version) -> None:
    """Check that a wheel is named after its project and version, and is for platforms that the index knows.

    Args:
        filename: The file name.
        name: The project's name in the metadata.
        version: The version in the metadata.
    """
    try:
        found, found_version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise ApiRefusal(400, str(error)) from None
    for tag in sorted(tags, key=str):
        _check_platform(filename, tag)
    normalized = canonicalize_name(name)
    escaped = normalized.replace("-", "_")
    if found != normalized:
        raise ApiRefusal(400, f"Start filename for {name!r} with {escaped!r}.")
    # parse_wheel_filename() accepts other spellings.
    spelled = filename.partition("-")[0]
    if spelled != escaped:
        raise ApiRefusal(
            400, f"Filename {filename!r} should contain the normalized project name {escaped!r}, not {spelled!r}."
        )
    if found_version != version:
        raise ApiRefusal(400, f"Version in filename should be {str(version)!r} not {str(found_version)!r}.")


def _check_platform(filename: str, tag: Tag) -> None:
    if not any(platform.match(tag.platform) for platform in _PLATFORMS):
        raise ApiRefusal(400, f"Binary wheel '{filename}' has an unsupported platform tag '{tag.platform}'.")
