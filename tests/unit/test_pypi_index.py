"""Which indexes lading talks to, and with what."""

from __future__ import annotations

import pytest

from lading import BasicAuth, ConfigError, Index, InputError, PyPI
from lading.pypi._indexes import resolve_index


@pytest.mark.parametrize(
    "url",
    [
        "https://index.example/",
        "https://index.example:8443/root/pypi/",
        "http://127.0.0.1:8080/",
        "http://localhost/simple/",
        "http://[::1]:8080/simple/",
    ],
)
def test_addresses_that_are_taken(url: str):
    assert Index(url, url).upload_url == url
    assert Index(url.removesuffix("/"), url.removesuffix("/")) == Index(url, url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://index.example/", "use https.*allow_http=True"),
        ("http://127.0.0.1.index.example/", "use https"),
        ("http://10.0.0.1/", "use https"),
        ("https://user:s3cret@index.example/", "user name or password"),
        ("https://s3cret@index.example/", "user name or password"),
        ("http://user:s3cret@127.0.0.1/", "user name or password"),
        ("https://index.example/?:action=s3cret", "query or fragment"),
        ("https://index.example/#s3cret", "query or fragment"),
        ("ftp://index.example/", "must be an https.*the scheme 'ftp'"),
        ("index.example/legacy/", "must be an https.*no scheme"),
        ("https:///legacy/", "must be an https.*no host"),
        ("", "must be an https"),
        ("https://index.example:s3cret/", "is not a URL"),
        ("https://[s3cret/", "is not a URL"),
    ],
)
def test_addresses_that_are_refused(url: str, why: str):
    for make in (lambda: Index(url), lambda: Index("https://index.example/", url)):
        with pytest.raises(ConfigError, match=why) as caught:
            make()
        assert "s3cret" not in str(caught.value)


def test_which_address_is_wrong_is_said():
    with pytest.raises(ConfigError, match=r"^upload_url is http:"):
        Index("http://index.example/", "https://index.example/")
    with pytest.raises(ConfigError, match=r"^simple_url is http:"):
        Index("https://index.example/", "http://index.example/")


def test_plain_http_where_the_network_in_between_is_trusted():
    index = Index("http://index.example/up", "http://index.example/simple", allow_http=True)
    assert (index.upload_url, index.simple_url) == ("http://index.example/up/", "http://index.example/simple/")
    with pytest.raises(ConfigError, match="user name or password"):
        Index("http://user:secret@index.example/", allow_http=True)


def test_an_index_need_not_be_readable():
    assert Index("https://index.example/upload").simple_url is None


@pytest.mark.parametrize("name", ["pypi", "testpypi"])
def test_the_official_ones_by_name(name: str):
    index = resolve_index(name)
    assert (index.name, index.official) == (name, True)
    assert index.upload_url.startswith("https://")
    assert index.upload_url.endswith("/legacy/")
    assert index.simple_url is not None
    assert index.simple_url.endswith("/simple/")
    # By whichever way it was named, it is that index.
    assert Index(index.upload_url.removesuffix("/"), index.simple_url, name).official


def test_others_are_not_official():
    assert not Index("https://index.example/legacy/").official


def test_an_unknown_name():
    with pytest.raises(InputError, match="no index is called 'pypl'") as caught:
        PyPI("pypl")
    assert caught.value.argument == "index"


def test_token_or_auth():
    with pytest.raises(ConfigError, match="not both"):
        PyPI(token="pypi-s3cret", auth=BasicAuth("user", "s3cret"))


def test_nothing_of_the_token_shows():
    client = PyPI(token="pypi-s3cret")
    assert "s3cret" not in repr(client) + repr(vars(client)) + repr(client.releases)


@pytest.mark.anyio
async def test_an_official_index_takes_no_upload_without_a_token(tmp_path):
    async with PyPI() as pypi:
        with pytest.raises(ConfigError, match="pass token="):
            await pypi.releases.upload(tmp_path / "demo-1.0.tar.gz")


@pytest.mark.anyio
async def test_an_index_that_cannot_be_read(tmp_path):
    async with PyPI(Index("https://index.example/upload/")) as pypi:
        with pytest.raises(ConfigError, match="no simple_url"):
            await pypi.files.list("demo")
