"""The embedded index over HTTP: refused uploads, pages, trusted publishing, and its controls for tests."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from lading.pypi import Token
from lading.testing import DropAfter, EmbeddedIndex, FaultProxy, Respond
from lading.testing.__main__ import main
from tests.support.distributions import core_metadata, sdist, wheel

JSON = {"Accept": "application/json"}
SIMPLE = {"Accept": "application/vnd.pypi.simple.v1+json"}
NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def index():
    with EmbeddedIndex(now=NOW, max_file_size=200_000) as index:
        yield index
    assert not index.errors


@pytest.fixture
def client(index):
    with httpx.Client(base_url=index.url, trust_env=False) as client:
        yield client


def basic(token: str, user: str = "__token__") -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def post(client, token, path=None, *, data=None, filename=None, headers=JSON, **changed):
    """Upload a valid form with the fields in *changed*, and return the response."""
    data = path.read_bytes() if data is None else data
    filename = filename or path.name
    binary = filename.endswith(".whl")
    fields = {
        ":action": "file_upload",
        "metadata_version": "2.1",
        "name": "demo",
        "version": "1.0",
        "filetype": "bdist_wheel" if binary else "sdist",
        "pyversion": "py3" if binary else "source",
        "sha256_digest": hashlib.sha256(data).hexdigest(),
        **changed,
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    authorization = token if " " in token else basic(token)
    files = {"content": (filename, data)}
    return client.post("/legacy/", data=fields, files=files, headers={**headers, "Authorization": authorization})


def detail_of(response: httpx.Response, status: int = 400) -> str:
    """Return the detail of a refusal, which is the same in its body and in its reason phrase."""
    assert response.status_code == status, response.text
    code = response.json()["code"]
    assert code == f"{status} {response.reason_phrase}"
    return code.removeprefix(f"{status} ")


def test_a_file_is_accepted_once(index, client, tmp_path):
    token, path = index.create_token(), wheel(tmp_path, payload=b"one")
    assert post(client, token, path).status_code == 200
    again = post(client, token, path)
    assert (again.status_code, again.content) == (200, b"")
    (file,) = index.uploads
    assert file.path.read_bytes() == path.read_bytes()
    assert (file.filename, file.project, file.version, file.size) == (path.name, "demo", "1.0", path.stat().st_size)
    assert (file.uploaded_at, file.uploaded_by) == (NOW, index.add_user("owner"))
    other = wheel(tmp_path, payload=b"two")
    assert detail_of(post(client, token, other)) == (
        f"File already exists ('{other.name}', with blake2_256 hash "
        f"'{hashlib.blake2b(other.read_bytes(), digest_size=32).hexdigest()}'). "
        f"See {index.url}/help/#file-name-reuse for more information."
    )
    assert [p.name for p in file.path.parents[1].iterdir()] == [file.digests["blake2b_256"]]  # nothing left over


def test_deleted_names_stay_taken(index, client, tmp_path):
    path = wheel(tmp_path)
    post(client, index.create_token(), path)
    index.delete(path.name)
    assert index.uploads == ()
    assert "This filename was previously used" in detail_of(post(client, index.create_token(), path))


def test_the_content_of_a_deleted_file_can_be_uploaded_under_another_name(index, client, tmp_path):
    token, data = index.create_token(), wheel(tmp_path).read_bytes()
    assert post(client, token, data=data, filename="demo-1.0-py3-none-any.whl").status_code == 200
    index.delete("demo-1.0-py3-none-any.whl")
    assert post(client, token, data=data, filename="demo-1.0-py2.py3-none-any.whl").status_code == 200
    assert [file.path.read_bytes() for file in index.uploads] == [data]


@pytest.mark.parametrize("digest", ["md5_digest", "sha256_digest", "blake2_256_digest"])
def test_digests_are_verified(index, client, tmp_path, digest):
    response = post(client, index.create_token(), wheel(tmp_path), **{digest: "0" * 64})
    assert detail_of(response) == "The digest supplied does not match a digest calculated from the uploaded file."
    assert index.uploads == ()


def test_files_that_are_too_large(index, client, tmp_path):
    response = post(client, index.create_token(), wheel(tmp_path, payload=bytes(300_000)))
    assert detail_of(response).startswith("File too large. Limit for project 'demo' is 0.190735 MB. See http://127.")
    assert index.uploads == ()


@pytest.mark.parametrize(("content_type", "taken"), [("text/x", True), ("", False), ("Image/png", False)])
def test_media_types_of_files(index, client, tmp_path, content_type, taken):
    path = wheel(tmp_path)
    fields = {"sha256_digest": hashlib.sha256(path.read_bytes()).hexdigest()}
    body = _form(path, {**FIELDS, **fields}, f"Content-Type: {content_type}\r\n".encode())
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": basic(index.create_token()), **JSON}
    response = client.post("/legacy/", content=body, headers=headers)
    assert response.status_code == (200 if taken else 400)
    if not taken:
        assert detail_of(response) == "Invalid distribution file."


def test_a_file_without_a_media_type(index, client, tmp_path):
    path = wheel(tmp_path)
    body = _form(path, {**FIELDS, "sha256_digest": hashlib.sha256(path.read_bytes()).hexdigest()}, b"")
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": basic(index.create_token()), **JSON}
    assert client.post("/legacy/", content=body, headers=headers).status_code == 200


FIELDS = {
    ":action": "file_upload",
    "metadata_version": "2.1",
    "name": "demo",
    "version": "1.0",
    "filetype": "bdist_wheel",
    "pyversion": "py3",
}


def _form(path, fields, head: bytes) -> bytes:
    """A form in parts, with these headers at its file."""
    parts = [f'Content-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]
    disposition = f'Content-Disposition: form-data; name="content"; filename="{path.name}"\r\n'.encode()
    parts.append(disposition + head + b"\r\n" + path.read_bytes() + b"\r\n")
    return b"".join(b"--b\r\n" + part for part in parts) + b"--b--\r\n"


def test_one_sdist_and_no_late_files(index, client, tmp_path):
    token = index.create_token()
    assert post(client, token, sdist(tmp_path)).status_code == 200
    second = post(client, token, sdist(tmp_path, suffix=".zip"))
    assert detail_of(second) == "Only one sdist may be uploaded per release."
    again = sdist(tmp_path, metadata=core_metadata("demo", "1.0", ("Summary", "another")))
    index.delete("demo-1.0.tar.gz")
    assert post(client, token, wheel(tmp_path)).status_code == 200
    assert "previously used" in detail_of(post(client, token, again))
    index.advance_clock(15 * 86400)
    late = post(client, token, wheel(tmp_path, tag="cp312-none-any"), pyversion="cp312")
    assert detail_of(late) == "Uploading new files to releases older than 14 days is not allowed."
    assert parsedate_to_datetime(late.headers["Date"]) == NOW + timedelta(days=15) == index.now


def test_forms_that_are_no_uploads(index, client, tmp_path):
    moved = client.post("/legacy", headers=JSON)
    assert (moved.status_code, moved.headers["Location"]) == (308, "/legacy/")
    assert "trailing slash" in moved.reason_phrase
    page = post(client, index.create_token(), wheel(tmp_path), **{":action": None})
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert b"<form" in page.content
    assert post(client, index.create_token(), wheel(tmp_path), **{":action": "submit"}).status_code == 410
    assert client.post("/simple/", headers=JSON).status_code == 405
    assert client.get("/nowhere").status_code == 404
    assert index.uploads == ()


GENERIC = "Invalid or non-existent authentication information. See {}/help/#invalid-auth for more information."


def test_requests_without_a_valid_token(index, client, tmp_path):
    path, known = wheel(tmp_path), index.create_token()
    stranger = Token.create("127.0.0.1", "nobody", b"key").dump()
    revoked = index.create_token()
    index.revoke(revoked)
    for token in ("pypi-nonsense", stranger, revoked, "Basic !", "Digest x", known.replace("pypi-", "other-")):
        assert detail_of(post(client, token, path), 403) == GENERIC.format(index.url)
    assert "Username/Password authentication is no longer supported" in detail_of(
        post(client, basic(known, "somebody"), path), 403
    )
    for token in (f"token {known}", f"Bearer {known}", basic(f" {known}\n")):
        assert post(client, token, path).status_code == 200


def test_restrictions_of_tokens(index, client, tmp_path):
    path = wheel(tmp_path)
    other = index.add_user("somebody-else")

    def denied(token: str) -> str:
        return detail_of(post(client, token, path), 403).removeprefix("Invalid API Token: ")

    not_for_it = "project-scoped token is not valid for project: 'demo'"
    assert denied(index.create_token(project_names=["demo-tools"])) == not_for_it
    assert denied(index.create_token(project_ids=[index.add_project("demo-tools")])) == not_for_it
    assert denied(index.create_token(user_id=other.id)) == "current user does not match user restriction in token"
    soon = index.create_token(not_before=index.now, not_after=index.now + timedelta(seconds=60))
    both = Token.load(soon).restrict(project_names=["x"]).dump()
    index.advance_clock(60)
    assert denied(soon) == "token is expired"
    assert denied(both) == f"token is expired, {not_for_it}"
    forged = Token.create("127.0.0.1", Token.load(soon).identifier, b"another key").dump()
    assert denied(forged) == "signatures do not match"
    index.advance_clock(-60)
    assert post(client, soon, path).status_code == 200
    assert (
        denied(index.create_token(user=other)) == "The user 'somebody-else' isn't allowed to upload to project 'demo'."
    )
    index.set_status("demo", "archived")
    assert "isn't allowed" in denied(index.create_token())


def test_pages(index, client, tmp_path):
    token = index.create_token()
    assert client.get("/simple/demo/", headers=SIMPLE).status_code == 404
    post(client, token, wheel(tmp_path, payload=b"1"), requires_python=">=3.9", summary="A & B", keywords="a,b")
    post(client, token, wheel(tmp_path, version="2.0rc1", payload=b"2"), version="2.0rc1", name="Demo")
    index.yank("demo", "1.0", "broken <here>")
    listed = client.get("/simple/", headers=SIMPLE).json()
    assert [project["name"] for project in listed["projects"]] == ["Demo"]
    response = client.get("/simple/demo/", headers=SIMPLE)
    page = response.json()
    assert response.headers["Content-Type"] == SIMPLE["Accept"]
    assert response.headers["X-PyPI-Last-Serial"] == str(page["meta"]["_last-serial"]) == "3"
    assert (page["meta"]["api-version"], page["versions"]) == ("1.4", ["1.0", "2.0rc1"])
    assert page["project-status"] == {"status": "active"}
    first, second = page["files"]
    assert (first["yanked"], first["requires-python"], first["provenance"]) == ("broken <here>", ">=3.9", None)
    assert (second["yanked"], second["requires-python"]) == (False, None)
    assert first["upload-time"] == "2030-01-01T12:00:00.000000Z"
    metadata = client.get(first["url"] + ".metadata").content
    assert hashlib.sha256(metadata).hexdigest() == first["core-metadata"]["sha256"]
    part = client.get(first["url"], headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"K\x03\x04")
    page_html = client.get("/simple/demo/").text
    assert 'data-yanked="broken &lt;here&gt;"' in page_html
    assert 'data-requires-python="&gt;=3.9"' in page_html
    assert f"#sha256={first['hashes']['sha256']}" in page_html
    for path in ("/simple/Demo/", "/simple/demo"):
        assert client.get(path).headers["Location"] == "/simple/demo/"

    newest = client.get("/pypi/demo/json").json()
    assert newest["info"]["version"] == "2.0rc1"  # the other one is yanked
    assert set(newest["releases"]) == {"1.0", "2.0rc1"}
    one = client.get("/pypi/demo/1.0/json").json()
    assert (one["info"]["summary"], one["info"]["keywords"], one["info"]["yanked_reason"]) == (
        *("A & B", "a,b"),
        "broken <here>",
    )
    assert one["urls"][0]["digests"]["sha256"] == first["hashes"]["sha256"]
    assert "releases" not in one
    assert client.get("/pypi/demo/9/json").status_code == client.get("/pypi/demo/x/json").status_code == 404
    assert client.get("/pypi/Demo/json").headers["Location"] == "/pypi/demo/json"
    index.set_status("demo", "quarantined", "malware")
    page = client.get("/simple/demo/", headers=SIMPLE).json()
    assert (page["files"], page["project-status"]) == ([], {"status": "quarantined", "reason": "malware"})


def mint(client, token) -> httpx.Response:
    return client.post("/_/oidc/mint-token", json={"token": token})


def test_a_publisher_receives_a_token_for_its_projects(index, client, tmp_path):
    publisher = index.add_publisher("Demo", environment="release")
    environment = index.github_environment(publisher)
    audience = client.get("/_/oidc/audience").json()["audience"]
    identity = client.get(
        f"{environment['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience={audience}",
        headers={"Authorization": f"bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
    ).json()["value"]
    minted = mint(client, identity).json()
    assert (minted["success"], minted["expires"]) == (True, NOW.timestamp() + 900)
    assert [r.dump()[0] for r in Token.load(minted["token"]).restrictions] == [4, 2, 0]
    path = wheel(tmp_path, "other", payload=b"2")
    refused = detail_of(post(client, minted["token"], path, name="other"), 403)
    assert "OIDC scoped token is not valid for project 'other'" in refused
    attestation = {"version": 1, "envelope": {}, "verification_material": {}}
    sent = {"attestations": json.dumps([attestation])}
    assert post(client, minted["token"], wheel(tmp_path), **sent).status_code == 200
    (file,) = client.get("/simple/demo/", headers=SIMPLE).json()["files"]
    provenance = client.get(file["provenance"]).json()
    (bundle,) = provenance["attestation_bundles"]
    assert bundle["attestations"] == [attestation]
    assert bundle["publisher"]["repository"] == "example/demo"
    index.advance_clock(900)
    late = wheel(tmp_path, tag="cp312-none-any")
    assert (
        detail_of(post(client, minted["token"], late, pyversion="cp312"), 403) == "Invalid API Token: token is expired"
    )


def test_attestations_of_users_and_malformed_ones(index, client, tmp_path):
    path = wheel(tmp_path)
    assert "Trusted Publishing" in detail_of(post(client, index.create_token(), path, attestations="[{}]"))
    token = mint(client, index.identity_token(index.add_publisher("demo"))).json()["token"]
    for text in ("[]", "nonsense", "[1]", "[{}, {}, {}]"):
        assert detail_of(post(client, token, path, attestations=text)).startswith("Invalid attestations supplied")
    post(client, token, path)
    assert client.get("/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance").status_code == 404


def test_identity_tokens_that_are_refused(index, client):
    publisher = index.add_publisher("demo")
    used = index.identity_token(publisher)
    assert mint(client, used).status_code == 200

    def code(token: object) -> str:
        response = mint(client, token)
        assert (response.status_code, response.json()["message"]) == (422, "Token request failed")
        return response.json()["errors"][0]["code"]

    assert code(used) == "invalid-reuse-token"
    assert code(index.identity_token(publisher, repository="example/other")) == "invalid-publisher"
    assert code(index.identity_token(publisher, audience="testpypi")) == "invalid-token"
    assert code(index.identity_token(publisher, exp=0)) == "invalid-token"
    assert code(index.identity_token(publisher)[:-4] + "AAAA") == "invalid-token"
    assert code(index.identity_token(publisher, iss="https://elsewhere.example")) == "invalid-payload"
    assert code("nonsense") == code(None) == "invalid-payload"
    with EmbeddedIndex() as another:
        assert code(another.identity_token(publisher)) == "invalid-token"
    assert client.get(f"/_/github/{publisher.id}").status_code == 401


def test_no_file_is_kept_of_a_client_that_leaves(index, client, tmp_path):
    post(client, index.create_token(), wheel(tmp_path))
    directory = index.uploads[0].path.parents[1]
    head = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a.whl"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", index.port)) as sock:
        headers = "POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        sock.sendall(f"{headers}Content-Length: 9000000\r\n\r\n".encode() + head + bytes(2_000_000))
        while not list(directory.glob("*.incoming")):
            time.sleep(0.01)
    while list(directory.glob("*.incoming")):
        time.sleep(0.01)
    form = head + b"x\r\n" + head + b"y\r\n--b--"
    twice = client.post("/legacy/", content=form, headers=JSON | {"Content-Type": "multipart/form-data; boundary=b"})
    assert detail_of(twice) == "The upload form has more than one file."
    assert len(list(directory.iterdir())) == 1


def test_urls_are_those_that_the_client_uses(index, tmp_path):
    with FaultProxy(index.url) as proxy, httpx.Client(base_url=proxy.url, trust_env=False) as client:
        proxy.faults.add(DropAfter(), method="POST")
        with pytest.raises(httpx.RemoteProtocolError):
            post(client, index.create_token(), wheel(tmp_path))
        (file,) = client.get("/simple/demo/", headers=SIMPLE).json()["files"]
        assert file["url"].startswith(proxy.url + "/packages/")
        assert client.get(file["url"]).status_code == 200


def test_faults_and_stop(tmp_path):
    index = EmbeddedIndex()
    with index:
        index.faults.add(Respond(503, retry_after=1), path="/simple/*")
        assert httpx.get(index.index.simple_url, trust_env=False).status_code == 503
        with httpx.Client(base_url=index.url, trust_env=False) as client:
            post(client, index.create_token(), wheel(tmp_path))
        (file,) = index.uploads
        assert file.path.exists()
    assert not file.path.parents[1].exists()
    with pytest.raises(RuntimeError, match="started only once"):
        index.start()
    with pytest.raises(LookupError, match=r"no release 2\.0 of 'demo'"):
        index.yank("demo", "2.0")
    with pytest.raises(LookupError, match="no project 'x'"):
        index.set_status("x", "archived")


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_the_command_refuses_what_is_not_a_port(port, capsys):
    with pytest.raises(SystemExit):
        main(["pypi", f"--port={port}"])
    assert f"'{port}' is not a port" in capsys.readouterr().err


def test_it_serves_as_a_command(tmp_path):
    command = [sys.executable, "-m", "lading.testing", "pypi"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            found = dict(line.split() for line in lines)
            with httpx.Client(base_url=re.sub("/legacy/$", "", found["upload"]), trust_env=False) as client:
                (tmp_path / "dist").mkdir()
                assert post(client, found["token"], wheel(tmp_path / "dist")).status_code == 200
                assert "demo-1.0" in client.get(found["simple"] + "demo/").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["dist"]
