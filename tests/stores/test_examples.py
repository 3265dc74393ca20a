"""The examples, run as a newcomer would run them."""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from lading import AttemptEvent, Event, Retry
from lading.testing import EmbeddedCharmhub, EmbeddedCopr, EmbeddedIndex, RespondAfter, Truncate, make_charm
from tests.stores.conftest import PASSWORD, PyPIServer
from tests.support.distributions import sdist, sha256, wheel

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def publish(tmp_path: Path):
    """Run publish.py with nothing of this machine's configuration but what is given."""
    home = tmp_path / "home"
    home.mkdir()

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TWINE_", "UV_PUBLISH_"))}
        return subprocess.run(
            [sys.executable, str(EXAMPLES / "publish.py"), *arguments],
            env={**clean, "HOME": str(home), "USERPROFILE": str(home), **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    directory = tmp_path / "dist"
    directory.mkdir()
    return directory


def pypiserver_in(server: PyPIServer, token: str = PASSWORD) -> dict[str, str]:
    """The environment of a job that publishes there."""
    return {
        "UV_PUBLISH_URL": f"{server.url}/",
        "UV_PUBLISH_CHECK_URL": f"{server.url}/simple/",
        "UV_PUBLISH_TOKEN": token,
    }


def test_publish(publish, pypiserver: PyPIServer, dist: Path, project: str):
    (dist / "notes.txt").write_text("not for publishing")
    paths = [wheel(dist, project), wheel(dist, project, tag="cp312-abi3-win_amd64"), sdist(dist, project)]
    done = publish(**pypiserver_in(pypiserver))
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(f"{path.name}: uploaded" for path in paths)
    assert done.stdout.splitlines()[-1].startswith(paths[-1].name)  # the sdist
    assert done.stderr == "notes.txt: neither a wheel nor an sdist, skipped\n"
    for path in paths:
        assert sha256(pypiserver.directory / path.name) == sha256(path)
    # Once more does no harm.
    again = publish(**pypiserver_in(pypiserver))
    assert {line.split(": ")[1] for line in again.stdout.splitlines()} == {"unchanged"}


def test_publish_to_an_index_of_pypirc(publish, tmp_path: Path, dist: Path):
    path = wheel(dist)
    with EmbeddedIndex() as index:
        token = index.create_token(project_names=["demo"])
        (tmp_path / "home" / ".pypirc").write_text(
            f"[local]\nrepository = {index.index.upload_url}\npassword = {token}\n"
        )
        done = publish(str(dist), "local")
        assert done.returncode == 0, done.stdout + done.stderr
        assert {file.filename: file.digests["sha256"] for file in index.uploads} == {path.name: sha256(path)}


def test_publish_keeps_the_sdist_back_when_a_wheel_fails(publish, pypiserver: PyPIServer, dist: Path, project: str):
    path = wheel(dist, project)
    kept = sdist(dist, project)
    done = publish(**pypiserver_in(pypiserver, token="wrong"))
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{path.name}: {pypiserver.url.removeprefix('http://')}: Forbidden")
    assert second == f"{kept.name}: {kept.name} was not sent: {path.name} of the same release failed"


def test_publish_nothing_is_a_failure(publish, dist: Path):
    done = publish()
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "dist has neither a wheel nor an sdist\n")


def test_publish_to_an_index_that_nobody_knows(publish, dist: Path):
    wheel(dist)
    done = publish("dist", "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("no index is called 'nowhere'")
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch):
    """The demo as a module: building its projects needs a build backend, so these tests bring files of their own."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(sys.modules, "demo", raising=False)
    monkeypatch.delitem(sys.modules, "demo_tools", raising=False)
    return importlib.import_module("demo")


@pytest.fixture
def files(dist: Path) -> list[Path]:
    """More than there are faults."""
    names = ("demo-anchor", "demo-buoy")
    return [make(dist, name) for name in names for make in (wheel, sdist)]


def test_demo(demo, files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with demo.embedded_index(demo.projects_of(files)) as target:
        assert anyio.run(demo.publish_and_verify, target, files, tmp_path / "downloaded")
    output = capsys.readouterr().out
    assert output.startswith(
        "A token of 127.0.0.1. It can be used for projects demo-anchor, demo-buoy. It does not expire.\n"
    )
    assert output.endswith("4 of 4 files arrived as they were built.\n")
    assert all(f"- {fault}, " in output for fault in demo.FAULTS.values())
    assert "confirmed: the response to the upload was lost." in output


def test_the_progress_line_of_the_demo_shows_all_files_and_never_runs_backwards(
    demo, files: list[Path], tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with demo.embedded_index(demo.projects_of(files)) as target:
        assert anyio.run(demo.publish_and_verify, target, files, tmp_path / "downloaded")
    shown = re.findall(r"([0-9.]+) of +([0-9.]+) MB, (\d) of (\d) files", capsys.readouterr().out)
    counts = [(float(sent), int(done)) for sent, _, done, _ in shown]
    assert counts == sorted(counts)
    assert len({(total, number) for _, total, _, number in shown}) == 1
    assert shown[-1][0] == shown[-1][1]
    assert counts[-1][1] == 4


def test_demo_with_pypiserver(demo, files: list[Path], tmp_path: Path):
    with demo.pypiserver(tmp_path) as target:
        assert anyio.run(demo.publish_and_verify, target, files, tmp_path / "downloaded")


def test_demo_fails_when_a_file_does_not_arrive(demo, files: list[Path], tmp_path: Path, capsys):
    # The token is for the other projects.
    files.append(wheel(files[0].parent, "demo-crane"))
    with demo.embedded_index(["demo-anchor", "demo-buoy"]) as target:
        assert not anyio.run(demo.publish_and_verify, target, files, tmp_path / "downloaded")
    output = capsys.readouterr().out
    assert "the token is for demo-anchor, demo-buoy, not for demo-crane; nothing was sent" in output
    assert output.endswith("4 of 5 files arrived as they were built.\n")


def test_demo_fails_when_a_fault_does_not_happen(
    demo, files: list[Path], tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(demo.FAULTS, Truncate(after=1 << 30), "a response of 1 GiB cut short")
    with demo.embedded_index(demo.projects_of(files)) as target:
        assert not anyio.run(demo.publish_and_verify, target, files, tmp_path / "downloaded")
    assert capsys.readouterr().out.endswith("4 of 4 files arrived as they were built.\n")


@pytest.fixture
def stage(tmp_path: Path):
    """Run stage.py as on a machine that knows no AWS but what is given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STARTIFACT_"))}

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(EXAMPLES / "stage.py"), *map(str, arguments)],
            env={**clean, "AWS_EC2_METADATA_DISABLED": "true", **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_stage(stage):
    done = stage()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": created, copied by S3\n") == 2
    assert done.stdout.count(": created, uploaded\n") == 1
    assert done.stdout.count(": unchanged\n") == 3
    assert done.stdout.endswith("demo.bin came back from eu-west-1 or us-east-1 or ap-south-1: the same.\n")


