"""Consent: who may connect whom, and what a connection then lets its holder see (R-050 to R-054).

The guard of `connection` and the rules that turn connections and private lines into memberships. These are written
here and nowhere else, always under the lock of the scope they open.
"""

from __future__ import annotations

from typing import Any

from storage.accounts.states import AccountState
from sync.access import DOCTORS, OWNERS, RELATIVES, USER_SCOPE, Role, View, scope_name
from sync.identity import connection_id
from sync.kind import Refused
from sync.problem import FieldCode, FieldProblem
from sync.record import Because, Change, Row
from sync.working import Working

PENDING, ACCEPTED, DECLINED, REVOKED = "pending", "accepted", "declined", "revoked"
DOCTOR_ROLES = {"selected": Role.DOCTOR_SELECTED, "allowed": Role.DOCTOR}
FAMILY_ROLES = {"view": Role.VIEWER, "view+remind": Role.REMINDER, "view+manage": Role.MANAGER}
GRANTED = ("level", "parts", "days")
DOCTOR_LEVELS = ("not_allowed", "request", "selected", "allowed")
FAMILY_LEVELS = ("alerts_only", *FAMILY_ROLES)
# What older clients call the family's levels (rules.md section 3).
OLD_FAMILY_LEVELS = {"request": "view", "selected": "view+remind", "allowed": "view+manage"}


def connection_is_consented(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """Each side asks for itself, and only the side that was asked accepts (R-050, F-25, F-31)."""
    fields = after.fields
    if after.id != connection_id(fields["patient_id"], fields["other_id"]):
        return _invalid("id", FieldCode.ID_MISMATCH)
    if fields["patient_id"] == fields["other_id"]:
        return _invalid("other_id", FieldCode.NOT_ALLOWED)
    patients, others = role in OWNERS, work.author.user == fields["other_id"]
    if not patients and not others:
        return Refused(Because.FORBIDDEN)
    profile = _profile(work, fields["other_id"])
    if profile is None or (profile.fields["role"] == "doctor" and not profile.fields["verified"]):
        return Refused(Because.FORBIDDEN)
    if fields["level"] is not None and _level(profile, fields["level"]) is None:
        return _invalid("level", FieldCode.NOT_ALLOWED)
    return _moves_rightly(before, after, work.author.user, patients)


def _moves_rightly(before: Row | None, after: Row, author: str, patients: bool) -> Refused | None:
    status = after.fields["status"]
    opened = before is None or before.fields["generation"] != after.fields["generation"]
    if opened:
        return None if status == PENDING else Refused(Because.WRONG_STATUS)
    assert before is not None
    if before.fields["status"] == status:
        return None
    asked_by_other = before.fields["requested_by"] == before.fields["other_id"]
    answers = patients if asked_by_other else not patients
    if status in (ACCEPTED, DECLINED) and not answers:
        return Refused(Because.FORBIDDEN, (FieldProblem("status", FieldCode.NOT_ALLOWED).as_json(),))
    return None


def membership_follows(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """Rule of `connection`: fills the server's columns and opens or closes the patient's scope for the other person."""
    fields, home = after.fields, after.home
    profile, patient = _profile(work, fields["other_id"]), work.row("patient", home, fields["patient_id"])
    told: dict[str, Any] = {"other_role": "doctor" if _is_doctor(profile) else "family",
                            "other_name": full_name(profile), "patient_name": full_name(patient)}
    if before is None or before.fields["generation"] != fields["generation"]:
        # what was granted in a generation that is closed is not granted again by silence
        told |= {name: None for name in GRANTED if name not in change.fields}
        told["requested_by"] = work.author.user
        fields = {**fields, **told}
    level = None if fields["level"] is None or profile is None else _level(profile, fields["level"])
    if level is None and fields["status"] == ACCEPTED:
        level = "selected" if _is_doctor(profile) else "view"  # DESIGN.md 11: no level named
    after = work.amend(after, {**told, "level": level})
    _open_or_close(work, after)
    return None


def _open_or_close(work: Working, connection: Row) -> None:
    fields, home = connection.fields, connection.home
    doctor = fields["other_role"] == "doctor"
    role = (DOCTOR_ROLES if doctor else FAMILY_ROLES).get(fields["level"] or "")
    if fields["status"] != ACCEPTED or role is None:
        work.end(fields["other_id"], home)
        return
    narrowed = role is Role.DOCTOR_SELECTED
    view = View(
        frozenset(fields["parts"] or ()) if narrowed else None,
        tuple((first, last) for first, last in fields["days"]) if narrowed and fields["days"] else None,
        private_lines(work, home) if role in RELATIVES else frozenset(),
    )
    work.grant(fields["other_id"], home, role, view)


def private_lines_are_hidden(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """Rule of `line_setting`: a line marked private loses its name for every relative at once (R-082, S-34)."""
    line = work.row("medication_line", after.home, after.id)
    if line is None:
        return Refused(Because.INVALID, (FieldProblem("id", FieldCode.ID_MISMATCH).as_json(),))
    if line.fields["prescription_id"] != after.fields["prescription_id"]:
        return _invalid("prescription_id", FieldCode.ID_MISMATCH)
    hidden = private_lines(work, after.home)
    for member in work.members(after.home):
        if member.role in RELATIVES and member.active(work.now) and member.view.hidden != hidden:
            work.grant(member.user, member.scope, member.role, View(member.view.parts, member.view.days, hidden),
                       member.expires_at)
    return None


def private_lines(work: Working, home: str) -> frozenset[str]:
    return frozenset(row.id for row in work.rows("line_setting", home, private=True))


def is_verified_doctor(work: Working, role: Role) -> bool:
    """Whether the author may act as a doctor now: by role in the scope and by the account's state (R-004, F-31)."""
    return role in DOCTORS and work.author.who.role == "doctor" and work.author.who.state == AccountState.VERIFIED


def full_name(person: Row | None) -> str | None:
    if person is None:
        return None
    return " ".join(part for part in (person.fields["first_name"], person.fields["last_name"]) if part) or None


def _profile(work: Working, user: str) -> Row | None:
    return work.row("profile", scope_name(USER_SCOPE, user), user)


def _is_doctor(profile: Row | None) -> bool:
    return profile is not None and profile.fields["role"] == "doctor"


def _level(profile: Row, level: str) -> str | None:
    """The level as this person's kind of link knows it; None if it does not."""
    if _is_doctor(profile):
        return level if level in DOCTOR_LEVELS else None
    return level if level in FAMILY_LEVELS else OLD_FAMILY_LEVELS.get(level)


def _invalid(field: str, code: FieldCode) -> Refused:
    return Refused(Because.INVALID, (FieldProblem(field, code).as_json(),))
