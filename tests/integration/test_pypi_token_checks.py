"""The token in use is checked before an upload, without sending it to the index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lading import BasicAuth, Index, PyPI, Retry
from lading.errors import TokenInvalid
from lading.pypi import Token, _indexes
from lading.testing import ServerResponse
from tests.support.distributions import sha256, wheel
from tests.support.fake_index import FakeIndex

if TYPE_CHECKING:
    from pathlib import Path

PYPI = _indexes.resolve_index("pypi")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def token(domain: str | None = PYPI.token_domain) -> Token:
    return Token.create(domain or "", "id", "s3cret-key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return wheel(tmp_path, "demo")


@pytest.fixture
def digest(path: Path) -> str:
    return sha256(path)


def client(index: FakeIndex, made: Token) -> PyPI:
    url = index.server.url
    return PyPI(Index(f"{url}/legacy/", f"{url}/simple/", "index"), token=made.dump(), retry=Retry(backoff=0))


def dated(index: FakeIndex, moment: str) -> None:
    """The index's clock shows *moment*."""
    index.page = ServerResponse(404, {"Date": moment})


@pytest.mark.anyio
async def test_a_token_for_another_project_is_not_sent_a_file_with(fake_index, path):
    async with client(fake_index, token().restrict(project_names=["other"])) as pypi:
        with pytest.raises(
            TokenInvalid, match=r"^index: the token is for other, not for demo; nothing was sent$"
        ) as caught:
            await pypi.releases.upload(path)
    assert caught.value.outcome == "not_done"
    assert fake_index.seen == ["GET /simple/demo/"]


@pytest.mark.anyio
async def test_the_indexs_clock_decides(fake_index, path):
    # By this machine's clock the first has ended long ago, and the second has not begun.
    ended = token().restrict(not_before=0, not_after=2_000)
    async with client(fake_index, ended) as pypi:
        dated(fake_index, "Thu, 01 Jan 1970 00:30:00 GMT")
        assert (await pypi.releases.upload(path)).status == "uploaded"
        dated(fake_index, "Thu, 01 Jan 1970 00:33:20 GMT")
        with pytest.raises(TokenInvalid, match=r"expired at 1970-01-01 00:33:20 UTC by the index's clock; nothing"):
            await pypi.releases.upload(path)
        # A clock that cannot be read says nothing.
        dated(fake_index, "yesterday")
        assert (await pypi.releases.upload(path)).status == "uploaded"
    far = token().restrict(not_before=32_503_680_000, not_after=32_503_690_000)
    async with client(fake_index, far) as pypi:
        dated(fake_index, "Wed, 01 Jan 3000 01:00:00 GMT")
        assert (await pypi.releases.upload(path)).status == "uploaded"
    assert fake_index.seen.count("POST /legacy/") == 3


@pytest.mark.anyio
async def test_what_is_there_already_needs_no_token(fake_index, path, digest):
    fake_index.lists(path.name, sha256=digest)
    async with client(fake_index, token().restrict(project_names=["other"])) as pypi:
        assert (await pypi.releases.upload(path)).status == "unchanged"


@pytest.mark.anyio
async def test_check_and_current(fake_index):
    made = token().restrict(project_names=["demo"], not_before=0, not_after=1)
    async with client(fake_index, made) as pypi:
        current = await pypi.tokens.current()
        assert current is not None
        assert current.dump() == made.dump()
        await pypi.tokens.check_offline("Demo")
        with pytest.raises(TokenInvalid, match="expired"):
            await pypi.tokens.check_offline("Demo", now=NOW)
        with pytest.raises(TokenInvalid, match="not for other"):
            await pypi.tokens.check_offline("other")
        for auth in (
            BasicAuth("ada", made.dump()),
            BasicAuth("__token__", "cmVmdGtuOjAx"),
            BasicAuth("__token__", "pypi-x"),
        ):
            other = pypi.with_options(auth=auth)
            assert await other.tokens.current() is None
            await other.tokens.check_offline("other", now=NOW)
    assert fake_index.seen == []
