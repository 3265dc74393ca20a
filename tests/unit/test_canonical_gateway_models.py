"""Packages, channel maps, revisions and resources, as stores were recorded to send them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from lading import InputError
from lading.canonical import Base, Package, PublicRelease, Release, ResourceBase, ResourceRevision, Revision
from lading.canonical._models_packages import PackageList
from lading.canonical._models_public import PublicInfo
from lading.canonical._models_releases import ChannelMap, ReleaseResults
from lading.canonical._models_resources import ImageCredentials, ResourceRevisionList

# A server that is written in Go: null for lists and objects, nanoseconds, members that others have are missing.
GO_PACKAGES = """{"results":[{"authority":null,"contact":null,"default-track":"latest","description":null,
"id":"52af8cd4df834092a53cd2202930768f","links":null,"media":null,"name":"lab-charm","private":false,
"publisher":{"id":"3ab616ad","username":"developer","display-name":"Developer","validation":"verified"},
"status":"registered","store":"http://127.0.0.1/charms/lab-charm","summary":null,"title":null,"track-guardrails":null,
"tracks":[{"name":"latest","version-pattern":null,"automatic-phasing-percentage":null,
"created-at":"2026-11-20T15:41:54.718217487Z"}],"type":"charm","website":null}]}"""
GO_RELEASES = """{"channel-map":[{"base":null,"channel":"latest/edge","expiration-date":null,
"resources":[{"name":"my-file","revision":1}],"revision":1,"when":"2026-11-20T15:41:54.73631481Z"}],
"craft-channel-map":[],"package":{"channels":[
{"branch":null,"fallback":null,"name":"latest/stable","risk":"stable","track":"latest"},
{"branch":null,"fallback":"latest/stable","name":"latest/candidate","risk":"candidate","track":"latest"}]},
"revisions":[{"bases":[{"architecture":"amd64","channel":"22.04","name":"ubuntu"}],
"created-at":"2026-11-20T15:41:54.72569175Z","created-by":"3ab616ad","revision":1,"sha3-384":"33668f","size":505,
"status":"approved","version":"1"}]}"""
GO_RESOURCES = """{"revisions":[{"architectures":null,"bases":[{"architectures":["all"],"channel":"all","name":"all"}],
"created-at":"2026-11-20T15:41:54.731332309Z","download":{"url":"http://127.0.0.1/my-file_1","size":5,
"hash-sha-256":"2cf2","hash-sha-384":"59e1","hash-sha-512":"9b71","hash-sha3-384":"720a"},"filename":"my-file",
"revision":1}]}"""
RELEASES = """{"channel-map":[{"base":{"name":"ubuntu","channel":"22.04","architecture":"amd64"},
"channel":"latest/edge/fix","expiration-date":"2026-12-20T00:00:00+00:00",
"progressive":{"paused":null,"percentage":20.5},"resources":null,"revision":"7","when":"2024-01-02T03:04:05Z"}],
"package":{"channels":null},"revisions":[{"bases":[null],"created-at":"2024-01-02T03:04:05Z","errors":[
{"code":"review-error","message":"bad"}],"revision":7,"sha3-384":"f0","size":104,"status":"quarantined","version":"1"}]}"""


def test_nothing_is_needed_of_a_package_but_its_id() -> None:
    package = PackageList.model_validate_json(GO_PACKAGES).results[0]
    assert (package.id, package.name, package.default_track) == (
        "52af8cd4df834092a53cd2202930768f",
        "lab-charm",
        "latest",
    )
    assert (package.links, package.media, package.track_guardrails) == ({}, (), ())
    assert package.tracks[0].created_at == datetime(2026, 11, 20, 15, 41, 54, 718217, UTC)
    assert package.publisher is not None
    assert package.publisher.username == "developer"
    assert Package.model_validate_json('{"id": "x"}').tracks == ()
    with pytest.raises(ValidationError):
        Package.model_validate_json("{}")


def test_a_channel_map_without_bases_and_progressive_releases() -> None:
    channel_map = ChannelMap.model_validate_json(GO_RELEASES)
    (release,) = channel_map.releases
    assert (release.channel, release.revision, release.base, release.progressive) == ("latest/edge", 1, None, None)
    assert release.resources[0].name == "my-file"
    assert [channel.fallback for channel in channel_map.channels] == [None, "latest/stable"]
    assert channel_map.revisions[0].bases == (Base(name="ubuntu", channel="22.04", architecture="amd64"),)


def test_a_channel_map_with_a_branch_a_percentage_and_an_unknown_status() -> None:
    channel_map = ChannelMap.model_validate_json(RELEASES)
    (release,) = channel_map.releases
    assert release.revision == 7
    assert release.resources == ()
    assert release.progressive is not None
    assert release.progressive.percentage == 20.5
    assert release.expiration_date == datetime(2026, 12, 20, tzinfo=UTC)
    (revision,) = channel_map.revisions
    assert (revision.status, revision.bases) == ("quarantined", (None,))
    assert (revision.errors[0].code, revision.errors[0].message) == ("review-error", "bad")
    assert channel_map.channels == ()


def test_what_is_in_a_channel_is_found_by_any_of_its_names() -> None:
    channel_map = ChannelMap.model_validate_json(GO_RELEASES)
    assert channel_map.in_channel("edge") == channel_map.in_channel("latest/edge") == channel_map.releases
    assert channel_map.in_channel("edge/fix") == channel_map.in_channel("beta") == ()
    with pytest.raises(InputError):
        channel_map.in_channel("2.0")


def test_a_release_of_a_snap_has_an_architecture() -> None:
    release = Release.model_validate({"channel": "stable", "revision": 1, "architecture": "arm64"})
    assert (release.architecture, release.base) == ("arm64", None)


def test_results_of_a_release_may_be_null_and_not_missing() -> None:
    assert ReleaseResults.model_validate_json('{"released": null}').released == ()
    result = ReleaseResults.model_validate_json('{"released":[{"channel":"beta","revision":null,"resources":null}]}')
    assert result.released[0].revision is None
    with pytest.raises(ValidationError):
        ReleaseResults.model_validate_json("{}")


def test_the_digests_of_a_resource_may_be_at_its_download() -> None:
    (revision,) = ResourceRevisionList.model_validate_json(GO_RESOURCES).revisions
    assert (revision.sha3_384, revision.size, revision.type) == (None, None, None)
    assert revision.bases == (ResourceBase(),)
    assert revision.download is not None
    assert (revision.download.sha3_384, revision.download.sha256, revision.download.size) == ("720a", "2cf2", 5)
    other = ResourceRevision.model_validate_json('{"revision": 2, "sha3-384": "ab", "sha384": "cd", "bases": null}')
    assert (other.sha3_384, other.sha384, other.bases) == ("ab", "cd", ())


def test_a_revision_of_a_snap() -> None:
    revision = Revision.model_validate({"revision": 3, "architectures": ["amd64"], "base": "core24", "commit-id": "ab"})
    assert (revision.architectures, revision.base, revision.commit_id) == (("amd64",), "core24", "ab")


def test_installers_see_charms_with_an_object_and_snaps_with_a_number() -> None:
    charm = {
        "channel": {"name": "latest/edge", "base": {"name": "ubuntu"}},
        "revision": {"revision": 7, "version": "1"},
    }
    snap = {"channel": {"name": "edge", "architecture": "amd64"}, "revision": 7, "version": "1"}
    found = PublicInfo.model_validate_json(json.dumps({"channel-map": [charm, snap]})).channel_map
    assert [(release.revision, release.version) for release in found] == [(7, "1"), (7, "1")]
    assert PublicInfo.model_validate_json('{"channel-map": null}').channel_map == ()
    with pytest.raises(ValidationError):
        PublicRelease.model_validate({"channel": {"name": "edge"}, "revision": {}})


def test_the_password_of_a_registry_is_not_shown() -> None:
    found = ImageCredentials.model_validate({"image-name": "r/x", "username": "u", "password": "hunter2"})
    assert found.password == "hunter2"
    assert "hunter2" not in repr(found)
