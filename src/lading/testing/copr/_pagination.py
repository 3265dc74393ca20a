"""Pagination as the frontend does it, with its treatment of unusual parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lading.testing.copr._refusals import ApiRefusal, FormErrors, internal_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lading.testing.messages import Fields

T = TypeVar("T")

# The columns that each kind of object can be ordered by, and the properties that cannot.
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
_ATTRIBUTES = {"pkg_version": "version", "source_status": "source_state", "status": "state"}


@dataclass(frozen=True, slots=True)
class Paging:
    """The requested part of a list, and its order."""

    limit: int | None
    offset: int
    order: str
    order_type: str | None

    @property
    def meta(self) -> dict[str, Any]:
        """The ``meta`` object of the response."""
        return {"limit": self.limit, "offset": self.offset, "order": self.order, "order_type": self.order_type}

    def check(self, kind: str) -> None:
        """Check that objects of *kind* can be ordered and limited like this."""
        if self.order not in _COLUMNS[kind] | _PROPERTIES[kind]:
            raise ApiRefusal(500, f"Cannot order by {self.order}, {kind} doesn't have such property")
        if self.order in _PROPERTIES[kind]:
            raise ApiRefusal(500, f"Cannot order by {self.order}")
        if (self.limit or 0) < 0 or self.offset < 0:
            raise internal_error()  # the database refuses it

    def sort(self, items: Sequence[T]) -> list[T]:
        """Return *items* in the requested order; those without a value come last, as in the database."""
        key = _ATTRIBUTES.get(self.order, self.order)

        def rank(item: T) -> tuple[bool, Any]:
            value = getattr(item, key, None)
            if value is None:
                value = getattr(item, "options", {}).get(key)
            return value is None, "" if value is None else value

        return sorted(items, key=rank, reverse=self.order_type == "DESC")

    def page(self, items: Sequence[T]) -> list[T]:
        """Return the requested page of ordered *items*."""
        return list(items[self.offset : None if not self.limit else self.offset + self.limit])


def read_paging(query: Fields) -> Paging:
    """Read the parameters of a query.

    Raises:
        ApiRefusal: They are invalid.
    """
    errors = FormErrors()
    limit, offset = (_number(query, name, errors) for name in ("limit", "offset"))
    order_type = query.get("order_type", "ASC")
    if order_type not in ("ASC", "DESC", ""):
        errors.add("order_type", "Not a valid choice.")
    if errors.found:
        raise ApiRefusal(500, str(errors.found))
    order = query.get("order") or "id"
    if not order_type:
        # An empty value means the opposite of a missing one.
        opposite = {"id": "DESC", "name": "ASC"}.get(order)
        return Paging(limit or None, offset or 0, order, opposite)
    return Paging(limit or None, offset or 0, order, order_type)


def _number(query: Fields, name: str, errors: FormErrors) -> int | None:
    text = query.get(name, "").strip()
    try:
        return int(text) if text else None
    except ValueError:
        errors.add(name, "Not a valid integer value.")
        return None
