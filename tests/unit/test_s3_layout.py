"""Names, versions, configuration and metadata: what is taken, what is refused, and how it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from lading import InputError, InvalidResponse
from lading.s3 import Stager
from lading.s3._layout import (
    Configuration,
    check_project,
    check_regions,
    check_version,
    dump_metadata,
    load_metadata,
    split_regions,
)


@pytest.mark.parametrize("name", ["SugarWater", "a", "A-b_c.d", "0", "..", "-"])
def test_project_names(name: str):
    assert check_project(name) == name
    Stager.validate_project_name(name)


@pytest.mark.parametrize("name", ["", "a\n", "\na", "a b", "a/b", "a@b", "é", "a+b", "a\0", "٣"])
def test_names_that_no_project_has(name: str):
    with pytest.raises(InputError, match="cannot be a project's name") as caught:
        Stager.validate_project_name(name)
    assert caught.value.argument == "project"


@given(st.text())
def test_no_name_gets_out_of_its_place(name: str):
    try:
        check_project(name)
    except InputError:
        return
    assert not set(name) & set("/@\n +")


@pytest.mark.parametrize("version", ["1.2.3", "0.0.0", "1.0.9000", "1.2.0+b.5", "1.0.0-rc.1", "1.0.0-0.a+b"])
def test_versions(version: str):
    assert check_version(version) == version
    assert check_version(Version.parse(version)) == version


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "01.2.3", "1.2.3\n", "1.2.3-", "1.2.3/x", "latest", None, 5, b"1.2.3"]
)
def test_what_is_no_version(version: object):
    with pytest.raises(InputError, match="is not a SemVer version") as caught:
        check_version(version)  # type: ignore[arg-type]
    assert caught.value.argument == "version"


def test_regions_are_named_once_and_keep_their_order():
    assert check_regions(["b", "a", "b"]) == ("b", "a")
    assert split_regions(" eu-west-1, ,us-east-1,") == ("eu-west-1", "us-east-1")
    assert split_regions("") == ()


@pytest.mark.parametrize("region", ["", "EU", "eu_west", "eu-west-1\n", "a.b", "a/b"])
def test_what_is_no_region(region: str):
    with pytest.raises(InputError, match="not the name of a region"):
        check_regions([region])


@pytest.mark.parametrize("prefix", ["a", "a/b", "/a"])
def test_a_key_prefix_ends_in_a_slash(prefix: str):
    with pytest.raises(InputError) as caught:
        Configuration("/b", bucket_key_prefix=prefix).check()
    assert caught.value.argument == "bucket_key_prefix"


@pytest.mark.parametrize("prefix", ["a", "a/", "/a/", "/"])
def test_a_parameter_prefix_begins_with_a_slash_and_ends_in_none(prefix: str):
    with pytest.raises(InputError) as caught:
        Configuration("/b", parameter_name_prefix=prefix).check()
    assert caught.value.argument == "parameter_name_prefix"


names = st.from_regex(r"[a-z0-9-]+", fullmatch=True)


@given(
    st.text(min_size=1),
    st.sampled_from(["", "/", "pre/", "a/b/"]),
    st.sampled_from(["", "/a", "/a/b"]),
    st.lists(names),
)
def test_a_configuration_is_read_as_it_was_written(bucket: str, keys: str, parameters: str, regions: list[str]):
    written = Configuration(bucket, keys, parameters, tuple(regions))
    assert Configuration.load(written.dump(), "here") == written


@pytest.mark.parametrize(
    "text",
    ["", "x", "null", "[]", '"a"', "5", "[" * 100_000],
)
def test_what_is_no_configuration_is_a_bad_response(text: str):
    with pytest.raises(InvalidResponse, match="the configuration in here is not what startifact writes"):
        Configuration.load(text, "here")


@pytest.mark.parametrize(
    ("keys", "parameters", "key", "param"),
    [
        ('"pre"', '"arts"', "preP@1.0.0", "arts/P/latest"),
        ('"pre/"', '"/arts/"', "pre/P@1.0.0", "/arts//P/latest"),
        ("null", "null", "P@1.0.0", "/P/latest"),
        ('""', '"/"', "P@1.0.0", "//P/latest"),
    ],
)
def test_prefixes_that_startifact_takes_are_used_as_they_are(keys: str, parameters: str, key: str, param: str):
    text = f'{{"bucket_name_param": "/b", "bucket_key_prefix": {keys}, "parameter_name_prefix": {parameters}}}'
    found = Configuration.load(text, "here")
    assert (found.key("P", "1.0.0"), found.latest_param("P")) == (key, param)
    assert found.regions == ()


@pytest.mark.parametrize("value", ["null", '""'])
def test_any_other_key_may_be_null(value: str):
    text = f'{{"bucket_name_param": {value}, "regions": {value}, "save_ok": {value}}}'
    assert Configuration.load(text, "here") == Configuration()


def test_keys_that_are_missing_have_their_defaults():
    assert Configuration.load("{}", "here") == Configuration()
    assert Configuration.load('{"unknown": [1]}', "here") == Configuration()


@given(st.dictionaries(st.text(), st.text()))
def test_metadata_is_read_as_it_was_written(metadata: dict[str, str]):
    assert load_metadata(dump_metadata(metadata), "key") == metadata


def test_metadata_whose_values_are_not_strings_is_read():
    data = b'{"n": 1, "t": true, "z": null, "l": [1, "a"], "o": {"k": "v"}, "s": "text"}'
    expected = {"n": "1", "t": "true", "z": "null", "l": '[1, "a"]', "o": '{"k": "v"}', "s": "text"}
    assert load_metadata(data, "key") == expected


@pytest.mark.parametrize("metadata", [{"a": 1}, {1: "a"}, {"a": None}, {"a": b"x"}])
def test_metadata_is_text_by_text(metadata: dict[str, str]):
    with pytest.raises(InputError, match="must map strings to strings"):
        dump_metadata(metadata)


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b"null", b'"a"', b"\xff", b"[" * 100_000])
def test_what_is_no_metadata_is_a_bad_response(data: bytes):
    with pytest.raises(InvalidResponse, match="key is not the metadata of an artifact"):
        load_metadata(data, "key")
