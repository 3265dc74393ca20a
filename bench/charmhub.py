"""Charmhub: 100 files of 1 MiB uploaded, notified of and released, ten at once, beside craft-store against one server.

lading runs `revisions.upload(release=...)` in a `fan_out`. craft-store has no such call: in ten threads, which share
one client and so its session's connections, each file goes through `upload_file`, `notify_revision`, the status URL at
charmcraft's intervals until the review has ended, and `release`.

They do not do the same work. lading reads the package's list of revisions first, and each file once more than
craft-store, to compute its SHA3-384: a file that the package has already is not sent, and a lost response can be
looked up. craft-store computes no digest and looks nothing up. lading is measured with both.

"The work" begins with the client and ends with the last release. "Whole process" is the CPU of everything from the
start of the interpreter on, with what was imported: craft-store imports the system's keyring, a second HTTP library and
the login's cryptography with its first module.
Reviews end at once; or each takes between 0.02 and 0.18 s, so that the second poll at charmcraft's intervals, 0.2 s
after the first, finds it ended. The intervals of both begin alike. lading's uploads share polls: this server lists the
reviews of a package, as the embedded store does; lading's polls there serve all that wait.
The server keeps names and sizes, and throws the bytes away; a run in which one is missing fails.
"""

from __future__ import annotations

import json
import os
import socket
import time
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import _measure, _servers
from bench._charm_store import CHANNEL, LISTED, NAME
from bench._measure import Figure, Options, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._job import Job

COUNT = 100
AT_ONCE = 10
PEER = "craft-store, 10 threads"
# What both clients take from the environment variable of charmcraft: its form of a token, in base64.
CREDENTIALS = b64encode(b'{"t": "macaroon", "v": "bench-token"}').decode()
# charmcraft's, in seconds; after the last it gives up.
INTERVALS = (0.2, 0.3, 0.5, 1.0, 1.0, 1.0, 2.0, *[3.0] * 18)


def run(name: str, options: Options) -> Iterator[dict[str, Any]]:
    """The lines of `charmhub`."""
    size = options.size or 1
    wanted = [
        Figure(f"{what}: {figure}", unit, Reading(f"ours:{reviews}", key), {PEER: Reading(f"peer:{reviews}", key)})
        for what, reviews in (
            (f"{COUNT} files of {size} MiB released", 0),
            (f"{COUNT} files of {size} MiB released, reviews of 2 polls", 1),
        )
        for figure, unit, key in (
            ("wall of the work", "s", "wall"),
            ("CPU of the work", "cpu s", "cpu"),
            ("CPU of the whole process", "cpu s", "process"),
            ("peak RSS", "MiB", "rss"),
            ("polls", "requests", "polls"),
        )
    ]
    with _measure.scratch() as directory, _servers.running("charmhub") as url:
        files = [str(directory / f"{NAME}_{number}_amd64.charm") for number in range(COUNT)]
        for file in files:
            _measure.write_file(Path(file), size)
        yield from _measure.figures(name, __name__, wanted, {"url": url, "files": files, "size": size << 20}, options)


def _control(job: Job, path: str) -> dict[str, int]:
    """Send the server a request of the bench's own; by hand, as nothing is to be imported for it."""
    with socket.create_connection(job.address) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        found: dict[str, int] = json.loads(sock.recv(65536).partition(b"\r\n\r\n")[2])
    return found


def _prepare(job: Job) -> str:
    """Empty the store, set the credentials; the storage host's URL."""
    os.environ["CHARMCRAFT_AUTH"] = CREDENTIALS
    port = _control(job, f"/reset?reviews={job.argument}")["storage"]
    return f"http://127.0.0.1:{port}"


def _check(job: Job, revisions: list[int]) -> None:
    """Note what the whole process took; everything must have arrived, once."""
    job.result["process"] = time.process_time()
    found = _control(job, "/counts")
    job.result["polls"] = found["polls"]
    job.result["lists"] = found["lists"]
    assert sorted(revisions) == list(range(LISTED + 1, LISTED + COUNT + 1))
    assert found["files"] == found["sent"] == found["notified"] == found["released"] == COUNT, found
    assert found["bytes"] == COUNT * job.size, found


async def ours(job: Job) -> None:
    """`fan_out` over `revisions.upload`."""
    from lading import Charmhub, fan_out
    from lading.canonical import CHARMHUB, Endpoints

    storage = _prepare(job)
    endpoints = Endpoints(
        name=CHARMHUB.name,
        namespace="charm",
        api_url=job.url,
        storage_url=storage,
        info_url=job.url,
        login_url=job.url,
    )
    revisions = []
    with job.measure():
        async with (
            Charmhub(endpoints, token=os.environ["CHARMCRAFT_AUTH"]) as charmhub,
            fan_out(partial(charmhub.revisions.upload, NAME, release=[CHANNEL]), job.files, limit=AT_ONCE) as results,
        ):
            async for result in results:
                assert result.value.status == "uploaded"
                revisions.append(result.value.revision)
    _check(job, revisions)
    assert job.result["lists"]


def peer(job: Job) -> None:
    """craft-store's calls in threads."""
    from concurrent.futures import ThreadPoolExecutor

    from craft_store import StoreClient, endpoints
    from craft_store.models.release_request_model import ReleaseRequestModel
    from craft_store.models.revisions_model import RevisionsRequestModel

    storage = _prepare(job)

    def publish(file: str) -> int:
        upload_id = client.upload_file(filepath=Path(file))
        notified = client.notify_revision(name=NAME, revision_request=RevisionsRequestModel(upload_id=upload_id))
        for interval in INTERVALS:
            (review,) = client.request("GET", job.url + notified.status_url).json()["revisions"]
            if review["status"] in {"approved", "rejected"}:
                break
            time.sleep(interval)
        assert review["status"] == "approved"
        revision: int = review["revision"]
        client.release(name=NAME, release_request=[ReleaseRequestModel(channel=CHANNEL, revision=revision)])
        return revision

    with job.measure(), ThreadPoolExecutor(AT_ONCE) as pool:
        client = StoreClient(
            base_url=job.url,
            storage_base_url=storage,
            endpoints=endpoints.CHARMHUB,
            application_name="bench",
            user_agent="bench",
            environment_auth="CHARMCRAFT_AUTH",
        )
        revisions = list(pool.map(publish, job.files))
    _check(job, revisions)
