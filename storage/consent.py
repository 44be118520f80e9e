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
from sync.record import Because, Change, Fields, Row
from sync.working import Working

PENDING, ACCEPTED, DECLINED, REVOKED = "pending", "accepted", "declined", "revoked"
CLOSED = (DECLINED, REVOKED)
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
    if before is None and fields["generation"] != 1:
        return _invalid("generation", FieldCode.NOT_ALLOWED)
    if fields["status"] not in CLOSED and _owns(work, fields["other_id"], after.home):
        return _invalid("other_id", FieldCode.NOT_ALLOWED)  # a guardian's own membership is not a connection's
    profile = _profile(work, fields["other_id"])
    if _opens(before, after) and not _may_be_connected(profile):
        return Refused(Because.FORBIDDEN)
    if fields["level"] is not None and _level(_is_doctor(profile, after), fields["level"]) is None:
        return _invalid("level", FieldCode.NOT_ALLOWED)
    return _moves_rightly(before, after, patients)


def _opens(before: Row | None, after: Row) -> bool:
    """Whether the other may see more by it: only that asks who they are now. What narrows or ends is always heard."""
    if before is None or _begins(before, after):
        return True
    accepts = after.fields["status"] == ACCEPTED and before.fields["status"] != ACCEPTED
    return accepts or _reach(after) > _reach(before)


def _begins(before: Row | None, after: Row) -> bool:
    return before is None or before.fields["generation"] != after.fields["generation"]


def _reach(connection: Row) -> int:
    level = connection.fields["level"]
    return DOCTOR_LEVELS.index(level) if level in DOCTOR_LEVELS else -1


def _may_be_connected(profile: Row | None) -> bool:
    return profile is not None and (profile.fields["role"] != "doctor" or bool(profile.fields["verified"]))


def _owns(work: Working, user: str, home: str) -> bool:
    held = work.membership(user, home)
    return held is not None and held.role in OWNERS and held.active(work.now)


def _moves_rightly(before: Row | None, after: Row, patients: bool) -> Refused | None:
    status = after.fields["status"]
    if before is None or _begins(before, after):
        return None if status == PENDING else Refused(Because.WRONG_STATUS)
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
    doctor = _is_doctor(_profile(work, after.fields["other_id"]), after)
    told: dict[str, Any] = {"other_role": "doctor" if doctor else "family"}
    if _begins(before, after):
        # what was granted in a generation that is closed is not granted again by silence
        told |= {name: None for name in GRANTED if name not in change.fields}
        told["requested_by"] = work.author.user
    fields = {**after.fields, **told}
    level = None if fields["level"] is None else _level(doctor, fields["level"])
    if level is None and fields["status"] == ACCEPTED:
        level = "selected" if doctor else "view"  # DESIGN.md 11: no level named
    after = work.amend(after, {**told, **_names(work, after.home, fields), "level": level})
    _open_or_close(work, after)
    return None


def _names(work: Working, home: str, fields: Fields) -> dict[str, str | None]:
    """Whose names the row bears: the asker's from the first, the other side's once it has accepted; after the end the
    names stay as they were. Else whoever asks would learn the name of anybody whose id or phone number they have."""
    if fields["status"] in CLOSED:
        return {}
    names = {"patient_name": full_name(work.row("patient", home, fields["patient_id"])),
             "other_name": full_name(_profile(work, fields["other_id"]))}
    if fields["status"] != ACCEPTED:
        names["patient_name" if fields["requested_by"] == fields["other_id"] else "other_name"] = None
    return names


def _open_or_close(work: Working, connection: Row) -> None:
    fields, home = connection.fields, connection.home
    if _owns(work, fields["other_id"], home):
        return  # the child's record would be nobody's
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


def _is_doctor(profile: Row | None, connection: Row) -> bool:
    """As what the other is connected; as what they were, if nothing is known of them any more."""
    if profile is None:
        return bool(connection.fields["other_role"] == "doctor")
    return bool(profile.fields["role"] == "doctor")


def _level(doctor: bool, level: str) -> str | None:
    """The level as this kind of link knows it; None if it does not."""
    if doctor:
        return level if level in DOCTOR_LEVELS else None
    return level if level in FAMILY_LEVELS else OLD_FAMILY_LEVELS.get(level)


def _invalid(field: str, code: FieldCode) -> Refused:
    return Refused(Because.INVALID, (FieldProblem(field, code).as_json(),))
