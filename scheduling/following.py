"""When a dose that follows another is due: so many minutes after that one was really taken (`after_previous`, R-112).

Pure. Knows the settled action of the source dose; never entries, plans or rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.settle import SKIPPED, TAKEN


@dataclass(frozen=True, slots=True)
class Follows:
    """`provisional`: the source may still be reported, and then the moment moves."""

    due_at: datetime
    provisional: bool


def after_previous(*, source_due: datetime, delay_min: int, action: str | None, taken_at: datetime | None) -> Follows:
    """The due moment (UTC) of a dose `delay_min` minutes of elapsed time after its source; all datetimes are aware.

    `action` and `taken_at` are the source's settled action. Taken: from that moment. Skipped: from its due time, for no
    word will move it. Nothing reported, or all of it undone: provisionally from its due time.
    """
    taken = action == TAKEN and taken_at is not None
    source = taken_at if taken and taken_at is not None else source_due
    return Follows(source.astimezone(UTC) + timedelta(minutes=delay_min), provisional=not taken and action != SKIPPED)
