"""Names and formats of what is stored in regions. Pure.

The layout is startifact's, byte for byte, so that each can read what the other has written:

==============================================  ===========================================================
``/startifact`` (or ``STARTIFACT_PARAMETER``)   SSM: the organisation's configuration, JSON
``<bucket_name_param>``                         SSM: the name of the region's bucket
``<parameter_name_prefix>/<project>/latest``    SSM: the latest version
``<bucket_key_prefix><project>@<version>``      S3: the artifact
``<artifact>/metadata``                         S3: its metadata, JSON
==============================================  ===========================================================

lading adds ``<bucket_key_prefix><project>/latest``, the pointer to the latest version, which can be changed without
losing another writer's change; and ``<artifact>/<transfer>``, which says whether an artifact without a majority is kept
or removed, where stagers had to decide that; and, in stores other than AWS,
``<bucket_key_prefix><project>/conditional-writes``, with which it checks what the store honours. A project has no ``@``
and no ``/`` in its name, so that no artifact has the key of a pointer.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from semver import Version

from lading.errors import InputError, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONFIGURATION = "/startifact"
FILENAME = "startifact:filename"
RESERVED = "startifact:"
# User metadata of an artifact: its digest, its size, the transfer that wrote it, the digest of its metadata object.
SHA256, SIZE, STAGE, METADATA = "lading-sha256", "lading-size", "lading-stage", "lading-metadata"
# And, with policy="quorum", that its stager removes it unless it finds a majority.
REMOVABLE = "lading-removable"
NO_METADATA = b"{}"
_PROJECT = re.compile(r"[a-zA-Z0-9_.-]+\Z")
_REGION = re.compile(r"[a-z0-9-]+\Z")


@dataclass(frozen=True, slots=True)
class Configuration:
    """An organisation's configuration, one copy in each region.

    Attributes:
        bucket_name_param: The name of the SSM parameter that holds the name of a region's bucket.
        bucket_key_prefix: Prefix of every key, put before it as it is: usually empty, or with a slash at its end.
        parameter_name_prefix: Prefix of the names of the parameters with the latest versions, put before
            ``/<project>/latest`` as it is: usually empty, or with a slash at its beginning and none at its end.
        regions: All regions of the organisation.
        save_ok: startifact's record of its last confirmation prompt, kept unchanged.
    """

    bucket_name_param: str = ""
    bucket_key_prefix: str = ""
    parameter_name_prefix: str = ""
    regions: tuple[str, ...] = ()
    save_ok: str = "y"

    def key(self, project: str, version: str) -> str:
        """Return the key of an artifact."""
        return f"{self.bucket_key_prefix}{project}@{version}"

    def metadata_key(self, project: str, version: str) -> str:
        """Return the key of an artifact's metadata."""
        return f"{self.key(project, version)}/metadata"

    def pointer_key(self, project: str) -> str:
        """Return the key of the pointer to a project's latest version."""
        return f"{self.bucket_key_prefix}{project}/latest"

    def latest_param(self, project: str) -> str:
        """Return the name of the parameter with a project's latest version."""
        return f"{self.parameter_name_prefix}/{project}/latest"

    def dump(self) -> str:
        """Format the configuration as the parameter's value."""
        value = {
            "bucket_key_prefix": self.bucket_key_prefix,
            "bucket_name_param": self.bucket_name_param,
            "parameter_name_prefix": self.parameter_name_prefix,
            "regions": ",".join(self.regions),
            "save_ok": self.save_ok,
        }
        return json.dumps(value, indent=2, sort_keys=True)

    def check(self) -> None:
        """Raise ``InputError`` unless the prefixes are as :meth:`Stager.setup` writes them."""
        if self.bucket_key_prefix and not self.bucket_key_prefix.endswith("/"):
            raise InputError("bucket_key_prefix must be empty or end in a slash", argument="bucket_key_prefix")
        prefix = self.parameter_name_prefix
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise InputError(
                "parameter_name_prefix must be empty, or begin with a slash and not end in one",
                argument="parameter_name_prefix",
            )

    @classmethod
    def load(cls, text: str, region: str) -> Configuration:
        """Parse a parameter's value; ``InvalidResponse`` when it is no configuration.

        startifact puts prefixes before names as they are, whatever they are: what works there is accepted here.
        """
        try:
            value = json.loads(text)
            names = ("bucket_name_param", "bucket_key_prefix", "parameter_name_prefix", "regions", "save_ok")
            found = {name: _text_of(value.get(name)) for name in names}
        except (ValueError, AttributeError, RecursionError) as error:
            raise InvalidResponse(f"s3: the configuration in {region} is not what startifact writes: {error}") from None
        return cls(
            found["bucket_name_param"],
            found["bucket_key_prefix"],
            found["parameter_name_prefix"],
            split_regions(found["regions"]),
            found["save_ok"] or "y",
        )