def test_stage_in_regions(stage, aws_backdoor, moto: str, tmp_path: Path):
    aws_backdoor.set_up()
    path = tmp_path / "tool.tar.gz"
    path.write_bytes(b"a tool")
    there = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    there |= {"AWS_ENDPOINT_URL_S3": moto, "AWS_ENDPOINT_URL_SSM": moto}
    arguments = ("--regions", "eu-west-1,us-east-1", "--project", "tool", "--version", "2.1.0", "--metadata", "lang=c")
    done = stage(*arguments, path, **there)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The latest version of tool is 2.1.0.\n" in done.stdout
    assert aws_backdoor.get("us-east-1", "pre/tool@2.1.0") == b"a tool"
    assert b'"lang": "c"' in aws_backdoor.get("eu-west-1", "pre/tool@2.1.0/metadata")
    # A version is staged once.
    path.write_bytes(b"another tool")
    again = stage(*arguments, path, **there)
    assert again.returncode == 1
    assert again.stderr.startswith("s3: tool 2.1.0 is staged in ")
    assert len(again.stderr.splitlines()) == 1


def test_stage_without_credentials(stage, tmp_path: Path):
    done = stage("--regions", "eu-west-1", tmp_path / "missing")
    assert done.returncode == 1
    assert done.stderr.startswith("s3: no AWS credentials were found")


