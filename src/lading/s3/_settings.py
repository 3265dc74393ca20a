"""Settings of a stager as plain data: how AWS is reached, and how objects are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from lading._core.service import validate_base_url
from lading.errors import ConfigError, InputError

EndpointUrls = Mapping[str, str | Mapping[str, str]]
"""By service: a URL, in which ``{region}`` is replaced; or URLs by region."""

ConditionalWrites = Literal["check", "trust", "none"]
"""Whether a store's conditions on writes are checked, trusted, or done without."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """How AWS is reached.

    Attributes:
        session: An ``aiobotocore`` session; a new one when not given.
        profile: A profile of AWS's configuration files.
        role_arn: A role to assume with the credentials of session or profile.
        endpoint_urls: URLs to use instead of AWS's own, by service (``s3``, ``ssm``, ``sts``).
        path_style: Whether the bucket is in the path instead of the host name.
        allow_http: Accept plain http for hosts other than this machine.
    """

    session: Any = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_urls: EndpointUrls = field(default_factory=dict[str, str])
    path_style: bool = False
    allow_http: bool = False

    def __post_init__(self) -> None:
        for service, given in self.endpoint_urls.items():
            for url in (given,) if isinstance(given, str) else given.values():
                self.check_url(url.replace("{region}", "region"), f"the URL of {service} in endpoint_urls")

    def check_url(self, url: str, what: str) -> None:
        """Raise ``ConfigError`` unless credentials and artifacts may be sent to *url*.

        Args:
            url: The URL.
            what: What the error calls it.
        """
        validate_base_url(url, what, allow_http=self.allow_http)

    def require_same_provider(self, region: str) -> None:
        """Raise ``LookupError`` when S3's URLs are given by region, and none for *region*."""
        urls = self.endpoint_urls.get("s3")
        if isinstance(urls, Mapping) and region not in urls:
            raise LookupError("for which endpoint_urls has no URL")

    def endpoint(self, service: str, region: str) -> str | None:
        """Return the URL to use; ``None`` to let botocore choose, with what the environment says."""
        url = self.endpoint_urls.get(service)
        if isinstance(url, Mapping):
            return url.get(region)
        return None if url is None else url.replace("{region}", region)


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """How objects are written.

    Attributes:
        content_type: The content type of artifacts.
        storage_class: Their storage class.
        kms_key_id: The KMS key that encrypts them, and what is written beside them; or the key of each region.
        tags: Their tags.
        sign_payload: Sign the SHA-256 digest of every body.
        sign_with_botocore: Let botocore address and sign requests with bodies, too.
        conditional_writes: Whether to check that the store honours conditions on writes.
    """

    content_type: str | None = None
    storage_class: str | None = None
    kms_key_id: str | Mapping[str, str] | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    sign_payload: bool = False
    sign_with_botocore: bool = False
    conditional_writes: ConditionalWrites = "check"

    def __post_init__(self) -> None:
        if self.sign_payload and self.sign_with_botocore:
            raise ConfigError(
                "s3: sign_payload= is for lading's own signatures, and sign_with_botocore= leaves them to botocore"
            )
        if self.conditional_writes not in get_args(ConditionalWrites):
            raise InputError(
                f"conditional_writes={self.conditional_writes!r} is none of {', '.join(get_args(ConditionalWrites))}",
                argument="conditional_writes",
            )

    def kms_key(self, region: str) -> str | None:
        """Return the key that encrypts objects in *region*; ``ConfigError`` when there are keys, and none for it."""
        if not isinstance(self.kms_key_id, Mapping):
            return self.kms_key_id
        if region not in self.kms_key_id:
            raise ConfigError(f"s3: kms_key_id has no key for {region}")
        return self.kms_key_id[region]
