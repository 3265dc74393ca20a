"""The form of a project: its fields, their defaults and their checks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lading.testing.copr._refusals import FormErrors, check_choices

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lading.testing.copr._request import CoprRequest
    from lading.testing.copr._state import CoprState

_DEFAULTS: dict[str, Any] = {
    "additional_repos": [],
    "homepage": None,
    "contact": None,
    "description": "",
    "instructions": "",
    "devel_mode": False,
    "persistent": False,
    "unlisted_on_hp": False,
    "auto_prune": True,
    "enable_net": False,
    "bootstrap": "default",
    "isolation": "default",
    "module_hotfixes": False,
    "appstream": False,
    "packit_forge_projects_allowed": [],
    "follow_fedora_branching": True,
    "repo_priority": None,
    # No response contains these.
    "multilib": False,
    "fedora_review": False,
    "runtime_dependencies": [],
    "delete_after_days": None,
}
_LISTS = ("additional_repos", "packit_forge_projects_allowed", "runtime_dependencies")
_NUMBERS = {"delete_after_days": (-1, 720), "repo_priority": (1, None)}
_WORDS = {"bootstrap": ("default", "on", "off", "image"), "isolation": ("default", "nspawn", "simple")}
_STORAGES = ("backend", "pulp")
_NAME = re.compile(r"[\w.-]+")


def is_true(value: Any) -> bool:
    """Return a value as a checkbox reads it: true, except for ``false`` and the empty string."""
    return value not in (False, "false", "")


def split_words(value: Any) -> list[str]:
    """Return a list as the frontend stores it: joined with blanks, and split at them."""
    return (" ".join(map(str, value)) if isinstance(value, list) else str(value)).split()


def check_name(errors: FormErrors, name: Any) -> None:
    """Add the errors of a project's name."""
    if not name:
        errors.add("name", "This field is required.")
    elif not _NAME.fullmatch(str(name)):
        errors.add("name", "Name must contain only letters, digits, underscores, dashes and dots.")


def is_number(name: str) -> bool:
    """Return whether a name consists of digits, which is not accepted."""
    return name.isdigit()


def read_options(request: CoprRequest, errors: FormErrors) -> dict[str, Any]:
    """Return the options that were sent, as they are stored."""
    sent = dict(request.fields)
    if "repos" in sent:
        sent.setdefault("additional_repos", sent["repos"])
    options: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        if name not in sent:
            continue
        value = sent[name]
        if name in _LISTS:
            options[name] = split_words(value)
            if name == "packit_forge_projects_allowed":
                options[name] = [re.sub(r"^\w+://", "", forge) for forge in options[name]]
        elif isinstance(default, bool):
            options[name] = is_true(value)
        elif name in _NUMBERS:
            options[name] = _number(errors, name, value)
        else:
            options[name] = _text(errors, name, value)
    if sent.get("storage") and sent["storage"] not in _STORAGES:
        errors.add("storage", "Not a valid choice.")
    for url in options.get("additional_repos", []):
        _check_repo(errors, url, request.state)
    return options


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a new project."""
    complete = {**_DEFAULTS, **options}
    return {name: list(value) if isinstance(value, list) else value for name, value in complete.items()}


def check_chroots(errors: FormErrors, sent: Any, state: CoprState, required: bool) -> list[str]:
    """Return the chroots that were sent, and add their errors to *errors*."""
    if not sent:
        if required:
            errors.add("chroots", "'[]' is not a valid choice for this field.")
        return []
    names = [str(name) for name in sent] if isinstance(sent, list) else [str(sent)]
    check_choices(errors, "chroots", names, state.mock_chroots)
    return names


def unexpected(names: Iterable[str]) -> str:
    """Return the message about chroots that the form did not check."""
    return f"Unexpected chroot: {', '.join(sorted(set(names)))}"


def _text(errors: FormErrors, name: str, value: Any) -> str | None:
    text = split_words(value) if isinstance(value, list) else str(value)
    text = " ".join(text) if isinstance(text, list) else text
    if name in _WORDS and text not in _WORDS[name]:
        errors.add(name, "Not a valid choice.")
    if name == "homepage" and text and not _is_url(text):
        errors.add(name, "Invalid URL.")
    if name == "contact" and text and not (_is_url(text) or re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text)):
        errors.add(name, "Contact must be email address or URL")
    return text or (None if name in ("homepage", "contact") else text)


def _number(errors: FormErrors, name: str, value: Any) -> int | None:
    low, high = _NUMBERS[name]
    try:
        number = int(value)
    except (TypeError, ValueError):
        errors.add(name, "Not a valid integer value.")
        return None
    if high is not None and not low <= number <= high:
        errors.add(name, f"Number must be between {low} and {high}.")
    elif number < low:
        errors.add(name, f"Number must be at least {low}.")
    # -1, which switches deletion off, is stored as null.
    return None if number == -1 else number


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https", "ftp") and bool(parts.netloc)


def _check_repo(errors: FormErrors, url: str, state: CoprState) -> None:
    parts = urlsplit(url)
    name = parts.path.strip("/").partition("/")[0]
    if parts.scheme not in ("http", "https", "copr") or not parts.netloc or (parts.scheme == "copr" and not name):
        message = f"A list of http[s] URLs separated by whitespace characters is needed ({url!r} doesn't seem to be a"
        errors.add("repos", f"{message} valid URL).")
    elif parts.scheme == "copr" and (parts.netloc, name.partition(":")[0]) not in state.projects:
        errors.add("repos", f"{url} does not exist.")
