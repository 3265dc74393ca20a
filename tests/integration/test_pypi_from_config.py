"""``PyPI.from_config``: files, keyring and trusted publishing as a program meets them, off the event loop."""

from __future__ import annotations

import base64
import os
import ssl
import sys
import threading
from pathlib import Path

import pytest
import trustme
from anyio import to_thread
from cryptography.hazmat.primitives import serialization

import lading
from lading import BasicAuth, ConfigError, Index, InputError, PyPI
from lading.pypi import TrustedPublishing, _config, _indexes
from lading.testing import Server
from tests.support.distributions import wheel
from tests.support.fake_index import FakeIndex

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("memory_keyring")]


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GOOGLE_SERVICE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pypirc(fake_index: FakeIndex) -> Path:
    """A ``~/.pypirc`` that names the index ``here``, with credentials, and ``bare``, without."""
    path = Path(os.environ["HOME"]) / ".pypirc"
    path.parent.mkdir()
    url = f"{fake_index.server.url}/legacy/"
    path.write_text(f"[here]\nrepository={url}\nusername=ada\npassword=50 % s3cret\n[bare]\nrepository={url}\n")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return wheel(tmp_path)


@pytest.fixture
def other(pypirc: Path, tmp_path: Path) -> Path:
    """Another file, with another section."""
    path = tmp_path / "other"
    path.write_text(pypirc.read_text().replace("[here]", "[there]").replace("ada", "bob"))
    return path


def sent(index: FakeIndex) -> str:
    """The user and password of the last upload."""
    return base64.b64decode(index.requests[-1].headers["Authorization"].removeprefix("Basic ")).decode()


async def test_entered_or_awaited(fake_index, pypirc, path):
    async with PyPI.from_config("here", simple_url=f"{fake_index.server.url}/simple/") as pypi:
        assert (await pypi.releases.upload(path)).status == "uploaded"
    assert sent(fake_index) == "ada:50 % s3cret"
    assert fake_index.seen == ["GET /simple/demo/", "POST /legacy/"]
    with pytest.raises(ConfigError, match="closed"):
        await pypi.files.list("demo")

    pypi = await PyPI.from_config("here")
    try:
        await pypi.releases.upload(path)
    finally:
        await pypi.aclose()
    assert sent(fake_index) == "ada:50 % s3cret"
    assert fake_index.seen[2:] == ["POST /legacy/"]
    assert "s3cret" not in repr(pypi) + repr(vars(pypi))


async def test_arguments_come_first(fake_index, pypirc, monkeypatch, path):
    monkeypatch.setenv("TWINE_PASSWORD", "of the environment")
    async with PyPI.from_config("here", token="pypi-given") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "__token__:pypi-given"
    async with PyPI.from_config("here", auth=BasicAuth("eve", "given"), user_agent="mine/1") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "eve:given"
    assert fake_index.requests[-1].headers["User-Agent"].startswith("mine/1 lading/")
    monkeypatch.setenv("TWINE_REPOSITORY", "here")
    async with PyPI.from_config("here") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "ada:of the environment"
    with pytest.raises(ConfigError, match="not both"):
        await PyPI.from_config("here", token="a", auth=BasicAuth("b", "c"))


async def test_another_file(fake_index, other, path, tmp_path):
    async with PyPI.from_config("there", config_file=other) as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "bob:50 % s3cret"
    with pytest.raises(ConfigError, match=r"has no section \[there\]"):
        await PyPI.from_config("there")
    with pytest.raises(ConfigError, match="there is no configuration file"):
        await PyPI.from_config("there", config_file=tmp_path / "nowhere")


@pytest.mark.parametrize("user", ["ada", "__token__"])
async def test_the_keyring_by_twines_convention(fake_index, pypirc, memory_keyring, path, user):
    url = f"{fake_index.server.url}/legacy/"
    memory_keyring.entries[url, user] = "s3cret of the memory_keyring"
    async with PyPI.from_config("bare") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == f"{user}:s3cret of the memory_keyring"
    assert memory_keyring.lookups[:2] == [(url, None), (url, user)]
    assert memory_keyring.threads == {"lading keyring"}
    assert "s3cret" not in repr(pypi._connections.settings.auth)


