"""The token in use: whose it is, how long it lasts, and another in its place."""

from __future__ import annotations

import logging
import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

import lading
from lading import ConfigError, Copr, LadingError, Retry, Unauthorized
from lading.copr import ApiToken, TokenPairAuth
from lading.copr import tokens as tokens_module
from lading.testing import DropAfter, DropBefore, Fault, Respond, RespondRaw, ServerResponse, Truncate
from tests.support.copr_frontend import CHROOT, CannedFrontend, RecordingCopr

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
ROTATE = "POST api-token"


@pytest.fixture
def config(demo_store: RecordingCopr, tmp_path: Path) -> Path:
    path = demo_store.write_config(tmp_path / "copr")
    path.write_text("# mine\n" + path.read_text() + "[other]\ntoken = theirs\n")
    path.chmod(0o644)
    return path


async def test_rotating_continues_with_the_new_token(demo_store: RecordingCopr, config: Path):
    """The client, its copies, and the file."""
    old = (demo_store.owner.login, demo_store.owner.token)
    async with demo_store.client() as copr:
        copied = copr.with_options(retry=Retry(attempts=2))
        assert copr.tokens.days_left is None
        found = await copr.tokens.rotate(save_to=config)
        assert (found.login, found.token, found.expiration) == (
            demo_store.owner.login,
            demo_store.owner.token,
            demo_store.owner.expiration,
        )
        assert (found.login, found.token) != old
        for client in (copr, copied):
            assert (await client.tokens.verify()).name == "owner"
            assert client.tokens.days_left == 180
            assert client.tokens.expires_on == demo_store.owner.expiration
        await copied.projects.update("owner", "demo", description="still here")
        shown = repr(found) + repr(copr) + repr(copr._connections.settings) + repr(vars(copr))
        assert found.token not in shown
        assert old[1] not in shown
        assert set(copr._connections.settings.auth.secrets()) >= {found.token, old[1]}
    text = await to_thread.run_sync(config.read_text)
    assert text.startswith("# mine\n[copr-cli]\n")
    assert "[other]\ntoken = theirs\n" in text
    assert old[1] not in text
    assert (await to_thread.run_sync(config.stat)).st_mode & 0o777 == 0o600
    async with Copr.from_config(config_file=config) as again:
        assert (await again.tokens.verify()).name == "owner"
        assert again.tokens.days_left == 180
    assert demo_store.lines.count(ROTATE) == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "sent"),
    [
        (DropAfter(), "unknown", 1),
        (DropBefore(), "unknown", 0),
        (Respond(429, retry_after=0), "not_done", 0),
        (Respond(503, retry_after=0), "not_done", 0),
        (Respond(503), "unknown", 0),
        (Respond(504), "unknown", 0),
        (Respond(200, b"<html>"), "unknown", 0),
        (Truncate(20), "unknown", 1),
        (RespondRaw(b"nonsense"), "unknown", 0),
    ],
    ids=repr,
)
async def test_rotating_is_sent_once_whatever_happens(
    demo_store: RecordingCopr, config: Path, fault: Fault, outcome: str, sent: int
):
    before = await to_thread.run_sync(config.read_bytes)
    auth = TokenPairAuth(demo_store.owner.login, demo_store.owner.token)
    demo_store.faults.add(fault, path="/api_3/api-token", times=None)
    async with demo_store.client(login=None, token=None, auth=auth) as copr:
        with pytest.raises(LadingError) as caught:
            await copr.tokens.rotate(save_to=config)
        assert caught.value.outcome == outcome
        assert copr._connections.settings.retry.attempts == 3  # everything else continues to try
    assert demo_store.lines.count(ROTATE) == sent
    assert len(demo_store.faults.happened) == 1
    assert await to_thread.run_sync(config.read_bytes) == before


@pytest.mark.parametrize("content", [None, "[other]\n", "nonsense", "[copr-cli]\ntoken = x\n"])
async def test_a_file_that_takes_no_token_is_found_before_anything_is_sent(
    demo_store: RecordingCopr, tmp_path: Path, content: str | None
):
    path = tmp_path / "directory" / "copr"
    if content is not None:
        await anyio.Path(path.parent).mkdir()
        await anyio.Path(path).write_text(content)
    async with demo_store.client() as copr:
        with pytest.raises(ConfigError, match=str(path)) as caught:
            await copr.tokens.rotate(save_to=path)
    assert caught.value.outcome == "not_done"
    assert demo_store.seen == []


async def test_a_directory_that_cannot_be_written_to(
    demo_store: RecordingCopr, config: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: path != config.parent)  # who runs this may be root
    async with demo_store.client() as copr:
        with pytest.raises(PermissionError, match="cannot be written to"):
            await copr.tokens.rotate(save_to=config)
    assert demo_store.seen == []


async def test_a_file_that_is_not_a_file_any_more(
    demo_store: RecordingCopr, config: Path, monkeypatch: pytest.MonkeyPatch
):
    """Between the check and the writing: the error is said, and the client has the new token."""

    def gone(*_: Any) -> None:
        raise PermissionError("it is read-only now")

    monkeypatch.setattr(tokens_module, "write_token", gone)
    async with demo_store.client() as copr:
        with pytest.raises(PermissionError):
            await copr.tokens.rotate(save_to=config)
        assert (await copr.tokens.verify()).name == "owner"
        monkeypatch.undo()
        await copr.tokens.rotate(save_to=config)
    async with Copr.from_config(config_file=config) as again:
        assert (await again.tokens.verify()).name == "owner"


