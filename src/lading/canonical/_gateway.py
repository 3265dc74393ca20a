"""Calls of the publisher gateway's API that several resources send. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.call import Call
from lading.canonical._models_packages import PackageMetadata

if TYPE_CHECKING:
    from lading._core.messages import Response
    from lading.canonical._endpoints import Endpoints
    from lading.canonical._models_packages import Package


def gateway_path(endpoints: Endpoints, rest: str = "") -> str:
    """Return a path of the gateway as a template, below the store's namespace.

    Args:
        endpoints: The store.
        rest: What follows, such as ``{name}/releases``.
    """
    return f"v1/{endpoints.namespace}/{rest}" if rest else f"v1/{endpoints.namespace}"


def get_package(endpoints: Endpoints, name: str) -> Call[Package]:
    """Return the call that reads a package's metadata."""
    return Call("GET", gateway_path(endpoints, "{name}"), read_package, path_params={"name": name})


def get_channel_map(endpoints: Endpoints, name: str) -> Call[Response]:
    """Return the call that reads what is released, see :mod:`lading.canonical._channel_map`."""
    return Call("GET", gateway_path(endpoints, "{name}/releases"), path_params={"name": name})


def read_package(response: Response) -> Package:
    """Read the metadata of one package."""
    return PackageMetadata.model_validate_json(response.body).metadata
