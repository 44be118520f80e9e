"""Doses: record one or several, take a record back, and the day's schedule (R-151 to R-159).

Which dose and who may are settled on the one road; this door names rows and tells what they are called now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from scheduling.schedule_day import day_schedule, dose_told
from scheduling.zones import local_day
from server import outcome, records, write
from server.api.dose_answers import DAY, RECORDED
from server.api.dose_bodies import DoseNamed, Skipped, Taken, Undone
from server.call import Answer, Call, Route, Schema
from server.levels import lacking, patient_in, rows_of_patient, standing_with, told_of
from server.viewpoint import viewpoint
from server.write import write_whole
from storage.ledger.choose import Choice, choose
from sync.access import PATIENT_SCOPE, Membership, scope_name
from sync.identity import dose_id
from sync.problem import Code, FieldProblem, Refusal
from sync.push import Settlement
from sync.record import Because, Change, Op, Outcome, Row
from sync.values import Unfit, canonical_date

KIND = "dose_event"
MANAGE = "view+manage"


async def take(call: Call) -> Answer:
    return await _record(call, "taken")


async def skip(call: Call) -> Answer:
    return await _record(call, "skipped")


async def undo(call: Call) -> Answer:
    return await _record(call, "undone")


async def _record(call: Call, action: str) -> Answer:
    """The doses as they stand after it; one that only its phone knew is made by it."""
    body: DoseNamed = call.body
    body.refuse_ambiguity()
    batch = write.batch_of(call)
    if body.line_id is not None:
        membership, changes = await _by_line(call, body, action, batch)
    else:
        rows, membership = await _by_ids(call, body.ids)
        changes = [_change(call, body, action, batch, i, row) for i, row in enumerate(rows)]
    settlement = await write_whole(call, changes, batch_id=batch)
    _refuse_losers(settlement, membership)
    doses = await _as_they_stand(call, membership.scope, [change.id for change in changes])
    told = [{"dose": doses[change.id], "outcome": str(result.outcome), "code": str(result.code)}
            for change, result in zip(changes, settlement.results, strict=True)]
    return Answer(200, {"items": told} if body.dose_ids is not None else told[0])


async def _by_ids(call: Call, ids: Sequence[str]) -> tuple[list[Row], Membership]:
    """The named doses, all of one patient. Raises Refusal(NOT_FOUND) if the caller may not read one of them."""
    first = await records.find(call, KIND, ids[0])
    if len(ids) == 1:
        return [first.row], first.membership
    chosen = await choose(call.house.ledger, call.user, Choice(KIND, first.row.home, {"id": ids}), call.now)
    found = {row.id: row for row in chosen.rows} if chosen is not None else {}
    if chosen is None or any(id_ not in found for id_ in ids):
        raise Refusal(Code.NOT_FOUND)
    return [found[id_] for id_ in ids], chosen.membership


async def _by_line(call: Call, body: DoseNamed, action: str, batch: str) -> tuple[Membership, list[Change]]:
    """The dose that line, date, slot and occurrence name; it is made if the server does not know it (N-04)."""
    assert body.line_id is not None and body.nominal_date is not None and body.slot_key is not None
    line = await records.find(call, "medication_line", body.line_id)
    patient = body.patient_id or call.user
    if line.row.fields["patient_id"] != patient:
        raise Refusal(Code.NOT_FOUND)
    id_ = dose_id(body.line_id, body.nominal_date, body.slot_key, body.occurrence)
    known = await records.seek(call.house, call.user, KIND, id_, call.now)
    if known is not None:
        return known.membership, [_change(call, body, action, batch, 0, known.row)]
    named = {"patient_id": patient, "line_id": body.line_id, "nominal_date": body.nominal_date,
             "slot_key": body.slot_key, "occurrence": body.occurrence}
    made = write.change(call, KIND, id_, {**named, **_told(body, action)}, batch_id=batch)
    return line.membership, [made]


def _change(call: Call, body: DoseNamed, action: str, batch: str, i: int, row: Row) -> Change:
    return write.change(call, KIND, row.id, _told(body, action), batch_id=batch, i=i, op=Op.PATCH,
                        base=body.base or 0, row=row)


def _told(body: DoseNamed, action: str) -> dict[str, Any]:
    given = {name: getattr(body, name, None) for name in ("at", "amount", "reason", "note")}
    return {"action": action, **{name: value for name, value in given.items() if value is not None}}


def _refuse_losers(settlement: Settlement, membership: Membership) -> None:
    """A word that another outweighs was received and is kept: the answer says so and it is no error (R-193)."""
    for result in settlement.results:
        if result.outcome is Outcome.REJECTED and result.code is Because.FORBIDDEN:
            raise lacking(membership.role, relative=MANAGE)  # doctors never, whatever their level
        if result.outcome is not Outcome.SUPERSEDED:
            outcome.refuse(result, None, known=True)


async def _as_they_stand(call: Call, scope: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    chosen = await choose(call.house.ledger, call.user, Choice(KIND, scope, {"id": ids}), call.now)
    if chosen is None:
        raise Refusal(Code.NOT_FOUND)  # the access ended between writing and telling
    doses = told_of(call, chosen)
    view, lines = await viewpoint(call, chosen.membership), await _lines_of(call, scope, doses)
    return {dose["id"]: dose_told(dose, lines.get(dose["line_id"]), view) for dose in doses}


async def schedule(call: Call) -> Answer:
    """One nominal date of one patient, today in the patient's zone if none is named (F-12, F-21)."""
    patient = patient_in(call)
    grouped = call.query.get("grouped", "true").lower() not in ("false", "0")
    view = await viewpoint(call, await standing_with(call, patient))
    day = _day_in(call) or local_day(view.zone, view.now)
    doses = told_of(call, await rows_of_patient(call, KIND, patient, equals={"nominal_date": day.isoformat()}))
    lines = await _lines_of(call, scope_name(PATIENT_SCOPE, patient), doses)
    body = day_schedule(doses, lines, day, view, grouped=grouped)
    return Answer(200, {"patient_id": patient, **body})


