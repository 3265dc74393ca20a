"""The embedded index inspects uploaded files as warehouse does: the messages are those of its code."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from lading.testing import EmbeddedIndex
from tests.support.bombs import header, tar_gz
from tests.support.distributions import core_metadata, tarred, zipped

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
INFO = "demo-1.0.dist-info"
VERDICTS = json.loads(Path(__file__).with_name("index_verdicts.json").read_text("utf-8"))


@pytest.fixture
def index():
    with EmbeddedIndex() as index:
        yield index
    assert not index.errors


class Publisher:
    """Uploads files to the index, each with a form that is derived from nothing but the arguments."""

    def __init__(self, index: EmbeddedIndex, client: httpx.Client) -> None:
        self.index = index
        self._client = client
        self._auth = "Basic " + base64.b64encode(f"__token__:{index.create_token()}".encode()).decode()

    def __call__(self, filename: str, data: bytes, **fields: Any) -> str:
        """Upload a file; return "ok", or the reason of the refusal."""
        binary = fields.get("filetype", "bdist_wheel" if filename.endswith(".whl") else "sdist") == "bdist_wheel"
        form = {
            ":action": "file_upload",
            "metadata_version": "2.4",
            "name": "demo",
            "version": "1.0",
            "filetype": "bdist_wheel" if binary else "sdist",
            "pyversion": "py3" if binary else "source",
            "sha256_digest": hashlib.sha256(data).hexdigest(),
            **fields,
        }
        headers = {"Accept": "application/json", "Authorization": self._auth}
        response = self._client.post("/legacy/", data=form, files={"content": (filename, data)}, headers=headers)
        if response.status_code == 200:
            file = self.index.uploads[-1]
            assert (file.filename, file.digests["sha256"]) == (filename, form["sha256_digest"])
            return "ok"
        code: str = response.json()["code"]
        assert code.startswith("400 ")
        return code.removeprefix("400 ").replace(self.index.url, "URL")


@pytest.fixture
def publish(index):
    with httpx.Client(base_url=index.url, trust_env=False) as client:
        yield Publisher(index, client)


def wheel(*without: str, **members: bytes) -> bytes:
    """A wheel that lacks some members of the .dist-info directory, and has others."""
    files = {
        "demo.py": b"",
        f"{INFO}/METADATA": core_metadata(),
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n",
        f"{INFO}/RECORD": b"demo.py,,\n",
    }
    for name in without:
        del files[f"{INFO}/{name}"]
    return zipped({**files, **{f"{INFO}/{name}": content for name, content in members.items()}})


def sdist(**members: bytes) -> bytes:
    """An sdist with these members in its directory."""
    files = {"PKG-INFO": core_metadata(), "setup.py": b"", **members}
    return tarred({f"demo-1.0/{name}": content for name, content in files.items()})


def twice(name: str) -> bytes:
    """A wheel that has a member twice."""
    target = io.BytesIO(wheel())
    with warnings.catch_warnings(), zipfile.ZipFile(target, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(name, b"other")
    return target.getvalue()


def streamed() -> bytes:
    """A wheel that was written to a pipe: sizes follow the members."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    target = Pipe()
    with zipfile.ZipFile(io.BytesIO(wheel())) as source, zipfile.ZipFile(target, "w") as archive:
        for info in source.infolist():
            archive.writestr(info.filename, source.read(info))
    return target.getvalue()


def with_comment() -> bytes:
    target = io.BytesIO(wheel())
    with zipfile.ZipFile(target, "a") as archive:
        info = zipfile.ZipInfo("commented")
        info.comment = b"comment"
        archive.writestr(info, b"")
    return target.getvalue()


def changed(before: bytes, after: bytes, *, count: int = 1) -> bytes:
    content = wheel()
    assert before in content
    return content.replace(before, after, count)


def compressed(method: int) -> bytes:
    return zipped({f"{INFO}/WHEEL": b"", f"{INFO}/METADATA": core_metadata(), f"{INFO}/RECORD": b""}, method)


def sparse(tmp_path: Path) -> bytes:
    member = header("demo-1.0/sparse", 0, tarfile.GNUTYPE_SPARSE)
    info = header("demo-1.0/PKG-INFO")
    return tar_gz(tmp_path / "sparse", [info, member, bytes(1024)]).read_bytes()