async def test_a_cancelled_rotation_with_a_response_is_saved(
    demo_store: RecordingCopr, config: Path, monkeypatch: pytest.MonkeyPatch
):
    """From the response on, the old token in the file is invalid."""
    with anyio.CancelScope() as scope:
        replace = TokenPairAuth.replace

        def replaced(self: TokenPairAuth, *args: Any) -> None:
            replace(self, *args)
            scope.cancel()

        monkeypatch.setattr(TokenPairAuth, "replace", replaced)
        async with demo_store.client() as copr:
            await copr.tokens.rotate(save_to=config)
    async with Copr.from_config(config_file=config) as again:
        assert (await again.tokens.verify()).name == "owner"


async def test_only_a_login_and_token_can_be_rotated(demo_store: RecordingCopr):
    for auth in (None, lading.BasicAuth(demo_store.owner.login, demo_store.owner.token)):
        async with demo_store.client(login=None, token=None, auth=auth) as copr:
            assert copr.tokens.expires_on is None
            with pytest.raises(ConfigError, match="only a client with login= and token="):
                await copr.tokens.rotate()
    assert demo_store.seen == []


async def test_calls_of_others_while_it_rotates(demo_store: RecordingCopr):
    """Requests after the response carry the new token, also where the token is kept elsewhere."""

    class Slow:
        def __init__(self) -> None:
            self.requested, self.resume = anyio.Event(), anyio.Event()

        async def get(self) -> str:
            self.requested.set()
            await self.resume.wait()
            return old

    old = demo_store.owner.token
    place = Slow()
    auth = TokenPairAuth(demo_store.owner.login, place)  # type: ignore[arg-type]
    async with demo_store.client(login=None, token=None, auth=auth) as copr, anyio.create_task_group() as group:
        group.start_soon(copr.tokens.verify)
        await place.requested.wait()
        async with demo_store.client() as other:
            new = await other.tokens.rotate()
        auth.replace(new.login, new.token, new.expiration)
        place.resume.set()
    assert [request.user for request in demo_store.seen if request.line == "GET auth-check"] == [
        f"{new.login}:{new.token}"
    ]


async def test_an_expired_token_says_when_and_what_to_do(tmp_path: Path):
    async with RecordingCopr(now=datetime.now(UTC) - timedelta(days=200)) as store:
        path = await to_thread.run_sync(store.write_config, tmp_path / "copr")
        store.advance_clock(200 * 86400)
        ended = store.owner.expiration
        async with Copr.from_config(config_file=path) as copr:
            assert copr.tokens.days_left == -20
            with pytest.raises(Unauthorized) as caught:
                await copr.tokens.verify()
            assert str(caught.value).startswith(
                f"copr: the token expired on {ended.isoformat()}; Login invalid/expired."
            )
            assert f"Please visit {store.url}/api to get or renew" in str(caught.value)
            assert (caught.value.status, caught.value.outcome) == (401, "not_done")
            with pytest.raises(Unauthorized, match="to get or renew your API token"):
                await copr.projects.create("owner", "new", chroots=[CHROOT])
        assert store.lines == ["GET auth-check", "POST project/add/owner"]  # neither is sent again


async def test_a_wrong_token_that_has_not_expired_is_not_said_to_have(demo_store: RecordingCopr):
    async with demo_store.client(token="wrong") as copr:
        with pytest.raises(Unauthorized) as caught:
            await copr.tokens.verify()
        assert "expired on" not in str(caught.value)
        ends_today = TokenPairAuth("a", "b", expires_on=datetime.now(UTC).date())
        assert copr.with_options(auth=ends_today).tokens.days_left == 0


async def test_unknown_fields_and_no_date():
    response = {"api_login": "l0gin", "api_token": "t0ken", "more": 1}
    dated = ServerResponse.json({**response, "expiration": "2027-05-19"})
    async with CannedFrontend(ServerResponse.json(response), dated) as frontend, frontend.client() as copr:
        assert (await copr.tokens.rotate()).expiration is None
        assert copr.tokens.days_left is None
        expected = ApiToken(api_login="l0gin", api_token="t0ken", expiration=date(2027, 5, 19), more=1)
        assert await copr.tokens.rotate() == expected
    assert [request.headers["Content-Length"] for request in frontend.seen] == ["0", "0"]
    assert frontend.seen[1].user == "l0gin:t0ken"


async def test_rotating_leaves_nothing_in_the_log(demo_store: RecordingCopr, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    old = demo_store.owner.token
    events: list[Any] = []
    async with demo_store.client(hooks=[events.append]) as copr:
        new = await copr.tokens.rotate()
        demo_store.faults.add(
            Respond(401, f'{{"error": "neither {old} nor {new.token}"}}'.encode(), {"Content-Type": "application/json"})
        )
        with pytest.raises(Unauthorized, match=r"neither \*\*\* nor \*\*\*"):
            await copr.tokens.verify()
    for text in (*map(repr, events), *(record.getMessage() for record in caplog.records)):
        assert old not in text
        assert new.token not in text
