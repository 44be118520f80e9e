"""Medicines taken when needed: may one more be taken now, and an intake that is recorded whatever the answer (R-118).

The guard looks at what every device recorded, by lines of one ingredient, as the caller may see them (N-08). Rules are
scheduling's; this door gathers rows and tells. An intake is a dose that no plan yields, `slot_key` its own id (F-18).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from i18n.catalogue import both
from scheduling.as_needed import Allowance, Intake, allowance, warning
from scheduling.schedule_day import Viewpoint, dose_told
from scheduling.zones import local_day
from server import outcome, records, write
from server.api.as_needed_bodies import ALLOWANCE, LEAST, MOST, NOTED, PLACES, Needed
from server.call import Answer, Call, Route, Schema
from server.intakes import Told, known, needs_of, zone_of
from server.levels import lacking, standing_with
from server.records import Record
from sync.access import id_in
from sync.identity import dose_id
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Because, Outcome, Result
from sync.values import Unfit, canonical_decimal, canonical_uuid, decimal_text, parse_instant

KIND, LINE = "dose_event", "medication_line"


async def ask(call: Call) -> Answer:
    """The allowance of one line now."""
    line = await _line(call, _uuid(call, "line_id"), _uuid(call, "patient_id", needed=False))
    now = parse_instant(call.now)
    needs = await needs_of(call, line.row, now)
    if needs.limits is None:
        raise Refusal(Code.INVALID, FieldProblem("line_id", FieldCode.NOT_ALLOWED))
    want, taken = _amount(call) or needs.usual, needs.taken(now)
    found = allowance(needs.limits, taken, now, want, needs.zone)
    last = max((one.at for one in taken), default=None)
    limits = {name: decimal_text(value) if isinstance(value, Decimal) else value
              for name, value in asdict(needs.limits).items()}
    return Answer(200, {
        "patient_id": id_in(line.row.home), "line_id": line.row.id, "zone": needs.zone.key,
        "now": now.astimezone(needs.zone).isoformat(), "amount": decimal_text(want), "allowed": found.allowed,
        **_told(call, found), "limits": limits,
        "last_taken_at": None if last is None else last.astimezone(needs.zone).isoformat()})


async def record(call: Call) -> Answer:
    """The intake as it stands, with a warning if it broke a rule: it was taken, so it is never refused for that."""
    body: Needed = call.body
    line = await _line(call, body.line_id, body.patient_id)
    batch = write.batch_of(call)
    intake = body.id or write.new_id(batch, "intake")
    zone = await zone_of(call, line.row.home)
    there = await known(call, line.row, intake)
    if there is not None:
        _refuse_another(body, there)
        id_, outcome_, code = there["id"], Outcome.DUPLICATE, Because.SAME_CONTENT
    else:
        day = local_day(zone.key, parse_instant(body.at or call.now))
        result = await _write(call, line, body, intake, day, batch)
        id_, outcome_, code = _id_of(line, intake, day), result.outcome, result.code
    dose = (await records.find(call, KIND, id_)).told
    view = Viewpoint(zone.key, parse_instant(call.now))
    return Answer(200, {"dose": dose_told(dose, line.told, view), "outcome": str(outcome_), "code": str(code),
                        "warning": await _warning(call, line, dose)})


async def _line(call: Call, line_id: str, patient: str | None) -> Record:
    """The line, if the caller may read it whole. Raises Refusal: not_found, level_required.

    Whoever is shown some days only would be told that somebody is free who is not.
    """
    if patient is not None:
        await standing_with(call, patient)
    line = await records.find(call, LINE, line_id)
    if patient is not None and line.row.fields["patient_id"] != patient:
        raise Refusal(Code.NOT_FOUND)
    if line.membership.view.days is not None:
        raise lacking(line.membership.role, doctor="allowed")
    return line


def _refuse_another(body: Needed, there: Told) -> None:
    """One id is one intake; to correct it, one names its dose. Raises Refusal(ALREADY_EXISTS)."""
    if any(given is not None and given != there[name]
           for name, given in (("at", body.at), ("amount", body.amount), ("note", body.note))):
        raise Refusal(Code.ALREADY_EXISTS, extra={"current": there})


def _id_of(line: Record, intake: str, day: date) -> str:
    return dose_id(line.row.id, day.isoformat(), intake)


async def _write(call: Call, line: Record, body: Needed, intake: str, day: date, batch: str) -> Result:
    place = {"patient_id": line.row.fields["patient_id"], "line_id": line.row.id, "nominal_date": day.isoformat(),
             "slot_key": intake, "occurrence": 0}
    said = {name: value for name in ("at", "amount", "note") if (value := getattr(body, name)) is not None}
    made = write.change(call, KIND, _id_of(line, intake, day), {**place, "action": "taken", **said}, batch_id=batch)
    (result,) = (await write.write_whole(call, [made], batch_id=batch)).results
    if result.outcome is Outcome.REJECTED and result.code is Because.FORBIDDEN:
        raise lacking(line.membership.role, relative="view+manage")  # doctors never, whatever their level
    outcome.refuse(result, None, known=True)
    return result


async def _warning(call: Call, line: Record, dose: Told) -> Told | None:
    if dose["action"] != "taken" or dose["at"] is None:
        return None
    at = parse_instant(dose["at"])
    needs = await needs_of(call, line.row, at)
    if needs.limits is None:
        return None
    intake = Intake(at, Decimal(dose["amount"] or needs.usual))
    found = warning(needs.limits, needs.taken(at, but=dose["id"]), intake, needs.zone)
    return None if found is None else _told(call, found)


def _told(call: Call, found: Allowance) -> Told:
    reasons = []
    for reason in found.reasons:
        said = both(f"as_needed.{reason}")
        reasons.append({"code": str(reason), "message": said[call.language], "message_km": said["km"],
                        "message_en": said["en"]})
    return {"reasons": reasons, "next_allowed_at": found.next_allowed_at.isoformat()}


def _uuid(call: Call, name: str, *, needed: bool = True) -> Any:
    given = call.query.get(name)
    if given is None and needed:
        raise Refusal(Code.INVALID, FieldProblem(name, FieldCode.REQUIRED))
    try:
        return None if given is None else canonical_uuid(given)
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem(name, unfit.code)) from None


def _amount(call: Call) -> Decimal | None:
    given = call.query.get("amount")
    try:
        return None if given is None else Decimal(canonical_decimal(given, places=PLACES, least=LEAST, most=MOST))
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem("amount", unfit.code, unfit.params)) from None


_REFUSES = (Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED)
_QUERY: dict[str, Schema] = {
    "line_id": {"type": "string", "format": "uuid", "description": "a line taken as needed; must be given"},
    "amount": {"type": "string", "description": "how much one wants, in the line's unit; the usual amount if left out"},
    "patient_id": {"type": "string", "format": "uuid", "description": "whose line it is; told by the line if left out"},
}

ROUTES = [
    Route(method="GET", path="/doses/as-needed", handler=ask, summary="Whether one more may be taken now",
          tag="doses", query=_QUERY, answer=ALLOWANCE, refuses=_REFUSES),
    Route(method="POST", path="/doses/as-needed", handler=record, summary="Records an intake, and warns if it is early",
          tag="doses", body=Needed, answer=NOTED, refuses=(*_REFUSES, Code.ALREADY_EXISTS)),
]