ZIP = "Invalid distribution file. ZIP archive not accepted: {}. See URL/archives for more information"
ROOTS = "Invalid distribution file. Incorrect number of top-level directories in sdist"
ENTRY_POINTS = f"Wheel '{WHEEL}' has invalid entry points defined in the entry_points.txt file"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (wheel(), "ok"),
        (compressed(zipfile.ZIP_DEFLATED), "ok"),
        (b"x", "Invalid distribution file. File is not a zipfile"),
        (b"", "Invalid distribution file. File is not a zipfile"),
        (compressed(zipfile.ZIP_LZMA), "Invalid distribution file. File does not use a supported compression type"),
        (compressed(zipfile.ZIP_BZIP2), "Invalid distribution file. File does not use a supported compression type"),
        (
            zipped({f"{INFO}/WHEEL": bytes(65 << 20)}, zipfile.ZIP_DEFLATED),
            "Invalid distribution file. File exceeds compression ratio of 50",
        ),
        (wheel("WHEEL"), f"Invalid distribution file. WHEEL not found at {INFO}/WHEEL"),
        (wheel("METADATA"), f"Wheel '{WHEEL}' does not contain the required METADATA file: {INFO}/METADATA"),
        (wheel("RECORD"), f"Wheel '{WHEEL}' does not contain the required RECORD file: {INFO}/RECORD"),
        (wheel(RECORD=b"\xff"), f"Wheel '{WHEEL}' does not contain the required RECORD file: {INFO}/RECORD"),
        (wheel(RECORD=b"not,what,is\nthere"), "ok"),  # its owner gets a mail
        (wheel(**{"entry_points.txt": b"[console_scripts]\nDemo.x-1 = demo:main\n[x]\na b = c"}), "ok"),
        (wheel(**{"entry_points.txt": b"[console_scripts]\n../demo = demo:main\n"}), ENTRY_POINTS),
        (wheel(**{"entry_points.txt": b"[gui_scripts]\na b = demo:main\n"}), ENTRY_POINTS),
        (wheel(**{"entry_points.txt": b"no section"}), ENTRY_POINTS),
        (wheel(**{"entry_points.txt": b"[a]\n\xff = b"}), ENTRY_POINTS),
        (twice("demo.py"), ZIP.format("Duplicate filename in local headers")),
        (streamed(), ZIP.format("ZIP contains a data descriptor")),
        (with_comment(), ZIP.format("Comment in central directory")),
        (wheel() + b"more", ZIP.format("Trailing data")),
        (b"before" + wheel(), ZIP.format("Unknown record signature")),
        (changed(b"demo.py", b"demo.px"), ZIP.format("Filename not in central directory")),
        (changed(b"demo.py", b"demo.\x01y", count=2), ZIP.format("Invalid character in filename")),
        (wheel().replace(b"Wheel-Version", b"Wheel-version"), "Invalid distribution file. None"),
    ],
)
def test_the_content_of_wheels(publish, data, expected):
    assert publish(WHEEL, data) == expected


@pytest.mark.parametrize(
    ("filename", "data", "expected"),
    [
        (SDIST, sdist(), "ok"),
        (SDIST, b"x", "Invalid distribution file. File is not a tarfile"),
        (SDIST, wheel(), "Invalid distribution file. File is not a tarfile"),
        (SDIST, sdist()[:-40], "Invalid distribution file. None"),
        (SDIST, tarred({"demo-1.0/PKG-INFO": b"", "other/PKG-INFO": b""}), ROOTS),
        (SDIST, tarred({"demo-1.0/PKG-INFO": b"", "README": b""}), ROOTS),
        (SDIST, tarred({}), ROOTS),
        # The directory may have any name.
        (SDIST, tarred({"other/PKG-INFO": b"", "other/setup.py": b""}), "ok"),
        (
            SDIST,
            tarred({"./demo-1.0/PKG-INFO": b"", "./demo-1.0/setup.py": b""}),
            "Invalid distribution file. PKG-INFO not found at demo-1.0/PKG-INFO",
        ),
        (
            SDIST,
            tarred({"demo-1.0/setup.py": b"", "demo-1.0/a": b""}),
            "Invalid distribution file. PKG-INFO not found at demo-1.0/PKG-INFO",
        ),
        (
            SDIST,
            tarred({"demo-1.0/PKG-INFO": b""}),
            "Invalid distribution file. PKG-INFO not found at demo-1.0/PKG-INFO/PKG-INFO",
        ),
        ("demo-1.0.zip", zipped({"a/PKG-INFO": b"", "b/PKG-INFO": b""}), ROOTS),
        (
            "demo-1.0.zip",
            zipped({"a/PKG-INFO": b"", "a/b": b""}),
            "Filename 'demo-1.0.zip' is invalid, should be 'demo-1.0.tar.gz'.",
        ),
        (
            "demo-1.0.zip",
            zipped({"a/x": b"", "a/b": b""}),
            "Invalid distribution file. PKG-INFO not found at a/PKG-INFO",
        ),
    ],
)
def test_the_content_of_sdists(publish, filename, data, expected):
    assert publish(filename, data) == expected


