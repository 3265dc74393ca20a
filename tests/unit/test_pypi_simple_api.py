"""Project pages of the Simple API, in JSON and in HTML, as different indexes write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lading import InvalidResponse
from lading._core.messages import Response
from lading.pypi import File, Index
from lading.pypi._pages import reading
from lading.pypi._simple_api import read_project_list, read_project_page
from tests.support.steps import run_steps

if TYPE_CHECKING:
    from lading.pypi._models import ProjectPage

URL = "https://index.example/root/simple/demo/"
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
MARK = '<meta name="pypi:repository-version" content="1.0">'
INDEX = Index("https://index.example/legacy/", name="index")
SHA = "0123456789abcdef" * 4


def page(body: str | bytes, media_type: str) -> ProjectPage:
    response = Response(200, {"content-type": media_type}, body.encode() if isinstance(body, str) else body, URL)
    with reading(INDEX, response):
        return run_steps(read_project_page(response))


def from_json(*files: dict[str, Any], **more: Any) -> tuple[File, ...]:
    value = {"meta": {"api-version": "1.1"}, "name": "demo", "files": files, **more}
    return page(json.dumps(value), JSON).files


def from_html(links: str, head: str = "") -> tuple[File, ...]:
    text = f"<!DOCTYPE html><html><head>{head}<title>Links</title></head><body><h1>Links</h1>{links}</body></html>"
    return page(text, "text/html; charset=UTF-8").files


def test_json_with_everything():
    (file,) = from_json(
        {
            "filename": "demo-1.0.tar.gz",
            "url": "https://files.example/ab/demo-1.0.tar.gz",
            "hashes": {"sha256": SHA, "blake2b": "ff"},
            "requires-python": ">=3.8,<4",
            "size": 123,
            "upload-time": "2026-08-21T10:11:12.345678Z",
            "yanked": "broken on <3.9",
            "core-metadata": {"sha256": "aa"},
            "provenance": "https://index.example/integrity/demo",
            "gpg-sig": True,
        },
        **{"project-status": {"status": "active"}, "versions": ["1.0"]},
    )
    assert file == File(
        filename="demo-1.0.tar.gz",
        url="https://files.example/ab/demo-1.0.tar.gz",
        hashes={"sha256": SHA, "blake2b": "ff"},
        requires_python=">=3.8,<4",
        size=123,
        upload_time=datetime(2026, 8, 21, 10, 11, 12, 345678, UTC),
        yanked="broken on <3.9",
        core_metadata={"sha256": "aa"},
        provenance="https://index.example/integrity/demo",
    )
    assert file.is_yanked


def test_json_with_the_least():
    (file,) = from_json({"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {}})
    assert file == File(filename="demo-1.0.tar.gz", url=URL + "demo-1.0.tar.gz")
    assert (file.size, file.upload_time, file.requires_python, file.provenance) == (None, None, None, None)
    assert (file.yanked, file.is_yanked, file.core_metadata) == (False, False, False)


@pytest.mark.parametrize(
    ("yanked", "is_yanked"), [(False, False), (True, True), ("", True), ("true", True), ("a reason", True)]
)
def test_json_yanked(yanked: bool | str, is_yanked: bool):
    (file,) = from_json({"filename": "f", "url": "f", "yanked": yanked})
    assert file.yanked == yanked
    assert type(file.yanked) is type(yanked)
    assert file.is_yanked == is_yanked


@pytest.mark.parametrize("yanked", ["", " data-yanked", ' data-yanked=""', ' data-yanked="bad &amp; broken"'])
def test_html_yanked(yanked: str):
    (file,) = from_html(f'<a href="demo-1.0.tar.gz"{yanked}>demo</a>')
    assert file.yanked == {"": False, ' data-yanked="bad &amp; broken"': "bad & broken"}.get(yanked, True)
    assert file.is_yanked == bool(yanked)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://files.example/demo.whl", "https://files.example/demo.whl"),
        ("//files.example/demo.whl", "https://files.example/demo.whl"),
        ("/packages/demo.whl", "https://index.example/packages/demo.whl"),
        ("../../+f/ab/demo.whl", "https://index.example/root/+f/ab/demo.whl"),
        ("demo.whl", URL + "demo.whl"),
    ],
)
def test_addresses_are_made_whole(url: str, expected: str):
    assert [file.url for file in from_json({"filename": "demo.whl", "url": url})] == [expected]
    assert [file.url for file in from_html(f'<a href="{url}#sha256={SHA}">demo.whl</a>')] == [expected]


def test_html_with_a_base():
    head = '<base href="https://files.example/a/b/">'
    urls = [file.url for file in from_html('<a href="../demo.whl">x</a><a href="/demo.zip">x</a>', head)]
    assert urls == ["https://files.example/a/demo.whl", "https://files.example/demo.zip"]
    (file,) = from_html('<a href="demo.whl">x</a>', '<base target="_blank"><base href="/mirror/">')
    assert file.url == "https://index.example/mirror/demo.whl"


def test_html_as_pypiserver_writes_it():
    files = from_html(
        f"""
            <a href="/packages/demo-1.0-py3-none-any.whl#sha256={SHA}">demo-1.0-py3-none-any.whl</a><br>
            <a href="/packages/demo-1.0.tar.gz#md5=00ff">demo-1.0.tar.gz</a><br>
        """
    )
    assert files == (
        File(
            filename="demo-1.0-py3-none-any.whl",
            url="https://index.example/packages/demo-1.0-py3-none-any.whl",
            hashes={"sha256": SHA},
        ),
        File(filename="demo-1.0.tar.gz", url="https://index.example/packages/demo-1.0.tar.gz", hashes={"md5": "00ff"}),
    )


def test_html_attributes():
    (file,) = from_html(
        f'<a href="demo-1.0%2Blocal.tar.gz#sha256={SHA.upper()}" data-requires-python="&gt;=3.8,&lt;4"'
        ' data-core-metadata="sha256=aa" data-provenance="https://index.example/p" data-gpg-sig="false">x</a>'
    )
    assert file == File(
        filename="demo-1.0+local.tar.gz",
        url=URL + "demo-1.0%2Blocal.tar.gz",
        hashes={"sha256": SHA},
        requires_python=">=3.8,<4",
        core_metadata={"sha256": "aa"},
        provenance="https://index.example/p",
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", False),
        ('data-core-metadata="true"', True),
        ("data-core-metadata", True),
        ('data-core-metadata="sha256=aa" data-dist-info-metadata="sha256=bb"', {"sha256": "aa"}),
        ('data-dist-info-metadata="sha256=bb"', {"sha256": "bb"}),
    ],
)
def test_html_core_metadata(attributes: str, expected: bool | dict[str, str]):
    (file,) = from_html(f'<a href="demo.whl" {attributes}>x</a>')
    assert file.core_metadata == expected


@pytest.mark.parametrize(
    ("fragment", "hashes"),
    [
        ("", {}),
        ("#", {}),
        ("#egg=demo", {}),
        ("#sha256=xyz", {}),
        ("#SHA256=AB12", {"sha256": "ab12"}),
        ("#sha3_256=ab", {"sha3_256": "ab"}),
    ],
)
def test_html_fragments(fragment: str, hashes: dict[str, str]):
    (file,) = from_html(f'<a href="demo.whl{fragment}">x</a>')
    assert file.hashes == hashes
    assert file.url == URL + "demo.whl"


def test_html_links_that_are_no_files():
    links = (
        '<a name="top">x</a><a href="">x</a><a href="../">up</a><a href="https://example.com/">x</a>'
        '<a href="https://example.com">x</a><a href="mailto:me@example.com">x</a><a href="javascript:alert()">x</a>'
    )
    assert from_html(links, MARK) == ()
    with pytest.raises(InvalidResponse, match="not one of the Simple API"):
        from_html(links)


def test_html_by_its_own_media_type():
    assert [file.filename for file in page('<a href="demo.whl">x</a>', HTML).files] == ["demo.whl"]


def test_the_response_type_decides_not_the_requested_one():
    with pytest.raises(InvalidResponse, match="not what the store promises"):
        page("<html></html>", "application/json")
    with pytest.raises(InvalidResponse, match="not one of the Simple API"):
        page(json.dumps({"files": []}), "text/html")


@pytest.mark.parametrize("version", ["1.0", "1.4", "1.99"])
def test_minor_versions_to_come_are_read(version: str):
    assert from_json(meta={"api-version": version, "_last-serial": 7}) == ()
    assert from_html("", f'<meta name="pypi:repository-version" content="{version}">') == ()


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.0", "", "x" * 1000])
def test_other_major_versions_are_refused(version: str):
    with pytest.raises(InvalidResponse, match=r"speaks version .{0,20} of the Simple API") as caught:
        from_json(meta={"api-version": version})
    assert caught.value.outcome == "not_done"
    with pytest.raises(InvalidResponse, match="of the Simple API"):
        from_html("", f'<meta name="pypi:repository-version" content="{version}">')


def test_json_that_does_not_say_its_version_is_1_0():
    assert len(page(json.dumps({"files": [{"filename": "f", "url": "f"}]}), "application/json").files) == 1
    assert page(json.dumps({"files": []}), JSON).files == ()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("", JSON),
        ("[]", JSON),
        ("{}", JSON),
        ('{"files": [{}]}', JSON),
        ('{"files": [{"filename": "f"}]}', JSON),
        ('{"files": {}}', JSON),
        ('{"files": []}', "application/json"),
        ('{"error": "who are you?"}', "application/json"),
        ('{"files": [', JSON),
        (b"\xff\xfe", JSON),
    ],
)
def test_json_that_is_no_page(body: str | bytes, media_type: str):
    with pytest.raises(
        InvalidResponse, match=r"^index: the response to GET simple/demo/ at index\.example(:| is 200)"
    ) as caught:
        page(body, media_type)
    assert caught.value.outcome == "not_done"


@pytest.mark.parametrize(("media_type", "said"), [("", "missing"), ("text/plain", "text/plain")])
def test_neither_json_nor_html(media_type: str, said: str):
    with pytest.raises(InvalidResponse, match=f"media type of the response is {said}, neither JSON nor HTML"):
        page("demo", media_type)


@pytest.mark.parametrize("body", [b"", b"\xff<a href='demo.whl'>", b"<a href='demo.whl'", b"<<<a><!--", b"\0" * 9])
def test_broken_html_is_read_as_far_as_it_goes(body: bytes):
    assert len(page(body, HTML).files) <= 1


SIGN_IN = {
    "form": '<form action="/login"><input name="user"><input type="password"></form><a href="/forgot">Forgot it?</a>',
    "downloads": '<input type=PassWord><a href="/client-1.0.zip">client-1.0.zip</a>',
    "links": '<h1>Sign in</h1><a href="/sso">With your account</a> <a href="/help/">Help</a> <a href="about">about us</a>',
    "script": '<div id="app"></div><script src="/app.js"></script>',
    "text": "Please sign in",
}


@pytest.mark.parametrize("body", SIGN_IN.values(), ids=SIGN_IN)
def test_a_sign_in_page_is_no_project(body: str):
    with pytest.raises(InvalidResponse, match="not one of the Simple API: is simple_url right") as caught:
        from_html(body)
    assert caught.value.outcome == "not_done"


FILE = {"filename": "demo-1.0.zip", "url": "https://files.example/demo-1.0.zip"}
ODD = [
    ({"yanked": None}, {"yanked": False}),
    ({"yanked": {"reason": "bad"}}, {"yanked": True}),
    ({"hashes": None}, {}),
    ({"hashes": "sha256=aa"}, {}),
    ({"hashes": {"sha256": SHA, "md5": None, "sha1": 5}}, {"hashes": {"sha256": SHA}}),
    ({"upload-time": "yesterday"}, {}),
    ({"upload-time": "9999-12-31T23:59:59-23:00"}, {}),
    ({"upload-time": "0001-01-01T00:00:00+23:00"}, {}),
    ({"upload-time": 10**400}, {}),
    ({"size": "large"}, {}),
    ({"requires-python": ""}, {}),
    ({"requires-python": 3, "size": 5}, {"size": 5}),
    ({"core-metadata": {"sha256": None}}, {}),
    ({"provenance": [], "yanked": "why", "hashes": {"sha256": SHA}}, {"yanked": "why", "hashes": {"sha256": SHA}}),
    ({"requires-python": "\ud800>3"}, {"requires_python": "\ufffd>3"}),
]


@pytest.mark.parametrize(("odd", "expected"), ODD, ids=[str(odd)[:60] for odd, _ in ODD])
def test_one_odd_entry_is_read_without_what_is_odd(odd: dict[str, Any], expected: dict[str, Any]):
    assert from_json(FILE, FILE | odd) == (File(**FILE), File(**FILE, **expected))


@pytest.mark.parametrize(
    "entry",
    [{}, None, 5, "demo.zip", [], {"filename": "f"}, {"url": "f"}, FILE | {"filename": None}, FILE | {"url": ["f"]},
     FILE | {"url": "//[/f"}],
)  # fmt: skip
def test_an_entry_that_names_no_file_is_passed_over(entry: Any):
    assert from_json(entry, FILE) == (File(**FILE),)
    with pytest.raises(InvalidResponse, match="none of the files on the page has a name and a URL"):
        from_json(entry)


@pytest.mark.parametrize("status", [None, "odd", {"status": 5}, {"reason": []}, []])
def test_odd_members_of_a_page_are_passed_over(status: Any):
    found = page(json.dumps({"files": [FILE], "name": 7, "versions": status, "project-status": status}), JSON)
    assert (found.name, found.versions, found.project_status.status) == ("", (), "active")


HOSTILE = {
    "tags": b"<a " * 30_000,
    "declarations": b"<!" * 30_000,
    "marked sections": b"<![foo[" * 9_000,
    "entities": b"&" * 60_000,
    "attributes": b"<a " + b"b=1 " * 100_000,
    "nested": b"<div><a>" * 8_000,
    "text": b"x" * 300_000,
    "comment": b"<!--" + b"-" * 300_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("start", [b"", b"<!DOCTYPE html><a href=demo-1.0.zip>demo</a>"])
def test_html_made_to_annoy_is_one_of_our_errors_or_what_could_be_read(body: bytes, start: bytes):
    try:
        files = page(start + body, "text/html").files
    except InvalidResponse as error:
        assert str(error).startswith("index: the response to GET simple/demo/ at index.example")  # noqa: PT017
    else:
        assert [file.filename for file in files] == ["demo-1.0.zip"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"files": ' + b"[" * 100_000,
        b'{"other": ' + b"[" * 100_000,
        b'{"files": [' + b'{"a":' * 100_000,
        b'{"files": ["' + b"x" * 400_000,
        b'{"files": [' + b"1" * 5_000 + b"]}",
        b"{" + b'"a":1,' * 20_000 + b'"files": []}',
        b'{"files": ' + b" " * 2_000_000 + b"[]}",
        b'{"files": [], "meta": {"api-version": NaN}}',
        b'{"files": []} {}',
        b'{"files": [' + b"{}," * 450_000 + b"{}]}",
    ],
    ids=lambda body: body[:12],
)
def test_json_made_to_annoy_is_one_of_our_errors(body: bytes):
    with pytest.raises(InvalidResponse, match=r"^index: the response to GET simple/demo/"):
        page(body, JSON)


def root(body: str | bytes, media_type: str = "text/html") -> tuple[str, ...]:
    text = body.encode() if isinstance(body, str) else body
    response = Response(200, {"content-type": media_type}, text, "https://index.example/simple/")
    with reading(INDEX, response):
        return run_steps(read_project_list(response))


@pytest.mark.parametrize("href", ["{}/", "{}", "{}/index.html", "/simple/{}/", "https://index.example/simple/{}/"])
def test_the_name_of_a_project_is_the_text_of_its_link(href: str):
    links = "".join(f'<a href="{href.format(key)}">{name}</a>' for key, name in [("a-b", "A.b"), ("demo", "Demo")])
    assert root(f'<a href="../">up</a>{links}<a href="/simple/x/">y</a>') == ("A.b", "Demo")


@pytest.mark.parametrize("body", SIGN_IN.values(), ids=SIGN_IN)
def test_a_sign_in_page_is_no_list_of_projects(body: str):
    with pytest.raises(InvalidResponse, match="not one of the Simple API"):
        root(body)


def test_a_root_without_projects_that_says_what_it_is():
    assert root(f"<html><head>{MARK}</head></html>") == ()
    assert root('{"projects": []}', JSON) == ()
    names = [{"name": "a"}, {"name": None}, 5, {"name": "é\ud800"}, {"name": "é"}]
    assert root(json.dumps({"meta": {}, "projects": names}), "application/json") == ("a", "é\ufffd", "é")
    with pytest.raises(InvalidResponse, match="It has no projects"):
        root('{"meta": {}}', "application/json")
