"""The fields of a project as its owner may send them, and what is wrong with them."""

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
    # Nobody can read these back.
    "multilib": False,
    "fedora_review": False,
    "runtime_dependencies": [],
    "delete_after_days": None,
}
_LISTS = ("additional_repos", "packit_forge_projects_allowed", "runtime_dependencies")
_NUMBERS = {"delete_after_days": (-1, 720), "repo_priority": (1, None)}
_WORDS = {"bootstrap": ("default", "on", "off", "image"), "isolation": ("default", "nspawn", "simple")}
_NAME = re.compile(r"[\w.-]+")


def is_true(value: Any) -> bool:
    """What a checkbox makes of a value: every text is true but two."""
    return value not in (False, "false", "")


def split_words(value: Any) -> list[str]:
    """A list as it is stored: joined with blanks, and cut at them."""
    return (" ".join(map(str, value)) if isinstance(value, list) else str(value)).split()


def check_name(errors: FormErrors, name: Any) -> None:
    """Note what is wrong with a project's name."""
    if not name:
        errors.add("name", "This field is required.")
    elif not _NAME.fullmatch(str(name)):
        errors.add("name", "Name must contain only letters, digits, underscores, dashes and dots.")


def is_number(name: str) -> bool:
    """Whether a name is made of digits alone, which is not taken."""
    return name.isdigit()


def read_options(call: CoprRequest, errors: FormErrors) -> dict[str, Any]:
    """The options that were sent, as they are kept."""
    sent = dict(call.fields)
    if "repos" in sent:
        sent.setdefault("additional_repos", sent["repos"])
    options: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        if name not in sent:
            continue
        value = sent[name]
        if name in _LISTS:
            options[name] = split_words(value)
        elif isinstance(default, bool):
            options[name] = is_true(value)
        elif name in _NUMBERS:
            options[name] = _number(errors, name, value)
        else:
            options[name] = _text(errors, name, value)
    for url in options.get("additional_repos", []):
        _check_repo(errors, url, call.state)
    return options


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a new project."""
    whole = {**_DEFAULTS, **options}
    return {name: list(value) if isinstance(value, list) else value for name, value in whole.items()}


def check_chroots(errors: FormErrors, sent: Any, state: CoprState, required: bool) -> list[str]:
    """The chroots that were sent, with what is wrong with them noted."""
    if not sent:
        if required:
            errors.add("chroots", "'[]' is not a valid choice for this field.")
        return []
    names = [str(name) for name in sent] if isinstance(sent, list) else [str(sent)]
    check_choices(errors, "chroots", names, state.mock_chroots)
    return names


def unexpected(names: Iterable[str]) -> str:
    """How chroots are refused that came past the form."""
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
    # Minus one, which switches deletion off, is how it is said and not what is kept.
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
