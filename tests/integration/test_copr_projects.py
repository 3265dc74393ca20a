"""Projects and their forks: at the embedded Copr, and what goes over the wire."""

from __future__ import annotations

import pytest

from lading import (
    BadRequest,
    Conflict,
    Forbidden,
    InputError,
    NetworkError,
    NotFound,
)
from lading.testing import DropAfter, DropBefore, ServerResponse
from tests.support.copr_frontend import CHROOT, CannedFrontend, RecordingCopr, SeenRequest

pytestmark = pytest.mark.anyio
OTHER = "fedora-43-x86_64"
DELETE = "DELETE project/delete/owner/demo"


async def test_from_the_beginning_to_the_end(crew_store: RecordingCopr):
    crew_store.add_project("other")
    async with crew_store.client() as copr:
        made = await copr.projects.create(
            "owner",
            "demo",
            chroots=[CHROOT, OTHER],
            description="A demo",
            homepage="https://example.com",
            additional_repos=["https://example.com/r/", "copr://owner/other"],
            runtime_dependencies=["https://example.com/a/", "https://example.com/b/"],
            packit_forge_projects_allowed=["github.com/me/demo"],
            delete_after_days=7,
            repo_priority=5,
            isolation="nspawn",
            bootstrap="on",
        )
        assert made == await copr.projects.get("owner", "demo")
        assert (made.full_name, made.description, made.repo_priority) == ("owner/demo", "A demo", 5)
        assert made.additional_repos == ("https://example.com/r/", "copr://owner/other")
        assert made.packit_forge_projects_allowed == ("github.com/me/demo",)
        assert set(made.chroot_repos) == {CHROOT, OTHER}
        assert (made.isolation, made.bootstrap, made.auto_prune, made.follow_fedora_branching) == (
            "nspawn",
            "on",
            True,
            True,
        )
        assert [project.name for project in await copr.projects.search("owner/demo")] == ["demo"]
        assert (await copr.projects.regenerate_repos("owner", "demo")).name == "demo"
        assert await copr.projects.monitor("owner", "demo") == ()
        first = await copr.webhooks.generate("owner", "demo")
        second = await copr.webhooks.generate("owner", "demo")
        assert first.webhook_secret != second.webhook_secret
        assert (second.full_name, second.webhook_secret in repr(second)) == ("owner/demo", False)
        await copr.projects.delete("owner", "demo")
        with pytest.raises(NotFound, match="Project owner/demo does not exist"):
            await copr.projects.get("owner", "demo")


async def test_updating_changes_what_is_given(crew_demo: RecordingCopr):
    async with crew_demo.client() as copr:
        before = await copr.projects.get("owner", "demo")
        assert await copr.projects.update("owner", "demo") == before
        assert await copr.projects.update("owner", "demo", description=None, enable_net=None) == before
        after = await copr.projects.update("owner", "demo", enable_net=True, additional_repos=[], description="")
        assert (after.enable_net, after.additional_repos, after.description) == (True, (), "")
        again = await copr.projects.update("owner", "demo", enable_net=False, chroots=[OTHER])
        assert (again.enable_net, set(again.chroot_repos)) == (False, {OTHER})


async def test_groups_and_rights(crew_demo: RecordingCopr):
    ada = crew_demo.add_user("ada")
    async with crew_demo.client(ada) as copr:
        made = await copr.projects.create("@crew", "ours", chroots=[CHROOT])
        assert made.full_name == "@crew/ours"
        assert [project.name async for project in copr.projects.list("@crew")] == ["ours"]
        await copr.projects.delete("@crew", "ours")
        for write in (
            copr.projects.create("owner", "hers", chroots=[CHROOT]),
            copr.projects.update("owner", "demo", description="hers"),
            copr.projects.delete("owner", "demo"),
            copr.projects.regenerate_repos("owner", "demo"),
            copr.projects.permissions("owner", "demo"),
            copr.webhooks.generate("owner", "demo"),
            copr.projects.create("ada", "kept", chroots=[CHROOT], persistent=True),
            copr.projects.create("ada", "kept", chroots=[CHROOT], auto_prune=False),
            copr.projects.create("ada", "kept", chroots=[CHROOT], storage="pulp"),
        ):
            with pytest.raises(Forbidden) as caught:
                await write
            assert caught.value.outcome == "not_done"
    assert "Authorization" not in str(crew_demo.errors)


