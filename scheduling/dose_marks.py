"""What one dose is worth to adherence: taken, skipped, missed, or not yet known (R-310).

Starts from a dose row and what it is called now (schedule_day.status_now). Knows no figure: those are adherence.py.
Doses that count nowhere have no mark: as-needed ones, superseded and withdrawn ones, and those whose time is to come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from scheduling.lifecycle import Status, Timing, timing_of
from scheduling.schedule_day import Told, Viewpoint, status_now
from sync.values import parse_instant

ADVISED_REASON = "doctor_advised"


class Mark(StrEnum):
    """ADVISED is a skip on a doctor's advice. UNREPORTED is past its window while the patient's phone is silent.
    PENDING is due, or late inside its window."""

    TAKEN = "taken"
    SKIPPED = "skipped"
    ADVISED = "advised"
    MISSED = "missed"
    UNREPORTED = "unreported"
    PENDING = "pending"


COUNTED = frozenset({Mark.TAKEN, Mark.SKIPPED, Mark.MISSED})
"""Closed doses that a figure divides by: an advised skip is closed as well, but leaves the denominator."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A planned dose in force. `day` is its nominal date in the patient's zone, instants are aware; `at` is when it was
    taken, `on_time` whether that lay in its window (edges included, R-150). `by_patient` is None without a record."""

    mark: Mark
    line_id: str
    day: date
    due_at: datetime
    at: datetime | None = None
    on_time: bool = False
    by_patient: bool | None = None
    retroactive: bool = False


def marks(doses: Iterable[Told], view: Viewpoint, patient: str) -> list[Marked]:
    """The doses of one patient that count, by due time, as they stand at `view.now` for whoever looks."""
    found = (_marked(dose, view, patient) for dose in doses)
    return sorted((one for one in found if one is not None), key=lambda one: (one.due_at, one.line_id))


def _marked(dose: Told, view: Viewpoint, patient: str) -> Marked | None:
    if not dose["planned"] or dose["due_at"] is None or dose["on_time_min"] is None:
        return None
    due = parse_instant(dose["due_at"])
    mark = _mark(status_now(dose, view), dose, due, view.now)
    if mark is None:
        return None
    at = parse_instant(dose["at"]) if mark is Mark.TAKEN and dose["at"] is not None else None
    on_time = at is not None and timing_of(due, at, dose["on_time_min"], dose["missed_after_min"]) is Timing.ON_TIME
    recorded = mark in (Mark.TAKEN, Mark.SKIPPED, Mark.ADVISED)
    return Marked(mark, dose["line_id"], date.fromisoformat(dose["nominal_date"]), due, at, on_time,
                  dose["recorded_by"] == patient if recorded else None, recorded and bool(dose["retroactive"]))


def _mark(status: Status, dose: Told, due: datetime, now: datetime) -> Mark | None:
    if status is Status.SKIPPED:
        return Mark.ADVISED if dose["reason"] == ADVISED_REASON else Mark.SKIPPED
    if status is Status.UNREPORTED:
        # "unreported" begins with the late window already, but a dose is open until that has passed
        return Mark.UNREPORTED if now > due + timedelta(minutes=dose["missed_after_min"]) else Mark.PENDING
    return _BY_STATUS.get(status)


_BY_STATUS = {Status.TAKEN: Mark.TAKEN, Status.MISSED: Mark.MISSED, Status.DUE: Mark.PENDING,
              Status.OVERDUE: Mark.PENDING}
