"""Which index and which credentials environment and ``.pypirc`` name: the pure part, and reading the file."""

from __future__ import annotations

from itertools import combinations
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


def test_the_user_of_a_section_goes_with_a_password_of_twines_for_it():
    assert entry(found(TWINE_REPOSITORY="acme", TWINE_PASSWORD="new")) == ("https://acme.example/up/", "ada", "new")
    # And not with one of uv, which reads no .pypirc.
    by_uv = {"UV_PUBLISH_URL": "https://acme.example/up", "UV_PUBLISH_PASSWORD": "new"}
    assert entry(found("acme", **by_uv))[1:] == (None, "new")
    assert entry(found("acme", **by_uv, UV_PUBLISH_USERNAME="eve"))[1:] == ("eve", "new")


# Every source that can name an index, and every one that can hold a secret. Each has a host of its own.
ACME = "https://acme.example/up/"
PLACES: dict[str, tuple[str | None, dict[str, str]]] = {
    "the argument": ("acme", {}),
    "the argument 'pypi'": ("pypi", {}),
    "nothing": (None, {}),
    "TWINE_REPOSITORY": (None, {"TWINE_REPOSITORY": "acme"}),
    "TWINE_REPOSITORY_URL": (None, {"TWINE_REPOSITORY_URL": "https://twine.example/up"}),
    "UV_PUBLISH_URL": (None, {"UV_PUBLISH_URL": "https://uv.example/up"}),
    "UV_PUBLISH_URL with a password": (None, {"UV_PUBLISH_URL": "https://u:of-the-url@uv.example/up"}),
}
SECRETS = {
    "twine": {"TWINE_USERNAME": "t", "TWINE_PASSWORD": "of-twine"},
    "uv": {"UV_PUBLISH_USERNAME": "v", "UV_PUBLISH_PASSWORD": "of-uv"},
    "uv's token": {"UV_PUBLISH_TOKEN": "of-uv-token"},
}
SECTIONS = {
    "pypi": {"pypi": {"password": "of-pypi"}},
    "acme": {"acme": {"repository": ACME, "username": "ada", "password": "of-acme"}},
    "login": {"server-login": {"username": "l", "password": "of-login"}},
}


def hosts_of(password: str, env: dict[str, str]) -> set[str]:
    """The upload URLs that a secret may be sent to: worked out from nothing but its own source's settings."""
    official = resolve_index("pypi").upload_url
    if password == "of-twine":
        url = env.get("TWINE_REPOSITORY_URL")
        return {f"{url}/"} if url else {ACME if env.get("TWINE_REPOSITORY") == "acme" else official}
    if password in ("of-uv", "of-uv-token"):
        return {"https://uv.example/up/"} if "UV_PUBLISH_URL" in env else {official}
    return {
        "of-the-url": {"https://uv.example/up/"},
        "of-pypi": {official},
        "of-acme": {ACME},
        "of-login": {official, ACME},  # the file's own default for its sections
    }[password]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("other", PLACES)
def test_a_secret_goes_to_the_url_of_its_own_source_only(place, other):
    name, first = PLACES[place]
    for held in (held for count in range(4) for held in combinations(SECRETS, count)):
        env = {**PLACES[other][1], **first}
        for source in held:
            env |= SECRETS[source]
        for filed in (filed for count in range(4) for filed in combinations(SECTIONS, count)):
            sections: dict[str, dict[str, str]] = {"acme": {"repository": ACME}}
            for section in filed:
                sections |= SECTIONS[section]
            check_one_combination(found(name, sections=sections, **env), env, filed)


def check_one_combination(chosen: IndexConfig, env: dict[str, str], filed: tuple[str, ...]) -> None:
    url = chosen.index.upload_url
    if chosen.password is not None:
        assert url in hosts_of(chosen.password, env), (chosen.password, env, filed)
    in_env = {key: env[key] for key in ("TWINE_PASSWORD", "UV_PUBLISH_PASSWORD", "UV_PUBLISH_TOKEN") if key in env}
    fitting = [secret for secret in in_env.values() if url in hosts_of(secret, env)]
    if not chosen.named_by.endswith("_URL"):  # the file is not for an index that it does not name
        fitting += [secret for section in filed if url in hosts_of(secret := f"of-{section}", env)]
    # And one that fits is used.
    assert (chosen.password is not None) == bool(fitting or "of-the-url" in url_of(chosen, env)), (env, filed)
    assert set(chosen.unused) == {key for key, secret in in_env.items() if secret not in fitting}


