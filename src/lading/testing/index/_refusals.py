"""The refusals of the embedded index, with warehouse's messages, in the format that the client accepts."""

from __future__ import annotations

import html
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from lading.testing._server.refusals import Refusal
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lading.testing.messages import ServerRequest

_MEANING = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    405: "The method is not allowed for this resource.",
    410: "This resource is no longer available.",
}
# The available formats; the first one for clients that accept any.
_KINDS = ("text/html", "application/json", "text/plain")


class ApiRefusal(Refusal):
    """A request that the index refuses.

    Attributes:
        detail: The reason, in the reason phrase and in the body.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail.encode())
        self.detail = detail

    def response(self, request: ServerRequest) -> ServerResponse:
        """Return the response in the format that the client accepts."""
        return self.render(request.headers.get("Accept"))

    def render(self, accept: str | None) -> ServerResponse:
        """Return the response for an ``Accept`` header. The reason is in the status line and in the body."""
        status, detail = self.status, self.detail
        code, meaning = f"{status} {detail}", _MEANING.get(status, "")
        kind = "text/plain" if accept is None else negotiate(accept, _KINDS) or "text/plain"
        if kind == "application/json":
            title = HTTPStatus(status).phrase
            text = json.dumps({"message": f"{meaning}\n\n\n{detail}\n\n", "code": code, "title": title})
        elif kind == "text/html":
            shown = html.escape(code, quote=False)
            text = (
                f"<html>\n <head>\n  <title>{shown}</title>\n </head>\n <body>\n  <h1>{shown}</h1>\n  {meaning}"
                f"<br/><br/>\n{html.escape(detail, quote=False)}\n\n </body>\n</html>"
            )
        else:
            text = f"{code}\n\n{meaning}\n\n\n{detail}\n\n"
        reason = re.sub(r"[^\t -~\xa0-\xff]", "?", detail)
        return ServerResponse(status, {"Content-Type": f"{kind}; charset=UTF-8"}, text.encode(), reason)


def json_not_found(message: str = "Not Found") -> ServerResponse:
    """Return the 404 of the JSON APIs."""
    return ServerResponse.json({"message": message}, 404)


def moved(status: int, location: str, reason: str | None = None) -> ServerResponse:
    """Return a redirect."""
    return ServerResponse(status, {"Location": location}, reason=reason)


def negotiate(accept: str, offers: Iterable[str]) -> str | None:
    """Return the offer that an ``Accept`` header prefers, the first of equals; ``None`` if it accepts none."""
    wanted = [_range(item) for item in accept.split(",") if item.strip()]
    best, highest = None, 0.0
    for offer in offers:
        fitting = [(rank, quality) for pattern, quality in wanted if (rank := _rank(pattern, offer))]
        quality = max(fitting)[1] if fitting else 0.0
        if quality > highest:
            best, highest = offer, quality
    return best


def _range(item: str) -> tuple[str, float]:
    pattern, *parameters = (part.strip().lower() for part in item.split(";"))
    for parameter in parameters:
        if match := re.fullmatch(r"q\s*=\s*([0-9.]+)", parameter):
            try:
                return pattern, float(match[1])
            except ValueError:
                return pattern, 0.0
    return pattern, 1.0


def _rank(pattern: str, offer: str) -> int:
    """Return how closely *pattern* names *offer*; 0 if it does not."""
    if pattern == offer:
        return 3
    if pattern == offer.partition("/")[0] + "/*":
        return 2
    return 1 if pattern == "*/*" else 0
