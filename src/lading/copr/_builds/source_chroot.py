"""The part of a build that creates the source package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading.copr._queries import get_build, get_source_chroot
from lading.errors import NotFound, ServerError

if TYPE_CHECKING:
    from lading._core.sender import Sender
    from lading.copr._models.builds import SourceChroot

# The states of a build whose source package nobody has begun to create.
_BEFORE = frozenset({"waiting", "pending", "starting", "importing", "canceled", "skipped", "forked"})


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The result for a source build that has not started.

    Attributes:
        error: The error that says so.
        ended: Whether the build has ended, so that it never will.
    """

    error: NotFound
    ended: bool


async def find_source_chroot(sender: Sender, build: int) -> SourceChroot | NotStarted:
    """Return that part of a build. While it has no directory, the frontend responds with 500.

    Raises:
        NotFound: There is no such build.
    """
    try:
        return await sender.send(get_source_chroot(build))
    except ServerError as error:
        if not error.final:
            raise
        found = await sender.send(get_build(build))
        if found.state not in _BEFORE:
            return await sender.send(get_source_chroot(build))  # it may have started between the two
        name = sender.service.name
        text = f"the source package of build {build} is not being created yet: the build is {found.state}"
        missing = make_api_error(NotFound, name, text, status=error.status, detail=error.detail)
        missing.__cause__ = error
        return NotStarted(missing, found.finished)
