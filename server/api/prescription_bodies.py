"""What one sends to prescribe, to change a prescription and to answer one (R-081, R-085 to R-089). Shapes only."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from server.api.entity_bodies import Sent, body_of, columns_sent
from storage.columns import Flag, Instant, Text, Uuid, Whole
from storage.entities.prescription_line import MAX_LINES, MAX_NOTE_CHARS
from storage.free_json import FreeObject

Id = Annotated[str, Uuid()]
LineSent = Annotated[FreeObject, Field(description="as in a prescription_version; line_id and row may be left out")]

PRESCRIPTION_COLUMNS = columns_sent("prescription")
VERSION_COLUMNS = frozenset({"reason", "urgent", "not_before"})


class _Version(Sent):
    lines: Annotated[list[LineSent], Field(min_length=1, max_length=MAX_LINES)] | None = None
    reason: Annotated[str, Text(MAX_NOTE_CHARS)] | None = Field(default=None, description="why it was written")
    urgent: Annotated[bool, Flag()] = Field(default=False, description="in force at once; needs a reason (R-087)")
    not_before: Annotated[str, Instant()] | None = None


class _New(_Version):
    """A prescription and the lines of its first version."""

    id: Id | None = None
    patient_id: Id | None = Field(default=None, description="the caller if left out")


class _Changed(_Version):
    """A new version; `base_version` or `base_version_id` names the one its author was looking at."""

    base_version: Annotated[int, Whole(0, 1_000_000)] | None = Field(default=None, description="its number")
    base_version_id: Id | None = None


class Answered(Sent):
    """A word on a prescription: an `action`, or the `status` it shall have."""

    action: Literal["confirm", "revise", "reject", "acknowledge", "pause", "resume", "stop"] | None = None
    status: Literal["active", "paused", "inactive", "rejected", "confirm", "revise", "reject", "acknowledge", "pause",
                    "resume", "stop"] | None = None
    reason: Annotated[str, Text(MAX_NOTE_CHARS)] | None = None
    version_id: Id | None = Field(default=None, description="the version it speaks of; the waiting one if left out")


NewPrescription: Any = body_of("NewPrescription", "prescription", _New)
ChangedPrescription: Any = body_of("ChangedPrescription", "prescription", _Changed)
