"""Projects and releases: what the Simple API lists, and what the JSON API adds where there is one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lading import Index, InputError, InvalidResponse, NotFound, PyPI, Retry
from lading.testing import Server, ServerRequest, ServerResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

SIMPLE = "application/vnd.pypi.simple.v1+json"


class Reading:
    """An index that is only read: pages by path, anything else is not found."""

    def __init__(self) -> None:
        self.pages: dict[str, ServerResponse] = {}
        self.requests: list[ServerRequest] = []
        self.server = Server(self._handle)

    async def _handle(self, request: ServerRequest) -> ServerResponse:
        self.requests.append(request)
        return self.pages.get(request.path, ServerResponse(404))

    def json(self, path: str, **value: Any) -> None:
        body = json.dumps({"meta": {"api-version": "1.4"}, **value}).encode()
        self.pages[path] = ServerResponse(200, {"Content-Type": SIMPLE}, body)

    def html(self, path: str, text: str) -> None:
        self.pages[path] = ServerResponse(200, {"Content-Type": "text/html; charset=utf-8"}, text.encode())

    def client(self, *, json_api: bool = True) -> PyPI:
        url = self.server.url
        json_url = f"{url}/pypi/" if json_api else None
        return PyPI(Index(f"{url}/legacy/", f"{url}/simple/", "index", json_url=json_url), retry=Retry(attempts=1))

    @property
    def seen(self) -> list[str]:
        return [request.path for request in self.requests]


@pytest.fixture
def index() -> Iterator[Reading]:
    fake = Reading()
    with fake.server:
        yield fake
    assert fake.server.errors == []


def file(filename: str, **more: Any) -> dict[str, Any]:
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": "00"}, **more}


async def test_project_with_everything(index):
    index.json(
        "/simple/demo-pkg/",
        name="Demo.Pkg",
        versions=["1.0", "1.1"],
        files=[file("demo_pkg-1.0.tar.gz")],
        **{"project-status": {"status": "quarantined", "reason": "looked odd"}},
    )
    info = {"name": "Demo.Pkg", "version": "1.1", "summary": "A demo", "requires_dist": None, "home_page": "x"}
    index.json("/pypi/demo-pkg/json", info=info, last_serial=7, releases={}, urls=[])
    async with index.client() as pypi:
        project = await pypi.projects.get("Demo_Pkg")
    assert (project.name, project.status, project.status_reason) == ("Demo.Pkg", "quarantined", "looked odd")
    assert project.versions == ("1.0", "1.1")
    assert [found.url for found in project.files] == [f"{index.server.url}/files/demo_pkg-1.0.tar.gz"]
    assert project.info is not None
    assert (project.info.version, project.info.summary, project.info.yanked) == ("1.1", "A demo", False)
    assert project.info.model_extra == {"home_page": "x"}
    assert index.seen == ["/simple/demo-pkg/", "/pypi/demo-pkg/json"]


@pytest.mark.parametrize("json_api", [True, False])
async def test_project_of_an_index_that_says_little(index, json_api):
    links = "".join(
        f'<a href="../../files/{name}#sha256=ab">{name}</a>'
        for name in ("demo-1.10.tar.gz", "demo-1.9.tar.gz", "demo-1.9-py3-none-any.whl", "demo-2.0rc1.zip", "notes.txt")
    )
    index.html("/simple/demo/", f"<html><body>{links}</body></html>")
    async with index.client(json_api=json_api) as pypi:
        project = await pypi.projects.get("demo")
    assert (project.name, project.status, project.info) == ("demo", "active", None)
    # By their order as versions, newest last.
    assert project.versions == ("1.9", "1.10", "2.0rc1")
    assert len(project.files) == 5
    assert index.seen == ["/simple/demo/", *(["/pypi/demo/json"] if json_api else [])]


async def test_a_status_that_is_new(index):
    index.json("/simple/demo/", name="demo", files=[], **{"project-status": {"status": "petrified"}})
    async with index.client(json_api=False) as pypi:
        assert (await pypi.projects.get("demo")).status == "petrified"


async def test_what_is_not_there(index):
    index.json("/simple/demo/", name="demo", files=[file("demo-1.0.tar.gz")])
    async with index.client() as pypi:
        with pytest.raises(NotFound):
            await pypi.projects.get("other")
        with pytest.raises(NotFound):
            await pypi.releases.list("other")
        with pytest.raises(NotFound, match=r"^index: demo has no files of version 1\.1$") as caught:
            await pypi.releases.get("demo", "1.1")
        assert caught.value.status is None
        before = len(index.seen)
        with pytest.raises(InputError, match="'one' is not a version"):
            await pypi.releases.get("demo", "one")
        assert len(index.seen) == before


@pytest.mark.parametrize("kind", ["json", "html", "root-relative", "base"])
async def test_all_projects(index, kind):
    names = ("a.b", "Demo", "z_1")
    if kind == "json":
        index.json("/simple/", projects=[{"name": name, "_last-serial": 1} for name in names])
    elif kind == "base":
        links = "".join(f'<a href="{name}/">{name}</a>' for name in names)
        index.html("/simple/", f'<html><head><base href="/other/"></head><body>{links}</body></html>')
    else:
        root = "/simple/" if kind == "root-relative" else ""
        links = "".join(f'<a href="{root}{name}/">{name}</a><br>\n' for name in names)
        index.html("/simple/", f'<html><body><a href="../">up</a><a href="{root}x.html">no</a>{links}</body></html>')
    async with index.client() as pypi:
        assert tuple(await pypi.projects.list()) == names
        assert [name async for name in pypi.projects.list(max_items=2)] == ["a.b", "Demo"]


async def test_a_later_simple_api(index):
    index.json("/simple/", meta={"api-version": "2.0"}, projects=[])
    async with index.client() as pypi:
        with pytest.raises(InvalidResponse, match=r"version 2\.0 of the Simple API"):
            await pypi.projects.list()


async def test_releases(index):
    yanked = file("demo-1.0.tar.gz", yanked="broken")
    files = [yanked, file("demo-1.0-py3-none-any.whl"), file("demo-0.9.tar.gz", yanked=True), file("demo-1.10.zip")]
    index.json("/simple/demo/", name="demo", files=files)
    index.json(
        "/pypi/demo/1.0/json", info={"name": "demo", "version": "1.0", "yanked": True, "yanked_reason": "broken"}
    )
    async with index.client() as pypi:
        releases = await pypi.releases.list("Demo")
        assert [(r.version, len(r.files), r.yanked) for r in releases] == [
            ("1.10", 1, False),
            ("1.0", 2, False),
            ("0.9", 1, True),
        ]
        assert {r.project for r in releases} == {"demo"}
        # By any spelling of the version.
        release = await pypi.releases.get("Demo", "v1")
        assert (release.version, len(release.files)) == ("1.0", 2)
        assert release.info is not None
        assert release.info.yanked_reason == "broken"
        assert (await pypi.releases.get("demo", "1.10")).info is None
        assert [r.version async for r in pypi.releases.list("demo", max_items=1)] == ["1.10"]
