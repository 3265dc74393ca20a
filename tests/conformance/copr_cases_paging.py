"""The cases: paging, and invalid responses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from copr.v3 import pagination

from lading.copr._pagination import PAGE_SIZE
from lading.testing import ServerResponse
from tests.conformance import copr_deviations as rows
from tests.conformance.copr_cases_helpers import travels
from tests.conformance.copr_normalize import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copr.v3 import Client

    from lading import Copr
    from tests.conformance.copr_case_server import Frontend


def lists(total: int) -> Callable[[Frontend], None]:
    def setup(frontend: Frontend) -> None:
        frontend.total = total

    return setup


def paging() -> Iterator[Case]:
    def listed(c: Client, limit: int | None, status: str | None = None) -> Any:
        options = {} if limit is None else {"limit": limit}
        return c.build_proxy.get_list("me", "demo", status=status, pagination=options)

    def next_page(c: Client, limit: int | None) -> Any:
        return [*(first := listed(c, limit)), *pagination.next_page(first)]

    def all_pages(c: Client, limit: int, status: str | None = None) -> Any:
        return pagination.all_pages(listed(c, limit, status))

    async def ours(copr: Copr, size: int = PAGE_SIZE, status: str | None = None, items: int | None = None) -> Any:
        return [build async for build in copr.builds.list("me", "demo", status=status, page_size=size, max_items=items)]

    for total, row in ((6, None), (4, None), (5, rows.SHORT), (1, rows.SHORT)):
        yield Case(
            "all_pages", str(total), lambda c: all_pages(c, 2), lambda c: ours(c, 2), setup=lists(total), row=row
        )
    for total in (4, 3, 7):
        yield Case(
            "next_page", str(total), lambda c: next_page(c, 2), lambda c: ours(c, 2, items=4), setup=lists(total)
        )
    yield Case(
        "next_page",
        "no limit",
        lambda c: next_page(c, None),
        ours,
        setup=lists(3),
        back=rows.NO_LIMIT,
    )
    yield Case(
        "all_pages",
        "overlapping",
        lambda c: all_pages(c, 2, "failed"),
        lambda c: ours(c, 2, "failed"),
        setup=lists(4),
        row=rows.OVERLAP,
        back=rows.OVERLAP_BACK,
    )

    def refused(c: Client) -> Any:
        first = listed(c, 2)
        first.__response__.request.url = first.__response__.request.url.replace("build/list", "build/404")
        return pagination.next_page(first)

    async def refused_too(copr: Copr) -> Any:
        return await copr.builds.get(404)

    yield Case(
        "next_page",
        "refused",
        refused,
        refused_too,
        setup=travels({404: [404]}),
        row="",
        back=rows.UNMAPPED,
    )

    def unlimited(c: Client, limit: int | None) -> Any:
        return list(pagination.unlimited(listed(c, limit)))

    ordered = partial(Case, "unlimited", theirs=lambda c: sorted(unlimited(c, 2), key=lambda build: -build.id))
    for total in (6, 4):
        yield ordered(str(total), ours=lambda c: ours(c, 2), setup=lists(total))
    yield ordered("short", ours=lambda c: ours(c, 2), setup=lists(5), row=rows.SHORT)
    case = partial(Case, "unlimited", ours=lambda c: ours(c, 2), setup=lists(4))
    yield case("as they come", theirs=lambda c: unlimited(c, 2), back=rows.REVERSED)
    yield Case(
        "unlimited",
        "1500",
        lambda c: unlimited(c, 2000),
        lambda c: ours(c, 2000),
        setup=lists(1500),
        back=rows.RECURSION,
    )


def refusals() -> Iterator[Case]:
    """Invalid responses."""
    reported = b'{"message": "no"}'
    page = b"<html><h1>Who are you?</h1></html>"
    for name, status, kind, body, back in (
        ("no JSON", 200, "text/html", page, rows.PAGE),
        ("400 that is data", 400, "application/json", reported, rows.DATA),
        ("429 that is data", 429, "application/json", reported, rows.DATA),
        ("404", 404, "application/json", b'{"error": "there is none"}', "(result)"),
        ("401", 401, "application/json", b'{"error": "expired"}', rows.MEANINGS),
        ("403", 403, "application/json", b'{"error": "not yours"}', rows.MEANINGS),
        ("409", 409, "application/json", b'{"error": "is there"}', rows.MEANINGS),
        ("413", 413, "text/html", page, rows.MEANINGS),
        ("504", 504, "text/html", page, rows.MEANINGS),
        ("error with 200", 200, "application/json", b'{"error": "no"}', rows.MEANINGS),
    ):

        def setup(frontend: Frontend, response: Any = (status, {"Content-Type": kind}, body)) -> None:
            frontend.refusal = ServerResponse(*response)

        yield Case(
            "base.auth_check",
            name,
            lambda c: c.base_proxy.auth_check(),
            lambda c: c.tokens.whoami(),
            setup=setup,
            row="" if status in (429, 504) else None,
            back=back,
        )
