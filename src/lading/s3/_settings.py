"""Settings of a stager as plain data: how AWS is reached, and how objects are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lading.errors import ConfigError

EndpointUrls = Mapping[str, str | Mapping[str, str]]
"""By service: a URL, in which ``{region}`` is replaced; or URLs by region."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """How AWS is reached.

    Attributes:
        session: An ``aiobotocore`` session; a new one when not given.
        profile: A profile of AWS's configuration files.
        role_arn: A role to assume with the credentials of session or profile.
        endpoint_urls: URLs to use instead of AWS's own, by service (``s3``, ``ssm``, ``sts``).
        path_style: Whether the bucket is in the path instead of the host name.
    """

    session: Any = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_urls: EndpointUrls = field(default_factory=dict[str, str])
    path_style: bool = False

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
        kms_key_id: The KMS key that encrypts them.
        tags: Their tags.
        sign_payload: Sign the SHA-256 digest of every body.
        sign_with_botocore: Let botocore address and sign requests with bodies, too.
    """

    content_type: str | None = None
    storage_class: str | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    sign_payload: bool = False
    sign_with_botocore: bool = False

    def __post_init__(self) -> None:
        if self.sign_payload and self.sign_with_botocore:
            raise ConfigError(
                "s3: sign_payload= is for lading's own signatures, and sign_with_botocore= leaves them to botocore"
            )
