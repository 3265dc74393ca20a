"""Which addresses are taken, and where credentials may go."""

from __future__ import annotations

import pytest

from lading import ConfigError
from lading._core.service import Service, origin, validate_base_url


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://index.test", "https://index.test/"),
        ("https://index.test/legacy/", "https://index.test/legacy/"),
        ("https://index.test:8443/a", "https://index.test:8443/a/"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
        ("http://localhost/simple", "http://localhost/simple/"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_addresses_that_are_taken(url: str, kept: str):
    assert validate_base_url(url, "upload_url") == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "index.test",
        "/legacy/",
        "ftp://index.test/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "http://index.test/",
        "http://localhost.index.test/",
        "http://127.0.0.1.index.test/",
        "https://user@index.test/",
        "https://user:hunter2@index.test/",
        "https://:hunter2@index.test/",
        "https://index.test/?token=hunter2",
        "https://index.test/#hunter2",
        "https://index.test:port/",
        "https://index.test:99999/",
        "https://[index/",
    ],
)
def test_addresses_that_are_refused_without_quoting_them(url: str):
    with pytest.raises(ConfigError, match="upload_url") as caught:
        validate_base_url(url, "upload_url")
    assert "hunter2" not in str(caught.value)


def test_plain_http_has_to_be_allowed():
    with pytest.raises(ConfigError, match="https"):
        validate_base_url("http://index.test/", "simple_url")
    assert validate_base_url("http://index.test/", "simple_url", allow_http=True) == "http://index.test/"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.test/x", "https://a.test:443/y?z", True),
        ("http://a.test", "http://a.test:80/", True),
        ("https://A.TEST/", "https://a.test/", True),
        ("HTTPS://a.test/", "https://a.test/", True),
        ("https://user:pw@a.test/", "https://a.test/", True),
        ("http://a.test/", "https://a.test/", False),
        ("https://a.test/", "https://a.test:8443/", False),
        ("https://a.test/", "https://b.a.test/", False),
        ("https://a.test/", "https://a.test.evil/", False),
        ("https://a.test/", "https://a.test@evil/", False),
        ("https://a.test/", "https://evil/https://a.test/", False),
    ],
)
def test_what_an_origin_is(one: str, other: str, same: bool):
    assert (origin(one) == origin(other)) is same
    assert Service("store", one).may_send_credentials(other) is same


@pytest.mark.parametrize("url", ["https://[", "https://a.test:port/", "https://a.test:99999/", "nonsense", ""])
def test_what_is_no_address_is_not_trusted(url: str):
    assert not Service("store", "https://a.test/").may_send_credentials(url)


def test_more_hosts_can_be_trusted():
    service = Service("store", "https://a.test/", hosts=frozenset({"https://b.test:443"}))
    assert service.may_send_credentials("https://b.test/x")
    assert not service.may_send_credentials("http://b.test/x")


def test_hosts_are_shown_without_user_information():
    assert Service.host_of("https://user:hunter2@a.test:8443/x") == "a.test:8443"