async def _lines_of(call: Call, scope: str, doses: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    named = sorted({dose["line_id"] for dose in doses})
    chosen = await choose(call.house.ledger, call.user, Choice("medication_line", scope, {"id": named}), call.now)
    return {line["id"]: line for line in told_of(call, chosen)} if chosen is not None and named else {}


def _day_in(call: Call) -> date | None:
    given = call.query.get("date")
    try:
        return None if given is None else date.fromisoformat(canonical_date(given))
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem("date", unfit.code, unfit.params)) from None


_REFUSES = (Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED)
_QUERY: dict[str, Schema] = {
    "date": {"type": "string", "format": "date", "description": "today in the patient's zone if left out"},
    "patient_id": {"type": "string", "format": "uuid", "description": "the caller if left out"},
    "grouped": {"type": "boolean", "default": True, "description": "tell the ids by morning, noon, evening, night too"},
}

ROUTES = [
    Route(method="POST", path="/doses/taken", handler=take, summary="Records doses as taken", tag="doses", body=Taken,
          answer=RECORDED, refuses=_REFUSES),
    Route(method="POST", path="/doses/skip", handler=skip, summary="Records doses as skipped, with a reason",
          tag="doses", body=Skipped, answer=RECORDED, refuses=_REFUSES),
    Route(method="POST", path="/doses/undo", handler=undo, summary="Takes back what was recorded", tag="doses",
          body=Undone, answer=RECORDED, refuses=_REFUSES),
    Route(method="GET", path="/doses/schedule", handler=schedule, summary="A day's doses with status and progress",
          tag="doses", query=_QUERY, answer=DAY, refuses=_REFUSES),
]
