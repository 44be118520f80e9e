"""What follows in time from a change, in the change's own transaction; handed to the engine by server/app.py.

A version's plans must be readable and bounded; a prescription, an answer or a patient's new hours re-make future doses;
a dose that a phone made before the server gets its schedule from the line it names (R-113 to R-116, R-205).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from scheduling.doses import HORIZON, MAX_DOSES, Clock, Wanted, ended, plan_of, reconcile, schedule_group
from scheduling.plan import Plan, assign_keys, canonical, read_plan
from scheduling.recurrence import Planned, expand
from storage.answering import answer_moves
from storage.consent import membership_follows, private_lines_are_hidden
from storage.prescribing import ACTIVE, INACTIVE, authorship_is_kept, end_all_lines, version_is_filed
from sync.access import Role
from sync.identity import dose_id
from sync.kind import Refused, Rule
from sync.problem import FieldCode, FieldProblem
from sync.record import Because, Change, Row
from sync.values import format_instant, parse_instant
from sync.working import Working

A_DAY_AND_MORE = timedelta(days=3)  # around a nominal date: any zone, any meal offset


def plans_are_sound(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `prescription_version`: every plan readable, with keys that outlive a moved hour, and bounded (R-120)."""
    clock = Clock.of(work.row("patient", after.home, after.fields["patient_id"]))
    previous = _lines_of(work, after)
    lines: list[dict[str, Any]] = []
    problems: list[FieldProblem] = []
    total = 0
    for i, sent in enumerate(after.fields["lines"]):
        line = sent
        plan = read_plan(line["plan"], f"lines.{i}.plan") if line["plan"] is not None else None
        if isinstance(plan, list):
            problems += plan
        elif plan is not None:
            keyed = assign_keys(plan, previous.get(line["line_id"]))
            total += _count(keyed, clock, work.now, i, problems)
            line = {**line, "plan": canonical(keyed)}
        lines.append(line)
    if total > MAX_DOSES:
        problems.append(FieldProblem("lines", FieldCode.HORIZON_TOO_LARGE, {"limit": MAX_DOSES}))
    if problems:
        return Refused(Because.INVALID, tuple(problem.as_json() for problem in problems))
    work.amend(after, {"lines": lines})
    return None


def _lines_of(work: Working, version: Row) -> dict[str, Plan]:
    """The plans of the version that this one replaces, by line: the same clock time keeps its key."""
    before = work.row("prescription_version", version.home, version.fields["replaces"] or "")
    found = {line["line_id"]: read_plan(line["plan"]) for line in (before.fields["lines"] if before else ())
             if line["plan"] is not None}
    return {line: plan for line, plan in found.items() if isinstance(plan, Plan)}


def _count(plan: Plan, clock: Clock, now: str, i: int, problems: list[FieldProblem]) -> int:
    since = parse_instant(now)
    found = expand(plan, zone=clock.zone, slots=clock.slots, since=since, until=since + HORIZON, limit=MAX_DOSES)
    if isinstance(found, FieldProblem):
        problems.append(FieldProblem(f"lines.{i}.{found.field}", found.code, found.params))
        return 0
    return len(found)


