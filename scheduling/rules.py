"""What follows in time from a change, in the change's own transaction; handed to the engine by server/app.py.

A version's plans must be readable and bounded; a prescription, an answer or a patient's new hours re-make future doses;
a dose that a phone made before the server gets its schedule from the line it names (R-113 to R-116, R-205).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from scheduling.doses import alert_delay_of, ended, reconcile, schedule_group
from scheduling.nominal import densest
from scheduling.plan import Plan, assign_keys, canonical, counted, read_plan
from scheduling.routine import Routine
from scheduling.wanted import Wanted, asked
from storage.answering import TOLD_ONLY, answer_moves
from storage.consent import membership_follows, private_lines_are_hidden
from storage.needs import ROUTINE
from storage.prescribing import ACTIVE, INACTIVE, authorship_is_kept, end_all_lines, version_is_filed
from sync.access import Role
from sync.identity import dose_id
from sync.kind import Refused
from sync.problem import FieldCode, FieldProblem
from sync.record import Because, Change, Row
from sync.rule import Rule
from sync.values import format_instant, parse_instant
from sync.working import Working

MAX_DOSES = 2000  # of one prescription in any 30 days; a version that asks for more is refused at the door (S-60)
MAX_COUNTED = 10_000  # doses that the counts and quantities of one version may make us count, some 10 µs each (S-60)
MAX_RETIMED = 2 * MAX_DOSES  # by all changes of hours and zones in one batch
MAX_MOVES_KEPT = 40  # of one patient
MAX_PERIODS_ASKED = 6  # the newest ones that had begun; a dose of an older one was taken without a plan
A_DAY_AND_MORE = timedelta(days=3)  # around a nominal date: any zone, any meal offset


def plans_are_sound(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `prescription_version`: every plan readable, with keys that outlive a moved hour, and bounded (R-120)."""
    clock = Routine.of(work.row("patient", after.home, after.fields["patient_id"]))
    previous = _lines_of(work, after)
    lines: list[dict[str, Any]] = []
    problems: list[FieldProblem] = []
    total = walk = 0
    for i, sent in enumerate(after.fields["lines"]):
        line = sent
        plan = read_plan(line["plan"], f"lines.{i}.plan") if line["plan"] is not None else None
        if isinstance(plan, list):
            problems += plan
        elif plan is not None:
            before_it = previous.get(line["line_id"])
            keyed = _at_home(assign_keys(plan, before_it), line["tz_policy"], before_it, clock)
            walk += counted(keyed)
            total += densest(keyed.segments, keyed.routine(clock))
            line = {**line, "plan": canonical(keyed)}
        if total > MAX_DOSES or walk > MAX_COUNTED:
            break  # what is refused anyway is not worked out to its end
        lines.append(line)
    if total > MAX_DOSES or walk > MAX_COUNTED:
        limit = MAX_DOSES if total > MAX_DOSES else MAX_COUNTED
        problems.append(FieldProblem("lines", FieldCode.HORIZON_TOO_LARGE, {"limit": limit}))
    if problems:
        return Refused(Because.INVALID, tuple(problem.as_json() for problem in problems))
    work.amend(after, {"lines": lines})
    return None


def _at_home(plan: Plan, policy: str, before: Plan | None, clock: Routine) -> Plan:
    """A plan that keeps to the clock at home names its zone: its own, that of the version before, or the patient's."""
    if "home" not in (policy, plan.tz_policy):
        return plan
    kept = before.zone if before is not None and before.tz_policy == "home" else None
    return plan.model_copy(update={"zone": plan.zone or kept or clock.zone_now, "tz_policy": "home"})


def _lines_of(work: Working, version: Row) -> dict[str, Plan]:
    """The newest earlier plan of each line: of the version that this one replaces, else the last that was in force. So
    the same clock time keeps its key, and no other time gets it, though a version between lacked the line."""
    before = work.row("prescription_version", version.home, version.fields["replaces"] or "")
    lines = work.rows("medication_line", version.home, prescription_id=version.fields["prescription_id"])
    written = {row.id: row.fields["schedule"][-1]["plan"] for row in lines if row.fields["schedule"]}
    written |= {line["line_id"]: line["plan"] for line in (before.fields["lines"] if before else ()) if line["plan"]}
    found = {line: read_plan(plan) for line, plan in written.items()}
    return {line: plan for line, plan in found.items() if isinstance(plan, Plan)}


