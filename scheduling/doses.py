"""From periods in force to dose rows: which doses a prescription has, and what a change does to them (R-113 to R-116).

Rules handed to the engine by server/app.py. Everything past stays; of the future only doses nobody has spoken of are
replaced. Reconciling twice changes nothing (F-08, F-15). Knows plans and rows; never who asked or why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scheduling.plan import Plan, read_plan
from scheduling.recurrence import Planned, ends_at, expand, spacing_minutes
from scheduling.windows import windows
from storage.zone_names import DEFAULT_ZONE
from sync.dose_policy import entries_of
from sync.identity import dose_id
from sync.record import Row
from sync.values import decimal_text, format_instant, parse_instant
from sync.working import Working

HORIZON = timedelta(days=30)
MAX_DOSES = 2000  # of one prescription within its horizon; a plan that asks for more is refused at the door (S-60)


@dataclass(frozen=True, slots=True)
class Clock:
    """The patient's wall clock: zone, slot times, and how long their caregivers wait before an alert."""

    zone: str
    slots: Mapping[str, str]
    alert_delay_min: int

    @staticmethod
    def of(patient: Row | None) -> Clock:
        assert patient is not None, "a patient's scope is founded with its patient row"
        told = patient.fields
        return Clock(told["zone"] or DEFAULT_ZONE, told["slot_times"], told["alert_delay_min"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """A dose that a period in force asks for."""

    planned: Planned
    period: Mapping[str, Any]
    line: Row
    plan: Plan

    @property
    def id(self) -> str:
        planned = self.planned
        return dose_id(self.line.id, planned.nominal_date.isoformat(), planned.slot_key, planned.occurrence)


def reconcile(work: Working, prescription: Row, since: str) -> None:
    """Makes the prescription's doses due from `since` to the horizon what its periods in force ask for."""
    clock = Clock.of(work.row("patient", prescription.home, prescription.home.partition(":")[2]))
    until = parse_instant(work.now) + HORIZON
    lines = work.rows("medication_line", prescription.home, prescription_id=prescription.id)
    wanted = {one.id: one for line in lines for one in _wanted(line, clock, parse_instant(since), until)}
    standing = work.rows("dose_event", prescription.home, prescription_id=prescription.id)
    for row in standing:
        if row.id not in wanted and row.fields["due_at"] is not None and row.fields["due_at"] >= since:
            _let_go(work, row)
    for id_, one in wanted.items():
        _plan(work, id_, one, clock, since)
    if prescription.fields["status"] == "active":
        work.put("prescription", prescription.home, prescription.id, {"horizon_until": format_instant(until)})


def _wanted(line: Row, clock: Clock, since: datetime, until: datetime) -> Iterable[Wanted]:
    for period in line.fields["schedule"]:
        first = max(since, parse_instant(period["from"]))
        last = until if period["until"] is None else min(until, parse_instant(period["until"]))
        if first >= last:
            continue
        plan = plan_of(period)
        found = expand(plan, zone=clock.zone, slots=clock.slots, since=first, until=last, limit=MAX_DOSES * 5)
        if isinstance(found, list):
            yield from (Wanted(planned, period, line, plan) for planned in found)


def _plan(work: Working, id_: str, one: Wanted, clock: Clock, since: str) -> None:
    """Lays the schedule over the row; a dose that was spoken of, or was already due, keeps what it had (R-116)."""
    row = work.row("dose_event", one.line.home, id_)
    # a tombstone's entries assert nothing (an undo that came late), or they would have revived it
    spoken = row is not None and not row.deleted and bool(entries_of(row))
    past = row is not None and not row.deleted and row.fields["due_at"] is not None and row.fields["due_at"] < since
    if row is not None and (past or (spoken and row.fields["state"] == "planned")):
        return
    fields = schedule_group(one, clock)
    if spoken:
        fields = {"state": "planned", "planned": True, "version_id": fields["version_id"]}
    work.put("dose_event", one.line.home, id_, fields)


def schedule_group(one: Wanted, clock: Clock) -> dict[str, Any]:
    """The server's half of a dose row, windows and alert delay as of today (R-150)."""
    period, planned = one.period, one.planned
    found = windows(spacing_minutes(one.plan, clock.slots), one.line.fields["time_critical"])
    return {
        "patient_id": one.line.fields["patient_id"], "line_id": one.line.id,
        "prescription_id": one.line.fields["prescription_id"], "version_id": period["version_id"],
        "nominal_date": planned.nominal_date.isoformat(), "slot_key": planned.slot_key,
        "occurrence": planned.occurrence, "slot": planned.slot, "due_at": format_instant(planned.due_at),
        "amount_due": decimal_text(planned.amount),
        "on_time_min": period.get("on_time_min") or found.on_time_min,
        "missed_after_min": period.get("missed_after_min") or found.missed_after_min,
        "alert_delay_min": clock.alert_delay_min, "planned": True, "state": "planned",
    }


def _let_go(work: Working, row: Row) -> None:
    """A replaced future dose: a tombstone, or `withdrawn` if somebody has spoken of it (DESIGN.md 11)."""
    if not entries_of(row):
        work.remove("dose_event", row.home, row.id)
    elif row.fields["state"] == "planned":
        work.put("dose_event", row.home, row.id, {"state": "withdrawn"})


def plan_of(period: Mapping[str, Any]) -> Plan:
    """The plan that a period carries. It passed the wire check when its version was written."""
    plan = read_plan(period["plan"])
    assert isinstance(plan, Plan), "a stored plan is sound"
    return plan


def ended(lines: Iterable[Row], clock: Clock, now: datetime) -> bool:
    """Whether no line has a dose left after `now`, however far ahead (F-14)."""
    for line in lines:
        for period in line.fields["schedule"]:
            if period["until"] is not None:
                continue
            end = ends_at(plan_of(period), clock.zone, clock.slots)
            if end is None or end > now:
                return False
    return True
