"""The patient's word on a prescription: what each answer moves (R-080, R-085 to R-089).

The patient never edits a doctor's prescription; he answers, and the rule here alone moves status, current and proposed
version, in the answer's own transaction. Repeating an answer moves nothing (F-08). Doses follow in scheduling/.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from storage.consent import is_verified_doctor
from storage.prescribing import ACTIVE, DRAFT, INACTIVE, PAUSED, end_all_lines, go_on, paused_since, put_in_force
from sync.access import OWNERS, Role
from sync.clock import ms_in
from sync.kind import Refused
from sync.problem import FieldCode, FieldProblem
from sync.record import Because, Change, Row
from sync.values import format_instant, instant_of_ms, parse_instant
from sync.working import Working

ANSWERED_OFFLINE = timedelta(hours=48)  # an answer given offline counts from then, but never further back than this
TOLD_ONLY = ("delivered", "shown")
PATIENTS_ALONE = ("confirm", "revise", "reject", "acknowledge")
AGREED = ("confirm", "acknowledge")
BOTH_SIDES = ("pause", "resume", "stop")
NO_PROPOSAL = {"proposed_version": None, "proposed_version_id": None}


def answer_is_theirs(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Confirming is the patient's alone; pausing and stopping also the author's, while a verified doctor
    (R-004, F-31). A relative answers for what the family itself wrote (rules.md section 3)."""
    answer = after.fields["answer"]
    prescription = work.row("prescription", after.home, after.fields["prescription_id"])
    if prescription is None or prescription.deleted:
        return Refused(Because.WRONG_STATUS)
    by_doctor = prescription.fields["author_role"] == "doctor"
    authors = prescription.fields["author_id"] == work.author.user and is_verified_doctor(work, role)
    allowed = (
        role in OWNERS
        or (role is Role.MANAGER and (answer in TOLD_ONLY or not by_doctor))
        or (answer in BOTH_SIDES and by_doctor and authors)
    )
    if not allowed:
        return Refused(Because.FORBIDDEN, (FieldProblem("answer", FieldCode.NOT_ALLOWED).as_json(),))
    if answer == "revise" and not (after.fields["reason"] or "").strip():
        return Refused(Because.INVALID, (FieldProblem("reason", FieldCode.REASON_REQUIRED).as_json(),))
    return None


def answer_moves(work: Working, before: Row | None, after: Row, change: Change, role: Role) -> Refused | None:
    """Rule of `prescription_response`: moves the prescription, or refuses a move that R-080 does not know."""
    prescription = work.row("prescription", after.home, after.fields["prescription_id"])
    assert prescription is not None, "the guard has seen it"
    work.amend(after, {"given_by": work.author.user, "given_role": str(role)})
    if after.fields["answer"] in TOLD_ONLY:
        return None
    proposed = _version(work, prescription, "proposed_version_id")
    if proposed is not None and not _speaks_of_it(after, proposed, prescription):
        return Refused(Because.WRONG_STATUS, winner=proposed.key)
    moved = MOVES[after.fields["answer"]](work, prescription, after, proposed)
    return None if moved else Refused(Because.WRONG_STATUS, winner=prescription.key)


def _speaks_of_it(answer: Row, proposed: Row, prescription: Row) -> bool:
    """Whether an answer means what waits now: a word on a version that was replaced before it arrived, or on none, must
    not put in force, or take off the table, what the patient never saw. What is in force may be confirmed again."""
    word, meant = answer.fields["answer"], answer.fields["version_id"]
    if word not in PATIENTS_ALONE or meant == proposed.id:
        return True
    return word in AGREED and meant is not None and meant == prescription.fields["current_version_id"]


def _confirm(work: Working, prescription: Row, answer: Row, proposed: Row | None) -> bool:
    status = prescription.fields["status"]
    if proposed is None or answer.fields["version_id"] == prescription.fields["current_version_id"] is not None:
        return status in (ACTIVE, PAUSED)  # said again
    if status not in (DRAFT, ACTIVE, PAUSED):
        return False
    put_in_force(work, prescription, proposed, _since(work, answer, _moment(answer, proposed, work.now)))
    return True


def _revise(work: Working, prescription: Row, answer: Row, proposed: Row | None) -> bool:
    """The proposal is off the table until the doctor's next version; what was in force stays (R-085)."""
    if prescription.fields["status"] == INACTIVE:
        return False
    _let_go(work, prescription)
    return True


def _reject(work: Working, prescription: Row, answer: Row, proposed: Row | None) -> bool:
    status = prescription.fields["status"]
    if status == DRAFT:
        work.put("prescription", prescription.home, prescription.id,
                 {"status": INACTIVE, "status_reason": "rejected", **NO_PROPOSAL})
    elif status != INACTIVE:
        _let_go(work, prescription)
    return bool(status != INACTIVE or prescription.fields["status_reason"] == "rejected")


def _pause(work: Working, prescription: Row, answer: Row, proposed: Row | None) -> bool:
    status = prescription.fields["status"]
    if status == ACTIVE:
        end_all_lines(work, prescription, _since(work, answer, _moment(answer, None, work.now)))
        work.put("prescription", prescription.home, prescription.id, {"status": PAUSED})
    return status in (ACTIVE, PAUSED)


def _resume(work: Working, prescription: Row, answer: Row, proposed: Row | None) -> bool:
    status, current = prescription.fields["status"], _version(work, prescription, "current_version_id")
    if status == PAUSED and current is not None:
        active = work.put("prescription", prescription.home, prescription.id, {"status": ACTIVE})
        paused = paused_since(work, prescription)
        since = _since(work, answer, max(_moment(answer, None, work.now), paused or ""))
        if (current.fields["not_before"] or since) > since:
            go_on(work, active, paused, since)
        put_in_force(work, active, current, since)
    return status in (ACTIVE, PAUSED)


def _stop(work: Working, prescription: Row, answer: Row, proposed: Row | None) -> bool:
    if prescription.fields["status"] != INACTIVE:
        end_all_lines(work, prescription, _since(work, answer, _moment(answer, None, work.now)))
        work.put("prescription", prescription.home, prescription.id,
                 {"status": INACTIVE, "status_reason": "stopped", **NO_PROPOSAL})
    return bool(prescription.fields["status"] != INACTIVE or prescription.fields["status_reason"] == "stopped")


MOVES: dict[str, Callable[[Working, Row, Row, Row | None], bool]] = {
    "confirm": _confirm, "acknowledge": _confirm, "revise": _revise, "reject": _reject, "pause": _pause,
    "resume": _resume, "stop": _stop,
}


def _let_go(work: Working, prescription: Row) -> None:
    work.put("prescription", prescription.home, prescription.id, NO_PROPOSAL)


def _version(work: Working, prescription: Row, pointer: str) -> Row | None:
    id_ = prescription.fields[pointer]
    return work.row("prescription_version", prescription.home, id_) if id_ else None


def _since(work: Working, answer: Row, moment: str) -> str:
    """Writes down from when the answer holds: doses follow from then, not from when it reached us (F-13)."""
    work.amend(work.row(answer.kind, answer.home, answer.id) or answer, {"in_force_from": moment})
    return moment


def _moment(answer: Row, version: Row | None, now: str) -> str:
    """When the answer was given, on the server's clock: not before the version was made, nor too far back."""
    floor = format_instant(parse_instant(now) - ANSWERED_OFFLINE)
    made = version.fields["made_at"] if version is not None else floor
    return min(now, max(instant_of_ms(ms_in(answer.hlc)), made or floor, floor))