async def test_an_official_index_in_the_keyring_is_looked_up_by_its_one_user(memory_keyring):
    url = _indexes.resolve_index("pypi").upload_url
    memory_keyring.entries[url, "__token__"] = "pypi-s3cret"
    pypi = await PyPI.from_config()
    assert repr(pypi._connections.settings.auth) == "BasicAuth('__token__', ***)"
    assert memory_keyring.lookups == [(url, "__token__")]
    await pypi.aclose()


async def test_a_named_user_in_the_keyring(fake_index, pypirc, memory_keyring, monkeypatch):
    monkeypatch.setenv("TWINE_USERNAME", "eve")
    monkeypatch.setenv("TWINE_REPOSITORY", "bare")
    memory_keyring.entries[f"{fake_index.server.url}/legacy/", "eve"] = "hers"
    pypi = await PyPI.from_config("bare")
    assert repr(pypi._connections.settings.auth) == "BasicAuth('eve', ***)"
    assert {user for _, user in memory_keyring.lookups} == {"eve"}
    await pypi.aclose()


@pytest.mark.parametrize("locked", [False, True])
async def test_without_credentials_it_can_read(fake_index, pypirc, memory_keyring, path, locked):
    memory_keyring.locked = locked
    fake_index.lists("demo-1.0.tar.gz")
    async with PyPI.from_config("bare", simple_url=f"{fake_index.server.url}/simple/") as pypi:
        assert [file.filename async for file in pypi.files.list("demo")] == ["demo-1.0.tar.gz"]
    assert "Authorization" not in fake_index.requests[-1].headers
    async with PyPI.from_config() as official:
        with pytest.raises(ConfigError, match="accepts uploads only with a token"):
            await official.releases.upload(path)


async def test_without_the_keyring_library_the_keyring_is_skipped(
    fake_index, pypirc, memory_keyring, path, monkeypatch, caplog
):
    caplog.set_level("INFO", logger="lading")
    url = f"{fake_index.server.url}/legacy/"
    memory_keyring.entries[url, "ada"] = "s3cret of the memory_keyring"
    monkeypatch.setitem(sys.modules, "keyring", None)
    fake_index.lists("demo-1.0.tar.gz")
    async with PyPI.from_config("bare", simple_url=f"{fake_index.server.url}/simple/") as pypi:
        assert [file.filename async for file in pypi.files.list("demo")] == ["demo-1.0.tar.gz"]
        assert type(pypi._connections.settings.auth) is lading.Auth
    assert "Authorization" not in fake_index.requests[-1].headers
    async with PyPI.from_config() as official:
        with pytest.raises(ConfigError, match="accepts uploads only with a token"):
            await official.releases.upload(path)
    assert memory_keyring.lookups == []
    skipped = [r.getMessage() for r in caplog.records if "the keyring was skipped" in r.getMessage()]
    assert [text.partition(":")[0] for text in skipped] == ["bare", "pypi"]
    assert all("pip install 'lading[keyring]'" in text for text in skipped)


async def test_trusted_publishing_is_the_last_resort_of_official_indexes(
    fake_index, pypirc, memory_keyring, monkeypatch
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")
    official = await PyPI.from_config("testpypi")
    assert isinstance(official._connections.settings.auth, TrustedPublishing)
    assert repr(official._connections.settings.auth) == "TrustedPublishing()"
    other = await PyPI.from_config("bare")
    assert type(other._connections.settings.auth) is lading.Auth
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "pypi-t")
    assert isinstance((await PyPI.from_config("pypi"))._connections.settings.auth, BasicAuth)


@pytest.mark.parametrize(
    ("env", "hint"),
    [
        ({"GITHUB_ACTIONS": "true"}, "this GitHub job has no permission .* 'permissions: id-token: write'"),
        ({"GITLAB_CI": "true"}, "GitLab gave this job no PYPI_ID_TOKEN: name it under id_tokens, with aud: pypi"),
    ],
)
async def test_a_job_that_lacks_what_trusted_publishing_needs_is_told_what(
    fake_index, pypirc, monkeypatch, path, env, hint
):
    """Only when it uploads: perhaps it only reads."""
    url = fake_index.server.url
    monkeypatch.setitem(_indexes._BY_NAME, "pypi", Index(f"{url}/legacy/", f"{url}/simple/", "pypi"))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    fake_index.lists("demo-0.9.tar.gz")
    async with PyPI.from_config() as pypi:
        assert len(await pypi.files.list("demo")) == 1
        with pytest.raises(ConfigError, match=hint):
            await pypi.releases.upload(path)
    assert {request.method for request in fake_index.requests} == {"GET"}
    assert {request.path for request in fake_index.requests} == {"/simple/demo/"}


