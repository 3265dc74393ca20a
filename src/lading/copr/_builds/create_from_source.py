"""Builds whose source package Copr creates itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading.copr._arguments import build_options
from lading.copr._builds.submission import SubmittedBuild
from lading.copr._builds.submit import submit_build
from lading.copr._wire import json_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading._core.sender import Sender
    from lading.copr._builds.submission import BuildTarget
    from lading.copr._models.builds import Build
    from lading.copr._options import BuildOptions

# Settings that the frontend turns into others.
_NO_CLUES = {"scm_type", "distgit", "namespace", "script_chroot"}


async def create_from_source(
    sender: Sender,
    target: BuildTarget,
    kind: str,
    source: Mapping[str, Any],
    *,
    options: BuildOptions,
) -> Build:
    """Submit a build of a source and return it.

    Args:
        sender: Sends the requests.
        target: The project.
        kind: The kind of source, as the last part of the path.
        source: The settings of the source, as they are sent.
        options: The options of the build.
    """
    checked = build_options(options)
    call = Call("POST", f"build/create/{kind}", target.read_build, json=json_fields(target.fields(), source, checked))
    clues = tuple(value for name, value in source.items() if isinstance(value, str) and value and name not in _NO_CLUES)
    submission = SubmittedBuild.create(target, {**source, **checked}, kind=kind, clues=(clues,))
    return (await submit_build(sender, call, submission))[0]
