"""S3 and SSM of regions, by way of botocore: its credentials, endpoints, signatures and control requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from lading._core.service import Service
from lading.s3._aws.botocore_bucket import BotocoreBucket
from lading.s3._aws.bucket import ObjectOptions, S3Bucket
from lading.s3._aws.control import BotocoreClient, make_http_session
from lading.s3._aws.logs import suppress_botocore_logs
from lading.s3._aws.parameters import Parameters
from lading.s3._aws.role import AssumedRole
from lading.s3._aws.signing import SigV4, no_credentials, translate_botocore_errors
from lading.s3._errors import read_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from lading._core.auth import Auth
    from lading._core.sender import Sender


EndpointUrls = Mapping[str, str | Mapping[str, str]]
"""By service: an address, in which ``{region}`` is replaced; or addresses by region."""


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """How AWS is reached.

    Attributes:
        session: An ``aiobotocore`` session; a new one where not given.
        profile: A profile of AWS's configuration files.
        role_arn: A role to assume with what these give.
        endpoint_urls: Instead of AWS's own, by service (``s3``, ``ssm``, ``sts``).
        path_style: Whether the bucket is in the path and not in the host name.
    """

    session: Any = None
    profile: str | None = None
    role_arn: str | None = None
    endpoint_urls: EndpointUrls = field(default_factory=dict[str, str])
    path_style: bool = False

    def endpoint(self, service: str, region: str) -> str | None:
        """The address to use; ``None`` to leave it to botocore, with what the environment says."""
        url = self.endpoint_urls.get(service)
        if isinstance(url, Mapping):
            return url.get(region)
        return None if url is None else url.replace("{region}", region)


class AwsRegion:
    """One region: its parameters, and its buckets.

    Attributes:
        name: The region's name.
        parameters: Its parameters.
    """

    def __init__(
        self, name: str, s3: Any, ssm: Any, *, senders: Senders, credentials: Any, placing: ObjectOptions
    ) -> None:
        self.name = name
        self.parameters: Parameters = Parameters(BotocoreClient(ssm, senders.control, "ssm"))
        self._s3 = s3
        self._ssm = ssm
        self._senders = senders
        self._credentials = credentials
        self._placing = placing

    async def bucket(self, name: str) -> S3Bucket:
        """The bucket of that name."""
        # botocore knows where a bucket is, by addressing style, partition, access point; this is how it tells.
        with suppress_botocore_logs():
            url = await translate_botocore_errors(
                self._s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "-"})
            )
        base = urlsplit(url)._replace(query="").geturl().removesuffix("-")
        return self._bucket(name, Service(name="s3", base_url=base, read_error=read_error, accept="*/*"))

    def _bucket(self, name: str, service: Service) -> S3Bucket:
        data = self._senders.made(service, SigV4(self._credentials, self.name))
        kind = BotocoreBucket if self._placing.sign_with_botocore else S3Bucket
        return kind(name, BotocoreClient(self._s3, self._senders.control, "s3"), data, self._placing)

    def sent_by(self, senders: Senders) -> AwsRegion:
        """The same region, asked with other settings over the same clients."""
        return AwsRegion(
            self.name,
            self._s3,
            self._ssm,
            senders=senders,
            credentials=self._credentials,
            placing=self._placing,
        )

    def bucket_like(self, bucket: S3Bucket) -> S3Bucket:
        """The same bucket, asked with this region's settings."""
        return self._bucket(bucket.bucket, bucket.sender.service)


@dataclass(frozen=True, slots=True)
class Senders:
    """Where senders come from.

    Attributes:
        made: From a service and its credentials to a sender.
        control: The sender of control requests, which are signed already.
    """

    made: Callable[[Service, Auth], Sender]
    control: Sender


async def open_regions(
    regions: Sequence[str], access: AwsSettings, placing: ObjectOptions, senders: Senders, closing: AsyncExitStack
) -> dict[str, AwsRegion]:
    """The regions; their clients end with *closing*."""
    opening = _ClientFactory(access, senders, closing)
    session = access.session or AioSession(profile=access.profile)
    # For the clients that credentials are fetched with, too.
    session.set_default_client_config(opening.config)
    if access.role_arn is not None:
        sts = await opening.client(session, "sts", regions[0])
        session = AioSession()
        session.set_default_client_config(opening.config)
        role = AssumedRole(BotocoreClient(sts, senders.control, "sts"), access.role_arn)
        session.get_component("credential_provider").insert_before("env", role)
    with suppress_botocore_logs():
        credentials = await translate_botocore_errors(session.get_credentials())
    if credentials is None:
        raise no_credentials()
    found: dict[str, AwsRegion] = {}
    for region in regions:
        s3 = await opening.client(session, "s3", region)
        ssm = await opening.client(session, "ssm", region)
        found[region] = AwsRegion(region, s3, ssm, senders=senders, credentials=credentials, placing=placing)
    return found


class _ClientFactory:
    """Makes clients that go on being open."""

    def __init__(self, access: AwsSettings, senders: Senders, closing: AsyncExitStack) -> None:
        self._access = access
        self._closing = closing
        self.config = AioConfig(
            http_session_cls=make_http_session(senders.control),
            warm_up_loader_caches=True,
            retries={"total_max_attempts": 1, "mode": "standard"},
            # Bodies carry checksums of their own; botocore would read each twice, on the event loop.
            s3={"payload_signing_enabled": False, **({"addressing_style": "path"} if access.path_style else {})},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    async def client(self, session: Any, service: str, region: str) -> Any:
        """A client of a service in a region."""
        url = self._access.endpoint(service, region)
        made = session.create_client(service, region_name=region, endpoint_url=url, config=self.config)
        return await translate_botocore_errors(self._closing.enter_async_context(made))
