"""URLs as requests: the origin that is connected to, the ``Host`` header, and the target."""

from __future__ import annotations

import httpx
import pytest

from lading._core.redact import safe_url
from lading._core.service import Service, origin
from lading._http.errors import UnsendableRequest
from lading._http.urls import UrlSplitter

HOSTS = [
    *(
        "example.org",
        "EXAMPLE.org",
        "example.org.",
        "user:pa@example.org",
        "a@b@example.org",
        "127.0.0.1",
        "a_b.example",
    ),
    *(
        "[::1]",
        "[::1]:8080",
        "[fe80::1%25eth0]",
        "example.org:80",
        "example.org:443",
        "example.org:8080",
        "example.org:",
    ),
]
TARGETS = [
    *("", "/", "/a", "/a b", "/a%20b", "//a", "/a;b=c", "/a?", "/a?b", "?b", "?b=/c", "?b=http://x/", "#f", "/a#f"),
    *("/a?b#c?d", "/a?b c", "/é", "/a?b=é", "/a[b]", "/a|b", '/a"b', "/a<b>", "/a?b[]=1", "/a?b'c", "/a+b", "/a@b:c"),
    *("/~a", "/%C3%A9", "/a*b!c(d)"),
]


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP", "hTtPs"])
@pytest.mark.parametrize("host", HOSTS)
def test_as_httpx_sends_it(scheme: str, host: str) -> None:
    splitter = UrlSplitter()
    for target in TARGETS * 2:  # the second time the origin is known
        url = f"{scheme}://{host}{target}"
        request = httpx.Request("GET", f"{scheme.lower()}://{host}{target}")  # in capitals it names default ports
        destination = splitter.split(url)
        assert destination.host == request.headers["host"]
        assert destination.target.encode() == request.url.raw_path
        assert origin(url) == "{}://{}:{}".format(*destination.origin)


@pytest.mark.parametrize(
    "host",
    [
        *("", "user@", ":80", "a b", "a<b", 'a"b', "a|b", "a\\b", "a{b", "[::1", "::1", "[]", "[v1.a]", "[::1]x"),
        *("a:0", "a:-1", "a:+1", "a:65536", "a:8_0", "a:b", "a\nb", "a\0b", "a\uff0fb"),
    ],
)
def test_hosts_that_parsers_disagree_about_are_refused(host: str) -> None:
    for target in ("", "/a", "?q=/b", "#f"):
        with pytest.raises(UnsendableRequest):
            UrlSplitter().split(f"https://{host}{target}", str)


def test_a_password_with_a_slash_is_shown_nowhere() -> None:
    url = "https://user:secret/word@example.org/"
    with pytest.raises(UnsendableRequest) as caught:
        UrlSplitter().split(url)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__
    assert "secret" not in safe_url(url) + Service.host_of(url)
