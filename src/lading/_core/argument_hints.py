"""What errors about arguments say: what to write instead of what other libraries call it, or take."""

from __future__ import annotations

import inspect
from functools import partial
from io import IOBase
from typing import Any

_TLS = "tls=: the path of a file of CA certificates in PEM, or an ssl.SSLContext"
_CLIENT = "http_client=, an httpx.AsyncClient of your own"
_TIMEOUT = "timeout=: seconds, or lading.Timeout(connect=..., read=...)"
_RETRY = "retry=: the number of attempts, or lading.Retry(...)"
_LIMITS = "limits=lading.Limits(max_connections=..., max_requests=..., max_uploads=...)"
_AUTH = "auth=lading.BasicAuth(user, password)"
_TENANT = (
    "auth=lading.BasicAuth(user, password) or auth=lading.TokenAuth(token); for Charmhub and the Snap Store "
    "auth=lading.canonical.StoreAuth(lading.MemoryCredentials(exported), endpoints)"
)
_INDEX = "index=lading.Index(upload_url, simple_url)"
_ENDPOINTS = 'endpoint_urls={"s3": "https://..."}'

OURS: dict[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(
        (
            "verify",
            "cert",
            "ssl",
            "ssl_context",
            "verify_ssl",
            "ca_cert",
            "ca_certs",
            "cafile",
            "ca_bundle",
            "client_cert",
        ),
        (("tls", _TLS),),
    ),
    **dict.fromkeys(
        ("proxy", "proxies"),
        (("http_client", f"the environment variables HTTPS_PROXY and NO_PROXY, or {_CLIENT}"),),
    ),
    **dict.fromkeys(("client", "transport", "connector"), (("http_client", _CLIENT),)),
    **dict.fromkeys(
        ("base_url", "url", "endpoint_url", "endpoint", "host", "server", "copr_url"),
        (("url", "url=, the first argument"), ("index", _INDEX), ("endpoint_urls", _ENDPOINTS)),
    ),
    **dict.fromkeys(
        ("repository", "repository_url", "upload_url", "simple_url", "index_url", "publish_url", "check_url"),
        (("index", _INDEX), ("name", "name=, a section of .pypirc")),
    ),
    **dict.fromkeys(("max_retries", "retries", "max_attempts", "attempts", "total_retries"), (("retry", _RETRY),)),
    **dict.fromkeys(
        ("timeouts", "connect_timeout", "read_timeout", "request_timeout", "timeout_seconds", "deadline"),
        (("timeout", _TIMEOUT),),
    ),
    **dict.fromkeys(
        (
            "max_connections",
            "pool_size",
            "concurrency",
            "max_workers",
            "max_concurrency",
            "max_pool_connections",
            "limit",
        ),
        (("limits", _LIMITS), ("limit", "limit=")),
    ),
    **dict.fromkeys(("api_key", "api_token", "access_token"), (("token", "token="), ("auth", _AUTH))),
    **dict.fromkeys(("password", "user", "username"), (("auth", _AUTH),)),
    "token": (("auth", _TENANT),),
    **dict.fromkeys(
        ("hook", "event_hooks", "callback", "callbacks"), (("hooks", "hooks="), ("on_progress", "on_progress="))
    ),
    **dict.fromkeys(("progress", "progress_callback", "on_upload_progress"), (("on_progress", "on_progress="),)),
    **dict.fromkeys(("region", "region_name"), (("regions", 'regions=["eu-west-1"]'),)),
    **dict.fromkeys(("profile_name", "aws_profile"), (("profile", "profile="),)),
    **dict.fromkeys(("config", "config_path"), (("config_file", "config_file="),)),
    "path": (("config_file", "config_file="), ("source", "source=")),
    **dict.fromkeys(("file", "filepath"), (("source", "source="), ("path", "path="))),
    **dict.fromkeys(("channel", "channels"), (("channels", 'channels=["edge"]'), ("release", 'release=["edge"]'))),
    **dict.fromkeys(("entity_type", "resource_type"), (("type", "type="),)),
    "resource_name": (("resource", "resource="),),
    **dict.fromkeys(("chroot", "chroot_name", "chroot_names"), (("chroots", 'chroots=["fedora-rawhide-x86_64"]'),)),
    **dict.fromkeys(("excluded_chroots", "exclude_chroot"), (("exclude_chroots", "exclude_chroots="),)),
    **dict.fromkeys(("http2", "follow_redirects", "headers", "trust_env"), (("http_client", _CLIENT),)),
    **dict.fromkeys(("interval", "poll_interval", "delay"), (("poll", "poll=: seconds, or lading.PollInterval(...)"),)),
    **dict.fromkeys(
        ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
        (("profile", "profile=, or the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),),
    ),
}
"""Names that other libraries give to options: by which of our options it has, what to write instead."""

NO_OPTION_NEEDED = {
    "skip_existing": "files that the index already has are always skipped, compared by digest",
    **dict.fromkeys(
        ("timeout", "deadline"),
        "limit the time of a call with anyio.fail_after(seconds), or set timeout= of the client",
    ),
}
"""Options of other libraries for what no option is needed here: what happens without it, or what to do."""

# What to write, whatever was given.
_WRITE = {
    "auth": f"write {_TENANT}",
    "endpoint_urls": f"write {_ENDPOINTS}",
    "limits": f"write {_LIMITS}",
    "metadata": 'write metadata={"name": "value"}',
    "reviews": "give what revisions.notify returned",
    "retry": "write retry=3 for three attempts, or lading.Retry(...)",
    "session": "write session=aiobotocore.session.get_session(), or profile=",
    "tags": 'write tags={"name": "value"}',
    "timeout": "write timeout=5 for 5 seconds, or lading.Timeout(...)",
}


def is_async(function: object) -> bool:
    """Return whether what *function* returns has to be awaited: functions, methods, partials and callable objects."""
    while isinstance(function, partial):
        function = function.func
    for one in (function, getattr(type(function), "__call__", None)):  # noqa: B004 - not whether it can be called
        if inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one):
            return True
    return False


def explain(name: str, value: Any, wanted: str, *, several: bool) -> str:
    """Return what is wrong with an argument and what to write, after its name. It never shows the value.

    Args:
        name: The argument's name.
        value: What was given.
        wanted: What is expected.
        several: Whether it is an iterable.
    """
    kind = type(value)
    module = "" if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}."
    shown = f"{module}{kind.__qualname__}"
    given = "None" if value is None else f"{'an' if shown[0] in 'aeioAEIO' else 'a'} {shown}"
    if several and isinstance(value, (list, tuple)) and value:
        given += f" of {', '.join(sorted({type(one).__qualname__ for one in value}))}"
    if inspect.iscoroutine(value):
        value.close()
        return "is a coroutine that was not awaited: write await before it"
    if name == "tls" and isinstance(value, bool):
        return (
            "must be a file of CA certificates in PEM or an ssl.SSLContext. The verification of certificates cannot "
            'be switched off: for a server with a CA of its own write tls="ca.pem"'
        )
    if "a plain function" in wanted and any(map(is_async, value if isinstance(value, (list, tuple)) else (value,))):
        return "is an async function, which would never be awaited: give a plain function"
    if isinstance(value, IOBase) and "path" in wanted:
        instead = "its path, or what read() returns" if "bytes" in wanted else "its path"
        return f"must be {wanted}, not an open file: give {instead}"
    takes_strings = any(one in wanted for one in ("a str", "several strings", "several paths", "anything"))
    if several and isinstance(value, str) and takes_strings:
        return f'must be {wanted}, and is one string: write {name}=["..."]'
    hint = _WRITE.get(name) if name != "timeout" or "Timeout" in wanted else None
    return f"must be {wanted}, not {given}" + (f": {hint}" if hint else "")
