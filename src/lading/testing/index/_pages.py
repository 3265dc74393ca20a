"""The serializers of the embedded index: Simple API (PEP 503, 691, 700, 740, 792), JSON API, provenance."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from lading.testing.index._metadata import read_metadata
from lading.testing.index._refusals import json_not_found, negotiate
from lading.testing.index._state import Publisher
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from lading.testing.index._state import IndexState, Project, Release, StoredFile

API_VERSION = "1.4"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SIMPLE_HTML = "application/vnd.pypi.simple.v1+html"
_SIMPLE_KINDS = ("text/html", SIMPLE_HTML, SIMPLE_JSON)
# The media types that stand for the newest version.
_LATEST = {
    "application/vnd.pypi.simple.latest+json": SIMPLE_JSON,
    "application/vnd.pypi.simple.latest+html": SIMPLE_HTML,
}


def simple_list(state: IndexState, accept: str) -> ServerResponse:
    """Return the list of all projects."""
    projects = sorted(state.projects.values(), key=lambda project: project.key)
    meta = {"_last-serial": state.serial, "api-version": API_VERSION}
    entries = [{"name": project.name, "_last-serial": project.serial} for project in projects]
    links = [f'<a href="/simple/{project.key}/">{html.escape(project.name)}</a>' for project in projects]
    return _simple(accept, {"meta": meta, "projects": entries}, "Simple index", links, state.serial)


def simple_project(project: Project, accept: str, base_url: str) -> ServerResponse:
    """Return the files of one project."""
    # The files of a quarantined project are not offered (PEP 792).
    files = [] if project.status == "quarantined" else project.files
    status = {"status": project.status} | ({"reason": project.status_reason} if project.status_reason else {})
    entries = [_simple_file(project, file, base_url) for file in files]
    page = {
        "meta": {"_last-serial": project.serial, "api-version": API_VERSION},
        "name": project.key,
        "versions": sorted(project.releases, key=Version),
        "project-status": status,
        "alternate-locations": [],
        "files": entries,
    }
    links = [_link(entry) for entry in entries]
    return _simple(accept, page, f"Links for {project.key}", links, project.serial)


def _simple(accept: str, page: dict[str, Any], title: str, links: list[str], serial: int) -> ServerResponse:
    kind = negotiate(accept, (*_SIMPLE_KINDS, *_LATEST))
    kind = _LATEST.get(kind, kind) if kind is not None else "text/html"
    headers = {"X-PyPI-Last-Serial": str(serial), "Vary": "Accept"}
    if kind == SIMPLE_JSON:
        return ServerResponse(200, headers | {"Content-Type": kind}, json.dumps(page).encode())
    metas = {"repository-version": API_VERSION}
    for key, text in page.get("project-status", {}).items():
        metas["project-status" if key == "status" else "project-status-reason"] = text
    lines = [f'<meta name="pypi:{name}" content="{html.escape(text)}">' for name, text in metas.items()]
    head = "\n    ".join([*lines, f"<title>{title}</title>"])
    body = "\n".join(f"    {link}<br />" for link in links)
    text = (
        f"<!DOCTYPE html>\n<html>\n  <head>\n    {head}\n  </head>\n  <body>\n    <h1>{title}</h1>\n{body}\n"
        f"  </body>\n</html>\n<!--SERIAL {serial}-->"
    )
    return ServerResponse(200, headers | {"Content-Type": f"{kind}; charset=UTF-8"}, text.encode())


def _simple_file(project: Project, file: StoredFile, base_url: str) -> dict[str, Any]:
    release = project.releases[file.version]
    core = {"sha256": file.metadata_sha256} if file.metadata_sha256 else False
    provenance = f"{base_url}/integrity/{file.project}/{file.version}/{file.filename}/provenance"
    return {
        "filename": file.filename,
        "url": base_url + file.url_path,
        "hashes": {"sha256": file.digests["sha256"]},
        "requires-python": file.fields.get("requires_python") or None,
        "size": file.size,
        "upload-time": _time(file),
        "yanked": release.yanked and (release.yanked_reason or True),
        "core-metadata": core,
        "data-dist-info-metadata": core,
        "provenance": provenance if file.attestations else None,
    }


def _link(entry: dict[str, Any]) -> str:
    attributes = {"href": f"{entry['url']}#sha256={entry['hashes']['sha256']}"}
    if entry["requires-python"]:
        attributes["data-requires-python"] = entry["requires-python"]
    if entry["yanked"]:
        attributes["data-yanked"] = "" if entry["yanked"] is True else entry["yanked"]
    if entry["core-metadata"]:
        attributes["data-core-metadata"] = f"sha256={entry['core-metadata']['sha256']}"
        attributes["data-dist-info-metadata"] = attributes["data-core-metadata"]
    if entry["provenance"]:
        attributes["data-provenance"] = entry["provenance"]
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{html.escape(entry['filename'])}</a>"


def _time(file: StoredFile) -> str:
    return file.uploaded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def json_project(project: Project, version: str | None, base_url: str) -> ServerResponse:
    """Return the JSON API's page of a project's newest release, or of *version*."""
    release = project.releases.get(version) if version is not None else _newest(project)
    if release is None:
        return json_not_found()
    page: dict[str, Any] = {
        "info": _info(project, release, base_url),
        "last_serial": project.serial,
        "urls": [_json_file(release, file, base_url) for file in release.files],
        "vulnerabilities": [],
    }
    if version is None:
        page["releases"] = {
            one.version: [_json_file(one, file, base_url) for file in one.files] for one in project.releases.values()
        }
    return ServerResponse.json(page, headers={"X-PyPI-Last-Serial": str(project.serial)})


def _newest(project: Project) -> Release | None:
    """Return the newest release as PyPI ranks them: not yanked before yanked, then final before pre-release."""

    def rank(release: Release) -> tuple[bool, bool, Version]:
        version = Version(release.version)
        return not release.yanked, not version.is_prerelease, version

    return max(project.releases.values(), key=rank, default=None)


def _info(project: Project, release: Release, base_url: str) -> dict[str, Any]:
    raw, _ = read_metadata(release.fields)
    page = f"{base_url}/project/{project.key}/"
    texts = (
        *("summary", "description", "description_content_type", "home_page", "download_url", "author"),
        *("author_email", "maintainer", "maintainer_email", "license", "license_expression", "requires_python"),
    )
    return {
        **{name: raw.get(name) for name in texts},
        "name": project.name,
        "version": release.version,
        "keywords": ",".join(raw.get("keywords", [])) or None,
        "classifiers": raw.get("classifiers", []),
        "dynamic": raw.get("dynamic"),
        "license_files": raw.get("license_files"),
        "package_url": page,
        "platform": ",".join(raw.get("platforms", [])) or None,
        "project_url": page,
        "project_urls": raw.get("project_urls"),
        "provides_extra": raw.get("provides_extra"),
        "release_url": f"{page}{release.version}/",
        "requires_dist": raw.get("requires_dist"),
        "yanked": release.yanked,
        "yanked_reason": release.yanked_reason,
    }


def _json_file(release: Release, file: StoredFile, base_url: str) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "packagetype": file.filetype,
        "python_version": file.fields.get("pyversion") or "source",
        "digests": dict(file.digests),
        "md5_digest": file.digests["md5"],
        "size": file.size,
        "upload_time": _time(file)[:19],
        "upload_time_iso_8601": _time(file),
        "url": base_url + file.url_path,
        "requires_python": file.fields.get("requires_python") or None,
        "yanked": release.yanked,
        "yanked_reason": release.yanked_reason,
        "core-metadata": {"sha256": file.metadata_sha256} if file.metadata_sha256 else False,
        "comment_text": file.fields.get("comment") or "",
        "has_sig": False,
    }


def provenance(file: StoredFile) -> ServerResponse:
    """Return the attestations of a file, as PEP 740 bundles them."""
    publisher = file.uploaded_by
    if not file.attestations or not isinstance(publisher, Publisher):
        return json_not_found(f"No provenance available for {file.filename}")
    identity = {
        "kind": "GitHub",
        "repository": publisher.repository,
        "workflow": publisher.workflow,
        "environment": publisher.environment,
    }
    bundle = {"publisher": identity, "attestations": list(file.attestations)}
    body = json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()
    return ServerResponse(200, {"Content-Type": "application/vnd.pypi.integrity.v1+json"}, body)
