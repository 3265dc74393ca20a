"""Wheels and sdists on disk: good ones, and all kinds of others."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from lading import InputError
from lading._artifacts.python import normalize_name, parse_filename, read_distribution
from tests.support.distributions import core_metadata, sdist, tarred, wheel, zipped

Make = Callable[[Path], Path]

WHEEL = "demo-1.0-py3-none-any.whl"
METADATA = "demo-1.0.dist-info/METADATA"


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What the function given as parameter makes; before the loop runs, as files are not for it."""
    make: Make = request.param
    return make(tmp_path)


def cases(table: dict[str, tuple[Make, object]]) -> pytest.MarkDecorator:
    """Parametrize a test with a path and what is expected of it."""
    values = [(make, expected) for make, expected in table.values()]
    return pytest.mark.parametrize(("path", "expected"), values, ids=list(table), indirect=["path"])


def named(name: str, content: bytes = b"") -> Make:
    """A file of this name."""

    def make(directory: Path) -> Path:
        path = directory / name
        path.write_bytes(content)
        return path

    return make


def wheel_with(metadata: bytes) -> Make:
    return lambda directory: wheel(directory, metadata=metadata)


def sdist_with(metadata: bytes, suffix: str = ".tar.gz") -> Make:
    return lambda directory: sdist(directory, metadata=metadata, suffix=suffix)


@pytest.mark.anyio
@cases(
    {
        "wheel": (wheel, ("bdist_wheel", "py3", "demo", "1.0")),
        "tags": (lambda f: wheel(f, tag="py2.py3-none-any"), ("bdist_wheel", "py2.py3", "demo", "1.0")),
        "build": (
            lambda f: wheel(f, tag="1-cp312-abi3-manylinux_2_28_x86_64"),
            ("bdist_wheel", "cp312", "demo", "1.0"),
        ),
        "tar": (sdist, ("sdist", "source", "demo", "1.0")),
        "zip": (lambda f: sdist(f, suffix=".zip"), ("sdist", "source", "demo", "1.0")),
        "odd name": (lambda f: wheel(f, "Demo_Pkg.x"), ("bdist_wheel", "py3", "Demo_Pkg.x", "1.0")),
        "name written otherwise": (
            wheel_with(core_metadata("DEMO", "1.0")),
            ("bdist_wheel", "py3", "DEMO", "1.0"),
        ),
        "version written otherwise": (wheel_with(core_metadata("demo", "1")), ("bdist_wheel", "py3", "demo", "1")),
        "local version": (lambda f: wheel(f, version="1.0+a.b"), ("bdist_wheel", "py3", "demo", "1.0+a.b")),
        "dots before names": (
            named("demo-1.0.tar.gz", tarred({"./demo-1.0/PKG-INFO": core_metadata()})),
            ("sdist", "source", "demo", "1.0"),
        ),
        "unknown fields": (
            wheel_with(core_metadata("demo", "1.0", ("X-Own", "1"))),
            ("bdist_wheel", "py3", "demo", "1.0"),
        ),
        "another dist-info directory before it": (
            named(WHEEL, zipped({"a-1.dist-info/METADATA": core_metadata("a", "1"), METADATA: core_metadata()})),
            ("bdist_wheel", "py3", "demo", "1.0"),
        ),
        "a dist-info directory of another name": (
            named(WHEEL, zipped({"Demo-1.0.0.dist-info/METADATA": core_metadata()})),
            ("bdist_wheel", "py3", "demo", "1.0"),
        ),
        "deflated": (
            named(WHEEL, zipped({METADATA: core_metadata()}, zipfile.ZIP_DEFLATED)),
            ("bdist_wheel", "py3", "demo", "1.0"),
        ),
    }
)
async def test_what_is_read(path: Path, expected: tuple[str, ...]):
    found = await read_distribution(os.fspath(path))
    assert (found.filetype, found.pyversion, found.name, found.version) == expected
    assert (found.path, found.filename) == (path, path.name)


