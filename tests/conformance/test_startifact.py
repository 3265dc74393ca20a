"""startifact's buckets and parameters beside lading's: what is written is the same, and each reads the other's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from lading import Stager
from lading.errors import (
    ApiError,
    ConfigError,
    Forbidden,
    InputError,
    InvalidResponse,
    LadingError,
    NotFound,
    StageFailed,
)
from lading.s3 import VersionExists
from tests.conformance.ledger import Ledger, ledger
from tests.conformance.startifact_deviations import ROWS
from tests.conformance.startifact_layout import (
    DATA,
    FILENAME,
    LAYOUTS,
    METADATA,
    METADATA_BYTES,
    METHODS,
    NAMES,
    PLAIN_METADATA_BYTES,
    PROJECT,
    VERSION,
    Layout,
    md5_header,
    read_latest,
)
from tests.support.aws_proxy import REGIONS
from tests.support.moto_aws import KEY, SECRET, Backdoor

LEDGER = ledger("startifact", METHODS, ROWS)
HERE = REGIONS[0]


@pytest.fixture(scope="module")
def compared(moto: str, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """All cases, done once, on each layout."""
    aws_backdoor = Backdoor(moto)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        for number, layout in enumerate(LAYOUTS):
            for case in (writing, reading, refusing):
                aws_backdoor.begin()
                directory = tmp_path_factory.mktemp("startifact")
                anyio.run(partial(case, aws_backdoor, moto, layout, directory, f"{case.__name__} {number}"))
    return LEDGER


def make_stager(moto: str, **options: Any) -> Stager:
    return Stager(REGIONS, endpoint_urls={"s3": moto, "ssm": moto}, path_style=True, **options)


async def set_up(stager: Stager, layout: Layout) -> None:
    await stager.setup(
        bucket_name_param=layout.bucket_param,
        bucket_key_prefix=layout.key_prefix,
        parameter_name_prefix=layout.parameter_prefix,
    )


async def writing(aws_backdoor: Backdoor, moto: str, layout: Layout, directory: Path, case: str) -> None:
    """What lading writes is what startifact writes."""
    (directory / FILENAME).write_bytes(DATA)
    metadata = dict(METADATA)
    async with make_stager(moto) as stager:
        await set_up(stager, layout)
        await stager.stage(PROJECT, VERSION, directory / FILENAME, metadata=metadata, save_filename=True)
        await stager.stage("Bare", "1.0.0", DATA)
        await stager.stage("Plain", "1.0.0", directory / FILENAME, metadata=METADATA)
        again = await stager.stage("Bare", "1.0.0", DATA)
        await stager.stage(PROJECT, "1.1.0", DATA)
        configuration, buckets, regions, read_only = (
            stager.configuration,
            stager.buckets,
            stager.regions,
            stager.read_only,
        )
    key, bare = layout.key(), layout.key("Bare", "1.0.0")
    for region in REGIONS:
        head = aws_backdoor.head(region, key)
        theirs: dict[str, Any] = {
            "Session.stage": (DATA, METADATA_BYTES),
            "ConfigurationLoader.operate": layout.configuration,
            "configuration parameter": layout.configuration,
            "artifact object": DATA,
            "metadata object": METADATA_BYTES,
            "no metadata object": None,
            "without filename": PLAIN_METADATA_BYTES,
            "content type of metadata": "binary/octet-stream",
            "user metadata": {},
            "keys": sorted(
                [
                    key,
                    f"{key}/metadata",
                    bare,
                    layout.key("Plain", "1.0.0"),
                    layout.key(PROJECT, "1.1.0"),
                    layout.key("Plain", "1.0.0") + "/metadata",
                ]
            ),
            "latest parameter": "1.0.0",
            "an older version staged": "1.1.0",
        }
        ours = {
            "Session.stage": (aws_backdoor.get(region, key), aws_backdoor.get(region, f"{key}/metadata")),
            "ConfigurationLoader.operate": aws_backdoor.parameter(region, "/startifact"),
            "configuration parameter": aws_backdoor.parameter(region, "/startifact"),
            "artifact object": aws_backdoor.get(region, key),
            "metadata object": aws_backdoor.get(region, f"{key}/metadata"),
            "no metadata object": aws_backdoor.get(region, f"{bare}/metadata"),
            "without filename": aws_backdoor.get(region, layout.key("Plain", "1.0.0") + "/metadata"),
            "content type of metadata": aws_backdoor.head(region, f"{key}/metadata")["ContentType"],
            "user metadata": head["Metadata"],
            "keys": sorted(aws_backdoor.keys(region)),
            "latest parameter": aws_backdoor.parameter(region, layout.latest("Bare")),
            "an older version staged": aws_backdoor.parameter(region, layout.latest()),
        }
        LEDGER.compare(f"{case} in {region}", theirs, ours)
    params = {region: aws_backdoor.parameter(region, layout.latest()) for region in REGIONS}
    LEDGER.compare(
        case,
        {
            "Session.configuration": (layout.bucket_param, layout.key_prefix, layout.parameter_prefix, layout.regions),
            "ConfigurationLoader.loaded": layout.configuration,
            "ConfigurationLoader.regions": list(REGIONS),
            "Session.bucket_names": {region: f"bucket-{region}" for region in REGIONS},
            "BucketNames.get": {region: f"bucket-{region}" for region in REGIONS},
            "Session.regions": list(REGIONS),
            "Session.read_only": False,
            "tag of an artifact of one request": f'"{hashlib.md5(DATA).hexdigest()}"',
            "read by startifact: latest": VERSION,
            "a version staged again": "CannotStageArtifact",
            "caller's metadata": {**METADATA, "startifact:filename": FILENAME},
        },
        {
            "Session.configuration": (
                configuration.bucket_name_param,
                configuration.bucket_key_prefix,
                configuration.parameter_name_prefix,
                ",".join(configuration.regions),
            ),
            "ConfigurationLoader.loaded": configuration.dump(),
            "ConfigurationLoader.regions": list(configuration.regions),
            "Session.bucket_names": buckets,
            "BucketNames.get": buckets,
            "Session.regions": list(regions),
            "Session.read_only": read_only,
            "tag of an artifact of one request": aws_backdoor.head(min(REGIONS), bare)["ETag"],
            "read by startifact: latest": read_latest(params),
            "a version staged again": ",".join(sorted({found.status for found in again.regions.values()})),
            "caller's metadata": metadata,
        },
    )


def write_as_startifact(
    aws_backdoor: Backdoor,
    layout: Layout,
    *,
    metadata: bytes | None = METADATA_BYTES,
    crc: bool = False,
    only: tuple[str, ...] = REGIONS,
) -> None:
    """The artifact as startifact writes it, with the checksum that a newer boto3 adds, or without."""
    more = {"ChecksumAlgorithm": "CRC32"} if crc else {}
    for region in REGIONS:
        aws_backdoor.put_parameter(region, "/startifact", layout.configuration)
    for region in only:
        aws_backdoor.put(region, layout.key(), DATA, **md5_header(DATA), **more)
        if metadata is not None:
            aws_backdoor.put(region, f"{layout.key()}/metadata", metadata, **md5_header(metadata))
        aws_backdoor.put_parameter(region, layout.latest(), VERSION)


async def reading(aws_backdoor: Backdoor, moto: str, layout: Layout, directory: Path, case: str) -> None:
    """What startifact wrote, lading reads, with and without its checksum and metadata."""
    found = {**METADATA, "startifact:filename": FILENAME}
    for crc in (False, True):
        aws_backdoor.begin()
        write_as_startifact(aws_backdoor, layout, crc=crc, only=REGIONS[:2])
        async with make_stager(moto, read_only=True) as stager:
            artifact = await stager.get(PROJECT)
            named = await stager.get(PROJECT, VERSION)
            into = directory / f"crc {crc}"
            into.mkdir()
            path = await artifact.download(into)
            latest = await stager.latest(PROJECT)
            read_only = stager.read_only
        first = next(iter(artifact.regions.values()))
        LEDGER.compare(
            f"{case}, CRC {crc}",
            {
                "Session.get": (layout.key(), VERSION),
                "Session.read_only": True,
                "Artifact.key": layout.key(),
                "Artifact.metadata_key": f"{layout.key()}/metadata",
                "Artifact.version": VERSION,
                "Artifact.metadata_loader": found,
                "Artifact.latest_version_loader": VERSION,
                "Artifact.downloader": DATA,
                "Artifact.__getitem__": "pyé",
                "Artifact.__contains__": (True, False),
                "Artifact.__len__": 3,
                "ArtifactDownloader.bucket": f"bucket-{HERE}",
                "ArtifactDownloader.region": HERE,
                "ArtifactDownloader.key": layout.key(),
                "ArtifactDownloader.project": PROJECT,
                "ArtifactDownloader.version": VERSION,
                "ArtifactDownloader.discover": (HERE,),
                "ArtifactDownloader.download": (FILENAME, DATA),
                "MetadataLoader.loaded": found,
                "MetadataLoader.key": f"{layout.key()}/metadata",
                "MetadataLoader.any_regions_claim_no_metadata": False,
                "ConfigurationLoader.out": "printed",
                "BucketNames.add": "given",
            },
            {
                "Session.get": (named.key, named.version),
                "Session.read_only": read_only,
                "Artifact.key": artifact.key,
                "Artifact.metadata_key": f"{artifact.key}/metadata",
                "Artifact.version": artifact.version,
                "Artifact.metadata_loader": dict(artifact.metadata),
                "Artifact.latest_version_loader": latest,
                "Artifact.downloader": path.read_bytes(),
                "Artifact.__getitem__": artifact["lang"],
                "Artifact.__contains__": ("lang" in artifact, "no" in artifact),
                "Artifact.__len__": len(artifact),
                "ArtifactDownloader.bucket": first.bucket,
                "ArtifactDownloader.region": first.region,
                "ArtifactDownloader.key": first.key,
                "ArtifactDownloader.project": artifact.project,
                "ArtifactDownloader.version": artifact.version,
                "ArtifactDownloader.discover": tuple(artifact.regions),
                "ArtifactDownloader.download": (path.name, path.read_bytes()),
                "MetadataLoader.loaded": dict(artifact.metadata),
                "MetadataLoader.key": f"{artifact.key}/metadata",
            },
        )
    aws_backdoor.begin()
    write_as_startifact(aws_backdoor, layout, metadata=None)
    async with make_stager(moto) as stager:
        bare = await stager.get(PROJECT)
    LEDGER.compare(
        f"{case}, no metadata",
        {"MetadataLoader.loaded": {}, "Artifact.__len__": 0},
        {"MetadataLoader.loaded": dict(bare.metadata), "Artifact.__len__": len(bare)},
    )


async def raised(work: Callable[[], Any]) -> str:
    """The class of what it raises; empty for nothing."""
    try:
        await work()
    except LadingError as error:
        return type(error).__name__
    return ""


async def refusing(aws_backdoor: Backdoor, moto: str, layout: Layout, directory: Path, case: str) -> None:
    """What neither takes, under whose name."""
    ours: dict[str, Any] = {"Session.validate_project_name": {}}
    for name in NAMES:
        try:
            Stager.validate_project_name(name)
        except InputError as error:
            ours["ProjectNameError"] = type(error).__name__
            ours["Session.validate_project_name"][name] = False
        else:
            ours["Session.validate_project_name"][name] = True
    async with make_stager(moto) as stager:
        ours["NoConfiguration"] = await raised(lambda: stager.get(PROJECT))
    write_as_startifact(aws_backdoor, layout, metadata=b'{"startifact:filename": "/elsewhere/escaped.txt"}')
    async with make_stager(moto) as stager:
        ours["a project name with a trailing newline"] = await raised(lambda: stager.stage("P\n", VERSION, DATA))
        escaping = await stager.get(PROJECT)
        ours["a saved name that leads out of the directory"] = await raised(lambda: escaping.download(directory))
        for region in REGIONS[:2]:
            aws_backdoor.ssm(region).delete_parameter(Name=layout.bucket_param)
    async with make_stager(moto) as stager:
        ours["LatestVersionLoader.version"] = await raised(lambda: stager.latest(PROJECT))
        failing = await raised(lambda: stager.stage("Other", "1.0.0", DATA))
        ours["CannotStageArtifact"] = failing
    one = Stager(REGIONS[:1], endpoint_urls={"s3": moto, "ssm": moto}, path_style=True)
    async with one:
        ours["ParameterNotFound"] = await raised(lambda: one.get(PROJECT, VERSION))
    ours["NoRegionsAvailable"] = ours["ParameterNotFound"]
    ours["NoRegionsConfigured"] = await raised(nowhere)
    ours["CannotDiscoverExistence"] = ours["NotAllowedToGetParameter"] = ours["NotAllowedToPutParameter"] = (
        Forbidden.__name__
    )
    ours["ParameterStoreError"] = ApiError.__name__
    theirs: dict[str, Any] = {name: name for name in METHODS if name[0].isupper() and "." not in name}
    theirs |= {
        "Session.validate_project_name": NAMES,
        "LatestVersionLoader.version": VERSION,
        "a project name with a trailing newline": "",
        "a saved name that leads out of the directory": "",
    }
    LEDGER.compare(case, theirs, ours)
    assert ours["NoConfiguration"] == ours["NoRegionsConfigured"] == ConfigError.__name__
    assert ours["CannotStageArtifact"] == StageFailed.__name__
    assert ours["a saved name that leads out of the directory"] == InvalidResponse.__name__
    assert ours["ParameterNotFound"] == NotFound.__name__


async def nowhere() -> None:
    async with Stager():
        pass


@pytest.mark.parametrize("row", sorted(ROWS))
def test_row(compared: Ledger, row: str):
    compared.check(row)


def test_everything_has_a_row(compared: Ledger):
    compared.check_complete()


@pytest.mark.anyio
async def test_of_both_in_turn(compared: Ledger, moto: str, monkeypatch: pytest.MonkeyPatch):
    """Old and new writers in one organisation: each sees the other's newer versions."""
    aws_backdoor, layout = Backdoor(moto), LAYOUTS[0]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    await anyio.to_thread.run_sync(aws_backdoor.begin)
    await anyio.to_thread.run_sync(partial(write_as_startifact, aws_backdoor, layout))
    async with make_stager(moto) as stager:
        with pytest.raises(VersionExists):
            await stager.stage(PROJECT, VERSION, b"other")
        await stager.stage(PROJECT, "1.3.0", b"newer")
        assert await stager.latest(PROJECT) == "1.3.0"
        for region in REGIONS:  # startifact again
            await anyio.to_thread.run_sync(aws_backdoor.put_parameter, region, layout.latest(), "1.4.0")
        assert await stager.latest(PROJECT) == "1.4.0"
        for region in REGIONS:  # startifact stages an older one: it has no memory, we have
            await anyio.to_thread.run_sync(aws_backdoor.put_parameter, region, layout.latest(), "1.0.0")
        assert await stager.latest(PROJECT) == "1.3.0"
