"""The upload form: every metadata field under the name that indexes read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from packaging.metadata import RawMetadata, parse_email

from lading._artifacts.python import Distribution
from lading._core.files import FileDigests, FileVersion
from lading.pypi._upload_form import form_fields
from tests.support.distributions import core_metadata

VERSIONS = ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"]

# For each key of packaging's: what METADATA says, and what the form has for it.
FIELDS: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "metadata_version": ([], [("metadata_version", "2.5")]),
    "name": ([], [("name", "Demo.Pkg_x")]),
    "version": ([], [("version", "1.0")]),
    "platforms": (
        [("Platform", "any"), ("Platform", "Linux 6")],
        [("platform", "any"), ("platform", "Linux 6")],
    ),
    "supported_platforms": ([("Supported-Platform", "RedHat 7.2")], [("supported_platform", "RedHat 7.2")]),
    "summary": ([("Summary", "A démo ✓")], [("summary", "A démo ✓")]),
    "description": ([], [("description", "# Demo\n\nhello\n")]),
    "description_content_type": (
        [("Description-Content-Type", "text/markdown; charset=UTF-8; variant=GFM")],
        [("description_content_type", "text/markdown; charset=UTF-8; variant=GFM")],
    ),
    "keywords": ([("Keywords", "alpha,beta gamma , delta")], [("keywords", "alpha, beta gamma, delta")]),
    "home_page": ([("Home-page", "https://example.com/")], [("home_page", "https://example.com/")]),
    "download_url": ([("Download-URL", "https://example.com/d")], [("download_url", "https://example.com/d")]),
    "author": ([("Author", "The authors")], [("author", "The authors")]),
    "author_email": ([("Author-email", "A <a@example.com>")], [("author_email", "A <a@example.com>")]),
    "maintainer": ([("Maintainer", "Somebody")], [("maintainer", "Somebody")]),
    "maintainer_email": ([("Maintainer-email", "b@example.com")], [("maintainer_email", "b@example.com")]),
    "license": ([("License", "MIT")], [("license", "MIT")]),
    "license_expression": (
        [("License-Expression", "MIT OR BSD-2-Clause")],
        [("license_expression", "MIT OR BSD-2-Clause")],
    ),
    "license_files": (
        [("License-File", "LICENSE"), ("License-File", "LICENSES/MIT.txt")],
        [("license_file", "LICENSE"), ("license_file", "LICENSES/MIT.txt")],
    ),
    "classifiers": (
        [("Classifier", "Topic :: Utilities"), ("Classifier", "Private :: Do Not Upload")],
        [("classifiers", "Topic :: Utilities"), ("classifiers", "Private :: Do Not Upload")],
    ),
    "requires": ([("Requires", "re"), ("Requires", "sys")], [("requires", "re"), ("requires", "sys")]),
    "provides": ([("Provides", "demo")], [("provides", "demo")]),
    "obsoletes": ([("Obsoletes", "Gorgon")], [("obsoletes", "Gorgon")]),
    "requires_dist": (
        [("Requires-Dist", "anyio (>=4)"), ("Requires-Dist", "h11; extra == 'http'")],
        [("requires_dist", "anyio (>=4)"), ("requires_dist", "h11; extra == 'http'")],
    ),
    "provides_dist": ([("Provides-Dist", "other (1.0)")], [("provides_dist", "other (1.0)")]),
    "obsoletes_dist": ([("Obsoletes-Dist", "older (<3)")], [("obsoletes_dist", "older (<3)")]),
    "requires_python": ([("Requires-Python", ">=3.8,!=3.9.0")], [("requires_python", ">=3.8,!=3.9.0")]),
    "requires_external": ([("Requires-External", "libpng (>=1.5)")], [("requires_external", "libpng (>=1.5)")]),
    "project_urls": (
        [("Project-URL", "Home, https://example.com/"), ("Project-URL", "Bug, tracker , https://example.com/a,b")],
        [("project_urls", "Home, https://example.com/"), ("project_urls", "Bug, tracker , https://example.com/a,b")],
    ),
    "provides_extra": (
        [("Provides-Extra", "s3"), ("Provides-Extra", "http")],
        [("provides_extra", "s3"), ("provides_extra", "http")],
    ),
    "dynamic": ([("Dynamic", "License"), ("Dynamic", "Summary")], [("dynamic", "License"), ("dynamic", "Summary")]),
    "import_names": (
        [("Import-Name", "demo"), ("Import-Name", "demo_two; private")],
        [("import_name", "demo"), ("import_name", "demo_two; private")],
    ),
    "import_namespaces": ([("Import-Namespace", "zope")], [("import_namespace", "zope")]),
}


def distribution(metadata: Any, **changes: Any) -> Distribution:
    digests = {"sha256": "a" * 64, "blake2_256": "b" * 64}
    given = {
        "path": Path("demo-1.0-py3-none-any.whl"),
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "metadata": metadata,
        "hashed": FileDigests(FileVersion(1, 1, (1, 1)), digests),
    }
    return Distribution(**(given | changes))


def whole(version: str) -> RawMetadata:
    """Metadata with every field there is."""
    headers = [header for given, _ in FIELDS.values() for header in given]
    return parsed("Demo.Pkg_x", "1.0", *headers, metadata_version=version, description="# Demo\n\nhello\n")


def parsed(*arguments: Any, **options: Any) -> RawMetadata:
    metadata, unparsed = parse_email(core_metadata(*arguments, **options))
    assert unparsed == {}
    return metadata


def test_the_table_has_every_field_that_metadata_can_have():
    assert FIELDS.keys() == RawMetadata.__annotations__.keys()


@pytest.mark.parametrize("key", FIELDS)
def test_a_field_is_sent_under_its_name(key: str):
    expected = FIELDS[key][1]
    names = {name for name, _ in expected}
    assert [field for field in form_fields(distribution(whole("2.5"))) if field[0] in names] == expected


def test_nothing_else_is_sent():
    metadata = [field for _, expected in FIELDS.values() for field in expected]
    assert Counter(form_fields(distribution(whole("2.5")))) == Counter(
        [
            *metadata,
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("filetype", "bdist_wheel"),
            ("pyversion", "py3"),
            ("sha256_digest", "a" * 64),
            ("blake2_256_digest", "b" * 64),
        ]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_licence_files_are_sent_from_2_4_on(version: str):
    fields = form_fields(distribution(whole(version)))
    names = {name for name, _ in fields}
    assert ("metadata_version", version) in fields
    assert ("license_file" in names) == (version in {"2.4", "2.5"})
    everything = {name for _, expected in FIELDS.values() for name, _ in expected}
    assert everything - names <= {"license_file"}


def test_an_unreadable_metadata_version_is_left_to_the_index():
    fields = form_fields(distribution({"metadata_version": "nonsense", "license_files": ["LICENSE"]}))
    assert ("metadata_version", "nonsense") in fields
    assert "license_file" not in dict(fields)


def test_what_is_empty_is_not_sent():
    metadata = parsed("demo", "1.0", ("Summary", ""), ("Keywords", ""), ("Classifier", ""), ("Import-Name", ""))
    assert {name for name, _ in form_fields(distribution(metadata))} == {
        *(":action", "protocol_version", "metadata_version", "name", "version"),
        *("filetype", "pyversion", "sha256_digest", "blake2_256_digest"),
    }


def test_the_action_comes_first():
    # An index that reads the form as it comes knows what it is about.
    assert form_fields(distribution(whole("2.1")))[:2] == [(":action", "file_upload"), ("protocol_version", "1")]


def test_an_sdist_says_so_and_only_the_digests_there_are_are_sent():
    hashed = FileDigests(FileVersion(1, 1, (1, 1)), {"sha256": "c" * 64})
    fields = dict(form_fields(distribution({}, filetype="sdist", pyversion="source", hashed=hashed)))
    assert fields == {
        ":action": "file_upload",
        "protocol_version": "1",
        "filetype": "sdist",
        "pyversion": "source",
        "sha256_digest": "c" * 64,
    }
