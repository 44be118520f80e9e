"""Why somebody may not: 404 for what they cannot know of, 403 with the level they lack for what they do (R-384).

Asked after the engine or the ledger has said no; nothing is allowed here.
"""

from __future__ import annotations

from typing import Any

from server import records
from server.call import Call
from storage.consent import ACCEPTED
from storage.ledger.choose import Choice, Chosen, choose, held_by
from sync.access import DOCTORS, PATIENT_SCOPE, RELATIVES, Membership, Role, scope_name
from sync.identity import connection_id
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit, canonical_uuid


async def rows_of_patient(call: Call, kind: str, patient: str, **more: Any) -> Chosen:
    """Rows of one patient as the caller may read them. Raises Refusal: not_found, level_required."""
    choice = Choice(kind, scope_name(PATIENT_SCOPE, patient), **more)
    chosen = await choose(call.house.ledger, call.user, choice, call.now)
    if chosen is None:
        raise await stranger_to(call, patient)
    return chosen


async def standing_with(call: Call, patient: str) -> Membership:
    """As what the caller may see this patient now. Raises Refusal: not_found, level_required."""
    async with call.house.database.reading() as reading:
        held = await held_by(reading, call.user, scope_name(PATIENT_SCOPE, patient), call.now)
    if held is None:
        raise await stranger_to(call, patient)
    return held


async def stranger_to(call: Call, patient: str) -> Refusal:
    """Why this patient is closed to the caller: a connection whose level opens nothing, or none at all."""
    link = await records.seek(call.house, call.user, "connection", connection_id(patient, call.user), call.now)
    if link is None or link.told["status"] != ACCEPTED:
        return Refusal(Code.NOT_FOUND)
    doctor = link.told["other_role"] == "doctor"
    return level_required("selected" if doctor else "view", link.told["level"])


def told_of(call: Call, chosen: Chosen) -> list[dict[str, Any]]:
    """Rows of a choice as the caller may see them."""
    return [call.house.kinds[row.kind].told(row, chosen.membership.view) for row in chosen.rows]


def patient_in(call: Call) -> str:
    """The patient that `?patient_id=` names, the caller if they are one. Raises Refusal(INVALID)."""
    given = call.query.get("patient_id")
    if given is None and call.who.role != "patient":
        raise Refusal(Code.INVALID, FieldProblem("patient_id", FieldCode.REQUIRED))
    try:
        return call.user if given is None else canonical_uuid(given)
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem("patient_id", unfit.code)) from None


def lacking(role: Role, *, relative: str | None = None, doctor: str | None = None) -> Refusal:
    """The refusal of a deed on a row that the caller reads in this role: the level it takes, if a level would help."""
    needed = relative if role in RELATIVES else doctor if role in DOCTORS else None
    return Refusal(Code.FORBIDDEN) if needed is None else level_required(needed)


def level_required(needed: str, held: str | None = None) -> Refusal:
    problem = FieldProblem("level", FieldCode.NOT_ALLOWED, {"needed": needed, **({"held": held} if held else {})})
    return Refusal(Code.LEVEL_REQUIRED, problem, extra={"level": needed})
