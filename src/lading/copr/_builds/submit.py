"""Submitting a build once, also when the response is lost."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.copr._models.account import User
from lading.copr._models.builds import Build
from lading.copr._pagination import ListPage
from lading.copr._queries import get_source_build_config
from lading.errors import ApiError, LadingError, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Collection

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender

# How many of the newest builds are searched.
_NEWEST = 200
# A build appears a moment after its request, at the latest when the request has ended. In units of the retry
# policy's backoff, as this replaces the wait before a retry.
_PAUSES = (0, 2, 6)
# The rounding error of clocks with a resolution of seconds.
_SLACK = timedelta(seconds=1.5)
_CHANGED = re.compile(r"[^a-zA-Z0-9_./-]+")

# How many builds a client remembers as its own.
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """The project that builds are submitted to.

    Attributes:
        owner: The project's owner.
        project: The project's name.
        dirname: A directory of the project, when not its own.
    """

    owner: str
    project: str
    dirname: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of a request that name the project."""
        return {"ownername": self.owner, "projectname": self.project, "project_dirname": self.dirname}


@dataclass(frozen=True, slots=True)
class SubmittedBuild:
    """A submission, for finding its builds in the project's list.

    Attributes:
        target: The project.
        package: The package, where a package is built.
        clues: For each build, strings that the settings of its source must contain.
    """

    target: BuildTarget
    package: str | None = None
    clues: tuple[tuple[str, ...], ...] = ((),)


class BuildSubmitter:
    """Sends submissions, for a client and its copies.

    It remembers the resulting builds, so that a similar build that was submitted a moment before is not taken for
    the one whose response was lost.
    """

    def __init__(self) -> None:
        self._known: deque[int] = deque(maxlen=_REMEMBERED)

    async def submit(
        self, sender: Sender, call: Call[tuple[Build, ...]], submission: SubmittedBuild
    ) -> tuple[Build, ...]:
        """Send *call* at most once and return its builds.

        After a lost response the project's newest builds are searched for the submission: same submitter, same
        source, not older than the request. Builds that are found are the result. When they are surely absent the call
        is sent again. When it cannot be determined, because similar builds were submitted at the same time or because
        the frontend may still be processing the request, the error of the lost response is raised, with ``outcome``
        ``"unknown"``.

        Args:
            sender: Sends the requests.
            call: The submission's request.
            submission: What it submits.
        """
        started = sender.settings.clock()

        async def look_up(inner: LookupSender, lost: LadingError) -> LookupResult[tuple[Build, ...]]:
            for pause in _PAUSES:
                await inner.settings.sleep(pause * inner.settings.retry.backoff)
                found = await _find_submitted(inner, submission, started, self._known)
                if found is not None:
                    return Found(found)
            if isinstance(lost, RequestTimeout) or (isinstance(lost, ApiError) and lost.status in (408, 504)):
                raise _unknown_outcome(inner, submission, "the frontend may still be processing the request")
            return NOT_FOUND

        builds = await sender.send_once(call, look_up)
        self._known += (build.id for build in builds)
        return builds


def read_build(response: Response) -> tuple[Build, ...]:
    """Read the one build of a submission."""
    return (Build.model_validate_json(response.body),)


async def _find_submitted(
    sender: LookupSender, submission: SubmittedBuild, started: float, known: Collection[int]
) -> tuple[Build, ...] | None:
    """Return the builds of *submission*; ``None`` when there are none."""
    target = submission.target
    params = {
        "ownername": target.owner,
        "projectname": target.project,
        "packagename": submission.package,
        "limit": _NEWEST,
        "order": "id",
        "order_type": "DESC",
    }
    now, builds = await sender.send(Call("GET", "build/list", _read_dated_builds, params=params, auth=None))
    # By the frontend's clock, not ours; the time until its response counts too.
    since = now - timedelta(seconds=sender.settings.clock() - started) - _SLACK
    recent = [b for b in builds if b.id not in known and (b.submitted_on is None or b.submitted_on >= since)]
    if not recent:
        return None
    if len(recent) == _NEWEST:
        raise _unknown_outcome(sender, submission, f"{_NEWEST} or more builds were submitted in the meantime")
    me = await sender.send(Call("GET", "auth-check", User))
    directory = target.dirname or target.project
    mine = [b for b in recent if b.submitter == me.name and (b.project_dirname or directory) == directory]
    return await _match_builds(sender, submission, mine)


async def _match_builds(
    sender: LookupSender, submission: SubmittedBuild, candidates: list[Build]
) -> tuple[Build, ...] | None:
    """Return a build for each of the clues; ``None`` when none matches any."""
    sources: dict[int, list[str]] = {}
    for build in candidates:
        config = await sender.send(get_source_build_config(build.id))
        sources[build.id] = list(_strings(config.source_dict))
    matching = {
        clues: [build for build in sorted(candidates, key=lambda b: b.id) if _matches(clues, sources[build.id])]
        for clues in submission.clues
    }
    if not any(matching.values()):
        return None
    if any(len(matching[clues]) != count for clues, count in Counter(submission.clues).items()):
        raise _unknown_outcome(sender, submission, "there are similar builds, but not as many as were submitted")
    return tuple(matching[clues].pop(0) for clues in submission.clues)


def _matches(clues: tuple[str, ...], strings: list[str]) -> bool:
    stored = [_normalise(string) for string in strings]
    return all(
        any(string == clue or string.endswith(f"/{clue}") for string in stored) for clue in map(_normalise, clues)
    )


def _normalise(string: str) -> str:
    """Return *string* without what frontends change in it, so that it can be compared with what was sent."""
    # They end a script with a newline, join lists with blanks, drop "+" and "~" from file names, append ".git".
    return _CHANGED.sub("", string).removesuffix(".git")


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [string for one in value.values() for string in _strings(one)]
    if isinstance(value, list):
        return [string for one in value for string in _strings(one)]
    return [] if value is None else [str(value)]


def _read_dated_builds(response: Response) -> tuple[datetime, tuple[Build, ...]]:
    """Read the builds, and the frontend's time when it sent them."""
    return response.date or datetime.now(UTC), ListPage[Build].model_validate_json(response.body).items


def _unknown_outcome(sender: LookupSender, submission: SubmittedBuild, why: str) -> LadingError:
    project = f"{submission.target.owner}/{submission.target.project}"
    return LadingError(
        f"{sender.service.name}: cannot determine whether the build was submitted to {project}: {why}. Check the "
        "project's builds before submitting it again",
        outcome="unknown",
    )
