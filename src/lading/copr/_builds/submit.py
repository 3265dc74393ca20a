"""Submitting a build once, also when the response is lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from lading._core.call import Call
from lading._core.send_once import NOT_FOUND, Found
from lading.copr._builds.register import Entry, ProjectRegister, register_of
from lading.copr._builds.submission import BuildSource
from lading.copr._errors import extend_message
from lading.copr._models.account import User
from lading.copr._models.builds import Build
from lading.copr._pagination import ListPage
from lading.copr._queries import get_project, get_source_build_config
from lading.errors import LadingError

if TYPE_CHECKING:
    from collections.abc import Collection

    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.copr._builds.submission import SubmittedBuild

# How many builds are requested at once, and how many of the newest are searched.
_PAGE = 200
_SEARCHED = 2000
# The rounding error of clocks with a resolution of seconds.
_SLACK = timedelta(seconds=1.5)
# Seconds between two looks while a submission that may be the same has not ended.
_PAUSE = 1.0
# Kinds of source that the store keeps as they are sent: a build of another source is another build.
_EXACT = frozenset({"link", None})


class _LookAgain(Enum):
    LOOK_AGAIN = 1


_LOOK_AGAIN: Final = _LookAgain.LOOK_AGAIN


async def submit_build(sender: Sender, call: Call[tuple[Build, ...]], submission: SubmittedBuild) -> tuple[Build, ...]:
    """Send *call* at most once and return its builds.

    After a lost response the project's builds are searched for the submission: same submitter, directory, chroots,
    background flag and source, not older than the request, and not the result of another call of this process. While
    another submission under way may be what made such a build, its end is waited for. Builds that are found are the
    result. When they are absent, and cannot appear any more, the call is sent again. When neither can be told, the
    error of the lost response is raised, with ``outcome`` ``"unknown"``.

    Args:
        sender: Sends the requests.
        call: The submission's request.
        submission: What it submits.
    """
    target = submission.target
    register = register_of(sender.service.base_url, target.owner, target.project)
    entry = Entry(submission)
    lookup = _BuildLookup(register, entry, sender.settings.clock(), sender.service.late_work)
    register.add(entry)
    unclear_at: float | None = None
    try:
        builds = await sender.send_once(call, lookup)
        register.claim(builds)
        return builds
    except BaseException as error:
        if not isinstance(error, LadingError) or error.outcome == "unknown":
            unclear_at = sender.settings.clock()
        if isinstance(error, LadingError) and error.outcome == "unknown":
            where = builds_page(sender.service.base_url, target.owner, target.project)
            extend_message(error, f"a build may have been submitted all the same: see {where}")
        raise
    finally:
        register.remove(entry, unclear_at=unclear_at)


def builds_page(base_url: str, owner: str, project: str) -> str:
    """Return the URL of the web page with the builds of a project."""
    place = f"g/{owner[1:]}" if owner.startswith("@") else owner
    return f"{base_url.removesuffix('api_3/')}coprs/{quote(place)}/{quote(project)}/builds/"


class _BuildLookup:
    """Looks for the builds of one submission.

    Args:
        register: What is known of the project's submissions.
        entry: The submission.
        started: When the call began, by the client's clock.
        late_work: The service's.
    """

    def __init__(self, register: ProjectRegister, entry: Entry, started: float, late_work: float) -> None:
        self._register = register
        self._entry = entry
        self._submission = entry.submission
        self._started = started
        # What was unclear before this made its build before this began.
        self._others_since = started - late_work - _SLACK.total_seconds()
        self._lost: LadingError | None = None
        self._project_chroots: frozenset[str] | None = None
        self._of_packages: dict[str, set[int]] = {}

    async def __call__(self, sender: LookupSender, lost: LadingError) -> LookupResult[tuple[Build, ...]]:
        if lost is not self._lost:
            self._lost = lost
            self._register.note_lost(self._entry, sender.settings.clock())
        self._entry.lost = True
        while (found := await self._look(sender)) is _LOOK_AGAIN:
            self._check_deadline(sender)
            await sender.settings.sleep(_PAUSE)
        return found

    async def _look(self, sender: LookupSender) -> LookupResult[tuple[Build, ...]] | _LookAgain:
        now = sender.settings.clock()
        recent = await self._list_recent(sender)
        # Others may have been given theirs meanwhile; from here on nothing is awaited.
        recent = [build for build in recent if not self._register.is_claimed(build)]
        candidates = [build for build in recent if self._submission.may_be(build, self._project_chroots)]
        matching = [self._matching(candidates, clues) for clues in self._submission.clues]
        if not any(matching):
            self._refuse_unexplained(sender, recent)
            return self._absent(now, sender.service.late_work)
        rivals = self._rivals({build.id: build for builds in matching for build in builds}.values())
        if not all(rival.lost for rival in rivals):
            return _LOOK_AGAIN  # its response will say which is its own
        if any(rival.submission != self._submission for rival in rivals):
            raise self._unknown(sender, "there are similar builds, which cannot be told apart")
        chosen = self._choose(sender, matching, equals=1 + len(rivals))
        if not self._register.claim(chosen):
            return _LOOK_AGAIN
        return Found(chosen)

    def _absent(self, now: float, late_work: float) -> LookupResult[tuple[Build, ...]] | _LookAgain:
        """Return what it means that nothing was there *now*.

        The sender repeats the look until the store has done what it still can for this request. It does not know of an
        equal one that ended later, whose build may come instead of this one's, which that one has been given.
        """
        entry = self._entry
        certain = now >= entry.ended + late_work or not getattr(self._lost, "request_sent", True)
        last = self._register.last_ended.get(self._submission, entry.ended)
        if certain and entry.ended < last and now < last + late_work:
            return _LOOK_AGAIN
        if certain:
            entry.lost = False  # it is sent again, or has ended
        return NOT_FOUND

    async def _list_recent(self, sender: LookupSender) -> list[Build]:
        """Return the account's builds since the call began, oldest first, without those that are another call's."""
        found: dict[int, Build] = {}
        while True:
            now, page = await sender.send(self._page(self._submission.package, len(found)))
            found |= {build.id: build for build in page}
            # By the frontend's clock, not ours; the time until its response counts too.
            since = now - timedelta(seconds=sender.settings.clock() - self._started) - _SLACK
            recent = [b for b in found.values() if b.submitted_on is None or b.submitted_on >= since]
            if len(page) < _PAGE or len(recent) < len(found):
                break
            if len(found) >= _SEARCHED:
                raise self._unknown(sender, f"{_SEARCHED} or more builds were submitted in the meantime")
        unclaimed = [build for build in recent if not self._register.is_claimed(build)]
        if not unclaimed:
            return []
        if self._entry.account is None:
            self._entry.account = (await sender.send(Call("GET", "auth-check", User))).name
        if not self._submission.chroots and self._project_chroots is None:
            target = self._submission.target
            project = await sender.send(get_project(target.owner, target.project))
            self._project_chroots = frozenset(project.chroot_repos)
        mine = [
            build
            for build in sorted(unclaimed, key=lambda build: build.id)
            if build.submitter == self._entry.account and self._submission.is_in_directory(build)
        ]
        for build in mine:
            if self._register.source(build) is None:
                config = await sender.send(get_source_build_config(build.id))
                self._register.remember(build, BuildSource.of(config))
        if mine:
            await self._list_packages(sender)
        return mine

    async def _list_packages(self, sender: LookupSender) -> None:
        """List the builds of packages that others are building: an unimported build does not show its package."""
        packages = {other.submission.package for other in self._others()}
        for package in packages - {None, self._submission.package}:
            _, builds = await sender.send(self._page(package, 0))
            self._of_packages[str(package)] = {build.id for build in builds}

    def _page(self, package: str | None, offset: int) -> Call[tuple[datetime, tuple[Build, ...]]]:
        target = self._submission.target
        params = {
            "ownername": target.owner,
            "projectname": target.project,
            "packagename": package,
            "limit": _PAGE,
            "offset": offset or None,
            "order": "id",
            "order_type": "DESC",
        }
        return Call("GET", "build/list", _read_dated_builds, params=params, auth=None)

    def _matching(self, candidates: list[Build], clues: tuple[str, ...]) -> list[Build]:
        return [build for build in candidates if self._source(build).matches(clues)]

    def _source(self, build: Build) -> BuildSource:
        source = self._register.source(build)
        assert source is not None  # noqa: S101 - remembered when it was listed
        return source

    def _rivals(self, builds: Collection[Build]) -> list[Entry]:
        """Return the other submissions under way that one of *builds* may be of."""
        return [other for other in self._others() if any(self._fits(other, build) for build in builds)]

    def _others(self) -> list[Entry]:
        return self._register.others(self._entry, since=self._others_since)

    def _fits(self, entry: Entry, build: Build) -> bool:
        source, package = self._source(build), entry.submission.package
        if package not in (None, self._submission.package) and build.id not in self._of_packages.get(str(package), ()):
            return False
        return entry.submission.may_be(build, self._project_chroots) and any(
            source.matches(clues) for clues in entry.submission.clues
        )

    def _refuse_unexplained(self, sender: LookupSender, recent: list[Build]) -> None:
        """Raise when a build of no other submission may be this one: frontends change what they are sent."""
        kind = self._submission.kind
        for build in recent:
            source = self._source(build)
            same_source = any(source.matches(clues) for clues in self._submission.clues)
            if (same_source or (source.kind == kind and kind not in _EXACT)) and not self._rivals([build]):
                raise self._unknown(sender, f"build {build.id} is of the same time and kind")

    def _choose(self, sender: LookupSender, matching: list[list[Build]], *, equals: int) -> tuple[Build, ...]:
        """Return a build for each of the clues.

        Args:
            sender: For the error.
            matching: For each of the clues, the builds that match.
            equals: How many submissions are equal to this one, itself included: their builds are interchangeable.
        """
        counts = Counter(self._submission.clues)
        chosen: list[Build] = []
        for clues, builds in zip(self._submission.clues, matching, strict=True):
            if not counts[clues] <= len(builds) <= counts[clues] * equals:
                raise self._unknown(sender, "there are similar builds, but not as many as were submitted")
            chosen.append(next(build for build in builds if build not in chosen))
        return tuple(chosen)

    def _check_deadline(self, sender: LookupSender) -> None:
        deadline = sender.settings.retry.deadline
        if deadline is not None and sender.settings.clock() - self._started > deadline:
            raise self._unknown(sender, "Retry.deadline ended the look-up")

    def _unknown(self, sender: LookupSender, why: str) -> LadingError:
        target = self._submission.target
        return LadingError(
            f"{sender.service.name}: cannot determine whether the build was submitted to "
            f"{target.owner}/{target.project}: {why}. Check the project's builds before submitting it again",
            outcome="unknown",
        )


def _read_dated_builds(response: Response) -> tuple[datetime, tuple[Build, ...]]:
    """Read the builds, and the frontend's time when it sent them."""
    return response.date or datetime.now(UTC), ListPage[Build].model_validate_json(response.body).items
