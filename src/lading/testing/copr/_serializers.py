"""The serializers of the embedded Copr: the models of API v3."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lading.testing.copr._state import STATES

if TYPE_CHECKING:
    from lading.testing.copr._state import Build, BuildChroot, Package, Project, ProjectChroot
    from lading.testing.copr._users import CoprUser

_COMPRESSED = ("failed", "succeeded", "canceled", "importing")


def show_user(user: CoprUser) -> dict[str, Any]:
    """Serialize a user."""
    return {"name": user.name, "id": user.id}


def show_project(project: Project, base: str) -> dict[str, Any]:
    """Serialize a project."""
    o = project.options
    return {
        "name": project.name,
        "persistent": o["persistent"],
        "additional_repos": list(o["additional_repos"]),
        "storage": project.storage,
        "homepage": o["homepage"],
        "contact": o["contact"],
        "description": o["description"],
        "instructions": o["instructions"],
        "devel_mode": o["devel_mode"],
        "unlisted_on_hp": o["unlisted_on_hp"],
        "auto_prune": o["auto_prune"],
        "enable_net": o["enable_net"],
        "bootstrap": o["bootstrap"],
        "isolation": o["isolation"],
        "module_hotfixes": o["module_hotfixes"],
        "appstream": o["appstream"],
        "packit_forge_projects_allowed": list(o["packit_forge_projects_allowed"]),
        "follow_fedora_branching": o["follow_fedora_branching"],
        "repo_priority": o["repo_priority"],
        "id": project.id,
        "ownername": project.ownername,
        "full_name": project.full_name,
        "chroot_repos": {name: f"{repo_url(project, base)}/{name}/" for name in project.chroots},
    }


def repo_url(project: Project, base: str, dirname: str | None = None) -> str:
    """Return the URL of the results of a project or of one of its directories, without a slash at its end."""
    return f"{base}/results/{project.ownername}/{dirname or project.name}"


def show_build(build: Build, base: str) -> dict[str, Any]:
    """Serialize a build."""
    chroots = build.chroots.values()
    started = [chroot.started_on for chroot in chroots if chroot.started_on is not None]
    ended = [chroot.ended_on for chroot in chroots]
    return {
        "chroots": [chroot.name for chroot in chroots],
        "ended_on": max((end for end in ended if end is not None), default=None) if None not in ended else None,
        "id": build.id,
        "is_background": build.options["background"],
        "ownername": build.project.ownername,
        "project_dirname": build.dirname,
        "projectname": build.project.name,
        "repo_url": repo_url(build.project, base),
        "started_on": min(started, default=None),
        "state": build.state,
        "submitted_on": build.submitted_on,
        "submitter": build.submitter.name,
        "source_package": {
            "name": None if build.package is None else build.package.name,
            "url": f"{base}{build.url}" if build.url and build.url.startswith("/") else build.url,
            "version": build.version,
        },
    }


def source_url(build: Build, base: str) -> str | None:
    """Return the URL of the results of the source build, without a slash at its end."""
    if build.source_dir is None:
        return None
    return f"{repo_url(build.project, base, build.dirname)}/srpm-builds/{build.source_dir}"


def chroot_url(build: Build, chroot: BuildChroot, base: str) -> str | None:
    """Return the URL of the results of a build in a chroot, once it is known."""
    if chroot.result_dir is None:
        return None
    return f"{repo_url(build.project, base, build.dirname)}/{chroot.name}/{chroot.result_dir}/"


def show_build_chroot(build: Build, chroot: BuildChroot, base: str) -> dict[str, Any]:
    """Serialize a build in one chroot."""
    return {
        "started_on": chroot.started_on,
        "ended_on": chroot.ended_on,
        "state": chroot.state,
        "name": chroot.name,
        "result_url": chroot_url(build, chroot, base),
    }


def show_package(package: Package, latest: dict[str, Any] | None, succeeded: dict[str, Any] | None) -> dict[str, Any]:
    """Serialize a package, with its two latest builds if they were requested."""
    source = dict(package.source)
    if "srpm_build_method" in source:
        source["source_build_method"] = source.pop("srpm_build_method")
    return {
        "id": package.id,
        "name": package.name,
        "ownername": package.project.ownername,
        "projectname": package.project.name,
        "source_type": package.source_type,
        "source_dict": source,
        "auto_rebuild": package.webhook_rebuild,
        "builds": {"latest": latest, "latest_succeeded": succeeded},
    }


def show_project_chroot(project: Project, chroot: ProjectChroot) -> dict[str, Any]:
    """Serialize a chroot of a project."""
    s = chroot.settings
    return {
        "additional_repos": s.get("additional_repos", []),
        "additional_packages": s.get("additional_packages", []),
        "additional_modules": s.get("additional_modules", []),
        "with_opts": s.get("with_opts", []),
        "without_opts": s.get("without_opts", []),
        "isolation": s.get("isolation", "unchanged"),
        "mock_chroot": chroot.name,
        "ownername": project.ownername,
        "projectname": project.name,
        "comps_name": chroot.comps_name,
        "delete_after_days": s.get("delete_after_days"),
    }


def show_repos(project: Project, chroot: ProjectChroot, base: str, dirname: str | None = None) -> list[dict[str, Any]]:
    """Serialize the repositories of builds in a chroot."""
    own = repo_url(project, base)
    common = {"priority": project.options["repo_priority"], "repo_gpgcheck": False}
    hotfixes = project.options["module_hotfixes"] or None
    repos = [_repo("copr_base", f"{own}/{chroot.name}/", "Copr repository", module_hotfixes=hotfixes, **common)]
    if project.options["devel_mode"]:
        suffix = "-devel" if project.storage == "pulp" else "/devel"
        url = f"{own}/{chroot.name}{suffix}/"
        repos.append(_repo("copr_base_devel", url, "Copr buildroot", **common))
    if dirname not in (None, project.name):
        url = f"{repo_url(project, base, dirname)}/{chroot.name}/"
        repos.append(_repo("copr_coprdir", url, "Coprdir repository", **common))
    for url in [*project.options["additional_repos"], *chroot.settings.get("additional_repos", [])]:
        name = re.sub(r"[^a-zA-Z0-9]+", "_", url).strip("_")
        where = f"{base}/results/{url.removeprefix('copr://')}/{chroot.name}/" if url.startswith("copr://") else url
        repos.append(_repo(name, where, f"Additional repo {name}"))
    return repos


def _repo(id: str, baseurl: str, name: str, **more: Any) -> dict[str, Any]:
    defaults = dict.fromkeys(("module_hotfixes", "priority", "repo_gpgcheck"))
    return {"baseurl": baseurl, **defaults, **more, "id": id, "name": name}


def additional_repos(project: Project, chroot: ProjectChroot) -> list[str]:
    """Return the repositories that builds in the chroot need, as their URLs were entered."""
    base = f"copr://{project.full_name}"
    more = [f"{base}/devel"] if project.options["devel_mode"] else []
    return [base, *chroot.settings.get("additional_repos", []), *project.options["additional_repos"], *more]


def show_monitored(build: Build, chroot: BuildChroot, fields: set[str], base: str) -> dict[str, Any]:
    """Serialize a build in a chroot for the monitor."""
    shown: dict[str, Any] = {"state": chroot.state, "status": STATES[chroot.state], "build_id": build.id}
    url = chroot_url(build, chroot, base)
    for field, name, live in (
        ("url_build_log", "builder-live.log", ("running",)),
        ("url_backend_log", "backend.log", ("starting", "running")),
    ):
        if field in fields:
            shown[field] = log_url(url, name, chroot.state, live)
    shown["pkg_version"] = build.version
    return shown


def log_url(url: str | None, name: str, state: str, live: tuple[str, ...]) -> str | None:
    """Return the URL of a log: plain while it is being written, compressed afterwards, ``None`` before."""
    if url is None:
        return None
    if state in live:
        return f"{url}{name}"
    return f"{url}{name}.gz" if state in _COMPRESSED else None