def url_of(chosen: IndexConfig, env: dict[str, str]) -> str:
    """The URL as the environment has it, where that names the index."""
    return env.get(chosen.named_by, "")


def test_the_same_index_by_two_sources_is_one():
    """Known by its URL, in whichever spelling."""
    env = {"UV_PUBLISH_URL": "https://ACME.example:443/up", "UV_PUBLISH_TOKEN": "of uv"}
    assert entry(found("acme", **env)) == (ACME, "__token__", "of uv")
    assert entry(found("acme", TWINE_REPOSITORY_URL="https://acme.example/up", TWINE_PASSWORD="t"))[2] == "t"
    assert entry(found("acme", TWINE_REPOSITORY_URL="https://acme.example/other", TWINE_PASSWORD="t"))[2] == "of acme"
    # Twine's own "pypi" may be elsewhere; uv's is not.
    moved = {"pypi": {"repository": ACME}}
    assert entry(found(sections=moved, TWINE_PASSWORD="t")) == (ACME, None, "t")
    assert entry(found(sections=moved, UV_PUBLISH_TOKEN="t")) == (ACME, None, None)


def test_what_twine_names_and_cannot_be_used_is_another_index():
    for url in ("http://plain.example/", "/nothing"):
        assert entry(found("acme", TWINE_REPOSITORY_URL=url, TWINE_PASSWORD="t"))[2] == "of acme"
    assert entry(found("acme", TWINE_REPOSITORY="nowhere", TWINE_PASSWORD="t"))[2] == "of acme"


def test_an_index_that_only_uv_knows():
    with pytest.raises(ConfigError, match="UV_PUBLISH_INDEX names an index of uv's own configuration"):
        found(UV_PUBLISH_INDEX="acme")
    env = {"UV_PUBLISH_INDEX": "acme", "UV_PUBLISH_TOKEN": "of uv"}
    assert entry(found("acme", **env))[2] == "of acme"
    assert entry(found("pypi", **env))[2] == "pypi-of-the-file"
    assert found(UV_PUBLISH_INDEX="acme", TWINE_REPOSITORY="testpypi").index == resolve_index("testpypi")


def test_the_password_of_server_login_goes_with_no_other_user_and_only_to_its_own_repository():
    file = {"server-login": FILE["server-login"], "acme": {"repository": ACME, "username": "ada"}}
    assert entry(found("acme", sections=file))[1:] == ("ada", None)
    file["acme"].pop("username")
    file["server-login"] = FILE["server-login"] | {"repository": "https://other.example/"}
    assert entry(found("acme", sections=file))[1:] == (None, None)
    file["server-login"] = FILE["server-login"] | {"repository": "https://acme.example/up"}
    assert entry(found("acme", sections=file))[1:] == ("everywhere", "pypi-login")


@pytest.mark.parametrize(
    ("simple", "env", "password", "may_read"),
    [
        ("https://acme.example/simple/", {}, "of acme", True),
        ("https://acme.example:8443/simple/", {}, "of acme", False),
        ("http://localhost/simple/", {}, "of acme", False),
        (None, {"UV_PUBLISH_URL": "https://u.example/", "UV_PUBLISH_CHECK_URL": "https://s.example/"}, None, False),
        (
            None,
            {
                "UV_PUBLISH_URL": "https://u.example/",
                "UV_PUBLISH_CHECK_URL": "https://s.example/",
                "UV_PUBLISH_TOKEN": "of uv",
            },
            "of uv",
            True,
        ),
        # The same index by twine's name, with twine's password: uv's host for reading gets none of it.
        (
            None,
            {
                "UV_PUBLISH_URL": "https://acme.example/up",
                "UV_PUBLISH_CHECK_URL": "https://s.example/",
                "TWINE_REPOSITORY": "acme",
                "TWINE_PASSWORD": "of twine",
            },
            "of twine",
            False,
        ),
    ],
)
def test_a_password_is_not_sent_to_a_simple_api_at_a_host_that_another_source_named(simple, env, password, may_read):
    chosen = resolve_config(None if env else "acme", env, FILE, PYPIRC, simple)
    assert (chosen.password, chosen.reads_with_password) == (password, may_read)


