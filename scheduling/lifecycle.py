"""What a dose is called now: status, timing and the day's progress, derived and never stored (rules.md 6).

Starts from the settled action (sync/settle.py); knows no entries, no rows and no clock. Nothing here can block a later
"taken": it only names what is known at `now`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

IN_FORCE = "planned"
LONGEST_SNOOZE = timedelta(minutes=15)  # 5, 10 or 15 are offered
MAX_SNOOZES = 3  # of one dose; what is said after them moves nothing


class Status(StrEnum):
    SCHEDULED = "scheduled"
    DUE = "due"
    OVERDUE = "overdue"
    MISSED = "missed"
    TAKEN = "taken"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    UNREPORTED = "unreported"


class Timing(StrEnum):
    """How the time of taking lies to the due time; on_time includes both edges, late its far edge."""

    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"
    VERY_LATE = "very_late"


@dataclass(frozen=True, slots=True)
class Progress:
    """Doses taken of doses planned on one day (R-159)."""

    taken: int
    planned: int


@dataclass(frozen=True, slots=True)
class Snooze:
    """A reminder put off: when that was said, and until when. Both aware."""

    at: datetime
    until: datetime


def status_of(
    *,
    due_at: datetime,
    on_time_min: int,
    missed_after_min: int,
    action: str | None,
    at: datetime | None,
    state: str,
    now: datetime,
    silent_since: datetime | None = None,
    viewer_is_patient: bool = True,
) -> Status:
    """The status of a dose at `now`; all datetimes are aware, both windows in minutes.

    `action` and `at` are the settled action group: taken, skipped, or undone and None for nothing (R-152, R-154).
    Callers hand it over whole; `at` matters to `timing_of` alone.
    `state` other than IN_FORCE: the dose's version is no longer in force (R-116); its actions are kept all the same.
    `silent_since` is when the patient's devices were last heard: until one has spoken after the due time, others read
    unreported where the clock alone would say overdue or missed.
    """
    if state != IN_FORCE:
        return Status.SUPERSEDED
    if action == "taken":
        return Status.TAKEN
    if action == "skipped":
        return Status.SKIPPED
    status = _by_the_clock(due_at, now, timedelta(minutes=on_time_min), timedelta(minutes=missed_after_min))
    silent = silent_since is not None and silent_since <= due_at
    if silent and not viewer_is_patient and status in (Status.OVERDUE, Status.MISSED):
        return Status.UNREPORTED
    return status


def timing_of(due_at: datetime, at: datetime, on_time_min: int, missed_after_min: int) -> Timing:
    """How `at`, the time a dose was taken, lies to its due time."""
    late_by = at - due_at
    if late_by < -timedelta(minutes=on_time_min):
        return Timing.EARLY
    if late_by <= timedelta(minutes=on_time_min):
        return Timing.ON_TIME
    return Timing.LATE if late_by <= timedelta(minutes=missed_after_min) else Timing.VERY_LATE


def next_reminder_at(snoozes: Iterable[Snooze], now: datetime) -> datetime | None:
    """Until when the reminder is put off at `now`; None if it is not. Neither status nor deadline moves (R-155).

    Of two phones' snoozes the later moment holds. One of more than 15 minutes counts for nothing.
    """
    heard = sorted((one for one in snoozes if one.until - one.at <= LONGEST_SNOOZE), key=lambda one: one.at)
    until = max((one.until for one in heard[:MAX_SNOOZES]), default=now)
    return until if until > now else None


def corrects(due_at: datetime, missed_after_min: int, *, action: str | None, received_at: datetime) -> bool:
    """Whether a word came after the clock had called the dose missed: who was told that is told otherwise (R-245)."""
    return action in ("taken", "skipped") and received_at > due_at + timedelta(minutes=missed_after_min)


def progress(doses: Iterable[Status]) -> Progress:
    """Daily progress of the statuses of one day: superseded doses are no longer planned and count nowhere (R-159)."""
    planned = [status for status in doses if status is not Status.SUPERSEDED]
    return Progress(taken=planned.count(Status.TAKEN), planned=len(planned))


def _by_the_clock(due_at: datetime, now: datetime, on_time: timedelta, missed_after: timedelta) -> Status:
    if now < due_at - on_time:
        return Status.SCHEDULED
    if now <= due_at + on_time:
        return Status.DUE
    return Status.OVERDUE if now <= due_at + missed_after else Status.MISSED
