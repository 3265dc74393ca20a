"""Official clients complete their cycle against the embedded index, and lading does, faults and all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from functools import partial

import pytest
from anyio import to_thread

from lading import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    PyPI,
    Retry,
    TokenInvalid,
)
from lading.pypi import NotAttempted, TrustedPublishing
from lading.testing import DropAfter, DropBefore, DropDuring, EmbeddedIndex, Respond, RespondEarly
from tests.support.distributions import sdist, sha256, wheel


@pytest.fixture
def index():
    with EmbeddedIndex() as index:
        yield index
    assert not index.errors


@pytest.fixture
def run(tmp_path):
    """Run a command without anything of this machine's configuration; its output, when it ends as it should."""

    def run(*command: str, status: int = 0, **environment: str) -> str:
        env = {
            **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG") if name in os.environ},
            "HOME": str(tmp_path / "home"),
            "NO_PROXY": "127.0.0.1",
            "NO_COLOR": "1",
            "COLUMNS": "500",
            "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
            "UV_NO_CONFIG": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **environment,
        }
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def pair(tmp_path):
    """A wheel and an sdist of one release."""
    directory = tmp_path / "dist"
    directory.mkdir()
    return [wheel(directory, payload=b"payload" * 10_000), sdist(directory)]


def downloads(run, index, tmp_path, path):
    """pip installs what was published: the very file, by way of its metadata."""
    (tmp_path / "got").mkdir()
    where = ("--index-url", index.index.simple_url, "--dest", str(tmp_path / "got"))
    run(sys.executable, "-m", "pip", "download", "demo==1.0", "--no-deps", "--only-binary", ":all:", *where)
    assert sha256(tmp_path / "got" / path.name) == sha256(path)


def stored(index):
    return {file.filename: file.digests["sha256"] for file in index.uploads}


class TestTwine:
    def upload(self, run, index, token, *paths, status=0):
        where = ("--repository-url", index.index.upload_url, "--username", "__token__", "--password", token)
        options = ("--non-interactive", "--disable-progress-bar")
        return run(sys.executable, "-m", "twine", "upload", *where, *options, *map(str, paths), status=status)

    def test_its_cycle(self, run, index, pair, tmp_path):
        self.upload(run, index, index.create_token(project_names=["demo"]), *pair)
        assert stored(index) == {path.name: sha256(path) for path in pair}
        self.upload(run, index, index.create_token(), *pair)  # the same again is no error
        downloads(run, index, tmp_path, pair[0])

    def test_it_shows_why_it_is_refused(self, run, index, pair):
        said = self.upload(run, index, index.create_token(project_names=["other"]), pair[0], status=1)
        assert "Invalid API Token: project-scoped token is not valid for project: 'demo'" in " ".join(said.split())


