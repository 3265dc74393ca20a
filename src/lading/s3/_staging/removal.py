"""Removing an artifact that has found no majority, unless another stager counts on it.

An artifact that is staged with ``policy="quorum"`` says so in its user metadata: its stager removes it again when it
finds no majority. Another stager with the same bytes may have counted it meanwhile. So both first create one and the
same small object, ``<artifact>/<transfer>``, on the condition that there is none: whoever is first decides whether the
artifact stays. No condition on the artifact itself could decide that, because its ETag is the same for all who stage
these bytes. The object stays: a request may still arrive late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading._core.api_errors import make_api_error
from lading.errors import Conflict, LadingError, NotFound
from lading.s3._layout import METADATA, REMOVABLE, STAGE, metadata_digest

if TYPE_CHECKING:
    from lading.s3._interfaces import ObjectInfo, ObjectStore

_KEPT, _REMOVED = b"kept", b"removed"
_MOST_ATTEMPTS = 5


async def keep(store: ObjectStore, key: str, there: ObjectInfo) -> None:
    """Make sure that nobody removes an artifact.

    Args:
        store: The region's bucket.
        key: The artifact's key.
        there: The artifact.

    Raises:
        LadingError: Its stager is removing it, or was stopped while it was.
    """
    if REMOVABLE in there.metadata and await _decide(store, key, there, _KEPT) != _KEPT:
        raise LadingError(
            f"s3: {key} in {store.bucket} is being removed by a stager that found no majority: if it stays, repair it"
        )


async def is_removed(store: ObjectStore, key: str, there: ObjectInfo) -> bool:
    """Return whether its stager has decided to remove an artifact.

    Args:
        store: The region's bucket.
        key: The artifact's key.
        there: The artifact.
    """
    if REMOVABLE not in there.metadata:
        return False
    found = await store.get(f"{key}/{there.metadata[STAGE]}")
    return found is not None and found[0] == _REMOVED


async def remove(store: ObjectStore, key: str, there: ObjectInfo) -> bool:
    """Remove an artifact and its metadata, and return whether they are gone: not when another stager keeps them.

    Args:
        store: The region's bucket.
        key: The artifact's key.
        there: The artifact.
    """
    if REMOVABLE not in there.metadata or await _decide(store, key, there, _REMOVED) != _REMOVED:
        return False
    # The metadata first: while the artifact is there, nobody else counts on any.
    metadata = await store.get(f"{key}/metadata")
    if metadata is not None and metadata_digest(metadata[0]) == there.metadata.get(METADATA):
        await _delete(store, f"{key}/metadata", metadata[1])
    await _delete(store, key, there)
    return True


async def _delete(store: ObjectStore, key: str, there: ObjectInfo) -> None:
    try:
        await store.delete(key, if_match=there.etag)
    except (Conflict, NotFound):
        return  # it is another one now


async def _decide(store: ObjectStore, key: str, there: ObjectInfo, wanted: bytes) -> bytes:
    """Return what was decided about the artifact: *wanted*, unless another stager was first."""
    decision = f"{key}/{there.metadata[STAGE]}"
    for _ in range(_MOST_ATTEMPTS):
        try:
            await store.put_small(decision, wanted, if_none_match=True)
        except LadingError as error:
            if not isinstance(error, Conflict) and error.outcome != "unknown":
                raise
            found = await store.get(decision)
            if found is not None:
                return found[0]
            if not isinstance(error, Conflict):
                raise
        else:
            return wanted
    raise make_api_error(Conflict, "s3", f"{decision} in {store.bucket}: other stagers were always in between")