@pytest.fixture
def bot(tmp_path: Path):
    """Start copr_bot.py; its lines can be read as they come."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COPR_")}
    running = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, str(EXAMPLES / "copr_bot.py"), *map(str, arguments)]
        process = subprocess.Popen(
            command, env=clean, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_copr_bot(bot, tmp_path: Path):
    process = bot()
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    assert "\n2 of 2 were built.\n" in output
    assert sorted(path.name for path in (tmp_path / "results" / "fedora-rawhide-x86_64").iterdir()) == [
        "demo-anchor-1.0-1.src.rpm",
        "demo-anchor-1.0-1.x86_64.rpm",
        "demo-buoy-1.0-1.src.rpm",
        "demo-buoy-1.0-1.x86_64.rpm",
    ]


def test_copr_bot_at_an_instance(bot, tmp_path: Path):
    sources = [tmp_path / f"{name}-1.0-1.src.rpm" for name in ("fine", "broken", "missing")]
    for path in sources[:2]:
        path.write_text(path.name)
    with EmbeddedCopr() as store:
        config = store.write_config(tmp_path / "copr", store.add_user("ada", groups=["tools"]))
        process = bot("--config", config, "--owner", "@tools", "--project", "next", "--every", "0.05", *sources)
        lines = [process.stdout.readline() for _ in range(4)]
        for build in store.builds:
            store.finish(build.id, "failed" if build.upload.name.startswith("broken") else "succeeded")
        output, errors = process.communicate()
        numbers = {build.package: build.id for build in store.builds}
        assert process.returncode == 1, output + errors
        assert lines[0] == "Building 3 source packages in @tools/next ...\n"
        assert sorted(lines[1:])[:2] == [
            f"{name}-1.0-1.src.rpm: build {numbers[name]}\n" for name in ("broken", "fine")
        ]
        assert sorted(lines[1:])[2].startswith("missing-1.0-1.src.rpm: ")
        log = f"build {numbers['broken']}, broken: failed\n  builder-live.log\n"
        assert log in output
        assert output.endswith("1 of 3 were built.\n")
        assert (tmp_path / "results/fedora-rawhide-x86_64/fine-1.0-1.src.rpm").read_text() == "fine-1.0-1.src.rpm"


def test_copr_bot_without_what_it_needs(bot, tmp_path: Path):
    process = bot("--config", tmp_path / "nowhere", "demo-1.0-1.src.rpm")
    assert process.communicate() == ("", f"there is no configuration file {tmp_path / 'nowhere'}\n")
    assert process.returncode == 1


@pytest.fixture
def charm_bot(monkeypatch: pytest.MonkeyPatch):
    """The bot for charms as a module, to run it at a store of a test."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(sys.modules, "charm_bot", raising=False)
    return importlib.import_module("charm_bot")


@pytest.fixture
def charmhub_store():
    with EmbeddedCharmhub() as store:
        store.add_package("demo")
        store.set_guardrails("demo", r"\d+\.\d+")
        yield store
    assert store.errors == []


@pytest.fixture
def charms(tmp_path: Path) -> list[Path]:
    """A charm for each of two architectures."""
    paths = [tmp_path / f"demo_{architecture}.charm" for architecture in ("amd64", "arm64")]
    for path in paths:
        base = ("ubuntu", "24.04", [path.stem.removeprefix("demo_")])
        path.write_bytes(make_charm("demo", bases=[base]))
    return paths


