"""What calls of Copr accept: builds by number or model, names, and no empty list that a frontend takes for "all"."""

from __future__ import annotations

import inspect
import pickle
from typing import TYPE_CHECKING, Any, cast

import pytest

from lading import BytesBody, InputError
from lading.copr import Build, BuildFailed, Project, ScmSource
from tests.support.copr_double import CHROOT, HELLO, SteppedCopr, add_builds, do

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from lading import Copr

    Use = Callable[[Copr, Any, Path], Any]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("copr_clock")]


async def lines(log: Any) -> list[str]:
    return [line async for line in log]


BUILD_USES: dict[str, Use] = {
    "get": lambda c, build, _: c.builds.get(build),
    "source_build_config": lambda c, build, _: c.builds.source_build_config(build),
    "source_chroot": lambda c, build, _: c.builds.source_chroot(build),
    "built_packages": lambda c, build, _: c.builds.built_packages(build),
    "wait": lambda c, build, _: c.builds.wait(build),
    "download": lambda c, build, path: c.builds.download(build, path),
    "log": lambda c, build, _: lines(c.builds.log(build, CHROOT)),
    "chroot": lambda c, build, _: c.build_chroots.get(build, CHROOT),
    "chroots": lambda c, build, _: c.build_chroots.list(build),
    "chroot config": lambda c, build, _: c.build_chroots.build_config(build, CHROOT),
    "chroot packages": lambda c, build, _: c.build_chroots.built_packages(build, CHROOT),
    "with_build_id": lambda c, build, _: c.builds.create_from_url("owner", "demo", HELLO, with_build_id=build),
    "after_build_id": lambda c, build, _: c.builds.create_from_url("owner", "demo", HELLO, after_build_id=build),
    "delete": lambda c, build, _: c.builds.delete(build),
    "delete_many": lambda c, build, _: c.builds.delete_many([build]),
}


@pytest.mark.parametrize("use", BUILD_USES)
async def test_a_build_is_given_by_number_or_as_it_was_returned(
    copr_store: SteppedCopr, copr: Copr, tmp_path: Path, use: str
):
    for number in add_builds(copr_store, 2):
        await do(copr_store.finish, number)
        copr_store.advance_clock(100)
        given: Any = await copr.builds.get(number) if number == 2 else number
        copr_store.seen.clear()
        await BUILD_USES[use](copr, given, tmp_path / str(number))
        assert not any("Build" in line or "%" in line for line in copr_store.seen)


async def test_canceling_takes_both(copr_store: SteppedCopr, copr: Copr):
    first, second = add_builds(copr_store, 2)
    assert (await copr.builds.cancel(first)).state == "canceled"
    assert (await copr.builds.cancel(await copr.builds.get(second))).state == "canceled"


@pytest.mark.parametrize("wrong", ["1", 1.0, True, None, Project(name="demo")], ids=repr)
@pytest.mark.parametrize("use", [*BUILD_USES, "cancel", "watch", "wait for many"])
async def test_anything_else_is_refused_at_the_call(
    copr_store: SteppedCopr, copr: Copr, tmp_path: Path, use: str, wrong: Any
):
    uses: dict[str, Use] = {
        **BUILD_USES,
        "cancel": lambda c, build, _: c.builds.cancel(build),
        "watch": lambda c, build, _: c.builds.watch([build]),
        "wait for many": lambda c, build, _: c.builds.wait([build]),
    }
    if use.endswith("_build_id") and wrong is None:
        pytest.skip("an option that is not given")
    with pytest.raises(InputError, match="build"):
        found = uses[use](copr, wrong, tmp_path)
        if inspect.isawaitable(found):
            await cast("Awaitable[Any]", found)
    assert copr_store.seen == []


PROJECT = Project(name="demo", ownername="owner")
NAME_USES: dict[str, tuple[str, Use]] = {
    "projects.get": ("owner", lambda c, name, _: c.projects.get(name, "demo")),
    "projects.get project": ("project", lambda c, name, _: c.projects.get("owner", name)),
    "projects.list": ("owner", lambda c, name, _: c.projects.list(name)),
    "projects.create": ("project", lambda c, name, _: c.projects.create("owner", name, chroots=[CHROOT])),
    "projects.update": ("project", lambda c, name, _: c.projects.update("owner", name)),
    "projects.delete": ("project", lambda c, name, _: c.projects.delete("owner", name)),
    "projects.fork": ("to_project", lambda c, name, _: c.projects.fork("owner", "demo", "owner", name)),
    "projects.monitor": ("owner", lambda c, name, _: c.projects.monitor(name, "demo")),
    "projects.can_build_in": ("who", lambda c, name, _: c.projects.can_build_in(name, "owner", "demo")),
    "projects.permissions": ("project", lambda c, name, _: c.projects.permissions("owner", name)),
    "projects.set_permissions": (
        "project",
        lambda c, name, _: c.projects.set_permissions("owner", name, {"a": {"builder": "approved"}}),
    ),
    "projects.request_permissions": ("owner", lambda c, name, _: c.projects.request_permissions(name, "demo")),
    "projects.regenerate_repos": ("project", lambda c, name, _: c.projects.regenerate_repos("owner", name)),
    "builds.list": ("owner", lambda c, name, _: c.builds.list(name, "demo")),
    "builds.list project": ("project", lambda c, name, _: c.builds.list("owner", name)),
    "builds.list package": ("package", lambda c, name, _: c.builds.list("owner", "demo", package=name)),
    "builds.create_from_url": ("project", lambda c, name, _: c.builds.create_from_url("owner", name, HELLO)),
    "builds.create_from_scm": ("owner", lambda c, name, _: c.builds.create_from_scm(name, "demo", "https://a/b")),
    "packages.get": ("package", lambda c, name, _: c.packages.get("owner", "demo", name)),
    "packages.list": ("owner", lambda c, name, _: c.packages.list(name, "demo")),
    "packages.create": ("project", lambda c, name, _: c.packages.create("owner", name, "a", ScmSource("https://a/b"))),
    "packages.update": ("package", lambda c, name, _: c.packages.update("owner", "demo", name)),
    "packages.build": ("package", lambda c, name, _: c.packages.build("owner", "demo", name)),
    "packages.reset": ("package", lambda c, name, _: c.packages.reset("owner", "demo", name)),
    "packages.delete": ("package", lambda c, name, _: c.packages.delete("owner", "demo", name)),
    "project_chroots.get": ("chroot", lambda c, name, _: c.project_chroots.get("owner", "demo", name)),
    "project_chroots.update": ("project", lambda c, name, _: c.project_chroots.update("owner", name, CHROOT)),
    "build_chroots.get": ("chroot", lambda c, name, _: c.build_chroots.get(1, name)),
    "webhooks.generate": ("project", lambda c, name, _: c.webhooks.generate("owner", name)),
}


