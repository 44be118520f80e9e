"""From periods in force to dose rows: which doses a prescription has, and what a change does to them (R-113 to R-116).

Rules handed to the engine by server/app.py. Everything past stays; of the future only doses nobody has spoken of are
replaced. Reconciling twice changes nothing (F-08, F-15). Knows plans and rows; never who asked or why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scheduling.following import Follows, after_previous
from scheduling.identity import is_follower, source_of
from scheduling.plan import Plan, read_plan
from scheduling.planned import Planned
from scheduling.recurrence import ends_at, expand, spacing_minutes
from scheduling.routine import Routine
from scheduling.windows import windows
from sync.dose_policy import entries_of
from sync.identity import dose_id
from sync.record import Row
from sync.values import decimal_text, format_instant, parse_instant
from sync.working import Working

HORIZON = timedelta(days=30)
MOVES_BACK = timedelta(days=2)  # further than any hour or zone can move a dose
FOLLOWS_BACK = timedelta(days=2)  # how late a dose may be taken and still move those that follow it
MAX_DOSES = 2000  # of one prescription within its horizon; a plan that asks for more is refused at the door (S-60)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A dose that a period in force asks for."""

    planned: Planned
    period: Mapping[str, Any]
    line: Row
    spacing_min: int

    @property
    def id(self) -> str:
        planned = self.planned
        return dose_id(self.line.id, planned.nominal_date.isoformat(), planned.slot_key, planned.occurrence)


def reconcile(work: Working, prescription: Row, since: str) -> None:
    """Makes the prescription's doses due from `since` to the horizon what its periods in force ask for."""
    patient = work.row("patient", prescription.home, prescription.home.partition(":")[2])
    clock = Routine.of(patient)
    until = parse_instant(work.now) + HORIZON
    lines = work.rows("medication_line", prescription.home, prescription_id=prescription.id)
    wanted = {one.id: one for line in lines for one in _wanted(work, line, clock, parse_instant(since), until)}
    standing = work.rows("dose_event", prescription.home, prescription_id=prescription.id)
    beyond = [row for row in standing if row.id not in wanted and (row.fields["due_at"] or "") >= since]
    moved = {one.id: one for line in lines for one in _just_before(work, line, clock, since)} if beyond else {}
    for row in beyond:
        spoken = bool(entries_of(row))
        if row.id in moved and not spoken:
            wanted[row.id] = moved[row.id]
        elif row.id not in moved and (row.fields["planned"] or not spoken):  # taken without a plan: nothing to replace
            _let_go(work, row)
    for id_, one in wanted.items():
        _plan(work, id_, one, alert_delay_of(patient), since)
    if prescription.fields["status"] == "active":
        work.put("prescription", prescription.home, prescription.id, {"horizon_until": format_instant(until)})


def _wanted(work: Working, line: Row, clock: Routine, since: datetime, until: datetime) -> Iterator[Wanted]:
    for period in line.fields["schedule"]:
        first = max(since, parse_instant(period["from"]))
        last = until if period["until"] is None else min(until, parse_instant(period["until"]))
        if first < last:
            yield from _as_reported(work, line, period, clock, first, last)


def _just_before(work: Working, line: Row, clock: Routine, since: str) -> Iterator[Wanted]:
    """What the period in force at `since` asks for shortly before it: an hour that moves back (or a zone further east)
    re-times today's dose to a moment that is past; it is late then, never gone (R-032)."""
    for period in line.fields["schedule"]:
        if period["from"] <= since and (period["until"] is None or period["until"] > since):
            at = parse_instant(since)
            yield from _as_reported(work, line, period, clock, at - MOVES_BACK, at)


def _as_reported(
    work: Working, line: Row, period: Mapping[str, Any], clock: Routine, first: datetime, last: datetime
) -> Iterator[Wanted]:
    """The period's doses in [first, last), those that follow another at the time that its report gives them."""
    plan = plan_of(period)
    chained = max(segment.follows_within for segment in plan.segments)
    if not chained:
        yield from asked(work, line, period, clock, first, last)
        return
    due: dict[str, datetime] = {}
    for one in asked(work, line, period, clock, first - FOLLOWS_BACK - chained, last):
        if one.planned.provisional:
            follows = _followed(work, one, plan, due)
            told = replace(one, planned=one.planned._replace(due_at=follows.due_at, provisional=follows.provisional))
        else:
            told = one
        due[told.id] = told.planned.due_at
        if first <= told.planned.due_at < last:
            yield told


def _followed(work: Working, one: Wanted, plan: Plan, due: Mapping[str, datetime]) -> Follows:
    planned = one.planned
    source_key, place = source_of(planned.slot_key)
    source = dose_id(one.line.id, planned.nominal_date.isoformat(), source_key, planned.occurrence)
    row = work.row("dose_event", one.line.home, source)
    told = row.fields if row is not None and not row.deleted else {"action": None, "at": None}
    delay = plan.segments[planned.segment].following[place - 1].delay_min
    stood = told.get("due_at") or format_instant(planned.due_at - timedelta(minutes=delay))
    return after_previous(source_due=due.get(source) or parse_instant(stood), delay_min=delay, action=told["action"],
                          taken_at=parse_instant(told["at"]) if told["at"] else None)


def asked(
    work: Working, line: Row, period: Mapping[str, Any], clock: Routine, first: datetime, last: datetime
) -> list[Wanted]:
    """A period's doses in [first, last), worked out once for a batch that asks again (S-60)."""
    key = (line.id, period["version_id"], clock.key, first, last)
    if key not in work.memo or work.memo[key][0] != period["plan"]:
        plan = plan_of(period)
        found = expand(plan, clock, first, last, limit=MAX_DOSES * 5)
        spacing, doses = spacing_minutes(plan, clock), found if isinstance(found, list) else []
        work.memo[key] = period["plan"], [Wanted(planned, period, line, spacing) for planned in doses]
    return [replace(one, period=period, line=line) for one in work.memo[key][1]]


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


def plan_of(period: Mapping[str, Any]) -> Plan:
    """The plan that a period carries. It passed the wire check when its version was written."""
    plan = read_plan(period["plan"])
    assert isinstance(plan, Plan), "a stored plan is sound"
    return plan


def ended(lines: Iterable[Row], clock: Routine, now: datetime) -> bool:
    """Whether something was planned, and no line has a dose left after `now`, however far ahead (F-14)."""
    open_ = [period for line in lines for period in line.fields["schedule"] if period["until"] is None]
    ends = [ends_at(plan_of(period), clock) for period in open_]
    return bool(ends) and all(end is not None and end <= now for end in ends)
