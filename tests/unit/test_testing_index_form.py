"""The embedded index checks a form as warehouse does: the expected messages are from warehouse's own code."""

from __future__ import annotations

import pytest

from lading.testing._server.forms import UploadedFile
from lading.testing.index._refusals import ApiRefusal
from lading.testing.index._request_body import UploadForm
from lading.testing.index._upload_form import check_form
from lading.testing.messages import Fields

SEE = " See https://packaging.python.org/specifications/core-metadata for more information."
NAMES = "Start and end with a letter or numeral containing only ASCII numeric and '.', '_' and '-'."
SOURCE = "Invalid value for pyversion. Error: Use 'source' as Python version for an sdist."
SHA = "0" * 64
GOOD = {
    "metadata_version": "2.1",
    "name": "foo",
    "version": "1.0",
    "filetype": "bdist_wheel",
    "pyversion": "py3",
    "sha256_digest": SHA,
}


def verdict(tmp_path, *more: tuple[str, str], **changed: str | None) -> str:
    """Return the verdict on a valid form with these changes; ``None`` removes a field."""
    changed = {**GOOD, **changed}
    fields = [(name, value) for name, value in changed.items() if value is not None]
    content = UploadedFile("content", "foo-1.0-py3-none-any.whl", None, tmp_path / "absent")
    try:
        return f"OK {check_form(UploadForm(Fields([*fields, *more]), [], content))['version']}"
    except ApiRefusal as refused:
        return f"{refused.detail}" if refused.status == 400 else f"{refused.status}"


def metadata(version: str, **fields: str | None) -> dict[str, str | None]:
    return {"metadata_version": version, **fields}


AT_SIGN = "The part after the @-sign is not valid."
BOB = "'bob' is not a valid email address:"
NO_URLS = ("nope", "//x.org/", "ftp://x.org/", "mailto:a@b.c", " http://x.org/", "http://x.org/[a]", "http://x.org/?[]")
FORM = [
    ({}, "OK 1.0"),
    ({"filetype": None}, "Invalid value for filetype. Error: This field is required."),
    ({"filetype": "bdist_egg"}, "Invalid value for filetype. Error: Use a known file type."),
    (
        {"pyversion": None},
        "Invalid value for pyversion. Error: Python version is required for binary distribution uploads.",
    ),
    ({"filetype": "sdist"}, SOURCE),
    ({"filetype": "sdist", "pyversion": None}, "OK 1.0"),
    ({"filetype": "sdist", "pyversion": "source"}, "OK 1.0"),
    ({"sha256_digest": None}, "Error: Include at least one message digest."),
    ({"sha256_digest": None, "md5_digest": "0" * 32}, "OK 1.0"),
    (
        {"sha256_digest": "xyz"},
        "Invalid value for sha256_digest. Error: Use a valid, hex-encoded, SHA256 message digest.",
    ),
    ({"sha256_digest": "A" * 64}, "OK 1.0"),
    (
        {"blake2_256_digest": "x"},
        "Invalid value for blake2_256_digest. Error: Use a valid, hex-encoded, BLAKE2 message digest.",
    ),
    ({"protocol_version": "2"}, "Unknown protocol version."),
    ({"protocol_version": ""}, "Unknown protocol version."),
    ({"protocol_version": "1"}, "OK 1.0"),
    ({"filetype": " bdist_wheel"}, "Invalid value for filetype. Error: Use a known file type."),
    ({"filetype": "sdist", "pyversion": "source "}, SOURCE),
    # Of several errors the one of the first name in the alphabet is reported.
    (
        {"filetype": "egg", "sha256_digest": "x", "blake2_256_digest": "x"},
        "Invalid value for blake2_256_digest. Error: Use a valid, hex-encoded, BLAKE2 message digest.",
    ),
    ({"unknown": "x", "license_files": "x", "import_names": "x"}, "OK 1.0"),
]
METADATA = [
    ({"name": None}, "'' is an invalid value for Name. Error: This field is required."),
    *(
        ({"name": name}, f"{name!r} is an invalid value for Name. Error: {NAMES}")
        for name in ("-foo", "fóo", "foo ", "foo\n", " ")
    ),
    (
        {"name": "-" + "a" * 60},
        f"'-{'a' * 29}...{'a' * 30}' is an invalid value for Name. Error: {NAMES}",
    ),
    ({"version": None}, "'version' is a required field."),
    ({"version": "not a version"}, "'not a version' is invalid for 'version'."),
    (metadata("2.0"), "'2.0' is not a valid metadata version."),
    (metadata("2.6"), "'2.6' is not a valid metadata version."),
    ({"metadata_version": None}, "None is not a valid metadata version."),
    (metadata("2.4", import_name="foo"), "import-name introduced in metadata version 2.5, not 2.4."),
    ({"summary": "x" * 513}, "'summary' field must be 512 characters or less."),
    ({"summary": "a\nb"}, "'summary' must be a single line."),
    *(
        (
            {"author_email": address},
            f"{address!r} is not a valid email address: An email address must have an @-sign.",
        )
        for address in ("not-an-email", "Bob")
    ),
    (
        {"author_email": "bob@localhost"},
        f"'bob@localhost' is not a valid email address: {AT_SIGN} It should have a period.",
    ),
    ({"classifiers": "Private :: Do Not Upload"}, "'Private :: Do Not Upload' is not a valid classifier."),
    ({"classifiers": "Nope :: Nope"}, "'Nope :: Nope' is not a valid classifier."),
    (
        {"classifiers": "Natural Language :: Ukranian"},
        (
            "The classifier 'Natural Language :: Ukranian' has been deprecated, use one of ['Natural Language :: "
            "Ukrainian'] instead."
        ),
    ),
    *(({"home_page": url}, f"{url!r} is not a valid url.") for url in NO_URLS),
    ({"download_url": "ftp://a.example/x"}, "'ftp://a.example/x' is not a valid url."),
    ({"project_urls": "Home, x.org"}, "'x.org' is not a valid url."),
    ({"project_urls": ", https://x.org"}, "Must have a label."),
    ({"provides_dist": "foo @ https://x.y/z.whl"}, "Can't have direct dependency: 'foo @ https://x.y/z.whl'."),
    # Violations of PyPI's rules are looked for in metadata that are valid by the specification.
    ({"author_email": "bob", "requires_python": "three"}, "'three' is invalid for 'requires-python'."),
    ({"classifiers": "Nope", "author_email": "bob"}, f"{BOB} An email address must have an @-sign."),
    ({"project_urls": f"{'x' * 33}, https://example.com"}, f"{'x' * 33!r} must be 32 characters or less."),
    ({"project_urls": "Home"}, "Must have a URL."),
    ({"requires_dist": "foo @ https://x.y/z.whl"}, "Can't have direct dependency: foo @ https://x.y/z.whl."),
    ({"requires_dist": "foo bar"}, "'foo bar' is invalid for 'requires-dist'."),
    (metadata("2.2", dynamic="nope"), "'nope' is not a valid dynamic field."),
    (metadata("2.2", dynamic="name"), "'name' is not allowed as a dynamic field."),
    (
        metadata("2.4", license="x", license_expression="MIT"),
        "License is deprecated when License-Expression is present. Only License-Expression should be present.",
    ),
    (metadata("2.4", license_expression="Not A License"), "'Not A License' is invalid for 'license-expression'."),
    (metadata("2.3", license_file="L"), "license-file introduced in metadata version 2.4, not 2.3."),
    (metadata("2.3", license_expression="MIT"), "license-expression introduced in metadata version 2.4, not 2.3."),
    (
        {"description_content_type": "text/html"},
        "'description-content-type' must be one of ['text/plain', 'text/markdown', 'text/x-rst'], not 'text/html'.",
    ),
    ({"requires_python": "three"}, "'three' is invalid for 'requires-python'."),
    ({"provides_extra": "a b"}, "'a b' is invalid for 'provides-extra'."),
    # An error that makes the others meaningless is the one that is reported.
    (
        {"version": "x", "summary": "a\nb", "requires_python": "three", "home_page": "no"},
        "'x' is invalid for 'version'.",
    ),
]
TAKEN = [
    metadata("2.5", import_name="foo", import_namespace="ns"),
    metadata("2.4", license_file="LICENSE"),
    metadata("2.4", license_expression="mit"),
    {"requires_python": ""},
    {"keywords": "a, b c,d", "home_page": "UNKNOWN", "platform": "any"},
    {"home_page": "HTTP://x.org", "download_url": "https:x", "project_urls": "Home, http://x.org/a b"},
    {"classifiers": "Programming Language :: Python"},
    {"author_email": "not an address, Bob <bob@x.org>"},
    {"author_email": "bob [at] example [dot] org", "maintainer_email": "bob@[127.0.0.1]"},
]


