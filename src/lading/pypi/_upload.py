"""One upload: look the file up, send it, and look it up again when the outcome is in doubt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lading._core.api_errors import make_api_error
from lading._core.body import FileBody
from lading._core.call import Call
from lading._core.multipart import FilePart, Multipart
from lading._core.send_once import NOT_FOUND, Found, Rejected
from lading.errors import Conflict, Forbidden, Unauthorized
from lading.pypi._models import UploadResult
from lading.pypi._pages import fetch_page
from lading.pypi._upload_form import form_fields, read_upload_warnings

if TYPE_CHECKING:
    from datetime import datetime

    from lading._artifacts.python import Distribution
    from lading._core.call import CallSender
    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.errors import LadingError
    from lading.pypi._indexes import Index
    from lading.pypi._models import UploadStatus
    from lading.types import OnProgress

FileState = Literal["absent", "same", "other", "unclear"]

# blake2b_256 is the JSON API's name of what the form calls blake2_256.
_OUR_NAMES = {"blake2b_256": "blake2_256"}


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """What the index shows of a file: nothing, this very file, another of its name, or one without a known digest.

    Attributes:
        state: Which of these.
        served_at: The index's clock when it responded, where it says.
    """

    state: FileState
    served_at: datetime | None = None


class DistributionUpload:
    """The upload of one distribution to an index.

    Args:
        distribution: The wheel or sdist.
        sender: A sender to the index.
        index: The index.
    """

    def __init__(self, distribution: Distribution, sender: Sender, index: Index) -> None:
        self._distribution = distribution
        self._sender = sender
        self._index = index
        self._warnings: tuple[str, ...] = ()

    async def find_existing(self, sender: CallSender | None = None) -> IndexedFile | None:
        """Look the file up at the index; ``None`` when we may not read there: credentials may be for uploads alone.

        The result of the upload has a warning then.

        Args:
            sender: A sender to use instead of the upload's own.
        """
        if self._index.simple_url is None:
            self._warn("the index has no simple_url")
            return None
        try:
            page = await fetch_page(sender or self._sender, self._index, self._distribution.name, fresh=True)
        except (Unauthorized, Forbidden) as error:
            self._warn(f"the index's listing could not be read (HTTP {error.status})")
            return None
        for file in page.files:
            if file.filename == self._distribution.filename:
                return IndexedFile(self._compare(file.hashes), page.served_at)
        return IndexedFile("absent", page.served_at)

    def _warn(self, why: str) -> None:
        self._warnings = (f"{why}: lading could not check whether it has {self._distribution.filename}",)

    def _compare(self, hashes: dict[str, str]) -> FileState:
        ours = self._distribution.hashed.digests
        theirs = {_OUR_NAMES.get(name, name): digest.lower() for name, digest in hashes.items()}
        common = theirs.keys() & ours.keys()
        if not common:
            return "unclear"
        return "same" if all(theirs[name] == ours[name] for name in common) else "other"

    async def send(self, attestations: list[object], on_progress: OnProgress | None) -> UploadResult:
        """Send the file and return the result; every response that leaves a doubt is followed by a look-up.

        Args:
            attestations: The attestations to send along.
            on_progress: Called with how many bytes of the request body have been sent.
        """
        try:
            return await self._sender.send_once(self._call(attestations, on_progress), self._look_up)
        except Conflict as conflict:
            # Another upload was faster, or the response to an earlier attempt was lost: is it this file, or another?
            seen = await self.find_existing()
            if seen is not None and seen.state == "same":
                return self.result("confirmed")
            if seen is not None and seen.state == "other":
                raise self.conflict() from conflict
            raise

    async def _look_up(self, sender: LookupSender, _: LadingError) -> LookupResult[UploadResult]:
        seen = await self.find_existing(sender)
        if seen is None or seen.state == "unclear":
            raise make_api_error(Conflict, self._index.name, "it does not show whether it has this file")
        if seen.state == "same":
            return Found(self.result("confirmed"))
        return Rejected(self.conflict()) if seen.state == "other" else NOT_FOUND

    def conflict(self) -> Conflict:
        """Make the error for another file of the same name."""
        return make_api_error(
            Conflict,
            self._index.name,
            f"it has another file {self._distribution.filename}. A file cannot be replaced: bump the version",
            detail="another file of that name is there",
        )

    def unclear(self) -> Conflict:
        """Make the error for a file of the same name that cannot be compared."""
        return make_api_error(
            Conflict,
            self._index.name,
            f"it has a file {self._distribution.filename} and lists no digest to compare it by",
            detail="no digest listed",
        )

    def _call(self, attestations: list[object], on_progress: OnProgress | None) -> Call[UploadResult]:
        def read(response: Response) -> UploadResult:
            return self.result("uploaded", read_upload_warnings(response))

        distribution = self._distribution
        parts: list[tuple[str, str] | FilePart] = [*form_fields(distribution)]
        if attestations:
            parts.append(("attestations", json.dumps(attestations)))
        # The file last: an index that reads the fields first can refuse early.
        body = FileBody(distribution.path, distribution.hashed.stamp)
        parts.append(FilePart("content", body, distribution.filename))
        return Call(
            "POST",
            self._index.upload_url,
            read,
            template="(upload)",
            body=Multipart(parts),
            on_progress=on_progress,
        )

    def result(self, status: UploadStatus, warnings: tuple[str, ...] = ()) -> UploadResult:
        """Return the result of the upload.

        Args:
            status: How it ended.
            warnings: What the index said besides success.
        """
        distribution = self._distribution
        return UploadResult(
            filename=distribution.filename,
            project=distribution.name,
            version=distribution.version,
            size=distribution.hashed.stamp.size,
            sha256=distribution.sha256,
            status=status,
            warnings=(*self._warnings, *warnings),
        )