async def test_without_credentials_an_upload_says_where_they_could_be(monkeypatch, path):
    async with PyPI.from_config() as pypi:
        with pytest.raises(ConfigError, match="this client has none") as caught:
            await pypi.releases.upload(path)
    for place in ("token=", "UV_PUBLISH_TOKEN", "TWINE_PASSWORD", ".pypirc", "keyring"):
        assert place in str(caught.value)


async def test_a_secret_of_another_index_is_not_used_and_that_is_logged(fake_index, pypirc, monkeypatch, path, caplog):
    monkeypatch.setenv("TWINE_PASSWORD", "s3cret")
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "s3cret")
    async with PyPI.from_config("bare") as pypi:
        await pypi.releases.upload(path)
    assert "Authorization" not in fake_index.requests[-1].headers
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.getMessage().startswith("bare: UV_PUBLISH_TOKEN and TWINE_PASSWORD were not used: twine's variables")
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("variable", ["TWINE_REPOSITORY", "TWINE_REPOSITORY_URL", "UV_PUBLISH_URL"])
@pytest.mark.parametrize("given", [{"token": "pypi-t"}, {"auth": BasicAuth("a", "b")}])
async def test_an_argument_is_for_the_index_that_the_call_names(monkeypatch, pypirc, variable, given):
    """And not for one that the environment names."""
    monkeypatch.setenv(variable, "bare" if variable == "TWINE_REPOSITORY" else "https://elsewhere.example/")
    with pytest.raises(
        ConfigError, match=f"{next(iter(given))}= is given, and the index is the one that {variable} names"
    ):
        await PyPI.from_config(**given)
    await (await PyPI.from_config("bare", **given)).aclose()


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_keyring_is_queried_with_both_spellings_of_the_url(fake_index, pypirc, memory_keyring, path, slash):
    memory_keyring.entries[f"{fake_index.server.url}/legacy{slash}", "ada"] = "s3cret"
    async with PyPI.from_config("bare") as pypi:
        await pypi.releases.upload(path)
    assert sent(fake_index) == "ada:s3cret"


READ = {
    "the argument": ({"read_auth": BasicAuth("r", "given")}, "/simple/", "r:given"),
    "none": ({"read_auth": None}, "/simple/", None),
    "the URL": ({}, "//r:of the URL@/simple/", "r:of the URL"),
    "the same": ({}, "/simple/", "ada:50 % s3cret"),
}


@pytest.mark.parametrize("kind", READ)
async def test_other_credentials_for_reading_than_for_publishing(fake_index, pypirc, path, kind):
    options, simple, expected = READ[kind]
    url = fake_index.server.url
    login, _, rest = simple.removeprefix("//").rpartition("@")
    simple_url = f"http://{login}{'@' if login else ''}{url.removeprefix('http://')}{rest}"
    fake_index.lists("demo-0.9.tar.gz")
    async with PyPI.from_config("here", simple_url=simple_url, **options) as pypi:
        await pypi.releases.upload(path)
        (file,) = await pypi.files.list("demo")
        await pypi.files.download(file, path.parent / "there")
    assert sent_all(fake_index, "GET") == {expected}
    assert sent_all(fake_index, "POST") == {"ada:50 % s3cret"}


def sent_all(index: FakeIndex, method: str) -> set[str | None]:
    """The users and passwords of all requests with that method; ``None`` for none."""
    found = [request.headers.get("Authorization") for request in index.requests if request.method == method]
    return {None if one is None else base64.b64decode(one.removeprefix("Basic ")).decode() for one in found}


async def test_a_configured_password_is_not_sent_to_another_host_that_the_call_names(fake_index, pypirc, path):
    other = FakeIndex()
    other.lists("demo-0.9.tar.gz")
    async with other.server, PyPI.from_config("here", simple_url=f"{other.server.url}/simple/") as pypi:
        await pypi.releases.upload(path)
    assert sent_all(other, "GET") == {None}
    assert sent_all(fake_index, "POST") == {"ada:50 % s3cret"}


