"""Downloading from a frontend that means harm: nothing is written outside the directory, nor read where it is not safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lading import Copr, InvalidResponse
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.copr_double import CHROOT, do

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


def contents(directory: Path) -> list[Path]:
    """The files in *directory*."""
    return [path for path in directory.rglob("*") if path.is_file()]


class Liar:
    """A frontend with canned responses."""

    def __init__(self) -> None:
        self.chroot = CHROOT
        self.package = {"name": "hello", "version": "1.0", "release": "1", "arch": "noarch"}
        self.source = "hello"
        self.result_url = ""
        self.served: list[str] = []

    async def respond(self, request: ServerRequest) -> ServerResponse:
        path = request.path.removeprefix("/api_3/")
        if path == "build-chroot/list":
            chroot = {"name": self.chroot, "state": "succeeded", "result_url": self.result_url}
            return ServerResponse.json({"items": [chroot], "meta": {}})
        if path == "build/built-packages/1":
            return ServerResponse.json({self.chroot: {"packages": [self.package]}})
        if path == "build/1":
            return ServerResponse.json({"id": 1, "source_package": {"name": self.source}})
        if path == "project":
            return ServerResponse.json({"name": "demo"})
        self.served.append(request.path)
        return ServerResponse(200, {}, b"evil")


@pytest.fixture
def liar() -> Liar:
    return Liar()


@pytest.fixture
async def lied_to(liar: Liar) -> AsyncIterator[Copr]:
    async with Server(liar.respond) as server, Copr(server.url) as copr:
        liar.result_url = f"{server.url}/results/"
        yield copr


EVIL = ["../../x", "/etc/x", "a/b", "a\\b", "C:x", "x\0y"]


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("where", ["name", "version", "arch", "chroot", "source"])
async def test_names_do_not_leave_the_directory(liar: Liar, lied_to: Copr, tmp_path: Path, where: str, name: str):
    if where in liar.package:
        liar.package[where] = name
    else:
        setattr(liar, where, name)
    with pytest.raises(InvalidResponse, match="not a plain file name"):
        await lied_to.builds.download(1, tmp_path / "directory")
    assert await do(contents, tmp_path) == []
    assert not liar.served


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_a_chroot_that_is_no_directory(liar: Liar, lied_to: Copr, tmp_path: Path, name: str):
    liar.chroot = name
    with pytest.raises(InvalidResponse):
        await lied_to.builds.download(1, tmp_path / "directory")
    assert await do(contents, tmp_path) == []


NOT_SAFE = [
    "http://127.0.0.1:1/x/",
    "file:///etc/",
    "ftp://127.0.0.1/",
    "/results/",
    "https:x",
    "https:///x",
    "https://[x/",
]


@pytest.mark.parametrize("url", NOT_SAFE)
async def test_addresses_that_are_not_safe_are_not_followed(
    liar: Liar, tmp_path: Path, url: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
):
    liar.result_url = url
    async with Server(liar.respond, tls=server_tls) as server, Copr(server.url, tls=client_tls) as copr:
        with pytest.raises(InvalidResponse, match="not https"):
            await copr.builds.download(1, tmp_path / "directory")
    assert await do(contents, tmp_path) == []
