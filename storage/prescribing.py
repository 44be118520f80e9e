"""Prescribing: who may write a prescription or a version of it, and from when a version rules (R-080 to R-091).

A version is a proposal until somebody whose word counts puts it in force; answers to it are storage/answering.py. Knows
periods (which version of a line was in force from when to when), never hours or doses: those follow in scheduling/.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from storage.consent import full_name, is_verified_doctor, private_lines_are_hidden
from storage.zone_names import DEFAULT_ZONE
from sync.access import DOCTORS, OWNERS, Role
from sync.identity import connection_id
from sync.kind import Refused
from sync.problem import FieldCode, FieldProblem
from sync.record import Because, Change, Key, Row
from sync.values import parse_instant
from sync.working import Working

DRAFT, ACTIVE, PAUSED, INACTIVE = "draft", "active", "paused", "inactive"
MAX_VERSIONS = 200  # of one prescription; a weekly change for almost four years
MAX_PERIODS = 100  # kept per line; older ones are in the versions
LINE_COLUMNS = ("name", "name_km", "written_name", "form", "unit", "strength", "time_critical", "reminders")
PERIOD_COLUMNS = ("plan", "unit", "on_time_min", "missed_after_min")


def prescription_is_the_authors(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """A doctor's prescription is a verified doctor's own; the patient's side edits only what it made (R-085, F-31)."""
    if role in DOCTORS and not is_verified_doctor(work, role):
        return Refused(Because.FORBIDDEN, (FieldProblem("role", FieldCode.NOT_ALLOWED).as_json(),))
    if before is None:
        return None if role in OWNERS or role in (Role.MANAGER, Role.DOCTOR) else Refused(Because.FORBIDDEN)
    return _not_theirs(work, before, role, before.key)


