"""From periods in force to dose rows: which doses a prescription has, and what a change does to them (R-113 to R-116).

Rules handed to the engine by server/app.py. Everything past stays; of the future only doses nobody has spoken of are
replaced. Reconciling twice changes nothing (F-08, F-15). Knows plans and rows; never who asked or why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from scheduling.identity import is_follower
from scheduling.recurrence import ends_at
from scheduling.routine import Routine
from scheduling.wanted import Wanted, as_reported, plan_of, wanted
from scheduling.windows import windows
from sync.dose_policy import entries_of
from sync.record import Row
from sync.values import decimal_text, format_instant, parse_instant
from sync.working import Working

HORIZON = timedelta(days=30)
MOVES_BACK = timedelta(days=2)  # further than any hour or zone can move a dose


def reconcile(work: Working, prescription: Row, since: str) -> None:
    """Makes the prescription's doses due from `since` to the horizon what its periods in force ask for."""
    patient = work.row("patient", prescription.home, prescription.home.partition(":")[2])
    clock = Routine.of(patient)
    until = parse_instant(work.now) + HORIZON
    lines = work.rows("medication_line", prescription.home, prescription_id=prescription.id)
    asked_for = {one.id: one for line in lines for one in wanted(work, line, clock, parse_instant(since), until)}
    standing = work.rows("dose_event", prescription.home, prescription_id=prescription.id)
    beyond = [row for row in standing if row.id not in asked_for and (row.fields["due_at"] or "") >= since]
    moved = {one.id: one for line in lines for one in _just_before(work, line, clock, since)} if beyond else {}
    for row in beyond:
        spoken = bool(entries_of(row))
        if row.id in moved and not spoken:
            asked_for[row.id] = moved[row.id]
        elif row.id not in moved and (row.fields["planned"] or not spoken):  # taken without a plan: nothing to replace
            _let_go(work, row)
    for id_, one in asked_for.items():
        _plan(work, id_, one, alert_delay_of(patient), since)
    if prescription.fields["status"] == "active":
        work.put("prescription", prescription.home, prescription.id, {"horizon_until": format_instant(until)})


def _just_before(work: Working, line: Row, clock: Routine, since: str) -> Iterator[Wanted]:
    """What the period in force at `since` asks for shortly before it: an hour that moves back (or a zone further east)
    re-times today's dose to a moment that is past; it is late then, never gone (R-032)."""
    for period in line.fields["schedule"]:
        if period["from"] <= since and (period["until"] is None or period["until"] > since):
            at = parse_instant(since)
            yield from as_reported(work, line, period, clock, at - MOVES_BACK, at)


def _plan(work: Working, id_: str, one: Wanted, alert_delay_min: int, since: str) -> None:
    """Lays the schedule over the row; a dose that was spoken of, or was already due, keeps what it had (R-116).

    A dose that was recorded before its plan was in force gets what it would have got afterwards (I-12).
    """
    row = work.row("dose_event", one.line.home, id_)
    # a tombstone's entries assert nothing (an undo that came late), or they would have revived it
    stands = row is not None and not row.deleted and row.fields["planned"]
    spoken = row is not None and stands and bool(entries_of(row))
    past = row is not None and stands and row.fields["due_at"] is not None and row.fields["due_at"] < since \
        and not is_follower(one.planned.slot_key)
    if row is not None and (past or (spoken and row.fields["state"] == "planned")):
        return
    fields = schedule_group(one, alert_delay_min)
    if spoken:
        fields = {"state": "planned", "planned": True, "version_id": fields["version_id"]}
    work.put("dose_event", one.line.home, id_, fields)


def alert_delay_of(patient: Row | None) -> int:
    assert patient is not None, "a patient's scope is founded with its patient row"
    return int(patient.fields["alert_delay_min"])


def schedule_group(one: Wanted, alert_delay_min: int) -> dict[str, Any]:
    """The server's half of a dose row, windows and alert delay as of today (R-150)."""
    period, planned = one.period, one.planned
    found = windows(one.spacing_min, one.line.fields["time_critical"])
    on_time, missed_after = period.get("on_time_min"), period.get("missed_after_min")
    return {
        "patient_id": one.line.fields["patient_id"], "line_id": one.line.id,
        "prescription_id": one.line.fields["prescription_id"], "version_id": period["version_id"],
        "nominal_date": planned.nominal_date.isoformat(), "slot_key": planned.slot_key,
        "occurrence": planned.occurrence, "slot": planned.slot, "due_at": format_instant(planned.due_at),
        "amount_due": decimal_text(planned.amount),
        "on_time_min": found.on_time_min if on_time is None else on_time,
        "missed_after_min": found.missed_after_min if missed_after is None else missed_after,
        "alert_delay_min": alert_delay_min, "planned": True, "state": "planned",
    }


def _let_go(work: Working, row: Row) -> None:
    """A replaced future dose: a tombstone, or `withdrawn` if somebody has spoken of it (DESIGN.md 11)."""
    if not entries_of(row):
        work.remove("dose_event", row.home, row.id)
    elif row.fields["state"] == "planned":
        work.put("dose_event", row.home, row.id, {"state": "withdrawn"})


def ended(lines: Iterable[Row], clock: Routine, now: datetime) -> bool:
    """Whether something was planned, and no line has a dose left after `now`, however far ahead (F-14)."""
    ends = [ends_at(plan_of(line, period, clock), clock)
            for line in lines for period in line.fields["schedule"] if period["until"] is None]
    return bool(ends) and all(end is not None and end <= now for end in ends)