def test_sparse_members_are_refused(publish, tmp_path):
    assert publish(SDIST, sparse(tmp_path)) == (
        "Invalid distribution file. tar archive not accepted: Sparse members are not allowed. See URL/archives for more "
        "information"
    )


LICENSES = {"license_file": ["LICENSE", "a/NOTICE"]}


def test_license_files_must_be_in_the_archive(publish):
    assert publish(WHEEL, wheel(LICENSE=b""), **LICENSES) == (
        f"License-File LICENSE does not exist in distribution file {WHEEL} at {INFO}/licenses/LICENSE"
    )
    assert publish(SDIST, sdist(LICENSE=b""), **LICENSES) == (
        f"License-File a/NOTICE does not exist in distribution file {SDIST} at demo-1.0/a/NOTICE"
    )
    complete = wheel(**{"licenses/LICENSE": b"", "licenses/a/NOTICE": b""})
    assert publish(WHEEL, complete, **LICENSES) == "ok"
    assert publish(SDIST, sdist(**{"LICENSE": b"", "a/NOTICE": b""}), **LICENSES) == "ok"


@pytest.mark.parametrize(
    ("filename", "fields", "expected"),
    [
        (
            "demo-1.0.zip",
            {"filetype": "bdist_wheel"},
            (
                "Invalid file extension: Extension .zip is invalid for filetype bdist_wheel. See "
                "https://www.python.org/dev/peps/pep-0527 for more information."
            ),
        ),
        (
            WHEEL,
            {"filetype": "sdist", "pyversion": "source"},
            (
                "Invalid file extension: Extension .whl is invalid for filetype sdist. See "
                "https://www.python.org/dev/peps/pep-0527 for more information."
            ),
        ),
        (
            "demo-1.0.exe",
            {},
            (
                "Invalid file extension: Use .tar.gz, .whl or .zip extension. See "
                "https://www.python.org/dev/peps/pep-0527 and https://peps.python.org/pep-0715/ for more information"
            ),
        ),
        (f"a/{WHEEL}", {}, "Cannot upload a file with '/' or '\\' in the name."),
        (f"a\\{WHEEL}", {}, "Cannot upload a file with '/' or '\\' in the name."),
        (
            "demo-1.0\x7f.tar.gz",
            {},
            (
                "Cannot upload a file with non-printable characters (ordinals 0-31) or the DEL character (ordinal 127) in "
                "the name."
            ),
        ),
        ("other-1.0.tar.gz", {}, "Start filename for 'demo' with 'demo'."),
        ("demo-1.1.tar.gz", {}, "Filename 'demo-1.1.tar.gz' is invalid, should be 'demo-1.0.tar.gz'."),
        ("Demo-1.0.tar.gz", {"name": "Demo"}, "Filename 'Demo-1.0.tar.gz' is invalid, should be 'demo-1.0.tar.gz'."),
        ("demo-one.tar.gz", {}, "Invalid source distribution filename: demo-one.tar.gz"),
        (
            "demo-1.0-1.tar.gz",
            {"version": "1.0.post1"},
            "Filename 'demo-1.0-1.tar.gz' is invalid, should be 'demo-1.0.post1.tar.gz'.",
        ),
    ],
)
def test_the_names_of_files(publish, filename, fields, expected):
    data = wheel() if filename.endswith(".whl") else zipped({"a/PKG-INFO": b"", "a/b": b""})
    assert publish(filename, sdist() if filename.endswith(".gz") else data, **fields) == expected