class TestUv:
    @pytest.fixture
    def publish(self, run, index):
        uv = shutil.which("uv", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"])
        assert uv is not None
        urls = {"UV_PUBLISH_URL": index.index.upload_url}

        def publish(*arguments: str, status: int = 0, **environment: str) -> str:
            return run(uv, "publish", *map(str, arguments), status=status, **{**urls, **environment})

        return publish

    def test_its_cycle(self, run, index, publish, pair, tmp_path):
        token = index.create_token(project_names=["demo"])
        publish(*pair, UV_PUBLISH_TOKEN=token)
        assert stored(index) == {path.name: sha256(path) for path in pair}
        index.faults.add(Respond(500), method="POST")  # not reached
        check = ("--check-url", index.index.simple_url)
        publish(*check, *pair, UV_PUBLISH_TOKEN=token)
        assert index.faults.happened == ()
        index.faults.clear()
        downloads(run, index, tmp_path, pair[0])
        said = publish(*check, wheel(pair[0].parent, payload=b"other"), status=2, UV_PUBLISH_TOKEN=token)
        assert "do not match" in said or "does not match" in said

    def test_it_shows_why_it_is_refused(self, index, publish, pair):
        token = index.create_token(not_before=0, not_after=1)
        assert "403 Invalid API Token: token is expired" in publish(pair[0], status=2, UV_PUBLISH_TOKEN=token)

    def test_trusted_publishing(self, publish, pair, server_tls, ca_file):
        with EmbeddedIndex(tls=server_tls) as index:  # uv requests tokens over https alone
            publisher = index.add_publisher("demo")
            environment = {**index.github_environment(publisher), "SSL_CERT_FILE": str(ca_file)}
            publish("--trusted-publishing", "always", *pair, UV_PUBLISH_URL=index.index.upload_url, **environment)
        assert [file.uploaded_by for file in index.uploads] == [publisher, publisher]


@pytest.fixture
def client(index):
    return partial(PyPI, index.index, retry=Retry(backoff=0))


on_all_loops = pytest.mark.anyio


@on_all_loops
class TestLading:
    async def test_its_cycle(self, index, client, pair, tmp_path):
        async with client(token=index.create_token(project_names=["demo"])) as pypi:
            for path in pair:
                assert (await pypi.releases.upload(path)).status == "uploaded"
                assert (await pypi.releases.upload(path)).status == "unchanged"
            index.yank("demo", "1.0", "broken")
            index.set_status("demo", "deprecated", "use something else")
            project = await pypi.projects.get("Demo")
            assert (project.status, project.status_reason) == ("deprecated", "use something else")
            assert project.versions == ("1.0",)
            assert project.info is not None
            release = await pypi.releases.get("demo", "1.0.0")
            assert (release.yanked, release.info.yanked_reason) == (True, "broken")
            (tmp_path / "got").mkdir()
            for file in release.files:
                got = await pypi.files.download(file, tmp_path / "got")
                assert sha256(got) == stored(index)[file.filename]
            assert [name async for name in pypi.projects.list()] == ["demo"]
            with pytest.raises(NotFound):
                await pypi.projects.get("absent")

    async def test_another_file_of_that_name(self, index, client, pair, tmp_path):
        other = wheel(tmp_path, payload=b"other")
        async with client(token=index.create_token()) as pypi:
            await pypi.releases.upload(pair[0])
            index.faults.add(Respond(500), method="POST")
            with pytest.raises(Conflict, match="another file"):
                await pypi.releases.upload(other)
        assert index.faults.happened == ()
        # One that is hidden when it looks: the index's own word is a conflict too.
        index.faults.clear()
        index.faults.add(Respond(404), method="GET", path="/simple/*")
        async with client(token=index.create_token()) as pypi:
            with pytest.raises(Conflict, match="another file") as caught:
                await pypi.releases.upload(other)
        assert "File already exists" in str(caught.value.__cause__)
        assert stored(index) == {pair[0].name: sha256(pair[0])}

    @pytest.mark.parametrize(
        ("fault", "result"),
        [
            (Respond(503, retry_after=0), "uploaded"),
            (Respond(502, b"<html>bad gateway</html>"), "uploaded"),
            (DropBefore(), "uploaded"),
            (DropDuring(30_000), "uploaded"),
            (DropDuring(30_000, reset=True), "uploaded"),
            (DropAfter(), "confirmed"),
        ],
        ids=["503", "502", "before", "during", "reset", "after"],
    )
    async def test_faults(self, index, client, pair, fault, result):
        index.faults.add(fault, method="POST")
        async with client(token=index.create_token()) as pypi:
            assert (await pypi.releases.upload(pair[0])).status == result
        assert [injected.fault for injected in index.faults.happened] == [fault]
        assert stored(index) == {pair[0].name: sha256(pair[0])}

    async def test_an_early_response(self, index, client, tmp_path):
        index.faults.add(RespondEarly(413, after=1), method="POST")
        async with client(token=index.create_token()) as pypi:
            with pytest.raises(PayloadTooLarge):
                await pypi.releases.upload(wheel(tmp_path, payload=bytes(5_000_000)))
        assert index.uploads == ()

    async def test_tokens_that_cannot_work_send_nothing(self, index, client, pair):
        index.faults.add(Respond(500), method="POST")
        async with client(token=index.create_token(project_names=["other"])) as pypi:
            with pytest.raises(TokenInvalid, match="the token is for other, not for demo; nothing was sent"):
                await pypi.releases.upload(pair[0])
        token = index.create_token(not_before=index.now, not_after=index.now + timedelta(hours=1))
        index.advance_clock(3600)  # this machine's clock says that it is still good
        async with client(token=token) as pypi:
            with pytest.raises(TokenInvalid, match="expired"):
                await pypi.releases.upload(pair[0])
        assert index.faults.happened == ()

    async def test_tokens_of_which_only_the_index_knows(self, index, client, pair):
        token = index.create_token(project_ids=[index.add_project("other")])
        index.add_project("demo")
        async with client(token=token) as pypi:
            with pytest.raises(Forbidden) as caught:
                await pypi.releases.upload(pair[0])
        denied = "Invalid API Token: project-scoped token is not valid for project: 'demo'"
        assert str(caught.value) == f"embedded: {denied} (HTTP 403)"

    async def test_metadata_that_are_not_taken(self, index, client, tmp_path):
        path = wheel(tmp_path, version="1.0+local")
        async with client(token=index.create_token()) as pypi:
            with pytest.raises(BadRequest, match=r"The use of local versions in '1\.0\+local' is not allowed"):
                await pypi.releases.upload(path)

    async def test_many_and_one_of_them_fails(self, index, client, tmp_path):
        tags = ("py3-none-any", "cp312-none-any", "cp313-none-any")
        good = [wheel(tmp_path, "good", tag=tag) for tag in tags] + [sdist(tmp_path, "good")]
        bad = [wheel(tmp_path, "bad", tag=tag) for tag in tags] + [sdist(tmp_path, "bad")]
        index.faults.add(Respond(400, reason="No"), method="POST")
        outcomes = {}
        async with client(token=index.create_token()) as pypi:
            async with pypi.releases.upload_many(bad) as many:
                async for outcome in many:
                    outcomes[outcome.item.name] = outcome.error
            async with pypi.releases.upload_many(good) as many:
                async for outcome in many:
                    assert outcome.value.status == "uploaded"
        failed = {name: type(error) for name, error in outcomes.items() if error is not None}
        assert sorted(failed.values(), key=str) == [BadRequest, NotAttempted]
        assert failed["bad-1.0.tar.gz"] is NotAttempted
        assert len([file for file in index.uploads if file.project == "bad"]) == 2
        assert [file.filename for file in index.uploads if file.project == "good"][-1] == "good-1.0.tar.gz"

    async def test_trusted_publishing(self, index, client, pair, tmp_path, capsys):
        publisher = index.add_publisher("demo")
        auth = TrustedPublishing(index.index, index.github_environment(publisher), audience="pypi")
        sidecar = tmp_path / "dist" / f"{pair[0].name}.publish.attestation"
        sidecar.write_text(json.dumps({"version": 1}))
        async with client(auth=auth) as pypi:
            assert (await pypi.releases.upload(pair[0], attestations=True)).status == "uploaded"
            assert (await pypi.releases.upload(pair[1])).status == "uploaded"
            file, _ = [file async for file in pypi.files.list("demo")]
        assert file.provenance.endswith(f"/integrity/demo/1.0/{pair[0].name}/provenance")
        assert {file.uploaded_by for file in index.uploads} == {publisher}
        assert capsys.readouterr().out.count("::add-mask::pypi-") == 1

    async def test_a_minted_token_is_renewed_before_it_ends(self, pair, capsys):
        async with EmbeddedIndex(token_lifetime=240) as index:
            auth = TrustedPublishing(
                index.index, index.github_environment(index.add_publisher("demo")), audience="pypi"
            )
            async with PyPI(index.index, auth=auth) as pypi:
                for path in pair:
                    assert (await pypi.releases.upload(path)).status == "uploaded"
        masked = capsys.readouterr().out.split()
        assert len(set(masked)) >= len(pair)

    async def test_a_lost_response_to_minting(self, index, client, pair, capsys):
        index.faults.add(DropAfter(), path="*/mint-token")
        index.faults.add(Respond(502), path="*/audience")
        auth = TrustedPublishing(index.index, index.github_environment(index.add_publisher("demo")), audience="pypi")
        async with client(auth=auth) as pypi:
            assert (await pypi.releases.upload(pair[0])).status == "uploaded"
        assert len(index.faults.happened) == 2

    async def test_a_job_that_no_publisher_is_known_for(self, index, client, pair, capsys):
        publisher = index.add_publisher("demo", repository="example/demo")
        identity = index.identity_token(publisher, repository="example/fork")
        auth = TrustedPublishing(index.index, {"GITLAB_CI": "true", "PYPI_ID_TOKEN": identity}, audience="pypi")
        async with client(auth=auth) as pypi:
            with pytest.raises(BadRequest, match="no corresponding publisher") as caught:
                await pypi.releases.upload(pair[0])
        assert caught.value.status == 422

    async def test_many_at_once(self, index, client, tmp_path):
        paths = await to_thread.run_sync(
            lambda: [wheel(tmp_path, f"demo-{n}", payload=bytes(1_500_000) + b"%d" % n) for n in range(20)]
        )
        async with client(token=index.create_token()) as pypi, pypi.releases.upload_many(paths) as many:
            async for outcome in many:
                assert outcome.value.status == "uploaded"
        assert stored(index) == {path.name: sha256(path) for path in paths}


@on_all_loops
async def test_the_fixture_serves_any_loop(lading_index, pair):
    async with PyPI(lading_index.index, token=lading_index.create_token()) as pypi:
        await pypi.releases.upload(pair[0])
    assert [file.filename for file in lading_index.uploads] == [pair[0].name]
