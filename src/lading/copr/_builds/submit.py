"""Submitting a build once, also when the answer is lost."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.copr._models.builds import Build, ListPage, User
from lading.copr._models.chroots import SourceBuildConfig
from lading.errors import ApiError, LadingError, RequestTimeout

if TYPE_CHECKING:
    from collections.abc import Collection

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender

# How many of the newest builds are looked through.
_NEWEST = 200
# A build is there a moment after its request, at the latest when the request has ended. In units of the retry
# policy's backoff, as this takes the place of the waiting before a retry.
_PAUSES = (0, 2, 6)
# What clocks in whole seconds may make of "since".
_SLACK = timedelta(seconds=1.5)
_CHANGED = re.compile(r"[^a-zA-Z0-9_./-]+")


# How many builds a client remembers as its own.
_REMEMBERED = 1000


class BuildSubmitter:
    """Sends submissions, for a client and its copies.

    It remembers the builds that came of them: another one like it, submitted a moment before, is not taken for one
    whose answer was lost.
    """

    def __init__(self) -> None:
        self._given: deque[int] = deque(maxlen=_REMEMBERED)

    async def submit(
        self, sender: Sender, call: Call[tuple[Build, ...]], submission: SubmittedBuild
    ) -> tuple[Build, ...]:
        """The builds that *call* makes.

        After a lost answer the project's newest builds are looked through for what was submitted: same submitter,
        same source, not older than the request. Found: they are the result. Surely not there: it is sent again. When
        it cannot be told, because others like them were submitted at the same time or because the frontend may still
        be at work on it, the lost answer's error comes out, with ``outcome`` ``"unknown"``.
        """
        started = monotonic()

        async def look_up(inner: LookupSender, lost: LadingError) -> LookupResult[tuple[Build, ...]]:
            for pause in _PAUSES:
                await inner.settings.sleep(pause * inner.settings.retry.backoff)
                found = await _find_submitted(inner, submission, started, self._given)
                if found is not None:
                    return Found(found)
            if isinstance(lost, RequestTimeout) or (isinstance(lost, ApiError) and lost.status in (408, 504)):
                raise _unknown_outcome(inner, submission, "the frontend may still be at work on it")
            return NOT_FOUND

        builds = await sender.send_once(call, look_up)
        self._given += (build.id for build in builds)
        return builds


@dataclass(frozen=True, slots=True)
class SubmittedBuild:
    """What was submitted, for knowing it again.

    Attributes:
        owner: Where to.
        project: Where to.
        project_dirname: Where to, when not the project's own directory.
        package: The package, where it is a package that is built.
        clues: For each build, texts that its source's settings must have.
    """

    owner: str
    project: str
    project_dirname: str | None = None
    package: str | None = None
    clues: tuple[tuple[str, ...], ...] = ((),)


async def _find_submitted(
    sender: LookupSender, submission: SubmittedBuild, started: float, given: Collection[int]
) -> tuple[Build, ...] | None:
    params = {
        "ownername": submission.owner,
        "projectname": submission.project,
        "packagename": submission.package,
        "limit": _NEWEST,
        "order": "id",
        "order_type": "DESC",
    }
    now, builds = await sender.send(Call("GET", "build/list", _read_dated_builds, params=params, auth=None))
    # The frontend's clock, not ours; and how long it took to answer this counts too.
    since = now - timedelta(seconds=monotonic() - started) - _SLACK
    recent = [b for b in builds if b.id not in given and (b.submitted_on is None or b.submitted_on >= since)]
    if not recent:
        return None
    if len(recent) == _NEWEST:
        raise _unknown_outcome(sender, submission, f"{_NEWEST} builds and more were submitted in the meantime")
    me = await sender.send(Call("GET", "auth-check", User))
    directory = submission.project_dirname or submission.project
    mine = [b for b in recent if b.submitter == me.name and (b.project_dirname or directory) == directory]
    return await _match_builds(sender, submission, mine)


async def _match_builds(
    sender: LookupSender, submission: SubmittedBuild, candidates: list[Build]
) -> tuple[Build, ...] | None:
    """A build for each of the clues; ``None`` when there is none for any."""
    sources: dict[int, list[str]] = {}
    for build in candidates:
        call = Call(
            "GET",
            "build/source-build-config/{build_id}",
            SourceBuildConfig,
            path_params={"build_id": build.id},
            auth=None,
        )
        sources[build.id] = list(_texts((await sender.send(call)).source_dict))
    fitting = {
        clues: [build for build in sorted(candidates, key=lambda b: b.id) if _matches(clues, sources[build.id])]
        for clues in submission.clues
    }
    if not any(fitting.values()):
        return None
    if any(len(fitting[clues]) != count for clues, count in Counter(submission.clues).items()):
        raise _unknown_outcome(sender, submission, "builds like it are there, but not as many as were submitted")
    return tuple(fitting[clues].pop(0) for clues in submission.clues)


def _matches(clues: tuple[str, ...], texts: list[str]) -> bool:
    kept = [_normalise(text) for text in texts]
    return all(any(text == clue or text.endswith(f"/{clue}") for text in kept) for clue in map(_normalise, clues))


def _normalise(text: str) -> str:
    """*text* without what frontends change in it, so that what they were sent is known again."""
    # They end a script with a newline, join lists with blanks, leave "+" and "~" out of file names, add ".git".
    return _CHANGED.sub("", text).removesuffix(".git")


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [] if value is None else [str(value)]


def _read_dated_builds(reply: Response) -> tuple[datetime, tuple[Build, ...]]:
    """The builds, and when the frontend said so."""
    try:
        now = parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        now = datetime.now(UTC)
    return now, ListPage[Build].model_validate_json(reply.body).items


def _unknown_outcome(sender: LookupSender, submission: SubmittedBuild, why: str) -> LadingError:
    return LadingError(
        f"{sender.service.name}: whether the build was submitted to {submission.owner}/{submission.project} cannot be "
        f"known: {why}. Look at the project's builds before submitting it again",
        outcome="unknown",
    )
