"""One async SDK for artifact stores.

Names are loaded when they are first asked for, so that a program that uses one store imports no other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lading._version import __version__ as __version__

if TYPE_CHECKING:
    from lading._client import ClientOptions as ClientOptions
    from lading._core.auth import BasicAuth as BasicAuth
    from lading._core.auth import TokenAuth as TokenAuth
    from lading._core.body import Body as Body
    from lading._core.body import BytesBody as BytesBody
    from lading._core.body import FileBody as FileBody
    from lading._core.body import StreamBody as StreamBody
    from lading._core.call import Auth as Auth
    from lading._core.call import Call as Call
    from lading._core.credentials import Credentials as Credentials
    from lading._core.credentials import EnvironmentCredentials as EnvironmentCredentials
    from lading._core.credentials import FileCredentials as FileCredentials
    from lading._core.credentials import KeyringCredentials as KeyringCredentials
    from lading._core.credentials import MemoryCredentials as MemoryCredentials
    from lading._core.messages import Response as Response
    from lading._core.model import Model as Model
    from lading._core.multipart import FilePart as FilePart
    from lading._core.multipart import Multipart as Multipart
    from lading._core.paging import Cursor as Cursor
    from lading._core.paging import Page as Page
    from lading._core.paging import Pager as Pager
    from lading._core.polling import PollInterval as PollInterval
    from lading._core.unset import UNSET as UNSET
    from lading._http.httpx_adapter import Transport as Transport
    from lading.canonical import Charmhub as Charmhub
    from lading.canonical import ReviewRejected as ReviewRejected
    from lading.canonical import SnapStore as SnapStore
    from lading.copr import BuildFailed as BuildFailed
    from lading.copr import Copr as Copr
    from lading.errors import ApiError as ApiError
    from lading.errors import BadRequest as BadRequest
    from lading.errors import ConfigError as ConfigError
    from lading.errors import Conflict as Conflict
    from lading.errors import Forbidden as Forbidden
    from lading.errors import InputError as InputError
    from lading.errors import IntegrityError as IntegrityError
    from lading.errors import InvalidResponse as InvalidResponse
    from lading.errors import InvalidRestriction as InvalidRestriction
    from lading.errors import JobFailed as JobFailed
    from lading.errors import LadingError as LadingError
    from lading.errors import MissingContext as MissingContext
    from lading.errors import NetworkError as NetworkError
    from lading.errors import NotFound as NotFound
    from lading.errors import PayloadTooLarge as PayloadTooLarge
    from lading.errors import RateLimited as RateLimited
    from lading.errors import RegionResult as RegionResult
    from lading.errors import RequestTimeout as RequestTimeout
    from lading.errors import ServerError as ServerError
    from lading.errors import StageFailed as StageFailed
    from lading.errors import TokenError as TokenError
    from lading.errors import TokenInvalid as TokenInvalid
    from lading.errors import TokenUnreadable as TokenUnreadable
    from lading.errors import Unauthorized as Unauthorized
    from lading.fanout import FanOut as FanOut
    from lading.fanout import Result as Result
    from lading.fanout import fan_out as fan_out
    from lading.pypi import Index as Index
    from lading.pypi import PyPI as PyPI
    from lading.s3 import Stager as Stager
    from lading.s3 import VersionExists as VersionExists
    from lading.types import AttemptEvent as AttemptEvent
    from lading.types import CallEvent as CallEvent
    from lading.types import Clock as Clock
    from lading.types import Event as Event
    from lading.types import Hook as Hook
    from lading.types import KeepAlive as KeepAlive
    from lading.types import Limits as Limits
    from lading.types import NoticeEvent as NoticeEvent
    from lading.types import OnProgress as OnProgress
    from lading.types import Progress as Progress
    from lading.types import Retry as Retry
    from lading.types import Timeout as Timeout

_HOMES: dict[str, str] = {
    name: home
    for home, names in {
        "lading._core.auth": "BasicAuth TokenAuth",
        "lading._core.body": "Body BytesBody FileBody StreamBody",
        "lading._core.call": "Auth Call",
        "lading._core.unset": "UNSET",
        "lading._core.credentials": (
            "Credentials EnvironmentCredentials FileCredentials KeyringCredentials MemoryCredentials"
        ),
        "lading._core.messages": "Response",
        "lading._core.model": "Model",
        "lading._core.multipart": "FilePart Multipart",
        "lading._core.paging": "Cursor Page Pager",
        "lading._core.polling": "PollInterval",
        "lading._client": "ClientOptions",
        "lading._http.httpx_adapter": "Transport",
        "lading.canonical": "Charmhub ReviewRejected SnapStore",
        "lading.copr": "BuildFailed Copr",
        "lading.errors": (
            "ApiError InvalidResponse BadRequest RequestTimeout ConfigError Conflict NetworkError Forbidden InputError "
            "IntegrityError InvalidRestriction JobFailed LadingError MissingContext NotFound RateLimited ServerError "
            "StageFailed TokenError TokenInvalid TokenUnreadable PayloadTooLarge RegionResult Unauthorized"
        ),
        "lading.fanout": "FanOut Result fan_out",
        "lading.pypi": "Index PyPI",
        "lading.s3": "Stager VersionExists",
        "lading.types": (
            "AttemptEvent CallEvent Clock Event Hook KeepAlive Limits NoticeEvent OnProgress Progress Retry Timeout"
        ),
    }.items()
    for name in names.split()
}

__all__ = ["__version__", *sorted(_HOMES)]  # pyright: ignore[reportUnsupportedDunderAll] # noqa: PLE0604


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lading' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