def test_credentials_in_the_url_of_the_simple_api_are_for_that():
    chosen = resolve_config("acme", {}, FILE, PYPIRC, "https://r:p%40@acme.example/simple/")
    assert chosen.index.simple_url == "https://acme.example/simple/"
    assert (chosen.reading.username, chosen.reading.password) == ("r", "p@")
    assert "p@" not in repr(chosen)
    env = {
        "UV_PUBLISH_URL": "https://u.example/",
        "UV_PUBLISH_CHECK_URL": "https://r:p@s.example/",
        "UV_PUBLISH_TOKEN": "t",
    }
    chosen = found(**env)
    assert (chosen.reading.password, chosen.password) == ("p", "t")
    with pytest.raises(ConfigError, match=r"^UV_PUBLISH_CHECK_URL: "):
        found(UV_PUBLISH_URL="https://u.example/", UV_PUBLISH_CHECK_URL="http://s.example/")


@pytest.mark.parametrize(
    ("name", "env", "ca", "client"),
    [
        ("acme", {}, "acme.pem", "ada.pem"),
        ("acme", {"TWINE_CERT": "t.pem", "TWINE_CLIENT_CERT": "tc.pem"}, "acme.pem", "ada.pem"),
        (None, {"TWINE_REPOSITORY": "acme", "TWINE_CERT": "t.pem"}, "t.pem", "ada.pem"),
        (None, {"TWINE_REPOSITORY": "acme", "TWINE_CLIENT_CERT": "tc.pem"}, "acme.pem", "tc.pem"),
        (None, {"TWINE_CERT": "t.pem"}, "t.pem", None),
        (None, {"UV_PUBLISH_URL": "https://u.example/", "SSL_CLIENT_CERT": "uc.pem"}, None, "uc.pem"),
        (None, {"UV_PUBLISH_URL": "https://u.example/", "TWINE_CLIENT_CERT": "tc.pem"}, None, None),
        ("acme", {"SSL_CLIENT_CERT": "uc.pem"}, "acme.pem", "ada.pem"),
        ("testpypi", {"TWINE_CERT": "t.pem", "SSL_CLIENT_CERT": "uc.pem"}, None, None),
    ],
)
def test_certificates_go_with_the_index_of_their_own_source(name, env, ca, client):
    file = {"acme": {"repository": ACME, "ca_cert": "acme.pem", "client_cert": "ada.pem"}}
    tls = found(name, sections=file, **env).tls
    assert (tls.ca_cert or (None,))[0] == ca
    assert (tls.client_cert or (None,))[0] == client


def test_plain_http_only_where_the_caller_says_so():
    file = {"acme": {"repository": "http://acme.example/up", "password": "p"}}
    with pytest.raises(ConfigError, match="http://"):
        found("acme", sections=file)
    chosen = resolve_config("acme", {}, file, PYPIRC, "http://acme.example/simple", allow_http=True)
    assert (chosen.index.upload_url, chosen.index.simple_url) == (
        "http://acme.example/up/",
        "http://acme.example/simple/",
    )
    # The official indexes are never spoken to in the clear.
    assert resolve_config("pypi", {}, file, PYPIRC, allow_http=True).index == resolve_index("pypi")


def test_where_to_look():
    assert found(
        UV_PUBLISH_URL="https://u.example/", UV_PUBLISH_CHECK_URL="https://u.example/simple"
    ).index.simple_url == ("https://u.example/simple/")
    chosen = resolve_config(
        "acme", {"UV_PUBLISH_CHECK_URL": "https://other.example/"}, FILE, PYPIRC, "https://acme.example/s/"
    )
    assert chosen.index.simple_url == "https://acme.example/s/"
    assert found("acme").index.simple_url is None


@pytest.mark.parametrize("env", [{}, {"UV_PUBLISH_URL": ACME}, {"TWINE_REPOSITORY_URL": "https://t.example/"}])
def test_the_check_url_of_uv_is_for_the_index_of_uv_alone(env):
    """Not for a named index, nor for one that twine's variables name."""
    env = {**env, "UV_PUBLISH_CHECK_URL": "https://other.example/"}
    assert found("acme", **env).index.simple_url is None
    by_twine = found(
        TWINE_REPOSITORY_URL="https://t.example/", **{k: v for k, v in env.items() if k != "TWINE_REPOSITORY_URL"}
    )
    assert by_twine.index.simple_url is None
    assert found(TWINE_REPOSITORY="acme", UV_PUBLISH_CHECK_URL="https://other.example/").index.simple_url is None


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
    with pytest.raises(ConfigError, match=r"^UV_PUBLISH_URL: "):
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