@pytest.mark.anyio
@cases(
    {
        "neither": (named("demo-1.0.tar.bz2"), "demo-1.0.tar.bz2 is not the name of a wheel or an sdist"),
        "an egg": (named("demo-1.0-py3.egg"), "is not the name of a wheel or an sdist"),
        "wheel's name": (named("demo.whl"), "is not the name of a wheel or an sdist"),
        "wheel's version": (named("demo-one-py3-none-any.whl"), "is not the name of a wheel or an sdist"),
        "sdist's version": (named("demo-one.tar.gz"), "is not the name of a wheel or an sdist"),
        "several dist-info directories": (
            named(WHEEL, zipped({"a-1.dist-info/METADATA": b"", "b-1.dist-info/METADATA": b""})),
            f"{WHEEL} has several .dist-info directories, and none of them is demo-1.0.dist-info",
        ),
        "empty wheel": (named(WHEEL), f"{WHEEL} is damaged"),
        "empty sdist": (named("demo-1.0.tar.gz"), "demo-1.0.tar.gz is damaged"),
        "zip as tar": (named("demo-1.0.tar.gz", zipped({})), "demo-1.0.tar.gz is damaged"),
        "tar as zip": (named("demo-1.0.zip", tarred({})), "demo-1.0.zip is damaged"),
        "cut sdist": (
            named(
                "demo-1.0.tar.gz", tarred({"demo-1.0/a": bytes(range(100)), "demo-1.0/PKG-INFO": core_metadata()})[:150]
            ),
            "demo-1.0.tar.gz is damaged",
        ),
        "damaged content": (
            named(WHEEL, zipped({METADATA: core_metadata()}).replace(b"Name: demo", b"Name: dem0")),
            f"{WHEEL} is damaged: BadZipFile",
        ),
        "no metadata": (
            named(WHEEL, zipped({"demo/__init__.py": b""})),
            "has no metadata where a bdist_wheel keeps them",
        ),
        "metadata too deep": (
            named("demo-1.0.tar.gz", tarred({"demo-1.0/src/PKG-INFO": core_metadata()})),
            "has no metadata where a sdist keeps them",
        ),
        "metadata of another kind": (
            named("demo-1.0.zip", zipped({METADATA: core_metadata()})),
            "has no metadata where a sdist keeps them",
        ),
        "metadata bomb": (
            named(WHEEL, zipped({METADATA: core_metadata(description="a" * (5 << 20))}, zipfile.ZIP_DEFLATED)),
            "has metadata of more than 4194304 bytes",
        ),
        "metadata bomb in an sdist": (
            sdist_with(core_metadata(description="a" * (5 << 20))),
            "has metadata of more than 4194304 bytes",
        ),
        "empty metadata": (wheel_with(b"\n"), "have no metadata_version"),
        "no name": (wheel_with(b"Metadata-Version: 2.1\nVersion: 1.0\n"), "have no name"),
        "no version": (sdist_with(b"Metadata-Version: 2.1\nName: demo\n", ".zip"), "have no version"),
        "another name": (
            wheel_with(core_metadata("other", "1.0")),
            f"{WHEEL} is of demo by its name, and of 'other' by its metadata",
        ),
        "another version": (
            sdist_with(core_metadata("demo", "1.1")),
            "demo-1.0.tar.gz is version 1.0 by its name, and '1.1' by its metadata",
        ),
        "no version at all": (sdist_with(core_metadata("demo", "one")), "and 'one' by its metadata"),
        "a field twice": (
            wheel_with(
                core_metadata(
                    "demo", "1.0", ("Summary", "one"), ("Summary", "two"), ("Keywords", "a"), ("Keywords", "b")
                )
            ),
            "malformed, or there twice: keywords, summary",
        ),
        "a label twice": (
            wheel_with(core_metadata("demo", "1.0", ("Project-URL", "A, x"), ("Project-URL", "A, y"))),
            "malformed, or there twice: project-url",
        ),
        "two descriptions": (
            wheel_with(core_metadata("demo", "1.0", ("Description", "one"), description="two")),
            "malformed, or there twice: description",
        ),
        "not UTF-8": (wheel_with(core_metadata() + b"Classifier: \xff\n"), "malformed, or there twice: classifier"),
    }
)
async def test_what_is_refused(path: Path, expected: str):
    with pytest.raises(InputError) as caught:
        await read_distribution(path)
    text = str(caught.value)
    assert expected in text
    assert caught.value.argument == "path"
    assert "\n" not in text


@pytest.mark.anyio
async def test_what_is_not_there_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        await read_distribution(tmp_path / WHEEL)


@pytest.mark.anyio
async def test_a_directory_is_an_os_error(a_directory: Path):
    with pytest.raises(OSError, match=WHEEL):
        await read_distribution(a_directory)


@pytest.fixture
def a_directory(tmp_path: Path) -> Path:
    path = tmp_path / WHEEL
    path.mkdir()
    return path