@pytest.fixture
def mutual(tmp_path: Path) -> tuple[ssl.SSLContext, dict[str, Path]]:
    """A server that requires a client certificate, and the files that a client of it needs."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    files = {"ca": tmp_path / "ca.pem", "client": tmp_path / "client.pem", "bad": tmp_path / "bad.pem"}
    authority.cert_pem.write_to_path(files["ca"])
    client = authority.issue_cert("ada@acme.example")
    client.private_key_and_cert_chain_pem.write_to_path(files["client"])
    files["bad"].write_text("nothing of the kind")
    files["locked"] = tmp_path / "locked.pem"
    key = serialization.load_pem_private_key(client.private_key_pem.bytes(), None)
    files["locked"].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(b"phrase"),
        )
        + client.cert_chain_pems[0].bytes()
    )
    return context, files


@pytest.mark.parametrize("source", ["file", "environment"])
async def test_certificates_of_a_private_index(mutual, tmp_path, path, monkeypatch, source):
    context, files = mutual
    index = FakeIndex()
    index.server = Server(index._handle, tls=context)
    async with index.server:
        text = f"[acme]\nrepository={index.server.url}/legacy/\nusername=ada\npassword=p\n"
        if source == "file":
            text += f"ca_cert={files['ca']}\nclient_cert={files['client']}\n"
        else:
            monkeypatch.setenv("TWINE_REPOSITORY", "acme")
            monkeypatch.setenv("TWINE_CERT", str(files["ca"]))
            monkeypatch.setenv("TWINE_CLIENT_CERT", str(files["client"]))
        config = await write(tmp_path / "pypirc", text)
        async with PyPI.from_config("acme", config_file=config) as pypi:
            assert (await pypi.releases.upload(path)).status == "uploaded"
    assert sent(index) == "ada:p"


async def write(path: Path, text: str) -> Path:
    await to_thread.run_sync(path.write_text, text)
    return path


@pytest.mark.parametrize(
    ("key", "file", "says"),
    [
        (
            "ca_cert",
            "bad",
            r"pypirc: section \[acme\], key ca_cert: \S+bad.pem is not a file of CA certificates in PEM",
        ),
        ("ca_cert", "missing", "missing.pem is not a file"),
        ("client_cert", "bad", "key client_cert: \\S+bad.pem is not a certificate and its key in PEM"),
        ("client_cert", "locked", "the key in \\S+locked.pem is encrypted"),
    ],
)
async def test_certificates_that_are_none(mutual, tmp_path, key, file, says):
    text = f"[acme]\nrepository=https://acme.example/\n{key}={tmp_path / f'{file}.pem'}\n"
    config = await write(tmp_path / "pypirc", text)
    with pytest.raises(ConfigError, match=says):
        await PyPI.from_config("acme", config_file=config)
    # Who passes tls= or a client has said what is trusted.
    given = await PyPI.from_config("acme", config_file=config, tls=ssl.create_default_context())
    await given.aclose()


async def test_plain_http_in_an_intranet(tmp_path):
    config = await write(tmp_path / "pypirc", "[acme]\nrepository=http://acme.example/up\npassword=p\n")
    with pytest.raises(ConfigError, match=r"pypirc: section \[acme\], key repository: .*allow_http=True"):
        await PyPI.from_config("acme", config_file=config)
    async with PyPI.from_config("acme", config_file=config, allow_http=True) as pypi:
        assert pypi._index.upload_url == "http://acme.example/up/"


async def test_it_is_read_when_it_is_opened_and_off_the_loop(pypirc, monkeypatch):
    threads = []
    real = _config._read

    def read(*arguments):
        threads.append(threading.current_thread())
        return real(*arguments)

    monkeypatch.setattr(_config, "_read", read)
    opening = PyPI.from_config("here")
    assert threads == []
    await (await opening).aclose()
    assert threads != [threading.current_thread()]
    assert len(threads) == 1


def test_an_index_is_not_a_name():
    with pytest.raises(InputError):
        PyPI("here")
    assert PyPI(Index("https://here.example/"))._index.name == "here.example"
