"""The regions of AWS: their clients, credentials and buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError

from lading._core.loop_local import LoopLocal
from lading._core.service import Service
from lading.s3._aws.botocore_bucket import BotocoreBucket
from lading.s3._aws.bucket import S3Bucket
from lading.s3._aws.conditions import Conditions
from lading.s3._aws.control import BotocoreClient, make_http_session
from lading.s3._aws.errors import load_credentials, no_credentials, read_error
from lading.s3._aws.features import Features
from lading.s3._aws.logs import suppress_botocore_logs
from lading.s3._aws.parameters import Parameters
from lading.s3._aws.place import BucketPlaces, Place
from lading.s3._aws.renewal import Renewal
from lading.s3._aws.role import AssumedRole
from lading.s3._aws.signing import SigV4

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AsyncExitStack

    from lading._core.sender import Sender
    from lading.s3._settings import AwsSettings, ObjectOptions

_CHECKSUM_OPTIONS = ("request_checksum_calculation", "response_checksum_validation")


class AwsRegion:
    """A :class:`Region` of AWS.

    Args:
        name: The region's name.
        clients: Opens clients.
        s3: Its client of S3.
        ssm: Its client of SSM.
        options: How objects are written.

    Attributes:
        parameters: Its parameters.
    """

    def __init__(
        self, name: str, clients: _Clients, s3: BotocoreClient, ssm: BotocoreClient, options: ObjectOptions
    ) -> None:
        self.parameters: Parameters = Parameters(ssm)
        self._name = name
        self._clients = clients
        self._s3 = s3
        self._ssm = ssm
        self._options = options

    async def bucket(self, name: str) -> S3Bucket:
        """Return the bucket of that name."""
        place = await self._clients.place(self._s3, self._name, name)
        features = Features(name)
        if self._clients.checksums_when_required:
            features.checksums = features.whole = False
        features.checksum_mode = not self._clients.validation_when_required
        conditions = Conditions(features, self._options.conditional_writes)
        if place.is_aws:
            conditions.trust()
        kind = BotocoreBucket if self._options.sign_with_botocore else S3Bucket
        sender = self._s3.sender

        async def reopen(bucket: str, region: str) -> Place:
            return (await self._clients.elsewhere(self._name, bucket, region)).with_sender(sender)

        places = BucketPlaces(name, self._name, place, reopen)
        return kind(name, self._name, places, options=self._options, features=features, conditions=conditions)

    def with_sender(self, sender: Sender) -> AwsRegion:
        """Return the same region, with the settings of *sender*."""
        s3, ssm = self._s3.with_sender(sender), self._ssm.with_sender(sender)
        return AwsRegion(self._name, self._clients, s3, ssm, self._options)


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
    for region in regions:
        options.kms_key(region)  # raises when there are keys, and none for it
    factory = _ClientFactory(settings, sender, closing)
    session = settings.session or AioSession(profile=settings.profile)
    chosen = {name: _chosen(session, name) for name in _CHECKSUM_OPTIONS}
    # Also for the clients that botocore fetches credentials with.
    session.set_default_client_config(factory.config)
    if settings.role_arn is not None:
        sts = await factory.open(session, "sts", regions[0], await _credentials(session))
        session = AioSession()
        session.set_default_client_config(factory.config)
        session.get_component("credential_provider").insert_before("env", AssumedRole(sts, settings.role_arn))
    clients = _Clients(factory, session, await _credentials(session), chosen)
    found: dict[str, AwsRegion] = {}
    for region in regions:
        s3 = await clients.s3(region)
        ssm = await factory.open(session, "ssm", region, clients.credentials)
        found[region] = AwsRegion(region, clients, s3, ssm, options)
    return found


async def _credentials(session: Any) -> Renewal:
    with suppress_botocore_logs():
        credentials = await load_credentials(session.get_credentials())
    if credentials is None:
        raise no_credentials()
    return Renewal(credentials)


def _chosen(session: Any, name: str) -> str:
    """Return what the user has configured of an option that lading overrides, as botocore does on its own."""
    config = session.get_default_client_config()
    try:
        given = getattr(config, name, None) or session.get_config_variable(name)
    except BotoCoreError:
        return ""  # whoever looks for credentials finds the same, and says so
    return str(given or "").lower()


class _Clients:
    """The clients and credentials of a session, for the regions that it was opened with and those that buckets are in.

    Args:
        factory: Opens clients.
        session: botocore's session.
        credentials: Its credentials.
        chosen: What the user has configured, by the option's name.

    Attributes:
        credentials: The session's credentials.
        checksums_when_required: Whether requests carry checksums only where S3 requires them.
        validation_when_required: Whether checksums of responses are requested only where S3 requires that.
    """

    def __init__(self, factory: _ClientFactory, session: Any, credentials: Renewal, chosen: Mapping[str, str]) -> None:
        self.credentials = credentials
        self.checksums_when_required, self.validation_when_required = (
            chosen[name] == "when_required" for name in _CHECKSUM_OPTIONS
        )
        self._factory = factory
        self._session = session
        self._s3: dict[str, BotocoreClient] = {}
        self._opening = LoopLocal(anyio.Lock)

    async def s3(self, region: str) -> BotocoreClient:
        """Return the client of S3 in *region*, opened when it is first needed."""
        if region not in self._s3:
            self._s3[region] = await self._factory.open(self._session, "s3", region, self.credentials)
        return self._s3[region]

    async def place(self, s3: BotocoreClient, region: str, bucket: str) -> Place:
        """Return the place of *bucket* in *region*.

        Args:
            s3: The region's client.
            region: The region.
            bucket: The bucket.
        """
        # botocore decides on a bucket's URL (addressing style, partition, access point), and shows it in a signed one.
        with suppress_botocore_logs():
            url = await load_credentials(
                s3.client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "-"})
            )
        base_url = urlsplit(url)._replace(query="").geturl().removesuffix("-")
        service = Service(
            name="s3",
            base_url=base_url,
            read_error=read_error,
            accept="*/*",
            keeps_after_head=True,  # HeadObject always announces the object's length, and no store sends the object
        )
        return Place(region, s3, s3.sender.to(service, SigV4(self.credentials, region)))

    async def elsewhere(self, expected: str, bucket: str, region: str) -> Place:
        """Return the place of a bucket that is not in the region that it was expected in.

        The endpoint is built from the region's name, as that of any region. No URL of a server is used.

        Args:
            expected: The region that it was expected in.
            bucket: The bucket.
            region: The region that it is in, by the store.

        Raises:
            LookupError: It is not known how that region is reached.
        """
        self._factory.settings.require_same_provider(region)
        partitions = {_partition(self._session, name) for name in (expected, region)}
        if self._factory.settings.endpoint("s3", region) is None and len(partitions) > 1:
            raise LookupError("which is of another partition of AWS")
        async with self._opening.get():
            return await open_elsewhere(self, bucket, region)


async def open_elsewhere(clients: _Clients, bucket: str, region: str) -> Place:
    """Open a client in a region that no stager was configured with; reads botocore's files, once for each region."""
    return await clients.place(await clients.s3(region), region, bucket)


def _partition(session: Any, region: str) -> str:
    try:
        return str(session.get_partition_for_region(region))
    except BotoCoreError:
        return ""


class _ClientFactory:
    """Opens botocore's clients, which stay open until *closing* closes them."""

    def __init__(self, settings: AwsSettings, sender: Sender, closing: AsyncExitStack) -> None:
        self.settings = settings
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

    async def open(self, session: Any, service: str, region: str, credentials: Renewal) -> BotocoreClient:
        """Open a client of *service* in *region*."""
        url = self.settings.endpoint(service, region)
        made = session.create_client(service, region_name=region, endpoint_url=url, config=self.config)
        client = await load_credentials(self._closing.enter_async_context(made))
        # The environment and configuration files name endpoints, too.
        self.settings.check_url(client.meta.endpoint_url, f"the endpoint of {service} in {region}")
        # botocore follows buckets to other regions for some requests, with a request of its own for each.
        client.meta.events.register_last("before-endpoint-resolution.s3", _follow_nothing)
        return BotocoreClient(client, self._sender, service, credentials)


def _follow_nothing(context: Any, **kwargs: Any) -> None:
    del kwargs
    context.setdefault("s3_redirect", {})["redirected"] = True