def doses_follow(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of versions and answers: the doses of the prescription follow what is in force now."""
    if after.fields.get("answer") in TOLD_ONLY:
        return None
    prescription = work.row("prescription", after.home, after.fields["prescription_id"])
    if prescription is not None:
        reconcile(work, prescription, min(work.now, after.fields.get("in_force_from") or work.now))
    return None


def horizon_follows(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `prescription`: the worker's hand moves the horizon, and the doses of the new days follow (R-113).

    A course that has no dose left is completed (F-14), unless its doctor has proposed how to go on, or a medicine is
    taken as needed, which has no last dose.
    """
    if role is not Role.SYSTEM or after.fields["status"] != ACTIVE:
        return None
    reconcile(work, after, work.now)
    current = work.row("prescription_version", after.home, after.fields["current_version_id"] or "")
    if after.fields["proposed_version_id"] is not None or current is None \
            or any(line["plan"] is None for line in current.fields["lines"]):
        return None
    lines = work.rows("medication_line", after.home, prescription_id=after.id)
    clock = Routine.of(work.row("patient", after.home, after.fields["patient_id"]))
    if ended(lines, clock, parse_instant(work.now)):
        end_all_lines(work, after, work.now)
        work.put("prescription", after.home, after.id, {"status": INACTIVE, "status_reason": "completed"})
    return None


def journey_is_noted(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `patient`: a new zone is a move at this moment; plans that follow the patient are read by it (N-07)."""
    if before is None or before.fields["zone"] == after.fields["zone"]:
        return None
    move = {"at": work.now, "zone": after.fields["zone"], "before": before.fields["zone"]}
    work.amend(after, {"zone_changes": _kept([*before.fields["zone_changes"], move])})
    return None


def _kept(moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most MAX_MOVES_KEPT. The oldest journey there and back goes first: what lies before and after it is read as
    ever, and so the anchors of intervals stay where they are."""
    while len(moves) > MAX_MOVES_KEPT:
        returns = next((i for i, (out, back) in enumerate(pairwise(moves)) if out["before"] == back["zone"]), None)
        moves = moves[1:] if returns is None else moves[:returns] + moves[returns + 2:]
    return moves


def hours_follow(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `patient`: a new routine or a new zone re-times future unreported doses and keeps their ids (R-032).

    What exceeds one transaction's bound, however many changes it holds, is left to the worker, which finds it by its
    open horizon.
    """
    if before is None or all(before.fields[name] == after.fields[name] for name in ROUTINE):
        return None
    budget = work.memo.setdefault("retimed", MAX_RETIMED)
    for prescription in work.rows("prescription", after.home, status="active"):
        doses = len(work.rows("dose_event", after.home, prescription_id=prescription.id))
        if doses > budget:
            work.put("prescription", after.home, prescription.id, {"horizon_until": None})
            continue
        budget -= doses
        work.memo["retimed"] = budget
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
    patient = work.row("patient", after.home, fields["patient_id"])
    found, delay = _in_periods(work, line, Routine.of(patient), after), alert_delay_of(patient)
    if found is None:
        work.amend(after, {"prescription_id": line.fields["prescription_id"], "planned": False, "state": "planned",
                           "due_at": _unplanned(fields), "alert_delay_min": delay})
        return None
    wanted, in_force = found
    work.amend(after, {**schedule_group(wanted, delay), "state": "planned" if in_force else "superseded"})
    return None


def _unplanned(fields: Mapping[str, Any]) -> str:
    """When a dose that no plan yields stands: when it was taken, but near its date and never nowhere. Else a plan that
    yields it later would not find the row by its time (storage/needs.py), and write over what was said of it."""
    noon = parse_instant(f"{fields['nominal_date']}T12:00:00+00:00")
    told = fields["at"] or fields["recorded_at"]
    near = told is not None and abs(parse_instant(told) - noon) <= timedelta(days=1)
    return str(told) if near else format_instant(noon)


def _in_periods(work: Working, line: Row, clock: Routine, dose: Row) -> tuple[Wanted, bool] | None:
    """The dose in the newest period whose plan yields it, and whether that period was in force when it fell due."""
    noon = parse_instant(f"{dose.fields['nominal_date']}T12:00:00+00:00")
    begun = [period for period in line.fields["schedule"] if period["from"] < format_instant(noon + A_DAY_AND_MORE)]
    for period in reversed(begun[-MAX_PERIODS_ASKED:]):
        one = _yielded(work, line, period, clock, noon).get(dose.id)
        due = format_instant(one.planned.due_at) if one is not None else ""
        if one is not None and due >= period["from"]:
            return replace(one, period=period), period["until"] is None or due < period["until"]
    return None


def _yielded(
    work: Working, line: Row, period: Mapping[str, Any], clock: Routine, noon: datetime
) -> Mapping[str, Wanted]:
    """What a period's plan yields around a date; worked out once for all doses of a batch."""
    key = ("yielded", line.id, period["version_id"], clock.key, noon)
    if key not in work.memo:
        found = asked(work, line, period, clock, noon - A_DAY_AND_MORE, noon + A_DAY_AND_MORE)
        work.memo[key] = {one.id: one for one in found}
    kept: Mapping[str, Wanted] = work.memo[key]
    return kept


RULES: Mapping[str, Sequence[Rule]] = {
    "connection": (membership_follows,),
    "line_setting": (private_lines_are_hidden,),
    "prescription": (authorship_is_kept, horizon_follows),
    "prescription_version": (plans_are_sound, version_is_filed, doses_follow),
    "prescription_response": (answer_moves, doses_follow),
    "patient": (journey_is_noted, hours_follow),
    "dose_event": (dose_gets_its_schedule,),
}
