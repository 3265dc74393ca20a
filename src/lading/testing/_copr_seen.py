"""What the embedded Copr shows of its builds to the tests that own it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lading.testing.copr._state import Build


@dataclass(frozen=True, slots=True)
class CoprBuild:
    """A build as it was when it was looked at.

    Attributes:
        id: Its number.
        owner: Whose project it is in.
        project: The name of the project.
        dirname: The directory of the project; the project's name for the main one.
        package: The name of the package, once it is known.
        version: Version and release, once they are known.
        state: The one word for all of it.
        source_state: The state of the source build.
        chroots: The state in each chroot.
        source_type: ``"upload"``, ``"link"``, ``"scm"`` and so on.
        source: What was said of the source.
        options: The options it was submitted with, as they were understood.
        upload: The file that was uploaded, until the store ends.
    """

    id: int
    owner: str
    project: str
    dirname: str
    package: str | None
    version: str | None
    state: str
    source_state: str
    chroots: Mapping[str, str]
    source_type: str
    source: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    upload: Path | None = None


def snapshot(build: Build) -> CoprBuild:
    """*build*, as it is now."""
    return CoprBuild(
        id=build.id,
        owner=build.project.ownername,
        project=build.project.name,
        dirname=build.dirname,
        package=None if build.package is None else build.package.name,
        version=build.version,
        state=build.state,
        source_state=build.source_state,
        chroots={name: chroot.state for name, chroot in build.chroots.items()},
        source_type=build.source_type,
        source=build.source,
        options=build.options,
        upload=build.upload,
    )
