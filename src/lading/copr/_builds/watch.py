"""Waiting for many builds with few requests."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from lading._core.call import Call
from lading._core.polling import PollInterval, Watch
from lading.copr._arguments import build_number, check_builds
from lading.copr._errors import BuildFailed
from lading.copr._models.builds import Build
from lading.copr._pagination import MAX_PAGE_BYTES, ListPage
from lading.copr._queries import get_build
from lading.errors import NotFound
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from lading._core.call import Params
    from lading._core.sender import Sender

T = TypeVar("T")

# From this many builds of a project on, a page of its list costs less than a request for each.
_MANY = 3
_LONGEST_PAGE = 1000
_CONCURRENT = 8
# Requests a second in the long run, however many projects there are.
_RATE = 5.0


class BuildWatch:
    """An async iterator over builds as they change, or as they end; see :meth:`Builds.watch`.

    A build that is deleted in the meantime raises ``NotFound``, once; iterate further for the others. After any other
    error, iterating further polls again.
    """

    def __init__(
        self, sender: Sender, builds: Iterable[int | Build], *, only_done: bool, poll: PollInterval | float | None
    ) -> None:
        poller = _BuildPoller(sender)
        keys = [poller.remember(build) for build in check_builds(builds)]
        self._watch: Watch[int, Build | NotFound] = Watch(
            keys, poller, _is_done, changed=_has_changed, only_done=only_done, poll=poll, sleep=sender.settings.sleep
        )

    def __aiter__(self) -> BuildWatch:
        return self

    async def __anext__(self) -> Build:
        found = await anext(self._watch)
        if isinstance(found, NotFound):
            raise found
        return found


async def wait_finished(sender: Sender, build: int | Build, poll: PollInterval | float | None) -> Build:
    """Wait until the build has ended and return it; ``BuildFailed`` when it failed or was canceled."""
    end = await anext(BuildWatch(sender, [build], only_done=True, poll=poll))
    if end.state in ("failed", "canceled"):
        name = sender.service.name
        page = sender.service.base_url.removesuffix("api_3/") + f"coprs/build/{end.id}/"
        what = f"{end.ownername}/{end.projectname}, {end.source_package.name or 'source package'}"
        raise BuildFailed(f"{name}: build {end.id} ({what}) {end.state}: see {page}", build=end)
    return end


def _is_done(found: Build | NotFound) -> bool:
    return isinstance(found, NotFound) or found.finished


def _has_changed(before: Build | NotFound, now: Build | NotFound) -> bool:
    return isinstance(before, NotFound) or isinstance(now, NotFound) or before.state != now.state


async def _run_all(work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Run *work* for all items, some concurrently; the first error ends it."""
    async with fan_out(work, items, limit=_CONCURRENT) as outcomes:
        async for outcome in outcomes:
            _ = outcome.value


class _BuildPoller:
    """Fetches the current state of many builds: from their projects' lists where that is less, else one by one."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._projects: dict[int, tuple[str, str]] = {}
        # Where the first of a project's builds were in its list, when that is not its beginning.
        self._offsets: dict[tuple[str, str], int] = {}
        # How many more pages this poll may fetch that save no requests: a bound on what paging to old builds costs.
        self._spare = 0
        self._requests = 0
        self._next = 0.0

    def remember(self, build: int | Build) -> int:
        """Return the build's number, and remember its project where it is known."""
        if isinstance(build, Build) and build.ownername and build.projectname:
            self._projects[build.id] = (build.ownername, build.projectname)
        return build_number(build, "builds")

    async def __call__(self, ids: tuple[int, ...]) -> dict[int, Build | NotFound]:
        """Fetch the builds *ids*."""
        clock, sleep = self._sender.settings.clock, self._sender.settings.sleep
        await sleep(max(0.0, self._next - clock()))
        started, self._requests = clock(), 0
        try:
            return await self._fetch_all(ids)
        finally:
            # Many projects need many requests: the next round waits until they are a few a second.
            self._next = started + self._requests / _RATE

    async def _fetch_all(self, ids: tuple[int, ...]) -> dict[int, Build | NotFound]:
        self._spare = max(1, len(ids) // _MANY)
        known: dict[int, Build | NotFound] = {}
        # The newest build whose project is not known yet names it, and the project's list has most of the others.
        for build_id in sorted(set(ids) - self._projects.keys(), reverse=True):
            if build_id in known:
                continue
            found = known[build_id] = await self._fetch_one(build_id)
            if isinstance(found, Build):
                rest = set(ids) - self._projects.keys()
                if len(rest) >= _MANY:
                    await self._fetch_listed((found.ownername, found.projectname), rest, known)
        groups: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for build_id in set(ids) - known.keys():
            groups[self._projects[build_id]].add(build_id)
        alone: set[int] = set()
        many: list[tuple[tuple[str, str], set[int]]] = []
        for project, wanted in groups.items():
            if len(wanted) < _MANY:
                alone |= wanted
            else:
                many.append((project, wanted))

        async def fetch_group(group: tuple[tuple[str, str], set[int]]) -> None:
            await self._fetch_listed(*group, known)

        async def fetch_single(build_id: int) -> None:
            known[build_id] = await self._fetch_one(build_id)

        await _run_all(fetch_group, many)
        alone |= {build_id for _, wanted in many for build_id in wanted - known.keys()}
        await _run_all(fetch_single, sorted(alone))
        return known

    async def _fetch_one(self, build_id: int) -> Build | NotFound:
        self._requests += 1
        try:
            build = await self._sender.send(get_build(build_id))
        except NotFound as error:
            return error
        self.remember(build)
        return build

    async def _fetch_listed(
        self, project: tuple[str, str], wanted: set[int], known: dict[int, Build | NotFound]
    ) -> None:
        """Fill *known* from the project's list, newest builds first, while that costs less than a request for each.

        Builds behind many newer ones are paged to, with longer pages each time. The next poll begins where they were.
        """
        left = set(wanted)
        limit = min(_LONGEST_PAGE, len(left) + len(left) // 4 + 10)
        offset = start = self._offsets.pop(project, 0)
        while len(left) >= _MANY and self._spare > 0:
            page = await self._fetch_page(project, limit, offset)
            if start and offset == start and (not page or page[0].id < max(left)):
                start = offset = 0  # builds before it were deleted, or are wanted as well
                continue
            hits = [index for index, build in enumerate(page) if build.id in left]
            for build in (page[index] for index in hits):
                left.remove(build.id)
                known[build.id] = build
                self.remember(build)
            if hits and project not in self._offsets:
                # The one before it may be wanted as well, and have been fetched alone.
                self._offsets[project] = offset + hits[0] if start else max(0, offset + hits[0] - 1)
            if len(hits) < _MANY:
                self._spare -= 1
            if len(page) < limit or not left or page[-1].id < min(left):
                return
            offset += limit
            limit = min(_LONGEST_PAGE, 2 * limit)

    async def _fetch_page(self, project: tuple[str, str], limit: int, offset: int) -> tuple[Build, ...]:
        """Return one page of the project's list; an empty one when the project was deleted, or renamed."""
        self._requests += 1
        params: Params = {
            "ownername": project[0],
            "projectname": project[1],
            "limit": limit,
            "offset": offset or None,
            "order": "id",
            "order_type": "DESC",
        }
        call = Call("GET", "build/list", ListPage[Build], params=params, auth=None, max_response_size=MAX_PAGE_BYTES)
        try:
            return (await self._sender.send(call)).items
        except NotFound:
            return ()
