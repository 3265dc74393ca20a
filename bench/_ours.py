"""How the benches use lading: a client for the run's server, and the calls they make with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lading import BytesBody, Call, FileBody, FilePart, Index, Limits, Multipart, PyPI
from lading.pypi import File

if TYPE_CHECKING:
    from bench._job import Job
    from lading import Response


def client(job: Job, *, at_once: int = 10) -> PyPI:
    """A client of the run's server that may send so many files at once."""
    return PyPI(Index(job.url, job.url), tls=job.ca, limits=Limits(max_uploads=at_once))


def _ok(response: Response) -> Any:
    assert response.status == 200
    return response.json()


def small_call() -> Call[Any]:
    """A write of one byte: opens the connection and runs the whole path once."""
    return Call("POST", "/", _ok, body=BytesBody(b"x"))


def get_call(path: str = "/") -> Call[Any]:
    """A small GET, its response's JSON parsed."""
    return Call("GET", path, _ok)


def served_file(job: Job) -> File:
    """The large file as an index would list it."""
    hashes = {"sha256": job.digest}
    return File(filename="file", url=f"{job.url}/file", hashes=hashes, size=job.size)


async def form(name: str) -> Call[Any]:
    """The upload of one file as a form."""
    parts = [(":action", "file_upload"), FilePart("content", await FileBody.from_path(name), "large")]
    return Call("POST", "/", _ok, body=Multipart(parts))