@pytest.mark.parametrize("wrong", ["", " ", PROJECT, 7], ids=["empty", "blank", "project", "number"])
@pytest.mark.parametrize("use", NAME_USES)
async def test_names_that_are_empty_or_no_names(
    copr_store: SteppedCopr, copr: Copr, tmp_path: Path, use: str, wrong: Any
):
    """An empty owner lists everybody's, and a model becomes its ``repr`` in the URL."""
    argument, call = NAME_USES[use]
    with pytest.raises(InputError, match=argument) as caught:
        found = call(copr, wrong, tmp_path)
        if inspect.isawaitable(found):
            await cast("Awaitable[Any]", found)
    assert caught.value.argument == argument
    assert copr_store.seen == []


SUBMISSIONS: list[Callable[..., Awaitable[Any]]] = [
    lambda c, **o: c.builds.create_from_url("owner", "demo", HELLO, **o),
    lambda c, **o: c.builds.create_from_urls("owner", "demo", [HELLO], **o),
    lambda c, **o: c.builds.create_from_file("owner", "demo", BytesBody(b"x"), filename="a.spec", **o),
    lambda c, **o: c.builds.create_from_rpm_upload("owner", "demo", BytesBody(b"x"), filename="a.rpm", **o),
    lambda c, **o: c.builds.create_from_scm("owner", "demo", "https://a/b", **o),
    lambda c, **o: c.builds.create_from_custom("owner", "demo", "x", **o),
    lambda c, **o: c.builds.check_before_build("owner", "demo", **o),
    lambda c, **o: c.packages.build("owner", "demo", "hello", **o),
    lambda c, **o: c.projects.create("owner", "new", **o),
    lambda c, **o: c.projects.update("owner", "demo", **o),
]


@pytest.mark.parametrize("number", range(len(SUBMISSIONS)))
async def test_an_empty_list_of_chroots_does_not_mean_all(copr_store: SteppedCopr, copr: Copr, number: int):
    """packit/packit-service#3137: whoever computes an empty list gets no build in every chroot."""
    for chroots, message in (
        ([], "chroots is empty: "),
        ((), "chroots is empty: "),
        ("fedora", "list"),
        ([""], "empty"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            await SUBMISSIONS[number](copr, chroots=chroots)
        assert caught.value.argument == "chroots"
    if number < 8:
        with pytest.raises(InputError, match="leave it out to build in all enabled chroots"):
            await SUBMISSIONS[number](copr, chroots=[])
    assert copr_store.seen == []


async def test_lists_that_are_one_string(copr_store: SteppedCopr, copr: Copr, tmp_path: Path):
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("kinds", lambda: copr.builds.download(1, tmp_path, kinds="rpms")),  # type: ignore[arg-type]
        ("chroots", lambda: copr.builds.download(1, tmp_path, chroots=CHROOT)),
        ("exclude_chroots", lambda: copr.builds.create_from_url("owner", "demo", HELLO, exclude_chroots=CHROOT)),
        ("additional_fields", lambda: copr.projects.monitor("owner", "demo", additional_fields="url_build_log")),
        ("builds", lambda: copr.builds.delete_many("12")),  # type: ignore[arg-type]
        ("builds", lambda: copr.builds.delete_many(12)),  # type: ignore[arg-type]
        ("builds", lambda: copr.builds.watch("12")),  # type: ignore[arg-type]
    ]
    for argument, call in calls:
        with pytest.raises(InputError, match="list") as caught:
            await call()
        assert caught.value.argument == argument
    assert copr_store.seen == []


async def test_deleting_all_that_a_list_has(copr_store: SteppedCopr, copr: Copr):
    """While iterating, each page that is deleted moves the next one up; collected first, none is left out."""
    ids = add_builds(copr_store, 24)
    await do(lambda: [copr_store.finish(build, "failed") for build in ids])
    builds = [build async for build in copr.builds.list("owner", "demo", page_size=8)]
    await copr.builds.delete_many(builds)
    assert copr_store.builds == ()
    assert copr_store.count("DELETE") == 1


def test_the_build_of_a_failure_is_there():
    error = BuildFailed("copr: build 1 failed", build=Build(id=1, state="failed"))
    number: int = error.build.id
    copied = pickle.loads(pickle.dumps(error))
    assert (number, copied.build, str(copied), copied.outcome) == (1, error.build, str(error), "not_done")
    with pytest.raises(TypeError):
        BuildFailed("copr: build 1 failed")  # type: ignore[call-arg]
