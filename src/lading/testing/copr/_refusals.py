"""The refusals of the embedded Copr, with the genuine frontend's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing._server.refusals import Refusal
from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lading.testing.faults import HeaderPairs

_BUG = "Request wasn't successful, there is probably a bug in the Copr code."
_CRASH = b"""<html>
  <head>
    <title>Internal Server Error</title>
  </head>
  <body>
    <h1><p>Internal Server Error</p></h1>
  </body>
</html>
"""
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


# The length of the names of projects and packages in the database.
MAX_NAME = 100


class ApiRefusal(Refusal):
    """A request that the frontend refuses.

    Args:
        status: The status code.
        error: The message, under ``error``.
        more: Further fields of the JSON object.

    Attributes:
        error: The message.
    """

    def __init__(self, status: int, error: str, **more: str) -> None:
        super().__init__(status, {**more, "error": error})
        self.error = error


def internal_error() -> ApiRefusal:
    """Return the refusal after an unhandled exception in the frontend, which clients' mistakes often cause."""
    return ApiRefusal(500, _BUG)


def no_endpoint() -> ApiRefusal:
    """Return the refusal of an unknown path, or of a method that the path does not have."""
    return ApiRefusal(404, "Such API endpoint doesn't exist")


def not_logged_in(base: str) -> ApiRefusal:
    """Return the refusal of a request without a token, or with an unknown or expired one."""
    return ApiRefusal(
        401, f"Login invalid/expired. Please visit {base}/api to get or renew your API token.", output="notok"
    )


def apache_unauthorized() -> ServerResponse:
    """Return the HTML response of the web server in front of the frontend, which wants a Kerberos ticket."""
    headers: HeaderPairs = (("WWW-Authenticate", "Negotiate"), ("Content-Type", "text/html; charset=iso-8859-1"))
    return ServerResponse(401, headers, _APACHE)


class FormErrors:
    """The errors of a form by field, in the order in which they were found."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def add(self, field: str, message: str) -> None:
        """Add an error."""
        self.found.setdefault(field, []).append(message)

    def refuse_form(self) -> None:
        """Raise ``ApiRefusal`` with a line for each error, as most forms do; return if there is none."""
        if self.found:
            raise ApiRefusal(
                400, "\n".join(f"{field}: {text}" for field, texts in self.found.items() for text in texts)
            )

    def refuse_build(self) -> None:
        """Raise ``ApiRefusal`` as the forms of builds do; return if there is no error."""
        if self.found:
            raise ApiRefusal(400, f"Bad request parameters: {self.found}")


def crash() -> Refusal:
    """Return the refusal of what the database refuses: the frontend's error handler fails too, its server responds."""
    return Refusal(500, _CRASH, {"Content-Type": "text/html"})


def check_length(errors: FormErrors, field: str, value: str | None, longest: int) -> None:
    """Add an error if *value* is longer than a field may be."""
    if value and len(value) > longest:
        errors.add(field, f"Field cannot be longer than {longest} characters.")


def check_choices(
    errors: FormErrors, field: str, values: Sequence[str], allowed: Mapping[str, Any] | Sequence[str]
) -> None:
    """Add an error for those of *values* that are not *allowed*."""
    wrong = [repr(value) for value in values if value not in allowed]
    if len(wrong) == 1:
        errors.add(field, f"{wrong[0]} is not a valid choice for this field.")
    elif wrong:
        errors.add(field, f"{', '.join(wrong)} are not valid choices for this field.")
