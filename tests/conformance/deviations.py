"""Deliberate deviations from the official clients, in one form for all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that lading does differently on purpose.

    Attributes:
        row: What is compared: a public name of the client, or a description.
        theirs: What the official client does.
        ours: What lading does.
        reason: Why lading differs.
        shown_by: A case of the comparison in which the two differ.
    """

    row: str
    theirs: str
    ours: str
    reason: str
    shown_by: str
