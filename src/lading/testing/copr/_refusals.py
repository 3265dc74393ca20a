"""What the embedded Copr answers when it does not do what was asked, as the genuine frontend words it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading.testing.faults import HeaderPairs

_BUG = "Request wasn't successful, there is probably a bug in the Copr code."
_APACHE = b"""<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head>
<title>401 Unauthorized</title>
</head><body>
<h1>Unauthorized</h1>
<p>This server could not verify that you
are authorized to access the document
requested.</p>
</body></html>
"""


class ApiRefusal(Exception):
    """A request is not done, and the client is told why.

    Attributes:
        status: The status code.
        error: What stands under ``error``.
        more: What else stands beside it.
    """

    def __init__(self, status: int, error: str, **more: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.more = more

    def response(self) -> ServerResponse:
        """The answer."""
        return ServerResponse.json({**self.more, "error": self.error}, self.status)


def internal_error() -> ApiRefusal:
    """How the frontend says that it fell over something; often a client's mistake."""
    return ApiRefusal(500, _BUG)


def no_endpoint() -> ApiRefusal:
    """There is nothing at that address, for that verb."""
    return ApiRefusal(404, "Such API endpoint doesn't exist")


def not_logged_in(base: str) -> ApiRefusal:
    """No token, or one that is unknown or has expired."""
    return ApiRefusal(
        401, f"Login invalid/expired. Please visit {base}/api to get or renew your API token.", output="notok"
    )


def apache_unauthorized() -> ServerResponse:
    """The web server in front refuses by itself, before the frontend is asked: HTML."""
    headers: HeaderPairs = (("WWW-Authenticate", "Negotiate"), ("Content-Type", "text/html; charset=iso-8859-1"))
    return ServerResponse(401, headers, _APACHE)


class FormErrors:
    """What is wrong with a form, by field, in the order in which it was found."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, field: str, message: str) -> None:
        """One more fault."""
        self.found.setdefault(field, []).append(message)

    def refuse_form(self) -> None:
        """Return if there is none; ``Refused`` with a line for each, as most forms say it."""
        if self.found:
            raise ApiRefusal(
                400, "\n".join(f"{field}: {text}" for field, texts in self.found.items() for text in texts)
            )

    def refuse_build(self) -> None:
        """Return if there is none; ``Refused`` as forms of builds say it."""
        if self.found:
            raise ApiRefusal(400, f"Bad request parameters: {self.found}")


def check_choices(
    errors: FormErrors, field: str, values: Sequence[str], allowed: Mapping[str, Any] | Sequence[str]
) -> None:
    """Note which of *values* is none that is *allowed*."""
    wrong = [repr(value) for value in values if value not in allowed]
    if len(wrong) == 1:
        errors.add(field, f"{wrong[0]} is not a valid choice for this field.")
    elif wrong:
        errors.add(field, f"{', '.join(wrong)} are not valid choices for this field.")
