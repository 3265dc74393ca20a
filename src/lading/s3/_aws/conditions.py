"""Whether a store honours the conditions on writes, which decide between stagers.

AWS does. Other stores are checked once for each bucket, with an object of a few bytes that stays beside the artifacts:
some refuse the conditions, and some accept and ignore them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from lading._core.loop_local import LoopLocal
from lading.errors import ApiError, Conflict, NotFound
from lading.s3._aws.features import ConditionsNotHonoured, is_refusal, may_refuse_condition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lading.s3._aws.features import Features
    from lading.s3._settings import ConditionalWrites

    Send = Callable[[str, tuple[str, ...], dict[str, Any]], Awaitable[Any]]
    """From (operation, what its response must have, parameters) to the response."""

_NAME = "conditional-writes"
_TEXT = b"lading checks with this object that the store honours If-None-Match and If-Match. It may be deleted.\n"
_NO_ETAG = '"00000000000000000000000000000000"'


class Conditions:
    """The conditions on writes to one bucket; copies of the bucket share it.

    Args:
        features: What the store supports; what is found is kept there.
        mode: Whether to check, to trust, or to do without.
    """

    def __init__(self, features: Features, mode: ConditionalWrites) -> None:
        self._features = features
        self.agreed: bool = mode == "none"
        self._trusted = mode == "trust"
        self._lock = LoopLocal(anyio.Lock)

    def trust(self) -> None:
        """Check nothing: it is a store that is known to honour them."""
        self._trusted = True

    async def require_creates(self, key: str, send: Send) -> None:
        """Raise ``ConditionsNotHonoured`` unless an object is created only where there is none.

        Args:
            key: What is about to be created.
            send: Makes a request.
        """
        if self.agreed or self._trusted:
            return
        await self._check(key, send)
        if not self._features.creates:
            raise self._error("If-None-Match")

    async def require_completes(self, key: str, send: Send) -> None:
        """Raise ``ConditionsNotHonoured`` unless that holds for uploads in parts, too."""
        await self.require_creates(key, send)
        if self.agreed or self._trusted:
            return
        async with self._lock.get():
            if self._features.completes is None:
                self._features.completes = await self._check_completes(_name_beside(key), send)
        if not self._features.completes:
            raise self._error("If-None-Match of CompleteMultipartUpload")

    async def can_replace(self, key: str, send: Send) -> bool:
        """Return whether an object is replaced only while it has not changed."""
        if self.agreed or self._trusted:
            return True
        await self._check(key, send)
        return bool(self._features.replaces)

    def are_refused_by(self, error: ApiError) -> bool:
        """Return whether *error* refuses a condition, as far as can be known: not where they were checked."""
        return self._trusted and may_refuse_condition(error)

    def refused(self) -> ConditionsNotHonoured:
        """Return the error for a condition that the store has refused."""
        return self._error("conditions on writes")

    async def _check(self, key: str, send: Send) -> None:
        async with self._lock.get():
            if self._features.creates is not None:
                return
            name = _name_beside(key)
            created = await _put(send, name, IfNoneMatch="*")
            again = await _put(send, name, IfNoneMatch="*") if created else created
            # A stale ETag: an object that is there must stay as it is.
            replaced = await _put(send, name, IfMatch=_NO_ETAG)
            self._features.replaces = replaced is False
            self._features.creates = again is False

    @staticmethod
    async def _check_completes(name: str, send: Send) -> bool:
        upload = await send("create_multipart_upload", ("UploadId",), {"Key": name})
        given = {"Key": name, "UploadId": upload["UploadId"]}
        try:
            part = await send("upload_part", ("ETag",), {**given, "PartNumber": 1, "Body": _TEXT})
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            await send("complete_multipart_upload", (), {**given, "MultipartUpload": parts, "IfNoneMatch": "*"})
        except Conflict:
            return True
        except ApiError as error:
            if is_refusal(error):
                return False
            raise
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(10):
                await _abort(send, given)
        return False

    def _error(self, what: str) -> ConditionsNotHonoured:
        return ConditionsNotHonoured(
            f"s3: the store of {self._features.bucket} does not honour {what}: two stagers of one version could both "
            'succeed, with different bytes. If only one stager works at a time, pass conditional_writes="none"'
        )


async def _put(send: Send, name: str, **condition: str) -> bool | None:
    """Return whether the object was written; ``None`` when the store refuses the condition itself."""
    try:
        await send("put_object", ("ETag",), {"Key": name, "Body": _TEXT, **condition})
    except Conflict:
        return False
    except NotFound as error:
        if error.code == "NoSuchBucket":
            raise
        return False
    except ApiError as error:
        if error.status == 304:
            return False
        if is_refusal(error):
            return None
        raise
    return True


async def _abort(send: Send, given: dict[str, Any]) -> None:
    try:
        await send("abort_multipart_upload", (), given)
    except ApiError:
        return  # a lifecycle rule removes it


def _name_beside(key: str) -> str:
    """Return the key of the object that the checks write: beside a project's pointer, where no artifact can be."""
    # A version has no "@" and no "/"; no artifact's key ends like a pointer's.
    project = key.removesuffix("/latest") if key.endswith("/latest") else key.rpartition("@")[0]
    return f"{project}/{_NAME}"