async def test_mistakes(crew_demo: RecordingCopr):
    async with crew_demo.client() as copr:
        for chroots in (["nope-1-x86_64"], ["fedora-*-x86_64"]):
            with pytest.raises(BadRequest, match=r"chroots: .* is not a valid choice"):
                await copr.projects.create("owner", "new", chroots=chroots)
        for name in ("bad name", "123"):
            with pytest.raises(BadRequest, match="name: "):
                await copr.projects.create("owner", name, chroots=[CHROOT])
        with pytest.raises(NotFound, match="No such user"):
            await copr.projects.create("nobody", "new", chroots=[CHROOT])
        with pytest.raises(Conflict, match="You already have a project named 'demo'"):
            await copr.projects.create("owner", "demo", chroots=[CHROOT])
        with pytest.raises(BadRequest, match="at least 3 characters"):
            await copr.projects.search("ab")
        crew_demo.seen.clear()
        for write in (
            copr.projects.create("owner", "new", chroots=CHROOT),
            copr.projects.update("owner", "demo", chroots=CHROOT),
        ):
            with pytest.raises(InputError, match="chroots= must be several strings"):
                await write
        assert crew_demo.seen == []


async def test_what_is_sent():
    """The defaults of the official client, other words for two fields, and nothing twice."""

    def respond(request: SeenRequest) -> ServerResponse:
        if "/fork/" in request.line:
            return ServerResponse.json({"name": "theirs", "ownername": "@crew"})
        return ServerResponse.json({"name": "demo", "ownername": "@crew" if "@crew" in request.line else "me"})

    async with CannedFrontend(respond) as frontend, frontend.client() as copr:
        await copr.projects.create("@crew", "demo", chroots=[CHROOT])
        await copr.projects.create("me", "demo", chroots=[CHROOT], exist_ok=True, description="é", unlisted_on_hp=None)
        await copr.projects.update("me", "demo", additional_repos=["a"], runtime_dependencies=["b", "c"])
        await copr.projects.update("me", "demo", runtime_dependencies="b c")
        await copr.projects.update("me", "demo", runtime_dependencies=[])
        await copr.projects.delete("me", "demo")
        await copr.projects.fork("me", "demo", "@crew", "theirs")
    plain, kept, *updates, delete, fork = frontend.seen
    defaults = {
        **dict.fromkeys(("unlisted_on_hp", "enable_net", "persistent", "devel_mode", "multilib"), False),
        **dict.fromkeys(("module_hotfixes", "appstream"), False),
        **dict.fromkeys(("auto_prune", "follow_fedora_branching"), True),
    }
    assert (plain.line, plain.query) == ("POST project/add/@crew", {})
    assert plain.json == {**defaults, "name": "demo", "chroots": [CHROOT]}
    assert kept.query == {"exist_ok": "True"}  # "true" is not heard
    assert kept.json == {k: v for k, v in {**plain.json, "description": "é"}.items() if k != "unlisted_on_hp"}
    assert [request.line for request in updates] == ["PUT project/edit/me/demo"] * 3
    assert [request.json for request in updates] == [
        {"repos": ["a"], "runtime_dependencies": "b c"},
        {"runtime_dependencies": "b c"},
        {"runtime_dependencies": ""},
    ]
    assert (delete.line, delete.json) == ("DELETE project/delete/me/demo", {"verify": True})
    assert fork.json == {"name": "theirs", "ownername": "@crew", "confirm": False}
    assert not any(request.query for request in frontend.seen if request is not kept)


async def test_a_project_with_running_builds(crew_demo: RecordingCopr):
    build = crew_demo.add_build("demo", "https://example.com/hello-1.0-1.src.rpm")
    async with crew_demo.client() as copr:
        with pytest.raises(Conflict, match=rf"Build\(s\) {build} are still running\."):
            await copr.projects.delete("owner", "demo")


async def test_forks(crew_demo: RecordingCopr):
    async with crew_demo.client() as copr:
        made = await copr.projects.fork("owner", "demo", "owner", "forked")
        assert (made.full_name, made.description) == ("owner/forked", "A demo")
        with pytest.raises(Conflict, match="about to fork into existing project: forked"):
            await copr.projects.fork("owner", "demo", "owner", "forked")
        assert (await copr.projects.fork("owner", "demo", "owner", "forked", confirm=True)).id == made.id
        with pytest.raises(BadRequest):
            await copr.projects.fork("owner", "demo", "@crew", "theirs")
        with pytest.raises(NotFound):
            await copr.projects.fork("owner", "nosuch", "owner", "copy")
        crew_demo.faults.add(DropAfter(), method="POST")
        with pytest.raises(NetworkError) as caught:
            await copr.projects.fork("owner", "demo", "owner", "lost")
        assert caught.value.outcome == "unknown"
        crew_demo.faults.add(DropBefore(), method="POST")
        assert (await copr.projects.fork("owner", "demo", "owner", "found")).name == "found"