def charm_options(charms: list[Path], **options: object) -> Namespace:
    return Namespace(**{"charms": charms, "name": "demo", "track": "latest", "timeout": 60.0, **options})


def released(store: EmbeddedCharmhub) -> dict[str, set[int]]:
    """The revisions in each channel."""
    found: dict[str, set[int]] = {}
    for release in store.releases("demo"):
        found.setdefault(release.channel, set()).add(release.revision)
    return found


def sha3_384(path: Path) -> str:
    return hashlib.sha3_384(path.read_bytes()).hexdigest()


def run_charm_bot(charm_bot, store: EmbeddedCharmhub, options: Namespace, **client: object) -> bool:
    token = store.export_token()

    async def main() -> bool:
        async with store.client(token, **client) as charmhub:
            return await charm_bot.release(charmhub, options)

    return anyio.run(main)


@pytest.mark.parametrize("arguments", [(), ("--track", "2.0", "--name", "other")], ids=["latest", "a track"])
def test_charm_bot(tmp_path: Path, arguments: tuple[str, ...]):
    command = [sys.executable, str(EXAMPLES / "charm_bot.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    track = arguments[1] if arguments else "latest"
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"\nInstallers get {track}/edge: revisions 1, 2.\nPromoted to {track}/stable: revisions 1, 2.\n" in done.stdout
    )
    assert list(tmp_path.iterdir()) == []


def test_charm_bot_without_credentials(tmp_path: Path):
    command = [sys.executable, str(EXAMPLES / "charm_bot.py"), "--charmhub", "production", "demo.charm"]
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "CHARMCRAFT_AUTH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("charmhub: no keyring on this machine")
    assert "CHARMCRAFT_AUTH" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_charm_bot_again(charm_bot, charmhub_store: EmbeddedCharmhub, charms: list[Path], capsys):
    options = charm_options(charms, track="2.0")
    charmhub_store.info_delay = 20.0
    for status in ("uploaded", "unchanged"):
        assert run_charm_bot(charm_bot, charmhub_store, options)
        assert capsys.readouterr().out.count(f", {status}\n") == 2
    assert len(charmhub_store.revisions("demo")) == len(charmhub_store.uploads) == 2
    assert released(charmhub_store) == {"2.0/edge": {1, 2}, "2.0/stable": {1, 2}}


def test_charm_bot_does_not_promote_what_somebody_else_has_released(
    charm_bot, charmhub_store: EmbeddedCharmhub, charms: list[Path], tmp_path: Path, capsys
):
    another = tmp_path / "another.charm"
    another.write_bytes(make_charm("demo", version="another", bases=[("ubuntu", "24.04", ["amd64"])]))

    async def main() -> bool:
        async with charmhub_store.client(token) as charmhub:
            theirs = charmhub.with_options()
            promote = charmhub.releases.promote

            async def promote_too_late(*arguments: str, **more: Any) -> Any:
                await theirs.revisions.upload("demo", another, release=["edge"])
                return await promote(*arguments, **more)

            charmhub.releases = SimpleNamespace(
                channel_map=charmhub.releases.channel_map,
                release=charmhub.releases.release,
                wait_installable=charmhub.releases.wait_installable,
                promote=promote_too_late,
            )
            return await charm_bot.release(charmhub, charm_options(charms))

    token = charmhub_store.export_token()
    assert not anyio.run(main)
    assert "Not promoted: charmhub: latest/edge of demo has revisions " in capsys.readouterr().out
    assert set(released(charmhub_store)) == {"latest/edge"}


def test_charm_bot_does_not_roll_back(
    charm_bot, charmhub_store: EmbeddedCharmhub, charms: list[Path], tmp_path: Path, capsys
):
    """An old job that is run again finds what was released since."""
    newer = tmp_path / "newer.charm"
    newer.write_bytes(make_charm("demo", version="newer", bases=[("ubuntu", "24.04", ["amd64", "arm64"])]))
    for paths in (charms, [newer]):
        assert run_charm_bot(charm_bot, charmhub_store, charm_options(paths))
    before = released(charmhub_store)
    assert not run_charm_bot(charm_bot, charmhub_store, charm_options(charms))
    assert "latest/edge has revision 3, which is newer" in capsys.readouterr().out
    assert released(charmhub_store) == before


def test_charm_bot_when_the_review_rejects(charm_bot, charmhub_store: EmbeddedCharmhub, charms: list[Path], capsys):
    charmhub_store.plan_review("rejected", ("bad-metadata", "the summary is missing"))
    assert not run_charm_bot(charm_bot, charmhub_store, charm_options(charms))
    output = capsys.readouterr().out
    assert "the summary is missing" in output
    assert output.endswith("Nothing was released.\n")
    assert released(charmhub_store) == {}


def test_charm_bot_when_a_review_takes_long(charm_bot, charmhub_store: EmbeddedCharmhub, charms: list[Path], capsys):
    charmhub_store.plan_review("need_manual_review")
    assert not run_charm_bot(charm_bot, charmhub_store, charm_options(charms, timeout=0.5))
    assert "no decision within 0.5 s; run again later" in capsys.readouterr().out
    (waiting,) = [one for one in charmhub_store.reviews if one.status == "need_manual_review"]
    charmhub_store.decide_review(waiting.upload_id, "approved")
    assert run_charm_bot(charm_bot, charmhub_store, charm_options(charms))
    assert len(charmhub_store.revisions("demo")) == 2


def test_charm_bot_survives_lost_responses(charm_bot, charmhub_store: EmbeddedCharmhub, charms: list[Path], capsys):
    for path in ("/unscanned-upload/", "/v1/charm/demo/revisions", "/v1/charm/demo/releases"):
        charmhub_store.faults.add(RespondAfter(504), method="POST", path=path)
    assert run_charm_bot(charm_bot, charmhub_store, charm_options(charms), retry=Retry(backoff=0))
    assert charmhub_store.faults.happened
    assert ", confirmed\n" in capsys.readouterr().out
    assert len(charmhub_store.revisions("demo")) == 2
    assert released(charmhub_store) == {"latest/edge": {1, 2}, "latest/stable": {1, 2}}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_charm_bot_survives_cancellation(charm_bot, charms: list[Path], backend: str):
    """Interrupted after any of its requests, and run again, it ends with the same."""
    for number in range(1, 100):
        with EmbeddedCharmhub() as store:
            store.add_package("demo")
            token = store.export_token()
            ended = anyio.run(run_until, charm_bot, store, token, charms, number, backend=backend)
            assert run_charm_bot(charm_bot, store, charm_options(charms))
            digests = {sha3_384(path): path.name for path in charms}
            assert sorted(digests[one.sha3_384] for one in store.revisions("demo")) == sorted(digests.values())
            numbers = {one.number for one in store.revisions("demo")}
            assert released(store) == {"latest/edge": numbers, "latest/stable": numbers}
        if ended:
            break
    assert number > 8


async def run_until(charm_bot, store: EmbeddedCharmhub, token: str, charms: list[Path], number: int) -> bool:
    """Run the bot, cancel it at the end of that request, and return whether it had ended before."""
    left = number

    def hook(event: Event) -> None:
        nonlocal left
        left -= isinstance(event, AttemptEvent)
        if not left:
            scope.cancel()

    with anyio.CancelScope() as scope:
        async with store.client(token, hooks=hook) as charmhub:
            return await charm_bot.release(charmhub, charm_options(charms))
    return False


def test_a_service_of_many_tenants():
    """A short run; a longer one is ``python examples/service_load.py``."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "service_load.py"), "--seconds", "2", "--operations", "80"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "claimed and not there: 0; there and not claimed: 0; unknown: 0" in done.stdout
    tasks = next(line for line in done.stdout.splitlines() if line.startswith("tasks"))
    assert tasks == "tasks: 1 -> 1"
