"""Lists in pages as the frontend cuts them, with what it makes of unusual wishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lading.testing.copr._refusals import ApiRefusal, FormErrors, internal_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading.testing.messages import Fields

T = TypeVar("T")

# What can be ordered by, for each kind of thing, and what looks as if it could.
_COLUMNS = {
    "copr": {
        *("id", "name", "created_on", "homepage", "contact", "description", "instructions", "persistent", "auto_prune"),
        *("bootstrap", "isolation", "repos", "repo_priority", "storage", "user_id", "group_id", "unlisted_on_hp"),
    },
    "build": {
        *("id", "submitted_on", "pkg_version", "canceled", "source_status", "source_type", "timeout", "is_background"),
        *("package_id", "user_id", "copr_id", "enable_net", "result_dir"),
    },
    "package": {"id", "name", "source_type", "webhook_rebuild", "copr_id", "max_builds", "timeout"},
    "build_chroot": {"id", "status", "started_on", "ended_on", "result_dir", "build_id"},
}
_PROPERTIES = {
    "copr": {"full_name", "owner_name", "repos_list", "repo_url", "active_chroots", "modified_chroots", "group_name"},
    "build": {"state", "status", "started_on", "ended_on", "finished", "package_name", "copr_name", "chroot_states"},
    "package": {"source_type_text", "source_json_dict", "dist_git_repo", "full_name"},
    "build_chroot": {"name", "state", "finished", "task_id", "result_dir_url"},
}
_HERE = {"pkg_version": "version", "source_status": "source_state", "status": "state"}


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is wanted, and in which order."""

    limit: int | None
    offset: int
    order: str
    order_type: str | None

    @property
    def meta(self) -> dict[str, Any]:
        """What stands beside the items."""
        return {"limit": self.limit, "offset": self.offset, "order": self.order, "order_type": self.order_type}

    def check(self, kind: str) -> None:
        """Return when things of *kind* can be ordered so, and cut so."""
        if self.order not in _COLUMNS[kind] | _PROPERTIES[kind]:
            raise ApiRefusal(500, f"Cannot order by {self.order}, {kind} doesn't have such property")
        if self.order in _PROPERTIES[kind]:
            raise ApiRefusal(500, f"Cannot order by {self.order}")
        if (self.limit or 0) < 0 or self.offset < 0:
            raise internal_error()  # the database refuses it

    def sort(self, items: Sequence[T]) -> list[T]:
        """*items* in the order that is wanted; what has no value comes last, as in the database."""
        key = _HERE.get(self.order, self.order)

        def rank(item: T) -> tuple[bool, Any]:
            value = getattr(item, key, None)
            if value is None:
                value = getattr(item, "options", {}).get(key)
            return value is None, "" if value is None else value

        return sorted(items, key=rank, reverse=self.order_type == "DESC")

    def cut(self, items: Sequence[T]) -> list[T]:
        """The page of *items*, which are in order."""
        return list(items[self.offset : None if not self.limit else self.offset + self.limit])


def read_paging(query: Fields) -> Paging:
    """The wishes in a query; ``Refused`` when they cannot be read."""
    errors = FormErrors()
    limit, offset = (_number(query, name, errors) for name in ("limit", "offset"))
    order_type = query.get("order_type", "ASC")
    if order_type not in ("ASC", "DESC", ""):
        errors.add("order_type", "Not a valid choice.")
    if errors.found:
        raise ApiRefusal(500, str(errors.found))
    order = query.get("order") or "id"
    if not order_type:
        # Given but empty, it is guessed: the other way round than when it is not given.
        guessed = {"id": "DESC", "name": "ASC"}.get(order)
        return Paging(limit or None, offset or 0, order, guessed)
    return Paging(limit or None, offset or 0, order, order_type)


def _number(query: Fields, name: str, errors: FormErrors) -> int | None:
    text = query.get(name, "").strip()
    try:
        return int(text) if text else None
    except ValueError:
        errors.add(name, "Not a valid integer value.")
        return None
