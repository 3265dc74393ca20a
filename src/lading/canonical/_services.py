"""The services that a client of one of Canonical's stores speaks to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lading._core.service import Service, validate_base_url
from lading.canonical._errors import read_api_error, read_error

if TYPE_CHECKING:
    from lading.canonical._endpoints import Endpoints

# Seconds. Notifying of an upload was seen to end with 504 after 30 s, the work done (canonical/charmcraft#688).
LATE_WORK = 30.0


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one store.

    Attributes:
        api: Its API, which alone is sent credentials of the store.
        storage: What files are uploaded to.
        info: What installers read, without credentials.
        login: Ubuntu One.
    """

    api: Service
    storage: Service
    info: Service
    login: Service


def services_of(endpoints: Endpoints, *, allow_http: bool) -> Services:
    """Return the services at *endpoints*.

    Args:
        endpoints: The store.
        allow_http: Accept plain http, on a network that is trusted with credentials.

    Raises:
        ConfigError: One of the URLs is invalid.
    """
    name = endpoints.name
    read = partial(read_api_error, variable=endpoints.variable)

    def service(suffix: str, url: str, what: str) -> Service:
        return Service(
            name=name + suffix,
            base_url=validate_base_url(url, f"the {what} of {name}", allow_http=allow_http),
            read_error=read_error if suffix else read,
            late_work=LATE_WORK,
        )

    return Services(
        api=service("", endpoints.api_url, "api_url"),
        storage=service(" storage", endpoints.storage_url, "storage_url"),
        info=service(" info", endpoints.info_url, "info_url"),
        login=service(" login", endpoints.login_url, "login_url"),
    )
