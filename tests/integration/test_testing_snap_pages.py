"""The pages of snaps at the embedded Snap Store: texts, images and figures."""

from __future__ import annotations

import hashlib
import json

import pytest

from lading.testing import EmbeddedSnapStore
from tests.support.snap_publisher import SnapPublisher, refusal

ICON = b"\x89PNG\r\n\x1a\n and more"


@pytest.fixture
def store():
    with EmbeddedSnapStore() as store:
        store.add_package("hello")
        yield store
    assert store.errors == []


@pytest.fixture
def publisher(store):
    with SnapPublisher(store) as publisher:
        yield publisher


@pytest.fixture
def update(store, publisher):
    def update(method="POST", **values):
        return publisher.send(method, f"/dev/api/snaps/{store.package_id('hello')}/metadata", values)

    return update


@pytest.fixture
def send_media(store, publisher):
    def send_media(entries, method="POST", **files):
        # Without a file, the field itself is sent as requests sends it.
        parts = {name: (f"{name}.png", data) for name, data in files.items()} or {"info": ("", json.dumps(entries))}
        data = {"info": json.dumps(entries)} if files else {}
        path = f"/dev/api/snaps/{store.package_id('hello')}/binary-metadata"
        return publisher.send(method, path, files=parts, data=data)

    return send_media


@pytest.fixture
def media(store, publisher):
    def media():
        return publisher.send("GET", f"/dev/api/snaps/{store.package_id('hello')}/binary-metadata").json()

    return media


def icon(content=ICON, key="icon"):
    entry = {"type": "icon", "hash": hashlib.sha256(content).hexdigest(), "filename": "icon.png"}
    return entry | ({"key": key} if key else {})


def test_texts_are_updated(store, update):
    response = update(summary="Greets", description="Says hello.")
    assert (response.status_code, response.content) == (200, b"")
    assert update(summary="Greets people").status_code == 200
    assert store.metadata("hello") == {"summary": "Greets people", "description": "Says hello."}


def test_a_snap_is_made_private(store, publisher, update):
    assert update(private=True).status_code == 200
    assert publisher.send("GET", "/dev/api/account").json()["snaps"]["16"]["hello"]["private"] is True


def test_what_was_changed_on_the_web_is_replaced_by_force_only(store, update):
    update(summary="Greets", title="Hello")
    store.edit_metadata("hello", summary="Greets you")
    response = update(summary="Greets", title="Hello there")
    assert response.status_code == 409
    assert response.json() == {
        "error_list": [
            {
                "code": "conflict",
                "message": "Conflict on summary",
                "extra": {"name": "summary", "field": "summary", "current": "Greets you", "value": "Greets"},
            }
        ]
    }
    assert store.metadata("hello") == {"summary": "Greets you", "title": "Hello"}
    assert update(summary="Greets you").status_code == 200
    assert update("PUT", summary="Greets").status_code == 200
    assert store.metadata("hello")["summary"] == "Greets"


@pytest.mark.parametrize("values", [{"invalid": "x"}, {"summary": 1}, {"summary": "x" * 129}, {"private": "no"}])
def test_other_texts_are_refused(store, update, values):
    assert refusal(update(**values)) == (400, "invalid-request", f"Invalid field: {next(iter(values))}")
    assert store.metadata("hello") == {}


def test_an_icon_is_uploaded_and_kept(send_media, media):
    response = send_media([icon()], icon=ICON)
    assert (response.status_code, response.json()) == (200, [icon(key=None)])
    (shown,) = media()
    assert shown.pop("url").endswith(shown["hash"])
    assert shown == icon(key=None)
    assert send_media([icon(key=None)]).status_code == 200
    assert send_media([]).json() == []
    assert media() == []


def test_an_icon_that_was_changed_on_the_web_is_replaced_by_force_only(store, send_media, media):
    store.edit_metadata("hello", icon="other")
    response = send_media([icon()], icon=ICON)
    assert refusal(response) == (409, "conflict", "Conflict on icon")
    assert media() == []
    assert send_media([icon()], "PUT", icon=ICON).status_code == 200


@pytest.mark.parametrize(
    ("entries", "files", "code"),
    [
        ([icon()], {"other": ICON}, "invalid-request"),
        ([icon(b"another")], {"icon": ICON}, "invalid-request"),
        ([icon(key=None)], {}, "invalid-request"),
        ([icon() | {"type": "video"}], {"icon": ICON}, "invalid-request"),
        ([icon(b"BM")], {"icon": b"BM"}, "media-unsupported-type"),
        ([icon(ICON * 20000)], {"icon": ICON * 20000}, "media-file-size-too-big"),
        ([icon(), icon()], {"icon": ICON}, "media-too-many-items"),
        ({}, {}, "invalid-request"),
    ],
)
def test_other_images_are_refused(send_media, media, entries, files, code):
    assert refusal(send_media(entries, **files))[:2] == (400, code)
    assert media() == []


def test_images_are_sent_as_a_form_in_parts(store, publisher):
    path = f"/dev/api/snaps/{store.package_id('hello')}/binary-metadata"
    assert publisher.send("POST", path, data={"info": "[]"}).status_code == 415
    assert publisher.send("POST", path, files={"other": b"x"}).status_code == 400


@pytest.fixture
def measure(store, publisher):
    def measure(metric="installed_base_by_channel", start="2026-11-19", end="2026-11-20", snap_id=None):
        snap_id = store.package_id("hello") if snap_id is None else snap_id
        wanted = {"snap_id": snap_id, "metric_name": metric, "start": start, "end": end}
        return publisher.send("POST", "/dev/api/snaps/metrics", {"filters": [wanted]})

    return measure


def test_figures(store, measure):
    store.set_metric(
        "hello", "installed_base_by_channel", {"2026-11-20": {"latest/edge": 2, "latest/stable": 12}, "2026-01-01": {}}
    )
    assert measure().json() == {
        "metrics": [
            {
                "snap_id": store.package_id("hello"),
                "metric_name": "installed_base_by_channel",
                "status": "OK",
                "buckets": ["2026-11-19", "2026-11-20"],
                "series": [
                    {"name": "latest/edge", "values": [None, 2]},
                    {"name": "latest/stable", "values": [None, 12]},
                ],
            }
        ]
    }


def test_figures_that_nobody_has(store, measure):
    (shown,) = measure("daily_device_change").json()["metrics"]
    assert (shown["status"], shown["buckets"], shown["series"]) == ("NO DATA", [], [])
    with pytest.raises(LookupError, match="no metric 'x'"):
        store.set_metric("hello", "x", {})


def test_other_filters_are_refused(publisher, measure):
    response = measure(start="2026-11-21")
    assert refusal(response) == (400, "invalid-date-interval", "Filter with start > end at index 0")
    assert response.json()["error_list"][0]["extra"] == {"index": 0, "start": "2026-11-21", "end": "2026-11-20"}
    assert refusal(measure("x"))[:2] == (400, "invalid-field")
    assert refusal(measure(end="now"))[:2] == (400, "invalid-field")
    assert refusal(measure(snap_id="none"))[:2] == (404, "resource-not-found")
    assert refusal(publisher.send("POST", "/dev/api/snaps/metrics", {"filters": [1]}))[:2] == (400, "invalid-field")
