"""Versions in file names, and the files that belong to a release."""

from __future__ import annotations

import pytest

from lading.pypi import File
from lading.pypi._simple_api import group_releases, version_of
from tests.support.steps import run_steps


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("demo-1.0-py3-none-any.whl", "1.0"),
        ("demo-1.0-1_build-cp312-cp312-manylinux_2_28_x86_64.whl", "1.0"),
        ("Demo.Pkg-2!1.0rc1.tar.gz", "2!1.0rc1"),
        ("demo-pkg-1.0.post1.dev2+local.7.tar.gz", "1.0.post1.dev2+local.7"),
        ("demo-v1.0.0.zip", "1.0.0"),
        ("demo-2024.01.01.tar.gz", "2024.1.1"),
        ("demo-1.0.tar.bz2", None),
        ("demo-1.0.egg", None),
        ("demo-1.0.win32.exe", None),
        ("demo-latest.tar.gz", None),
        ("demo-latest-py3-none-any.whl", None),
        ("demo.whl", None),
        (".tar.gz", None),
        ("", None),
    ],
)
def test_the_version_in_a_name(filename, version):
    assert version_of(filename) == version


def test_files_of_no_version_belong_to_no_release():
    files = [File(filename=name, url="") for name in ("demo-1.0.tar.gz", "demo-1.0.egg", "demo-1.zip")]
    (release,) = run_steps(group_releases("demo", files))
    assert (release.version, [f.filename for f in release.files]) == ("1.0", ["demo-1.0.tar.gz", "demo-1.zip"])