def doses_follow(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of versions and answers: the doses of the prescription follow what is in force now."""
    prescription = work.row("prescription", after.home, after.fields["prescription_id"])
    if prescription is not None:
        reconcile(work, prescription, min(work.now, after.fields.get("in_force_from") or work.now))
    return None


def horizon_follows(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `prescription`: the worker's hand moves the horizon, and the doses of the new days follow (R-113).

    A course that has no dose left is completed (F-14).
    """
    if role is not Role.SYSTEM or after.fields["status"] != ACTIVE:
        return None
    reconcile(work, after, work.now)
    lines = work.rows("medication_line", after.home, prescription_id=after.id)
    clock = Clock.of(work.row("patient", after.home, after.fields["patient_id"]))
    if lines and ended(lines, clock, parse_instant(work.now)):
        end_all_lines(work, after, work.now)
        work.put("prescription", after.home, after.id, {"status": INACTIVE, "status_reason": "completed"})
    return None


def hours_follow(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `patient`: new slot times or a new zone re-time future unreported doses and keep their ids (R-032).

    What exceeds one transaction's bound is left to the worker, which finds it by its open horizon.
    """
    if before is None or all(before.fields[name] == after.fields[name] for name in ("zone", "slot_times")):
        return None
    budget = MAX_DOSES
    for prescription in work.rows("prescription", after.home, status="active"):
        doses = len(work.rows("dose_event", after.home, prescription_id=prescription.id))
        if doses > budget:
            work.put("prescription", after.home, prescription.id, {"horizon_until": None})
            continue
        budget -= doses
        reconcile(work, prescription, work.now)
    return None


def dose_gets_its_schedule(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `dose_event`: a dose that a phone made by its computed id gets the server's half of the row (N-04).

    A dose that no period's plan yields is kept with `planned = false`: it was taken (R-205).
    """
    if before is not None or role is Role.SYSTEM:
        return None
    fields = after.fields
    if after.id != dose_id(fields["line_id"], fields["nominal_date"], fields["slot_key"], fields["occurrence"]):
        return Refused(Because.INVALID, (FieldProblem("id", FieldCode.ID_MISMATCH).as_json(),))
    line = work.row("medication_line", after.home, fields["line_id"])
    assert line is not None, "a missing line is deferred"
    clock = Clock.of(work.row("patient", after.home, fields["patient_id"]))
    found = _in_periods(work, line, clock, fields)
    if found is None:
        work.amend(after, {"prescription_id": line.fields["prescription_id"], "planned": False, "state": "planned",
                           "due_at": _unplanned(fields), "alert_delay_min": clock.alert_delay_min})
        return None
    wanted, in_force = found
    work.amend(after, {**schedule_group(wanted, clock), "state": "planned" if in_force else "superseded"})
    return None


def _unplanned(fields: Mapping[str, Any]) -> str:
    """When a dose that no plan yields stands: when it was taken, but near its date and never nowhere. Else a plan that
    yields it later would not find the row by its time (storage/needs.py), and write over what was said of it."""
    noon = parse_instant(f"{fields['nominal_date']}T12:00:00+00:00")
    told = fields["at"] or fields["recorded_at"]
    near = told is not None and abs(parse_instant(told) - noon) <= timedelta(days=1)
    return str(told) if near else format_instant(noon)


def _in_periods(work: Working, line: Row, clock: Clock, fields: Mapping[str, Any]) -> tuple[Wanted, bool] | None:
    """The dose in the newest period whose plan yields it, and whether that period was in force when it fell due."""
    wanted = (fields["nominal_date"], fields["slot_key"], fields["occurrence"])
    for at, period in reversed(list(enumerate(line.fields["schedule"]))):
        plan, yielded = _yielded(work, line, at, clock, fields["nominal_date"])
        planned = yielded.get(wanted)
        due = format_instant(planned.due_at) if planned is not None else ""
        if planned is not None and due >= period["from"]:
            return Wanted(planned, period, line, plan), period["until"] is None or due < period["until"]
    return None


def _yielded(
    work: Working, line: Row, at: int, clock: Clock, date: str
) -> tuple[Plan, Mapping[tuple[str, str, int], Planned]]:
    """The plan of the line's period, and what it yields around a date; worked out once for all doses of a batch."""
    key = (line.id, at, date)
    if key not in work.memo:
        plan = work.memo.get((line.id, at)) or plan_of(line.fields["schedule"][at])
        noon = parse_instant(f"{date}T12:00:00+00:00")
        found = expand(plan, zone=clock.zone, slots=clock.slots, since=noon - A_DAY_AND_MORE,
                       until=noon + A_DAY_AND_MORE)
        doses = found if isinstance(found, list) else []
        work.memo[line.id, at] = plan
        work.memo[key] = plan, {(d.nominal_date.isoformat(), d.slot_key, d.occurrence): d for d in doses}
    kept: tuple[Plan, Mapping[tuple[str, str, int], Planned]] = work.memo[key]
    return kept


RULES: Mapping[str, Sequence[Rule]] = {
    "connection": (membership_follows,),
    "line_setting": (private_lines_are_hidden,),
    "prescription": (authorship_is_kept, horizon_follows),
    "prescription_version": (plans_are_sound, version_is_filed, doses_follow),
    "prescription_response": (answer_moves, doses_follow),
    "patient": (hours_follow,),
    "dose_event": (dose_gets_its_schedule,),
}