def test_the_digests_are_of_the_whole_file(tmp_path: Path):
    path = wheel(tmp_path, payload=bytes(range(256)) * 9000)  # more than one piece
    content = path.read_bytes()
    hashed = anyio.run(read_distribution, path).hashed
    assert hashed.stamp.size == len(content)
    assert hashed.digests == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "blake2_256": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }


def test_a_python_without_blake2_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def missing(**_: object):
        raise ValueError("unsupported hash type")

    path = wheel(tmp_path)
    monkeypatch.setattr(hashlib, "blake2b", missing)
    assert anyio.run(read_distribution, path).hashed.digests.keys() == {"sha256"}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    directory = tmp_path_factory.mktemp("archives")
    return (
        wheel(directory),
        sdist(directory),
        sdist(directory, suffix=".zip"),
        named(f"{WHEEL[:-4]}.linux.whl", zipped({METADATA: core_metadata()}, zipfile.ZIP_LZMA))(directory),
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data(), which=st.integers(0, 3))
def test_damage_of_any_kind_is_an_input_error(archives: tuple[Path, ...], data: st.DataObject, which: int):
    path = archives[which]
    content = bytearray(path.read_bytes())
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[place] = byte
    end = data.draw(st.none() | st.integers(0, len(content)))
    damaged = path.parent / "damaged" / path.name
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(content[:end])
    with contextlib.suppress(InputError):
        assert anyio.run(read_distribution, damaged).name.lower() == "demo"


parts = st.sampled_from(
    [
        "demo",
        "Demo.Pkg_x",
        "de__mo",
        "",
        "1.0",
        "1!2.0rc1+a.b",
        "one",
        "1x",
        "2\n",
        "\u0661x",
        "py3",
        "py2.py3",
        "none",
        "any",
    ]
) | st.text(st.sampled_from("aB1._-+!\u00e9"), max_size=6)
suffixes = st.sampled_from([".whl", ".tar.gz", ".zip", ".egg", ""])


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(parts, max_size=7), suffixes)
def test_names_of_files_mean_what_packaging_says(parts: list[str], suffix: str):
    filename = "-".join(parts) + suffix
    expected: tuple[str, ...] | None
    try:
        if suffix == ".whl":
            name, version, _, _ = parse_wheel_filename(filename)
            expected = ("bdist_wheel", parts[-3], name, str(version))
        else:
            name, version = parse_sdist_filename(filename)
            expected = ("sdist", "source", name, str(version))
    except (InvalidWheelFilename, InvalidSdistFilename):
        expected = None
    try:
        found = parse_filename(filename)
    except InputError:
        assert expected is None
    else:
        assert (found.filetype, found.python_tag, found.project, str(found.version)) == expected


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(["demo", "Demo.Pkg_x", "A--b"]),
    st.sampled_from(["1.0", "1!2.0rc1+a.b", "v1", "one"]),
    st.sampled_from(["", "1-", "1x-", "x1-", "-"]),
    st.sampled_from(["py3", "py2.py3", "3", "py3."]),
    st.sampled_from(["none", "cp312.abi3", ""]),
    st.sampled_from(["any", "manylinux_2_28_x86_64.linux_x86_64", "a."]),
)
def test_names_of_wheels_mean_what_packaging_says(
    name: str, version: str, build: str, python: str, abi: str, platform: str
):
    filename = f"{name}-{version}-{build}{python}-{abi}-{platform}.whl"
    try:
        expected = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        with pytest.raises(InputError, match="is not the name of a wheel or an sdist"):
            parse_filename(filename)
        return
    found = parse_filename(filename)
    assert (found.project, found.version, found.python_tag) == (*expected[:2], python)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("aBc1._-\u0130\u00df")) | st.text())
def test_normalised_names_are_those_of_packaging(name: str):
    assert normalize_name(name) == canonicalize_name(name)


def test_a_version_of_too_many_digits_is_an_input_error():
    with pytest.raises(InputError):
        parse_filename(f"demo-{'1' * 5000}.tar.gz")


@pytest.mark.parametrize("name", ["demo-1.0-py3-none-any\udcff.whl", "demo\ud800-1.0.tar.gz"])
def test_a_name_that_is_not_unicode_is_an_input_error(name: str):
    with pytest.raises(InputError, match="characters in its name that are not UTF-8") as caught:
        parse_filename(name)
    str(caught.value).encode()
