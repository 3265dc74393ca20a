"""The options of builds at the embedded Copr, and the project directories that builds can be in."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from lading.testing.copr._project_form import is_true
from lading.testing.copr._refusals import ApiRefusal, FormErrors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import Project

_BOOTSTRAP = ("unchanged", "default", "on", "off", "image")
_ISOLATION = ("unchanged", "default", "nspawn", "simple")
_MAX_TIMEOUT = 108000
_DEFAULT_TIMEOUT = 18000


def check_dirname(project: Project, dirname: str) -> None:
    """Check that *project* has the directory, or that the directory can be added."""
    if dirname in project.dirs:
        return
    if not dirname.startswith(f"{project.name}:"):
        raise ApiRefusal(400, f"Copr dirname must start with '{project.name}:' prefix")
    kind, _, suffix = dirname.removeprefix(f"{project.name}:").partition(":")
    is_pr = kind == "pr" and ":" not in suffix and suffix.rpartition("-")[2].isnumeric()
    if not (is_pr or (kind == "custom" and dirname.startswith(f"{project.name}:custom:"))):
        raise ApiRefusal(
            400,
            f"Please use directory format {project.name}:custom:<SUFFIX_OF_CHOICE> or {project.name}:pr:<ID> "
            "(for automatically removed directories)",
        )
    if not all(piece.isalnum() for part in dirname.split(":")[1:] for piece in part.split("-")):
        raise ApiRefusal(
            400,
            f"Wrong directory '{dirname}' specified.  Directory name can consist of alpha-numeric strings separated "
            "by colons.",
        )


def check_packit(project: Project, sent: Mapping[str, Any]) -> None:
    """Check that Packit may build for the forge project in *project*, if one was sent."""
    forge = sent.get("packit_forge_project")
    allowed = project.options["packit_forge_projects_allowed"]
    if forge and not any(fnmatch(str(forge), pattern) for pattern in allowed):
        raise ApiRefusal(403, f"Forge project {forge} can't build in this Copr via Packit.")


def read_build_options(request: CoprRequest, project: Project, errors: FormErrors) -> dict[str, Any]:
    """Return the options of a build, and add their errors to *errors*."""
    sent = request.fields
    timeout = _number(sent, "timeout", errors) or _DEFAULT_TIMEOUT
    options: dict[str, Any] = {
        "timeout": timeout,
        "background": is_true(sent.get("background", sent.get("is_background", False))),
        "enable_net": is_true(sent["enable_net"]) if "enable_net" in sent else project.options["enable_net"],
        "bootstrap": sent.get("bootstrap"),
        "isolation": sent.get("isolation"),
        "project_dirname": str(sent.get("project_dirname") or project.name),
        "packit_forge_project": sent.get("packit_forge_project"),
    }
    if not 0 <= timeout <= _MAX_TIMEOUT:
        errors.add("timeout", f"Number must be between 0 and {_MAX_TIMEOUT}.")
    for name, allowed in (("bootstrap", _BOOTSTRAP), ("isolation", _ISOLATION)):
        if options[name] is not None and options[name] not in allowed:
            errors.add(name, "Not a valid choice.")
    wanted = [_patterns(sent.get(name), project, name, errors) for name in ("chroots", "exclude_chroots")]
    chosen, excluded = wanted
    if excluded is not None:
        chosen = [name for name in (chosen or project.chroots) if name not in excluded]
    options["chroots"] = chosen or []
    for name, other in (("after_build_id", "with_build_id"), ("with_build_id", "after_build_id")):
        options[name] = _number(sent, name, errors)
        if sent.get(other):
            if name in sent:
                errors.add(name, "Only one batch option can be specified")
        elif options[name] and options[name] not in request.state.builds:
            errors.add(name, f"Build {options[name]} not found")
    return options


def _number(sent: Mapping[str, Any], name: str, errors: FormErrors) -> int | None:
    try:
        return int(sent[name]) if sent.get(name) not in (None, "") else None
    except (TypeError, ValueError):
        errors.add(name, "Not a valid integer value.")
        return None


def _patterns(sent: Any, project: Project, field: str, errors: FormErrors) -> list[str] | None:
    """Return the chroots of the project that match a pattern in *sent*; ``None`` without patterns."""
    if not sent:
        return None
    patterns = [str(pattern) for pattern in sent] if isinstance(sent, list) else [str(sent)]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in project.chroots):
            errors.add(field, f"'{pattern}' is not a valid choice for this field.")
            break
    return [name for name in project.chroots if any(fnmatch(name, pattern) for pattern in patterns)]
