"""The regions of AWS: their clients, credentials and buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from lading._core.service import Service
from lading.s3._aws.botocore_bucket import BotocoreBucket
from lading.s3._aws.bucket import S3Bucket
from lading.s3._aws.control import BotocoreClient, make_http_session
from lading.s3._aws.errors import no_credentials, read_error, translate_botocore_errors
from lading.s3._aws.logs import suppress_botocore_logs
from lading.s3._aws.parameters import Parameters
from lading.s3._aws.role import AssumedRole
from lading.s3._aws.signing import SigV4

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from lading._core.sender import Sender
    from lading.s3._settings import AwsSettings, ObjectOptions


class AwsRegion:
    """A :class:`Region` of AWS.

    Args:
        name: The region's name.
        s3: Its client of S3.
        ssm: Its client of SSM.
        credentials: botocore's credentials.
        options: How objects are written.

    Attributes:
        parameters: Its parameters.
    """

    def __init__(
        self, name: str, s3: BotocoreClient, ssm: BotocoreClient, credentials: Any, options: ObjectOptions
    ) -> None:
        self.parameters: Parameters = Parameters(ssm)
        self._name = name
        self._s3 = s3
        self._ssm = ssm
        self._credentials = credentials
        self._options = options

    async def bucket(self, name: str) -> S3Bucket:
        """Return the bucket of that name."""
        # botocore decides on a bucket's URL (addressing style, partition, access point), and shows it in a signed one.
        with suppress_botocore_logs():
            url = await translate_botocore_errors(
                self._s3.client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "-"})
            )
        base_url = urlsplit(url)._replace(query="").geturl().removesuffix("-")
        service = Service(name="s3", base_url=base_url, read_error=read_error, accept="*/*")
        data = self._s3.sender.to(service, SigV4(self._credentials, self._name))
        kind = BotocoreBucket if self._options.sign_with_botocore else S3Bucket
        return kind(name, self._s3, data, self._options)

    def with_sender(self, sender: Sender) -> AwsRegion:
        """Return the same region, with the settings of *sender*."""
        s3, ssm = self._s3.with_sender(sender), self._ssm.with_sender(sender)
        return AwsRegion(self._name, s3, ssm, self._credentials, self._options)


async def open_regions(
    regions: Sequence[str], settings: AwsSettings, options: ObjectOptions, sender: Sender, closing: AsyncExitStack
) -> dict[str, AwsRegion]:
    """Open *regions* and return them by name.

    Args:
        regions: Their names.
        settings: How AWS is reached.
        options: How objects are written.
        sender: Sends botocore's requests.
        closing: Closes botocore's clients.
    """
    factory = _ClientFactory(settings, sender, closing)
    session = settings.session or AioSession(profile=settings.profile)
    # Also for the clients that botocore fetches credentials with.
    session.set_default_client_config(factory.config)
    if settings.role_arn is not None:
        sts = await factory.open(session, "sts", regions[0])
        session = AioSession()
        session.set_default_client_config(factory.config)
        session.get_component("credential_provider").insert_before("env", AssumedRole(sts, settings.role_arn))
    with suppress_botocore_logs():
        credentials = await translate_botocore_errors(session.get_credentials())
    if credentials is None:
        raise no_credentials()
    found: dict[str, AwsRegion] = {}
    for region in regions:
        s3 = await factory.open(session, "s3", region)
        ssm = await factory.open(session, "ssm", region)
        found[region] = AwsRegion(region, s3, ssm, credentials, options)
    return found


class _ClientFactory:
    """Opens botocore's clients, which stay open until *closing* closes them."""

    def __init__(self, settings: AwsSettings, sender: Sender, closing: AsyncExitStack) -> None:
        self._settings = settings
        self._sender = sender
        self._closing = closing
        self.config = AioConfig(
            http_session_cls=make_http_session(sender),
            warm_up_loader_caches=True,
            retries={"total_max_attempts": 1, "mode": "standard"},
            # Bodies carry checksums of their own; botocore would read each twice, on the event loop.
            s3={"payload_signing_enabled": False, **({"addressing_style": "path"} if settings.path_style else {})},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    async def open(self, session: Any, service: str, region: str) -> BotocoreClient:
        """Open a client of *service* in *region*."""
        url = self._settings.endpoint(service, region)
        made = session.create_client(service, region_name=region, endpoint_url=url, config=self.config)
        client = await translate_botocore_errors(self._closing.enter_async_context(made))
        return BotocoreClient(client, self._sender, service)