def _text_of(value: Any) -> str:
    """Return a configured string; ``null`` is the same as nothing."""
    return "" if value is None else str(value)


def split_regions(text: str) -> tuple[str, ...]:
    """Split region names that are separated by commas."""
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def check_regions(regions: Sequence[str]) -> tuple[str, ...]:
    """Return *regions* in their order, each once; ``InputError`` when one is not the name of a region."""
    for region in regions:
        if not _REGION.match(region):
            raise InputError(f"{region!r} is not the name of a region", argument="regions")
    return tuple(dict.fromkeys(regions))


def check_project(name: str) -> str:
    """Return *name*; ``InputError`` when it cannot be the name of a project."""
    if not _PROJECT.match(name):
        raise InputError(f"{name!r} cannot be a project's name: letters, digits, _, - and . only", argument="project")
    return name


def check_version(version: str | Version) -> str:
    """Return *version* as a string; ``InputError`` when it is no SemVer version."""
    # semver's own check accepts a newline at the end.
    text: object = str(version) if isinstance(version, Version) else version
    if not isinstance(text, str) or not Version.is_valid(text) or text.endswith("\n"):
        raise InputError(f"{version!r} is not a SemVer version, such as 1.2.3", argument="version")
    return text


def dump_metadata(metadata: Mapping[str, str]) -> bytes:
    """Format an artifact's metadata as the bytes of the metadata object."""
    for name, value in metadata.items():
        if not all(isinstance(text, str) for text in (name, value)):
            raise InputError("metadata must map strings to strings", argument="metadata")
    return json.dumps(dict(metadata), indent=2, sort_keys=True).encode()


def load_metadata(data: bytes, key: str) -> dict[str, str]:
    """Parse a metadata object's bytes; ``InvalidResponse`` when they are no metadata.

    startifact stores what it is given. A value that is not a string is its JSON: ``true``, ``null``, ``[1, 2]``.
    """
    try:
        found = json.loads(data)
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}
    except (ValueError, AttributeError, RecursionError):
        raise InvalidResponse(f"s3: {key} is not the metadata of an artifact") from None


def metadata_digest(data: bytes) -> str:
    """Return the digest of a metadata object's bytes, as the artifact's user metadata holds it."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class LatestRecord:
    """The content of the pointer to a project's latest version, in one region.

    Attributes:
        version: The latest version.
        counter: How often the pointer was changed: of two pointers, the one with more changes is valid.
        highest: The highest version that it ever named. An SSM parameter with a higher one was written by a client
            that does not write pointers.
        key: The artifact's key.
        sha256: The artifact's digest, when it is known.
        changed_at: When it was changed.
    """

    version: str
    counter: int
    highest: str
    key: str = ""
    sha256: str = ""
    changed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def dump(self) -> bytes:
        """Format the record as the pointer object's bytes."""
        value = {
            "changed_at": self.changed_at.isoformat(timespec="seconds"),
            "counter": self.counter,
            "highest": self.highest,
            "key": self.key,
            "sha256": self.sha256,
            "version": self.version,
        }
        return json.dumps(value, indent=2, sort_keys=True).encode()

    @classmethod
    def load(cls, data: bytes, key: str) -> LatestRecord:
        """Parse a pointer object's bytes; ``InvalidResponse`` when they are no pointer."""
        try:
            value: Any = json.loads(data)
            return cls(
                str(Version.parse(value["version"])),
                int(value["counter"]),
                str(Version.parse(value["highest"])),
                str(value.get("key", "")),
                str(value.get("sha256", "")),
                datetime.fromisoformat(value["changed_at"]),
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise InvalidResponse(f"s3: {key} is not a pointer to a latest version") from None


def becomes_latest(version: str, current: str | None) -> bool:
    """Return whether *version*, newly staged, becomes the latest when the caller does not say.

    A higher one does, except a pre-release when the latest is a stable version.
    """
    if current is None:
        return True
    new, old = Version.parse(version), Version.parse(current)
    if new.prerelease and not old.prerelease:
        return False
    return new > old


def is_above(version: str, other: str) -> bool:
    """Return whether *version* is the higher one by SemVer's precedence, which ignores build metadata."""
    return Version.parse(version) > Version.parse(other)


def highest(*versions: str | None) -> str | None:
    """Return the highest version by SemVer's precedence; ``None`` when there is none."""
    known = [version for version in versions if version is not None]
    return max(known, key=Version.parse, default=None)
