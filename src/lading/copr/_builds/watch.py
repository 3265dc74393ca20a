"""Following many builds with few questions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import anyio

from lading._core.call import Call
from lading._core.polling import PollInterval, Watch
from lading.copr._errors import BuildFailed
from lading.copr._models.builds import Build, ListPage
from lading.errors import NotFound
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from lading._core.call import Params
    from lading._core.sender import Sender

T = TypeVar("T")

# As many builds of a project as make one page of its list cheaper than asking for each.
_MANY = 3
_LONGEST_PAGE = 1000
_AT_ONCE = 8
# Questions a second on the long run, however many projects there are.
_RATE = 5.0
_MAX_ANSWER = 64 * 1024 * 1024


class BuildWatch:
    """An async iterator over builds as they change, or as they end; see :meth:`Builds.watch`.

    A build that is deleted meanwhile raises ``NotFound``, once; iterate on for the others. After any other error,
    iterating on asks again.
    """

    def __init__(
        self, sender: Sender, builds: Iterable[int | Build], *, only_done: bool, poll: PollInterval | None
    ) -> None:
        self._look = _BuildPoller(sender)
        keys = [self._look.remember(build) for build in builds]
        self._watch: Watch[int, Build | NotFound] = Watch(
            keys, self._look, _done, changed=_changed, only_done=only_done, poll=poll
        )

    def __aiter__(self) -> BuildWatch:
        return self

    async def __anext__(self) -> Build:
        found = await anext(self._watch)
        if isinstance(found, NotFound):
            raise found
        return found


async def wait_finished(sender: Sender, build: int | Build, poll: PollInterval | None) -> Build:
    """The build when it has come to its end; ``BuildFailed`` when that is a bad one."""
    end = await anext(BuildWatch(sender, [build], only_done=True, poll=poll))
    if end.state in ("failed", "canceled"):
        name = sender.service.name
        page = sender.service.base_url.removesuffix("api_3/") + f"coprs/build/{end.id}/"
        what = f"{end.ownername}/{end.projectname}, {end.source_package.name or 'source package'}"
        raise BuildFailed(f"{name}: build {end.id} ({what}) {end.state}: see {page}", build=end)
    return end


def _done(found: Build | NotFound) -> bool:
    return isinstance(found, NotFound) or found.finished


def _changed(before: Build | NotFound, now: Build | NotFound) -> bool:
    return isinstance(before, NotFound) or isinstance(now, NotFound) or before.state != now.state


async def _run_all(work: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do it for all, some at the same time; the first error ends it."""
    async with fan_out(work, items, limit=_AT_ONCE) as outcomes:
        async for outcome in outcomes:
            _ = outcome.value


class _BuildPoller:
    """One look at many builds: by their projects' lists where that is less, else one by one."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._homes: dict[int, tuple[str, str]] = {}
        self._asked = 0
        self._next = 0.0

    def remember(self, build: int | Build) -> int:
        """The build's number; where it is remembered, if it says so."""
        if isinstance(build, int):
            return build
        if build.ownername and build.projectname:
            self._homes[build.id] = (build.ownername, build.projectname)
        return build.id

    async def __call__(self, ids: tuple[int, ...]) -> dict[int, Build | NotFound]:
        """What is known of *ids* now."""
        await anyio.sleep(max(0.0, self._next - anyio.current_time()))
        started, self._asked = anyio.current_time(), 0
        try:
            return await self._all(ids)
        finally:
            # Many projects mean many questions: the next round waits until they are a few a second.
            self._next = started + self._asked / _RATE

    async def _all(self, ids: tuple[int, ...]) -> dict[int, Build | NotFound]:
        known: dict[int, Build | NotFound] = {}
        # The newest of those whose project is not known yet tells it, and its list has most of the others.
        for build_id in sorted(set(ids) - self._homes.keys(), reverse=True):
            if build_id in known:
                continue
            found = known[build_id] = await self._one(build_id)
            if isinstance(found, Build):
                rest = set(ids) - self._homes.keys()
                if len(rest) >= _MANY:
                    await self._listed((found.ownername, found.projectname), rest, known)
        groups: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for build_id in set(ids) - known.keys():
            groups[self._homes[build_id]].add(build_id)
        alone: set[int] = set()
        many: list[tuple[tuple[str, str], set[int]]] = []
        for home, wanted in groups.items():
            if len(wanted) < _MANY:
                alone |= wanted
            else:
                many.append((home, wanted))

        async def project(group: tuple[tuple[str, str], set[int]]) -> None:
            await self._listed(*group, known)

        async def one(build_id: int) -> None:
            known[build_id] = await self._one(build_id)

        await _run_all(project, many)
        alone |= {build_id for _, wanted in many for build_id in wanted - known.keys()}
        await _run_all(one, sorted(alone))
        return known

    async def _one(self, build_id: int) -> Build | NotFound:
        self._asked += 1
        try:
            build = await self._sender.send(
                Call("GET", "build/{build_id}", Build, path_params={"build_id": build_id}, auth=None)
            )
        except NotFound as error:
            return error
        self.remember(build)
        return build

    async def _listed(self, home: tuple[str, str], wanted: set[int], known: dict[int, Build | NotFound]) -> None:
        """Fill *known* from the project's list, as long as its pages are worth it."""
        left = set(wanted)
        limit = min(_LONGEST_PAGE, len(left) + len(left) // 4 + 10)
        offset = 0
        while len(left) >= _MANY:
            self._asked += 1
            params: Params = {
                "ownername": home[0],
                "projectname": home[1],
                "limit": limit,
                "offset": offset or None,
                "order": "id",
                "order_type": "DESC",
            }
            try:
                page = await self._sender.send(
                    Call("GET", "build/list", ListPage[Build], params=params, auth=None, max_response_size=_MAX_ANSWER)
                )
            except NotFound:  # the project is gone, or is not the same any more
                return
            before = len(left)
            for build in page.items:
                if build.id in left:
                    left.remove(build.id)
                    known[build.id] = build
                    self.remember(build)
            if len(page.items) < limit or before - len(left) < _MANY:
                return
            offset += limit
