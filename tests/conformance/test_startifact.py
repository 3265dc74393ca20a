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
from tests.support.moto_aws import KEY, SECRET, Behind

LEDGER = ledger("startifact", METHODS, ROWS)
HERE = REGIONS[0]


@pytest.fixture(scope="module")
def compared(moto: str, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """All cases, done once, on each layout."""
    behind = Behind(moto)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        for number, layout in enumerate(LAYOUTS):
            for case in (writing, reading, refusing):
                behind.begin()
                folder = tmp_path_factory.mktemp("startifact")
                anyio.run(partial(case, behind, moto, layout, folder, f"{case.__name__} {number}"))
    return LEDGER


def stager(moto: str, **options: Any) -> Stager:
    return Stager(REGIONS, endpoint_urls={"s3": moto, "ssm": moto}, path_style=True, **options)


async def set_up(s: Stager, layout: Layout) -> None:
    await s.setup(
        bucket_name_param=layout.bucket_param,
        bucket_key_prefix=layout.key_prefix,
        parameter_name_prefix=layout.parameter_prefix,
    )


async def writing(behind: Behind, moto: str, layout: Layout, folder: Path, case: str) -> None:
    """What lading writes is what startifact writes."""
    (folder / FILENAME).write_bytes(DATA)
    metadata = dict(METADATA)
    async with stager(moto) as s:
        await set_up(s, layout)
        await s.stage(PROJECT, VERSION, folder / FILENAME, metadata=metadata, save_filename=True)
        await s.stage("Bare", "1.0.0", DATA)
        await s.stage("Plain", "1.0.0", folder / FILENAME, metadata=METADATA)
        again = await s.stage("Bare", "1.0.0", DATA)
        await s.stage(PROJECT, "1.1.0", DATA)
        configuration, buckets, regions, read_only = s.configuration, s.buckets, s.regions, s.read_only
    key, bare = layout.key(), layout.key("Bare", "1.0.0")
    for region in REGIONS:
        head = behind.head(region, key)
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
            "Session.stage": (behind.get(region, key), behind.get(region, f"{key}/metadata")),
            "ConfigurationLoader.operate": behind.parameter(region, "/startifact"),
            "configuration parameter": behind.parameter(region, "/startifact"),
            "artifact object": behind.get(region, key),
            "metadata object": behind.get(region, f"{key}/metadata"),
            "no metadata object": behind.get(region, f"{bare}/metadata"),
            "without filename": behind.get(region, layout.key("Plain", "1.0.0") + "/metadata"),
            "content type of metadata": behind.head(region, f"{key}/metadata")["ContentType"],
            "user metadata": head["Metadata"],
            "keys": sorted(behind.keys(region)),
            "latest parameter": behind.parameter(region, layout.latest("Bare")),
            "an older version staged": behind.parameter(region, layout.latest()),
        }
        LEDGER.compare(f"{case} in {region}", theirs, ours)
    params = {region: behind.parameter(region, layout.latest()) for region in REGIONS}
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
            "tag of an artifact of one request": behind.head(min(REGIONS), bare)["ETag"],
            "read by startifact: latest": read_latest(params),
            "a version staged again": ",".join(sorted({found.status for found in again.regions.values()})),
            "caller's metadata": metadata,
        },
    )


def write_as_startifact(
    behind: Behind,
    layout: Layout,
    *,
    metadata: bytes | None = METADATA_BYTES,
    crc: bool = False,
    only: tuple[str, ...] = REGIONS,
) -> None:
    """The artifact as startifact writes it, with the checksum that a newer boto3 adds, or without."""
    more = {"ChecksumAlgorithm": "CRC32"} if crc else {}
    for region in REGIONS:
        behind.put_parameter(region, "/startifact", layout.configuration)
    for region in only:
        behind.put(region, layout.key(), DATA, **md5_header(DATA), **more)
        if metadata is not None:
            behind.put(region, f"{layout.key()}/metadata", metadata, **md5_header(metadata))
        behind.put_parameter(region, layout.latest(), VERSION)


async def reading(behind: Behind, moto: str, layout: Layout, folder: Path, case: str) -> None:
    """What startifact wrote, lading reads, with and without its checksum and metadata."""
    found = {**METADATA, "startifact:filename": FILENAME}
    for crc in (False, True):
        behind.begin()
        write_as_startifact(behind, layout, crc=crc, only=REGIONS[:2])
        async with stager(moto, read_only=True) as s:
            artifact = await s.get(PROJECT)
            named = await s.get(PROJECT, VERSION)
            into = folder / f"crc {crc}"
            into.mkdir()
            path = await artifact.download(into)
            latest = await s.latest(PROJECT)
            read_only = s.read_only
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
                "BucketNames.add": "told",
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
    behind.begin()
    write_as_startifact(behind, layout, metadata=None)
    async with stager(moto) as s:
        bare = await s.get(PROJECT)
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


async def refusing(behind: Behind, moto: str, layout: Layout, folder: Path, case: str) -> None:
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
    async with stager(moto) as s:
        ours["NoConfiguration"] = await raised(lambda: s.get(PROJECT))
    write_as_startifact(behind, layout, metadata=b'{"startifact:filename": "/elsewhere/escaped.txt"}')
    async with stager(moto) as s:
        ours["a project's name with a newline at its end"] = await raised(lambda: s.stage("P\n", VERSION, DATA))
        escaping = await s.get(PROJECT)
        ours["a saved name that leaves the folder"] = await raised(lambda: escaping.download(folder))
        for region in REGIONS[:2]:
            behind.ssm(region).delete_parameter(Name=layout.bucket_param)
    async with stager(moto) as s:
        ours["LatestVersionLoader.version"] = await raised(lambda: s.latest(PROJECT))
        failing = await raised(lambda: s.stage("Other", "1.0.0", DATA))
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
        "a project's name with a newline at its end": "",
        "a saved name that leaves the folder": "",
    }
    LEDGER.compare(case, theirs, ours)
    assert ours["NoConfiguration"] == ours["NoRegionsConfigured"] == ConfigError.__name__
    assert ours["CannotStageArtifact"] == StageFailed.__name__
    assert ours["a saved name that leaves the folder"] == InvalidResponse.__name__
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
    behind, layout = Behind(moto), LAYOUTS[0]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    await anyio.to_thread.run_sync(behind.begin)
    await anyio.to_thread.run_sync(partial(write_as_startifact, behind, layout))
    async with stager(moto) as s:
        with pytest.raises(VersionExists):
            await s.stage(PROJECT, VERSION, b"other")
        await s.stage(PROJECT, "1.3.0", b"newer")
        assert await s.latest(PROJECT) == "1.3.0"
        for region in REGIONS:  # startifact again
            await anyio.to_thread.run_sync(behind.put_parameter, region, layout.latest(), "1.4.0")
        assert await s.latest(PROJECT) == "1.4.0"
        for region in REGIONS:  # startifact stages an older one: it has no memory, we have
            await anyio.to_thread.run_sync(behind.put_parameter, region, layout.latest(), "1.0.0")
        assert await s.latest(PROJECT) == "1.3.0"
