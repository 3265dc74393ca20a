"""Where artifacts lie, and how what lies beside them is written. Pure.

The layout is startifact's, byte for byte, so that its buckets and parameters can be read, and it can read ours:

==============================================  ===========================================================
``/startifact`` (or ``STARTIFACT_PARAMETER``)   SSM: the organisation's configuration, JSON
``<bucket_name_param>``                         SSM: the name of the region's bucket
``<parameter_name_prefix>/<project>/latest``    SSM: the latest version
``<bucket_key_prefix><project>@<version>``      S3: the artifact
``<artifact>/metadata``                         S3: its metadata, JSON
==============================================  ===========================================================

Ours besides: ``<bucket_key_prefix><project>/latest``, the pointer that can be changed without losing somebody else's
change (a project has no ``@`` and no ``/`` in its name, so it can be nobody's artifact).
"""

from __future__ import annotations

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
_PROJECT = re.compile(r"[a-zA-Z0-9_.-]+\Z")
_REGION = re.compile(r"[a-z0-9-]+\Z")


@dataclass(frozen=True, slots=True)
class Configuration:
    """An organisation's configuration, one copy in each region.

    Attributes:
        bucket_name_param: The name of the SSM parameter that holds the name of a region's bucket.
        bucket_key_prefix: What every key begins with; empty, or with a slash at its end.
        parameter_name_prefix: What the names of the parameters of the latest versions begin with; empty, or with a
            slash at its beginning and none at its end.
        regions: All regions of the organisation.
        save_ok: What was answered when it was last saved, kept as it is.
    """

    bucket_name_param: str = ""
    bucket_key_prefix: str = ""
    parameter_name_prefix: str = ""
    regions: tuple[str, ...] = ()
    save_ok: str = "y"

    def __post_init__(self) -> None:
        if self.bucket_key_prefix and not self.bucket_key_prefix.endswith("/"):
            raise InputError("bucket_key_prefix must be empty or end in a slash", argument="bucket_key_prefix")
        prefix = self.parameter_name_prefix
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise InputError(
                "parameter_name_prefix must be empty, or begin with a slash and not end in one",
                argument="parameter_name_prefix",
            )

    def key(self, project: str, version: str) -> str:
        """The artifact's key."""
        return f"{self.bucket_key_prefix}{project}@{version}"

    def metadata_key(self, project: str, version: str) -> str:
        """The key of the artifact's metadata."""
        return f"{self.key(project, version)}/metadata"

    def pointer_key(self, project: str) -> str:
        """The key of the pointer to the latest version."""
        return f"{self.bucket_key_prefix}{project}/latest"

    def latest_param(self, project: str) -> str:
        """The name of the parameter with the latest version."""
        return f"{self.parameter_name_prefix}/{project}/latest"

    def dump(self) -> str:
        """The parameter's value."""
        value = {
            "bucket_key_prefix": self.bucket_key_prefix,
            "bucket_name_param": self.bucket_name_param,
            "parameter_name_prefix": self.parameter_name_prefix,
            "regions": ",".join(self.regions),
            "save_ok": self.save_ok,
        }
        return json.dumps(value, indent=2, sort_keys=True)

    @classmethod
    def load(cls, text: str, region: str) -> Configuration:
        """The configuration of a parameter's value; ``InvalidResponse`` when it is none."""
        try:
            value = json.loads(text)
            found = {name: str(value.get(name, "")) for name in ("bucket_name_param", "bucket_key_prefix")}
            prefix, regions = str(value.get("parameter_name_prefix", "")), str(value.get("regions", ""))
            return cls(
                **found,
                parameter_name_prefix=prefix,
                regions=split_regions(regions),
                save_ok=str(value.get("save_ok", "y")),
            )
        except (ValueError, AttributeError, RecursionError) as error:
            raise InvalidResponse(f"s3: the configuration in {region} is not what startifact writes: {error}") from None


def split_regions(text: str) -> tuple[str, ...]:
    """Region names, separated by commas."""
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def check_regions(regions: Sequence[str]) -> tuple[str, ...]:
    """*regions*, each once, in their order."""
    for region in regions:
        if not _REGION.match(region):
            raise InputError(f"{region!r} is not the name of a region", argument="regions")
    return tuple(dict.fromkeys(regions))


def check_project(name: str) -> str:
    """*name*, when a project can be called so."""
    if not _PROJECT.match(name):
        raise InputError(f"{name!r} cannot be a project's name: letters, digits, _, - and . only", argument="project")
    return name


def check_version(version: str | Version) -> str:
    """*version* as text, when it is one by SemVer."""
    # A newline at the end passes its own check.
    text: object = str(version) if isinstance(version, Version) else version
    if not isinstance(text, str) or not Version.is_valid(text) or text.endswith("\n"):
        raise InputError(f"{version!r} is not a version by SemVer, such as 1.2.3", argument="version")
    return text


def dump_metadata(metadata: Mapping[str, str]) -> bytes:
    """The metadata object's bytes."""
    for name, value in metadata.items():
        if not all(isinstance(text, str) for text in (name, value)):
            raise InputError("metadata is text by text", argument="metadata")
    return json.dumps(dict(metadata), indent=2, sort_keys=True).encode()


def load_metadata(data: bytes, key: str) -> dict[str, str]:
    """The metadata of the object's bytes; ``InvalidResponse`` when they are no metadata."""
    try:
        found = json.loads(data)
        return {str(name): str(value) for name, value in found.items()}
    except (ValueError, AttributeError, RecursionError):
        raise InvalidResponse(f"s3: {key} is not the metadata of an artifact") from None


@dataclass(frozen=True, slots=True)
class LatestRecord:
    """Which version of a project is the latest, in one region.

    Attributes:
        version: That version.
        counter: How often the pointer was changed: of two, the one with more changes counts.
        highest: The highest version that it ever named. An SSM parameter with a higher one was written by somebody who
            knows no pointers.
        key: The artifact's key.
        sha256: Its digest, where known.
        changed_at: When it was changed.
    """

    version: str
    counter: int
    highest: str
    key: str = ""
    sha256: str = ""
    changed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def dump(self) -> bytes:
        """The pointer object's bytes."""
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
        """The pointer of the object's bytes; ``InvalidResponse`` when they are none."""
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
    """Whether *version*, newly staged, becomes the latest by itself.

    A greater one does, save a pre-release when a stable version is the latest.
    """
    if current is None:
        return True
    new, old = Version.parse(version), Version.parse(current)
    if new.prerelease and not old.prerelease:
        return False
    return new > old


def is_above(version: str, other: str) -> bool:
    """Whether *version* is the greater one by SemVer's precedence, which sees no build metadata."""
    return Version.parse(version) > Version.parse(other)


def highest(*versions: str | None) -> str | None:
    """The greatest by SemVer's precedence; ``None`` of none."""
    known = [version for version in versions if version is not None]
    return max(known, key=Version.parse, default=None)