@pytest.mark.parametrize(
    ("filename", "name", "expected"),
    [
        ("other-1.0-py3-none-any.whl", "demo", "Start filename for 'demo' with 'demo'."),
        (
            "Demo-1.0-py3-none-any.whl",
            "Demo",
            "Filename 'Demo-1.0-py3-none-any.whl' should contain the normalized project name 'demo', not 'Demo'.",
        ),
        (
            "a.b-1.0-py3-none-any.whl",
            "a.b",
            "Filename 'a.b-1.0-py3-none-any.whl' should contain the normalized project name 'a_b', not 'a.b'.",
        ),
        ("a_b-1.0-py3-none-any.whl", "A.b", "ok"),
        ("demo-1.1-py3-none-any.whl", "demo", "Version in filename should be '1.0' not '1.1'."),
        ("demo-1.0.0-py3-none-any.whl", "demo", "ok"),
        ("demo-1.0-x-py3-none-any.whl", "demo", "Invalid build number: x in 'demo-1.0-x-py3-none-any'"),
    ],
)
def test_the_names_of_wheels(publish, filename, name, expected):
    stem = "-".join(filename.split("-")[:2])
    data = zipped({f"{stem}.dist-info/{member}": b"" for member in ("WHEEL", "METADATA", "RECORD")})
    assert publish(filename, data, name=name) == expected


@pytest.mark.parametrize(
    ("platform", "known"),
    [
        ("any", True),
        ("win_amd64", True),
        ("win_amd64x", False),
        ("linux_x86_64", False),
        ("linux_armv7l", True),
        ("manylinux1_x86_64", True),
        ("manylinux1_aarch64", False),
        ("manylinux2014_s390x", True),
        ("manylinux_2_28_ppc64", True),
        ("manylinux_2_28_mips", False),
        ("musllinux_1_2_riscv64", True),
        ("musllinux_1_2_ppc64", False),
        ("macosx_10_9_universal2", True),
        ("macosx_10_9_riscv", False),
        ("macosx_11_0_arm64", True),
        ("macosx_11_1_arm64", False),
        ("macosx_16_0_arm64", False),
        ("ios_13_0_arm64_iphoneos", True),
        ("ios_13_0_arm64_watch", False),
        ("android_21_arm64_v8a", True),
        ("android_21_mips", False),
        ("pyemscripten_2025_0_wasm32", True),
        ("emscripten_3_1_wasm32", False),
        ("manylinux_2_17_x86_64.manylinux2014_x86_64", True),
    ],
)
def test_the_platforms_of_wheels(publish, platform, known):
    filename = f"demo-1.0-py3-none-{platform}.whl"
    unknown = f"Binary wheel '{filename}' has an unsupported platform tag '{platform}'."
    assert publish(filename, wheel()) == ("ok" if known else unknown)


BROKEN = "Title\n==\n\n.. nowhere::\n\n`open"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"description": BROKEN},
            (
                "The description failed to render in the default format of reStructuredText. See "
                "URL/help/#description-content-type for more information."
            ),
        ),
        (
            {"description": BROKEN, "description_content_type": "text/x-rst; charset=UTF-8"},
            (
                "The description failed to render for 'text/x-rst; charset=UTF-8'. See "
                "URL/help/#description-content-type for more information."
            ),
        ),
        ({"description": BROKEN, "description_content_type": "text/markdown"}, "ok"),
        ({"description": BROKEN, "description_content_type": "text/plain"}, "ok"),
        ({"description": "Title\n=====\n\nText"}, "ok"),
    ],
)
def test_the_rendering_of_descriptions(publish, fields, expected):
    assert publish(WHEEL, wheel(), **fields) == expected


@pytest.mark.parametrize(("filename", "expected"), VERDICTS["verdicts"].items())
def test_distributions_with_the_names_of_real_ones(publish, filename, expected):
    """The verdict follows from the name, and from what it says of the metadata; the real files are in tests/stores."""
    fields: dict[str, Any] = {"metadata_version": "1.1", "classifiers": "Programming Language :: Python"}
    if "introduced in metadata version 1.1" in expected:
        fields["metadata_version"] = "1.0"
        if "download-url" in expected:
            fields["download_url"] = "https://example.org/"
        if "classifier" not in expected:
            del fields["classifiers"]
    elif "'2.0' is not a valid" in expected:
        fields["metadata_version"] = "2.0"
    if filename.endswith(".whl"):
        name, version = filename.split("-")[:2]
        data = zipped({f"{name}-{version}.dist-info/{member}": b"" for member in ("WHEEL", "METADATA", "RECORD")})
    else:
        stem = filename.removesuffix(".zip").removesuffix(".tar.gz")
        name, _, version = stem.rpartition("-")
        files = {f"{stem}/PKG-INFO": b"", f"{stem}/setup.py": filename.encode()}
        data = zipped(files) if filename.endswith(".zip") else tarred(files)
    verdict = publish(filename, data, name=name, version=version, **fields)
    if expected == "ok":
        assert verdict == "ok"
    else:
        first = expected.removeprefix("metadata: ").split("; ")[0]
        assert first.removesuffix(".") in verdict