def authorship_is_kept(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """Rule of `prescription`: writes down who made it and for whom, as they were on that day (R-081)."""
    if before is not None or role is Role.SYSTEM:
        return None
    patient = work.row("patient", after.home, after.home.partition(":")[2])
    work.amend(after, {
        "author_id": work.author.user, "author_role": _author_role(role),
        "author_name": _author_name(work, after, role), "patient_name": full_name(patient),
        "patient_gender": patient.fields["gender"] if patient else None,
        "patient_age": _age(patient, work.now), "status": DRAFT,
    })
    return None


def version_is_current_work(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """A version is made of the latest one by somebody who may prescribe; else it is a kept edit (R-198, F-63)."""
    fields = after.fields
    prescription = work.row("prescription", after.home, fields["prescription_id"])
    if prescription is None or prescription.deleted:
        return Refused(Because.WRONG_STATUS)
    latest = prescription.fields["latest_version_id"]
    winner = Key("prescription_version", after.home, latest) if latest else prescription.key
    if role in DOCTORS and not is_verified_doctor(work, role):
        return Refused(Because.FORBIDDEN, (FieldProblem("role", FieldCode.NOT_ALLOWED).as_json(),))
    return (
        _not_theirs(work, prescription, role, winner)
        or (Refused(Because.STALE_BASE, winner=winner) if fields["replaces"] != latest else None)
        or (Refused(Because.WRONG_STATUS, winner=winner) if prescription.fields["status"] == INACTIVE else None)
        or _too_many(prescription)
        or _urgent_without_right(fields, role)
        or _foreign_lines(work, after)
    )


def _not_theirs(work: Working, prescription: Row, role: Role, winner: Key) -> Refused | None:
    by_doctor = prescription.fields["author_role"] == "doctor"
    if by_doctor and role not in DOCTORS:
        return Refused(Because.SERVER_WINS, winner=winner)
    if not by_doctor and role in DOCTORS:
        return Refused(Because.FORBIDDEN)
    return None


def _urgent_without_right(fields: Any, role: Role) -> Refused | None:
    if not fields["urgent"]:
        return None
    if role in DOCTORS and role is not Role.DOCTOR:
        return Refused(Because.FORBIDDEN, (FieldProblem("urgent", FieldCode.NOT_ALLOWED).as_json(),))
    if not (fields["reason"] or "").strip():
        return Refused(Because.INVALID, (FieldProblem("reason", FieldCode.REASON_REQUIRED).as_json(),))
    return None


def _too_many(prescription: Row) -> Refused | None:
    """Every answer reads all versions, so their number is bounded; a new prescription goes on from there."""
    if prescription.fields["latest_version"] < MAX_VERSIONS:
        return None
    problem = FieldProblem("prescription_id", FieldCode.TOO_MANY, {"most": MAX_VERSIONS})
    return Refused(Because.INVALID, (problem.as_json(),))


def _foreign_lines(work: Working, version: Row) -> Refused | None:
    """A line belongs to one prescription for ever, and stands once in a version (F-15)."""
    problems, seen = [], set()
    for i, line in enumerate(version.fields["lines"]):
        known = work.row("medication_line", version.home, line["line_id"])
        if line["line_id"] in seen or (known and known.fields["prescription_id"] != version.fields["prescription_id"]):
            problems.append(FieldProblem(f"lines.{i}.line_id", FieldCode.NOT_ALLOWED).as_json())
        seen.add(line["line_id"])
    return Refused(Because.INVALID, tuple(problems)) if problems else None


def version_is_filed(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `prescription_version`: numbers it and makes it the proposal, or puts it in force at once.

    At once: the patient's side on its own prescription, and an urgent change (R-085 to R-087).
    """
    prescription = work.row("prescription", after.home, after.fields["prescription_id"])
    assert prescription is not None, "the guard has seen it"
    number = prescription.fields["latest_version"] + 1
    after = work.amend(after, {
        "number": number, "author_id": work.author.user, "author_role": _author_role(role),
        "author_name": _author_name(work, after, role), "made_at": work.now,
    })
    moved: dict[str, Any] = {"latest_version": number, "latest_version_id": after.id}
    at_once = role not in DOCTORS or (after.fields["urgent"] and prescription.fields["status"] in (ACTIVE, PAUSED))
    if not at_once:
        moved.update(proposed_version=number, proposed_version_id=after.id)
    prescription = work.put("prescription", after.home, prescription.id, moved)
    for line in after.fields["lines"]:
        if work.row("medication_line", after.home, line["line_id"]) is None:
            identity = {"patient_id": after.fields["patient_id"], "prescription_id": prescription.id}
            told = {name: line.get(name) for name in LINE_COLUMNS}
            work.put("medication_line", after.home, line["line_id"], {**identity, **told})
    _hide_private_lines(work, after, change, role)
    if at_once:
        put_in_force(work, prescription, after, work.now)
    return None


def _hide_private_lines(work: Working, version: Row, change: Change, role: Role) -> None:
    """A line that its author marks private is hidden from relatives as if the patient had said so (R-082, S-34).

    Said once per line: a later version that repeats the mark does not undo what the patient has set since.
    """
    replaced = work.row("prescription_version", version.home, version.fields["replaces"] or "")
    already = {line["line_id"] for line in (replaced.fields["lines"] if replaced else ()) if line["private"]}
    for line in version.fields["lines"]:
        if line["private"] and line["line_id"] not in already:
            setting = work.put("line_setting", version.home, line["line_id"], {
                "patient_id": version.fields["patient_id"], "prescription_id": version.fields["prescription_id"],
                "private": True})
            private_lines_are_hidden(work, None, setting, change, role)


def put_in_force(work: Working, prescription: Row, version: Row, since: str) -> Row:
    """The version rules every line from `since` on, not before its own `not_before`; lines it lacks end there."""
    at = max(since, version.fields["not_before"] or since)
    home, lines = prescription.home, {line["line_id"]: line for line in version.fields["lines"]}
    paused = prescription.fields["status"] == PAUSED
    for row in work.rows("medication_line", home, prescription_id=prescription.id):
        periods = _ended(row.fields["schedule"], at)
        line = lines.get(row.id)
        if line is not None and line["plan"] is not None and not paused:
            periods.append({"version_id": version.id, "number": version.fields["number"], "from": at, "until": None,
                            **{name: line.get(name) for name in PERIOD_COLUMNS}})
        told = {name: line.get(name) for name in LINE_COLUMNS} if line is not None else {}
        work.put("medication_line", home, row.id, {**told, "schedule": periods[-MAX_PERIODS:]})
    moved = {"current_version": version.fields["number"], "current_version_id": version.id, "in_force_from": at,
             "status": PAUSED if paused else ACTIVE, "status_reason": None, "urgent": version.fields["urgent"],
             "urgent_reason": version.fields["reason"] if version.fields["urgent"] else None}
    if prescription.fields["proposed_version_id"] == version.id or prescription.fields["proposed_version"] is None \
            or prescription.fields["proposed_version"] < version.fields["number"]:
        moved.update(proposed_version=None, proposed_version_id=None)
    return work.put("prescription", home, prescription.id, moved)


def end_all_lines(work: Working, prescription: Row, at: str) -> None:
    """No line of the prescription is in force from `at` on (pause, stop, completion)."""
    for row in work.rows("medication_line", prescription.home, prescription_id=prescription.id):
        work.put("medication_line", prescription.home, row.id, {"schedule": _ended(row.fields["schedule"], at)})


def paused_since(work: Working, prescription: Row) -> str | None:
    """When the last of a paused prescription's periods ended; None if none ever began."""
    lines = work.rows("medication_line", prescription.home, prescription_id=prescription.id)
    return max((period["until"] for line in lines for period in line.fields["schedule"] if period["until"]),
               default=None)


def go_on(work: Working, prescription: Row, paused: str | None, since: str) -> None:
    """What the pause cut short is in force again from `since`: a version that waits for its day must leave no gap."""
    for row in work.rows("medication_line", prescription.home, prescription_id=prescription.id):
        *_, last = row.fields["schedule"] or [None]
        if last is not None and last["until"] == paused:
            again = {**last, "from": since, "until": None}
            work.put("medication_line", prescription.home, row.id, {"schedule": [*row.fields["schedule"], again]})


def _ended(schedule: list[dict[str, Any]], at: str) -> list[dict[str, Any]]:
    """The periods with none of them reaching beyond `at`; those that would begin there never came about."""
    return [{**period, "until": at} if period["until"] is None or period["until"] > at else period
            for period in schedule if period["from"] < at]


def _author_role(role: Role) -> str:
    return "doctor" if role in DOCTORS else "patient" if role in OWNERS else "relative"


def _author_name(work: Working, row: Row, role: Role) -> str | None:
    patient = row.home.partition(":")[2]
    if role in OWNERS:
        return full_name(work.row("patient", row.home, patient))
    link = work.row("connection", row.home, connection_id(patient, work.author.user))
    return link.fields["other_name"] if link is not None else None


def _age(patient: Row | None, now: str) -> int | None:
    if patient is None or patient.fields["birth_date"] is None:
        return None
    zone = ZoneInfo(patient.fields["zone"] or DEFAULT_ZONE)
    born, today = str(patient.fields["birth_date"]), parse_instant(now).astimezone(zone).date().isoformat()
    return int(today[:4]) - int(born[:4]) - (today[5:] < born[5:])
