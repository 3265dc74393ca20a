"""A package index with canned responses, which records its requests."""

from __future__ import annotations

from lading import BasicAuth, Index, PyPI, Retry
from lading.testing import Server, ServerRequest, ServerResponse
from tests.support.instant_clock import InstantClock


class FakeIndex:
    """One project's page, and the responses to uploads.

    Attributes:
        page: The response to look-ups; by default that of a project without files.
        responses: The responses to uploads, one after the other; 200 after those.
        stores: The name and the sha256 that it lists from the first upload on; an empty digest is not listed.
        page_after_upload: The page from the first upload on, when it is another.
        late: After how many look-ups that follow an upload it lists what it stores.
        requests: What came, with the bodies in ``bodies``.
    """

    def __init__(self) -> None:
        self.page = ServerResponse.json({"meta": {"api-version": "1.0"}, "files": []})
        self.responses: list[ServerResponse] = []
        self.stores: tuple[str, str] | None = None
        self.page_after_upload: ServerResponse | None = None
        self.late = 0
        self.requests: list[ServerRequest] = []
        self.bodies: list[bytes] = []
        self.server = Server(self._handle)

    async def _handle(self, request: ServerRequest) -> ServerResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        if request.method == "GET":
            page = self.page
            if self.late and self.seen.count("POST /legacy/"):
                self.late -= 1
                if not self.late:
                    self._store()
            return page
        self.page = self.page_after_upload or self.page
        if not self.late:
            self._store()
        return self.responses.pop(0) if self.responses else ServerResponse()

    def _store(self) -> None:
        if self.stores is not None:
            filename, digest = self.stores
            self.lists(filename, **({"sha256": digest} if digest else {}))

    def lists(self, filename: str, **hashes: str) -> None:
        """From now on it has this file."""
        file = {"filename": filename, "url": f"/{filename}", "hashes": hashes}
        self.page = ServerResponse.json({"meta": {"api-version": "1.0"}, "files": [file]})

    def client(self) -> PyPI:
        """A client of it, whose waits take no time."""
        url = self.server.url
        return PyPI(
            Index(f"{url}/legacy", f"{url}/simple", "index"),
            token="pypi-s3cret",
            retry=Retry(backoff=0),
            clock=InstantClock(),
        )

    def blind_client(self) -> PyPI:
        """A client of it that cannot look anything up."""
        return PyPI(
            Index(f"{self.server.url}/legacy", name="index"), auth=BasicAuth("ada", "s3cret"), retry=Retry(backoff=0)
        )

    @property
    def seen(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.requests]
