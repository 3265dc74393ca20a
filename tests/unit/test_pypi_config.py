"""Which index and which credentials environment and ``.pypirc`` name: the pure part, and reading the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lading import ConfigError
from lading.pypi._config import IndexConfig, _read, resolve_config
from lading.pypi._indexes import resolve_index

PYPIRC = Path("~/.pypirc")
OFFICIAL = ".".join(("pypi", "org"))  # noqa: FLY002 - spelled out nowhere
FILE = {
    "distutils": {"index-servers": "pypi acme"},
    "server-login": {"username": "everywhere", "password": "pypi-login"},
    "pypi": {"username": "__token__", "password": "pypi-of-the-file"},
    "acme": {"repository": "https://acme.example/up", "username": "ada", "password": "of acme"},
    "bare": {"repository": "https://bare.example/up/"},
    "lost": {"username": "ada"},
}


def found(name: str | None = None, *, sections: dict[str, dict[str, str]] = FILE, **env: str) -> IndexConfig:
    return resolve_config(name, env, sections, PYPIRC)


def entry(found: IndexConfig) -> tuple[str, str | None, str | None]:
    return found.index.upload_url, found.username, found.password


@pytest.mark.parametrize(
    ("env", "user", "password", "source"),
    [
        ({}, None, "pypi-of-the-file", "~/.pypirc"),
        ({"TWINE_PASSWORD": "of twine"}, None, "of twine", "TWINE_PASSWORD"),
        ({"TWINE_PASSWORD": "of twine", "TWINE_USERNAME": "u"}, "u", "of twine", "TWINE_PASSWORD"),
        ({"UV_PUBLISH_PASSWORD": "of uv", "UV_PUBLISH_USERNAME": "w"}, "w", "of uv", "UV_PUBLISH_PASSWORD"),
        # Each maker's user goes with its password.
        (
            {"TWINE_USERNAME": "u", "UV_PUBLISH_USERNAME": "w", "UV_PUBLISH_PASSWORD": "of uv"},
            "w",
            "of uv",
            "UV_PUBLISH_PASSWORD",
        ),
        (
            {
                "TWINE_USERNAME": "u",
                "TWINE_PASSWORD": "of twine",
                "UV_PUBLISH_USERNAME": "w",
                "UV_PUBLISH_PASSWORD": "of uv",
            },
            "u",
            "of twine",
            "TWINE_PASSWORD",
        ),
        ({"UV_PUBLISH_TOKEN": " pypi-uv\n", "TWINE_PASSWORD": "of twine"}, "__token__", "pypi-uv", "UV_PUBLISH_TOKEN"),
        # As with twine, a user from the environment goes with the file's password.
        ({"TWINE_USERNAME": "u"}, "u", "pypi-of-the-file", "~/.pypirc"),
        (
            {"TWINE_PASSWORD": " ", "UV_PUBLISH_TOKEN": "", "TWINE_USERNAME": ""},
            None,
            "pypi-of-the-file",
            "~/.pypirc",
        ),
    ],
)
def test_the_environment_comes_before_the_file(env, user, password, source):
    chosen = found(**env)
    assert (chosen.username, chosen.password, chosen.source) == (user, password, source)
    assert chosen.index == resolve_index("pypi")
    assert password not in repr(chosen)


def test_which_index():
    assert found().index == resolve_index("pypi")
    assert found(TWINE_REPOSITORY="testpypi").index == resolve_index("testpypi")
    assert entry(found("acme", TWINE_REPOSITORY="pypi")) == ("https://acme.example/up/", "ada", "of acme")
    assert found("acme").index.name == "acme"
    by_address = {"TWINE_REPOSITORY_URL": "https://t.example/", "UV_PUBLISH_URL": "https://u.example/"}
    assert found(**by_address, TWINE_REPOSITORY="acme").index.upload_url == "https://t.example/"
    assert found(UV_PUBLISH_URL="https://u.example/").index.upload_url == "https://u.example/"
    # Who names an index means that one.
    assert found("acme", **by_address).index.upload_url == "https://acme.example/up/"


def test_an_index_known_by_its_address_alone_gets_nothing_of_the_file():
    assert entry(found(TWINE_REPOSITORY_URL="https://t.example/")) == ("https://t.example/", None, None)


def test_server_login_is_for_every_section_without_its_own():
    assert entry(found("bare")) == ("https://bare.example/up/", "everywhere", "pypi-login")
    # The official indexes know no users but one.
    assert entry(found("testpypi"))[1:] == (None, "pypi-login")


def test_the_users_of_a_section_go_with_a_password_of_the_environment():
    assert entry(found("acme", TWINE_PASSWORD="new")) == ("https://acme.example/up/", "ada", "new")
    assert entry(found("acme", UV_PUBLISH_PASSWORD="new", UV_PUBLISH_USERNAME="eve"))[1:] == ("eve", "new")
    assert entry(found("acme", UV_PUBLISH_TOKEN="new"))[1:] == ("__token__", "new")


def test_where_to_look():
    assert found(
        UV_PUBLISH_URL="https://u.example/", UV_PUBLISH_CHECK_URL="https://u.example/simple"
    ).index.simple_url == ("https://u.example/simple/")
    chosen = resolve_config(
        "acme", {"UV_PUBLISH_CHECK_URL": "https://other.example/"}, FILE, PYPIRC, "https://acme.example/s/"
    )
    assert chosen.index.simple_url == "https://acme.example/s/"
    assert found("acme").index.simple_url is None


def test_credentials_in_an_address():
    url = "https://a%40b:p%3As%20s%25@acme.example:8443/up?"
    with pytest.raises(ConfigError):
        found(TWINE_REPOSITORY_URL=url.replace("up?", "up?s3cret"))
    chosen = found(TWINE_REPOSITORY_URL=url.removesuffix("?"), TWINE_PASSWORD="not this")
    assert entry(chosen) == ("https://acme.example:8443/up/", "a@b", "p:s s%")
    # A user alone goes with a password from elsewhere.
    sections = {"acme": {"repository": "https://eve@acme.example/", "username": "ada", "password": "p"}}
    assert entry(found("acme", sections=sections)) == ("https://acme.example/", "eve", "p")


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize(
    ("labels", "path", "name"),
    [
        (("upload", OFFICIAL), "legacy/", "pypi"),
        (("upload", OFFICIAL), "legacy", "pypi"),
        (("pypi", "python", "org"), "pypi", "pypi"),
        (("test", OFFICIAL), "legacy/", "testpypi"),
    ],
)
def test_the_official_hosts_are_recognised(scheme, labels, path, name):
    url = f"{scheme}://{'.'.join(labels)}/{path}"
    assert found(TWINE_REPOSITORY_URL=url).index is resolve_index(name)
    with_token = f"{scheme}://__token__:pypi-abc@{'.'.join(labels)}/{path}"
    assert entry(found(TWINE_REPOSITORY_URL=with_token)) == (resolve_index(name).upload_url, "__token__", "pypi-abc")
    assert found("mine", sections={"mine": {"repository": url}}).index.official


def test_what_only_looks_official():
    for host in (f"upload.{OFFICIAL}.acme.example", f"notupload.{OFFICIAL}"):
        assert not found(UV_PUBLISH_URL=f"https://{host}/legacy/").index.official


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere", r"no index is called 'nowhere': ~/\.pypirc has no section \[nowhere\]"),
        ("lost", r"~/\.pypirc: section \[lost\] has no key repository"),
    ],
)
def test_an_index_that_is_not_there(name, says):
    with pytest.raises(ConfigError, match=says):
        found(name)


@pytest.mark.parametrize(
    "url",
    [
        "http://s3cret.example/",
        "https://u:s3cret@[/",
        "https://u:s3cret@h.example:port/",
        "https://h.example/?s3cret",
        "/s3cret",
    ],
)
def test_an_address_that_is_none_is_named_and_not_quoted(url):
    with pytest.raises(ConfigError, match=r"^~/\.pypirc: section \[acme\], key repository: ") as caught:
        found("acme", sections={"acme": {"repository": url}})
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(ConfigError, match=r"^the environment's index URL: "):
        found(UV_PUBLISH_URL=url)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file(tmp_path: Path, encoding):
    path = tmp_path / "pypirc"
    path.write_text(
        "[distutils]\nindex-servers =\n    acme\n    colons\n\n"
        "[acme]\nrepository = https://acme.example/\nusername = ada\npassword =   a %20 %(b)s  c;d #e é  \n"
        "; a comment\n[colons]\nRepository: https://colons.example/\npassword: p:q=r\n",
        encoding,
    )
    sections = _read(path, explicit=True)
    assert sections["acme"]["password"] == "a %20 %(b)s  c;d #e é"
    assert sections["colons"] == {"repository": "https://colons.example/", "password": "p:q=r"}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"password = s3cret\n", ", line 1: "),
        (b"[pypi]\n\npypi-s3cret\n", ", line 3: "),
        (b"[pypi]\nusername = a\n[pypi]\npassword = s3cret\n", ", line 3: "),
        (b"[pypi]\npassword = a\ns3cret = a\ns3cret = s3cret\n", ", line 4: "),
        (b"[pypi]\npassword = s3cret\xff\n", " cannot be read: "),
    ],
)
def test_a_malformed_file_is_named_and_not_quoted(tmp_path: Path, content, where):
    path = tmp_path / "pypirc"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        _read(path, explicit=False)
    assert str(caught.value).startswith(f"{path}{where}")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_file_that_is_not_there(tmp_path: Path):
    assert _read(tmp_path / "pypirc", explicit=False) == {}
    with pytest.raises(ConfigError, match="there is no configuration file"):
        _read(tmp_path / "pypirc", explicit=True)
    with pytest.raises(ConfigError, match="cannot be read: IsADirectoryError"):
        _read(tmp_path, explicit=False)
