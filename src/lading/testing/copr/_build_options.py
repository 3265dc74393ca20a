"""The options of builds at the embedded Copr, and the directories that builds may be in."""

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
_LONGEST = 108000
_USUAL = 18000


def check_dirname(project: Project, dirname: str) -> None:
    """Return when *project* has that directory, or may get it."""
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
    if not all(word.isalnum() for part in dirname.split(":")[1:] for word in part.split("-")):
        raise ApiRefusal(
            400,
            f"Wrong directory '{dirname}' specified.  Directory name can consist of alpha-numeric strings separated "
            "by colons.",
        )


def read_build_options(call: CoprRequest, project: Project, errors: FormErrors) -> dict[str, Any]:
    """The options of a build, with what is wrong with them noted."""
    sent = call.fields
    timeout = _number(sent, "timeout", errors) or _USUAL
    options: dict[str, Any] = {
        "timeout": timeout,
        "background": is_true(sent.get("background", sent.get("is_background", False))),
        "enable_net": is_true(sent["enable_net"]) if "enable_net" in sent else project.options["enable_net"],
        "bootstrap": sent.get("bootstrap"),
        "isolation": sent.get("isolation"),
        "project_dirname": str(sent.get("project_dirname") or project.name),
        "packit_forge_project": sent.get("packit_forge_project"),
    }
    if not 0 <= timeout <= _LONGEST:
        errors.add("timeout", f"Number must be between 0 and {_LONGEST}.")
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
        elif options[name] and options[name] not in call.state.builds:
            errors.add(name, f"Build {options[name]} not found")
    return options


def _number(sent: Mapping[str, Any], name: str, errors: FormErrors) -> int | None:
    try:
        return int(sent[name]) if sent.get(name) not in (None, "") else None
    except (TypeError, ValueError):
        errors.add(name, "Not a valid integer value.")
        return None


def _patterns(sent: Any, project: Project, field: str, errors: FormErrors) -> list[str] | None:
    """The chroots of the project that fit one of the patterns sent; ``None`` when none were."""
    if not sent:
        return None
    patterns = [str(pattern) for pattern in sent] if isinstance(sent, list) else [str(sent)]
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in project.chroots):
            errors.add(field, f"'{pattern}' is not a valid choice for this field.")
            break
    return [name for name in project.chroots if any(fnmatch(name, pattern) for pattern in patterns)]