@pytest.mark.parametrize(("changed", "expected"), FORM)
def test_the_form(tmp_path, changed, expected):
    assert verdict(tmp_path, **changed) == expected


@pytest.mark.parametrize(("changed", "expected"), METADATA)
def test_the_metadata(tmp_path, changed, expected):
    assert verdict(tmp_path, **changed) == expected + SEE


def test_a_local_version(tmp_path):
    assert verdict(tmp_path, version="1.0+local") == (
        "The use of local versions in '1.0+local' is not allowed. See https://packaging.python.org/en/latest/"
        "specifications/version-specifiers/#local-version-identifiers for more information."
    )


@pytest.mark.parametrize("changed", TAKEN)
def test_metadata_that_are_accepted(tmp_path, changed):
    assert verdict(tmp_path, **changed) == "OK 1.0"


def test_repeated_fields(tmp_path):
    assert verdict(tmp_path, ("name", "bar")) == "'name' has invalid data." + SEE
    # Nothing else is looked at then.
    assert verdict(tmp_path, ("name", "bar"), version="x") == "'name' has invalid data." + SEE
    assert verdict(tmp_path, ("classifiers", ""), ("classifiers", "Nope")) == "'' is not a valid classifier." + SEE
    # The last one decides whether a field is unknown.
    assert verdict(tmp_path, ("home_page", "nope"), ("home_page", "UNKNOWN")) == "OK 1.0"
    same = [("project_urls", "Home, https://a.example"), ("project_urls", "Home, https://b.example")]
    assert verdict(tmp_path, *same) == "'project_urls' has invalid data." + SEE


def test_a_form_without_a_file_and_a_field_with_a_file_name():
    with pytest.raises(ApiRefusal, match=r"^Upload payload does not have a file\.$"):
        check_form(UploadForm(Fields(GOOD), [], None))
    with pytest.raises(ApiRefusal, match=r"^summary: Should not be a tuple\.$"):
        check_form(UploadForm(Fields(GOOD), ["summary"], None))
