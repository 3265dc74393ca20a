"""The sources of builds and packages: which fields the frontend stores, by the type of the source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lading.testing.copr._refusals import MAX_NAME, ApiRefusal, FormErrors, check_choices, check_length

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lading.testing.copr._state import CoprState

_DIST_GITS = {"fedora": "https://src.fedoraproject.org"}
_PACKAGE_NAME = r"^[-+_.a-zA-Z0-9]+$"
_METHODS = ("rpkg", "tito", "tito_test", "make_srpm")
_TEMPLATES = ("", "fedora", "epel7", "mageia", "pld")
_GENERATORS = ("pyp2rpm", "pyp2spec")


def read_source(kind: str, fields: Mapping[str, Any], errors: FormErrors, state: CoprState) -> dict[str, Any]:
    """Return the stored fields of a source of type *kind*, and add their errors to *errors*.

    Raises:
        ApiRefusal: There is no such type, or it cannot be submitted.
    """
    if kind not in _READERS:
        raise ApiRefusal(400, f"Unsupported package source type {kind}")
    return _READERS[kind](fields, errors, state)


def check_package_name(fields: Mapping[str, Any], errors: FormErrors) -> str:
    """Return the name of a package, and add its errors to *errors*."""
    name = str(fields.get("package_name") or "")
    check_length(errors, "package_name", name, MAX_NAME)
    if not re.match(_PACKAGE_NAME, name):
        errors.add("package_name", f"Please enter a valid package name in {_PACKAGE_NAME}")
    return name


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def _required(fields: Mapping[str, Any], errors: FormErrors, name: str) -> str | None:
    value = _text(fields, name)
    if not (value and value.strip()):
        errors.add(name, "This field is required.")
    return value


def _choice(fields: Mapping[str, Any], errors: FormErrors, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = _text(fields, name)
    if value is not None and value not in allowed:
        errors.add(name, "Not a valid choice.")
    return default if value is None else value


def _scm(fields: Mapping[str, Any], errors: FormErrors, _: CoprState) -> dict[str, Any]:
    kind = _choice(fields, errors, "scm_type", ("git", "svn"), "git")
    url = _required(fields, errors, "clone_url")
    parts = urlsplit(url or "")
    if url and not (parts.scheme and parts.hostname):
        errors.add("clone_url", "Invalid URL.")
    spec = _text(fields, "spec")
    # A null that is stored is filled in at a change, and refused then; an absent field is not.
    if (spec or ("spec" in fields and spec is None)) and not re.match(r"^.+\.spec$", spec or ""):
        errors.add("spec", "RPM spec file must end with .spec")
    if "source_build_method" in fields:
        fields = {**fields, "srpm_build_method": fields["source_build_method"]}
    return {
        "type": kind,
        "clone_url": url,
        "subdirectory": _text(fields, "subdirectory"),
        "committish": _text(fields, "committish"),
        "spec": spec,
        "srpm_build_method": _choice(fields, errors, "srpm_build_method", _METHODS, "rpkg"),
    }


def _pypi(fields: Mapping[str, Any], errors: FormErrors, _: CoprState) -> dict[str, Any]:
    name = _required(fields, errors, "pypi_package_name")
    check_length(errors, "pypi_package_name", name, MAX_NAME - len("python-"))
    sent = fields.get("python_versions") or []
    versions = [str(version) for version in (sent if isinstance(sent, list) else [sent])]
    generator = _choice(fields, errors, "spec_generator", _GENERATORS, "pyp2spec")
    template = _choice(fields, errors, "spec_template", _TEMPLATES, "")
    check_choices(errors, "python_versions", versions, ("3", "2"))
    return {
        "pypi_package_name": name,
        "pypi_package_version": _text(fields, "pypi_package_version"),
        "spec_generator": generator,
        "spec_template": template,
        "python_versions": versions,
    }


def _rubygems(fields: Mapping[str, Any], errors: FormErrors, _: CoprState) -> dict[str, Any]:
    name = _required(fields, errors, "gem_name")
    check_length(errors, "gem_name", name, MAX_NAME - len("rubygem-"))
    return {"gem_name": name}


def _custom(fields: Mapping[str, Any], errors: FormErrors, state: CoprState) -> dict[str, Any]:
    script = _required(fields, errors, "script")
    if script and len(script) > 4096:
        errors.add("script", "Maximum script size is 4kB")
    if script and not script.endswith("\n"):
        script += "\n"
    # A name that stands for a chroot is stored as that chroot.
    latest = {
        f"fedora-latest-{name.rpartition('-')[2]}": name
        for name in sorted(state.mock_chroots, key=_version)
        if re.fullmatch(r"fedora-\d+-\w+", name)
    }
    chroot = _choice(fields, errors, "chroot", (*latest, *state.mock_chroots), "fedora-latest-x86_64")
    return {
        "script": script,
        "chroot": latest.get(str(chroot), chroot),
        "builddeps": _text(fields, "builddeps"),
        "resultdir": _text(fields, "resultdir"),
        "repos": " ".join((_text(fields, "repos") or "").split()),
    }


def _version(chroot: str) -> tuple[int, str]:
    digits = chroot.split("-")[1]
    return int(digits) if digits.isdigit() else 0, chroot


def _distgit(fields: Mapping[str, Any], errors: FormErrors, _: CoprState) -> dict[str, Any]:
    name, distgit = _text(fields, "package_name"), _text(fields, "distgit") or "fedora"
    if distgit not in _DIST_GITS:
        errors.add("distgit", "Not a valid choice.")
        errors.add("distgit", f"DistGit ID must be one of: {', '.join(_DIST_GITS)}")
    namespace = _text(fields, "namespace")
    source = {
        "clone_url": f"{_DIST_GITS.get(distgit)}/{namespace or 'rpms'}/{name}",
        "distgit": distgit,
        "committish": _text(fields, "committish"),
    }
    return {**source, **({"namespace": namespace} if namespace else {})}


_READERS: dict[str, Callable[[Mapping[str, Any], FormErrors, CoprState], dict[str, Any]]] = {
    "scm": _scm,
    "pypi": _pypi,
    "rubygems": _rubygems,
    "custom": _custom,
    "distgit": _distgit,
}
