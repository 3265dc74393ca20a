"""One upload: look the file up, send it, and look it up again when the outcome is in doubt."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from lading._core.api_errors import make_api_error
from lading._core.body import FileBody
from lading._core.call import Call
from lading._core.multipart import FilePart, Multipart
from lading._core.send_once import NOT_FOUND, Found, Rejected, look_until_certain
from lading.errors import Conflict, IntegrityError, InvalidResponse, LadingError
from lading.pypi._models import UploadResult
from lading.pypi._upload_form import form_fields, read_upload_warnings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from lading._artifacts.python import Distribution
    from lading._core.call import CallSender
    from lading._core.messages import Response
    from lading._core.send_once import LookupResult, LookupSender
    from lading._core.sender import Sender
    from lading.pypi._indexes import Index
    from lading.pypi._listing import Listing, Listings
    from lading.pypi._models import UploadStatus
    from lading.types import OnProgress

# What the index shows of a file: nothing, this very file, another of its name, one without a known digest; or it does
# not show anything.
FileState = Literal["absent", "same", "other", "undigested", "unknown"]

# Seconds after which an index that accepted a file lists it.
_LISTED_AFTER = 10.0

# blake2b_256 is the JSON API's name of what the form calls blake2_256.
_OUR_NAMES = {"blake2b_256": "blake2_256"}


class DistributionUpload:
    """The upload of one distribution to an index.

    Args:
        distribution: The wheel or sdist.
        sender: A sender to the index.
        index: The index.
        listings: What the index lists, shared with the other uploads of a fan-out.
        overwrite: Replace another file of that name.
    """

    def __init__(
        self, distribution: Distribution, sender: Sender, index: Index, listings: Listings, *, overwrite: bool = False
    ) -> None:
        self._distribution = distribution
        self._sender = sender
        self._index = index
        self._listings = listings
        self._overwrite = overwrite
        self._warnings: tuple[str, ...] = ()
        # Whether the index has received the file whole, and may still be at work on it.
        self._may_come = False

    @property
    def project(self) -> str:
        """The project's name, as the file's metadata have it."""
        return self._distribution.name

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Keep the other files of this name in the fan-out from being looked up and sent meanwhile."""
        distribution = self._distribution
        async with self._listings.one_at_a_time(distribution.filename):
            try:
                yield
            except LadingError as error:
                if error.outcome == "unknown":
                    self._listings.forget(distribution.name)
                raise
            self._listings.sent[distribution.filename] = distribution.hashed.digests

    async def is_there(self, check_token: Callable[[datetime | None], Awaitable[None]]) -> bool:
        """Return whether the index has this very file already; raise when it has another that is not to be replaced.

        Args:
            check_token: Called before anything is sent, with the index's time where it is known.
        """
        listing = await self._listings.get(self._distribution.name)
        state = self._state_in(listing)
        sent = self._listings.sent.get(self._distribution.filename)
        if sent is not None:  # another file of that name, since the listing was read
            state = self._compare(sent)
        if state == "same":
            return True
        if state in ("other", "undigested") and not self._overwrite:
            raise self._conflict() if state == "other" else self._undigested()
        await check_token(self._listings.now(listing))
        return False

    async def _look(self, sender: CallSender | None = None) -> FileState:
        """Look the file up now."""
        return self._state_in(await self._listings.look(self._distribution.name, sender))

    def _state_in(self, listing: Listing) -> FileState:
        filename = self._distribution.filename
        if listing.problem:
            self._warnings = (f"{listing.problem}: lading could not check whether it has {filename}",)
            return "unknown"
        self._warnings = ()
        return "absent" if filename not in listing.files else self._compare(listing.files[filename])

    def _compare(self, hashes: Mapping[str, str]) -> FileState:
        ours = self._distribution.hashed.digests
        theirs = {_OUR_NAMES.get(name, name): digest.lower() for name, digest in hashes.items()}
        common = theirs.keys() & ours.keys()
        if not common:
            return "undigested"
        return "same" if all(theirs[name] == ours[name] for name in common) else "other"

    async def send(self, attestations: Sequence[object], on_progress: OnProgress | None) -> UploadResult:
        """Send the file and return the result; every response that leaves a doubt is followed by a look-up.

        Args:
            attestations: The attestations to send along.
            on_progress: Called with how many bytes of the request body have been sent.
        """
        try:
            result = await self._sender.send_once(self._call(attestations, on_progress), self._look_up)
        except Conflict as conflict:
            # Another upload was faster, or the response to an earlier attempt was lost: is it this file, or another?
            state = await self._look_after_sending()
            if state == "same":
                return self.result("confirmed")
            if state == "other":
                raise self._conflict() from conflict
            raise
        except LadingError as error:
            if not self._may_come or error.outcome == "unknown":
                raise
            state = await self._wait_listed()
            if state == "same":
                return self.result("confirmed")
            if state in ("unknown", "undigested"):
                error.outcome = "unknown"
            raise
        if self._warnings or result.status != "uploaded":
            return result
        if self._overwrite and await self._wait_listed() in ("other", "absent"):
            raise IntegrityError(
                f"{self._index.name}: it accepted {self._distribution.filename} and does not list its digest: it may "
                "have kept the file that it had",
                outcome="unknown",
            )
        # The remarks of an index, or what a gate says in plain words in its place.
        if result.warnings and not self._index.official and await self._wait_listed() in ("other", "absent"):
            raise InvalidResponse(
                f"{self._index.name}: the response to the upload of {self._distribution.filename} is a text, and the "
                "index does not list the file: is a proxy or a sign-in page in between?",
                outcome="unknown",
            )
        return result

    async def _wait_listed(self) -> FileState:
        """Wait until the index lists the file's digest, which may be a moment after it has responded."""
        state: FileState = "absent"

        async def look() -> LookupResult[None]:
            nonlocal state
            state = await self._look_after_sending()
            return NOT_FOUND if state in ("other", "absent") else Found(None)

        settings = self._sender.settings
        await look_until_certain(look, settings, until=settings.clock() + _LISTED_AFTER)
        return state

    async def _look_after_sending(self) -> FileState:
        """Look the file up; when that fails, what became of the upload is not known."""
        try:
            return await self._look()
        except LadingError as error:
            error.outcome = "unknown"
            raise

    async def _look_up(self, sender: LookupSender, lost: LadingError) -> LookupResult[UploadResult]:
        state = await self._look(sender)
        if state in ("unknown", "undigested"):
            raise make_api_error(Conflict, self._index.name, "it does not show whether it has this file")
        if state == "same":
            return Found(self.result("confirmed"))
        if state == "absent" or self._overwrite:
            # The same bytes may be sent again at once; only the last attempt is waited for.
            self._may_come = self._may_come or getattr(lost, "request_sent", True)
            return NOT_FOUND
        return Rejected(self._conflict())

    def _conflict(self) -> Conflict:
        """Make the error for another file of the same name."""
        remedy = "bump the version" + (
            "" if self._index.official or self._overwrite else ", or pass overwrite=True if this index replaces files"
        )
        return make_api_error(
            Conflict,
            self._index.name,
            f"it has another file {self._distribution.filename}; {remedy}",
            detail="another file of that name is there",
        )

    def _undigested(self) -> Conflict:
        """Make the error for a file of the same name that cannot be compared."""
        return make_api_error(
            Conflict,
            self._index.name,
            f"it has a file {self._distribution.filename} and lists no digest to compare it by",
            detail="no digest listed",
        )

    def _call(self, attestations: Sequence[object], on_progress: OnProgress | None) -> Call[UploadResult]:
        def read(response: Response) -> UploadResult:
            try:
                warnings = read_upload_warnings(response, must_know=not self._warnings)
            except InvalidResponse as error:
                raise InvalidResponse(
                    f"{self._index.name}: {distribution.filename}: {error}", outcome="unknown"
                ) from None
            return self.result("uploaded", warnings)

        distribution = self._distribution
        parts: list[tuple[str, str] | FilePart] = [*form_fields(distribution)]
        if attestations:
            parts.append(("attestations", json.dumps(list(attestations))))
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
