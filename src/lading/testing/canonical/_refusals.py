"""The refusals of Canonical's services, each in the shape of its service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading.testing._server.refusals import Refusal

if TYPE_CHECKING:
    from lading.testing.faults import HeaderPairs

NEEDS_REFRESH: HeaderPairs = {"WWW-Authenticate": "Macaroon needs_refresh=1"}


class GatewayRefusal(Refusal):
    """A refusal of Charmhub and of everything with the gateway's API: a list with hyphens in its name.

    Args:
        status: The status code.
        errors: Codes and messages.
        headers: Further headers.

    Attributes:
        code: The first code.
    """

    def __init__(self, status: int, *errors: tuple[str, str], headers: HeaderPairs = ()) -> None:
        entries = [{"code": code, "message": message} for code, message in errors]
        super().__init__(status, {"error-list": entries}, headers)
        self.code = errors[0][0]


class DashboardRefusal(Refusal):
    """A refusal of the Snap Store's dashboard: a list with underscores in its name, and members beside it.

    Args:
        status: The status code.
        errors: Codes and messages.
        headers: Further headers.
        more: Further members of the JSON object.
    """

    def __init__(self, status: int, *errors: tuple[str, str], headers: HeaderPairs = (), **more: Any) -> None:
        entries = [{"code": code, "message": message} for code, message in errors]
        super().__init__(status, {"error_list": entries, **more}, headers)


class FlatRefusal(Refusal):
    """A refusal without a list: all members are those of the JSON object."""

    def __init__(self, status: int, *, headers: HeaderPairs = (), **members: Any) -> None:
        super().__init__(status, members, headers)


class SSORefusal(Refusal):
    """A refusal of Ubuntu One: a code in capitals and a list.

    Args:
        status: The status code.
        code: The code: ``"invalid-credentials"``.
        message: What it says.
    """

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        body = {
            "code": code.upper().replace("-", "_"),
            "message": message,
            "extra": extra,
            "error_list": [{"code": code, "message": message}],
        }
        super().__init__(status, body)


class IdentityRefusal(Refusal):
    """A refusal of the identity service: members with capitals.

    Args:
        status: The status code.
        code: The code.
        message: What it says.
        info: What the client can do.
        headers: Further headers.
    """

    def __init__(
        self, status: int, code: str, message: str, info: dict[str, Any] | None = None, headers: HeaderPairs = ()
    ) -> None:
        body: dict[str, Any] = {"Code": code, "Message": message}
        if info is not None:
            body["Info"] = info
        super().__init__(status, body, headers)
