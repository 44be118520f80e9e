"""POST /prescriptions/import: FHIR R4 medication requests become a draft prescription, or a preview of one (R-580).

Refused FHIR is 400 with the element and the constraint. A medicine whose dosage needs a person's eye becomes no line: a
line without a plan would be taken "as needed", without limits. It is told back and stands as text in the prescription's
note, so that it is neither lost nor taken wrongly. The write goes the road of POST /prescriptions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from i18n.catalogue import explain
from scheduling.fhir.outcome import NeedsReview
from scheduling.fhir.review import Reason
from scheduling.plan_values import FIRST_DAY, LAST_DAY
from scheduling.routine import DEFAULT_ROUTINE
from scheduling.zones import local_day, midnight
from server import records
from server.api import prescriptions
from server.api.prescription_bodies import NewPrescription
from server.call import Answer, Call, Route, Schema
from server.edge import checked
from server.fhir.imported import Imported, imported
from server.fhir.received import Received, received
from server.levels import patient_in, stranger_to
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import Unfit, canonical_date, parse_instant

FLAGS = {"1": True, "true": True, "0": False, "false": False}
MAX_NAME_CHARS = 200


async def import_prescription(call: Call) -> Answer:
    """200 with the mapping for `?dry_run=1` and where nothing could be mapped, else 201 with the prescription."""
    dry, asked, name = _dry_run(call), _start(call), _name(call)
    patient = None if dry and "patient_id" not in call.query else patient_in(call)
    zone = await _zone(call, patient)
    found = _imported(call, zone, asked, name)
    told = [_told(call, one) for one in found]
    lines = [one.line for one in found if one.line is not None]
    if dry or patient is None or not lines:
        return Answer(200, {"prescription": None, "lines": told})
    body = {"patient_id": patient, "note": _note(call, found), "lines": lines}
    made = await prescriptions.create(replace(call, body=checked(NewPrescription, body)))
    return Answer(201, {"prescription": made.body, "lines": told}, made.headers)


def _imported(call: Call, zone: str, asked: datetime | None, name: str | None) -> list[Imported]:
    """Every request of the body. Raises Refusal naming every element that is wrong, of all of them."""
    today = midnight(local_day(zone, parse_instant(call.now)))
    requests, problems, found = received(call.body), list[FieldProblem](), list[Imported]()
    for request in requests:
        if isinstance(request, FieldProblem):
            problems.append(request)
            continue
        one = imported(_named(request, name), zone, today, asked)
        if isinstance(one, list):
            problems += one
        elif one.line is not None and one.name is None and not _dry_run(call):
            problems.append(FieldProblem("name", FieldCode.REQUIRED))
        else:
            found.append(one)
    if problems:
        raise Refusal(Code.INVALID, *problems)
    return found


def _named(request: Received, name: str | None) -> Received:
    return replace(request, medicine={"text": name}) if name and not request.medicine else request


def _told(call: Call, one: Imported) -> dict[str, Any]:
    outcome = one.outcome
    if isinstance(outcome, NeedsReview):
        return {"status": "needs_review", "name": one.name, "line": None, "plan": None, "reason": str(outcome.reason),
                "text": outcome.text, "sentence": _sentence(call, outcome.reason)}
    return {"status": "mapped", "name": one.name, "line": one.line, "plan": outcome.plan, "reason": None,
            "text": outcome.text, "sentence": None}


def _note(call: Call, found: list[Imported]) -> str:
    """What a person must still enter, with the reason in the writer's language."""
    return "\n\n".join(f"{one.name or '?'}: {_sentence(call, one.outcome.reason)}\n{one.outcome.text}"
                       for one in found if isinstance(one.outcome, NeedsReview))


def _sentence(call: Call, reason: Reason) -> str:
    return explain(f"fhir.review.{reason}", call.language)


async def _zone(call: Call, patient: str | None) -> str:
    """The patient's; without a patient in view, the country's."""
    if patient is None:
        return DEFAULT_ROUTINE.zone
    row = await records.seek(call.house, call.user, "patient", patient, call.now)
    if row is None:
        raise await stranger_to(call, patient)
    return str(row.told["zone"] or DEFAULT_ROUTINE.zone)


def _dry_run(call: Call) -> bool:
    given = call.query.get("dry_run", "0")
    if given not in FLAGS:
        raise Refusal(Code.INVALID, FieldProblem("dry_run", FieldCode.NOT_ALLOWED, {"one_of": list(FLAGS)}))
    return FLAGS[given]


def _start(call: Call) -> datetime | None:
    if "start" not in call.query:
        return None
    try:
        return midnight(date.fromisoformat(canonical_date(call.query["start"], FIRST_DAY, LAST_DAY)))
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem("start", unfit.code, unfit.params)) from None


def _name(call: Call) -> str | None:
    name = call.query.get("name", "").strip()
    if len(name) > MAX_NAME_CHARS:
        raise Refusal(Code.INVALID, FieldProblem("name", FieldCode.TOO_LONG, {"most": MAX_NAME_CHARS}))
    return name or None


_BODY: Schema = {
    "description": "a FHIR R4 MedicationRequest, a Bundle of them, `{\"dosageInstruction\": […]}` or a list of Dosage",
    "anyOf": [{"type": "object"}, {"type": "array", "items": {"anyOf": [{"type": "object"}, {"type": "string"}]}}]}
_QUERY: dict[str, Schema] = {
    "dry_run": {"type": "string", "enum": list(FLAGS), "description": "1: answers the mapping and writes nothing"},
    "patient_id": {"type": "string", "format": "uuid", "description": "the caller if left out; a dry run needs none"},
    "start": {"type": "string", "format": "date", "description": "when courses begin that name no start of their own: "
              "authoredOn, else today, if left out; cuts a course that began before"},
    "name": {"type": "string", "maxLength": MAX_NAME_CHARS, "description": "the medicine of a bare list of dosages"},
}
_TEXT: Schema = {"type": ["string", "null"]}
_OBJECT: Schema = {"type": ["object", "null"]}
_LINE: Schema = {
    "type": "object", "required": ["status", "name", "line", "plan", "reason", "text", "sentence"], "properties": {
        "status": {"type": "string", "enum": ["mapped", "needs_review"]}, "name": _TEXT,
        "line": {**_OBJECT, "description": "a line as POST /prescriptions takes it"}, "plan": _OBJECT,
        "reason": {"type": ["string", "null"], "enum": [*map(str, Reason), None]}, "text": {"type": "string"},
        "sentence": {**_TEXT, "description": "the reason, in the caller's language"}}}
_ANSWER: Schema = {"type": "object", "required": ["prescription", "lines"], "properties": {
    "prescription": {"anyOf": [prescriptions.ONE, {"type": "null"}]}, "lines": {"type": "array", "items": _LINE}}}

ROUTES = [
    Route(method="POST", path="/prescriptions/import", handler=import_prescription, tag="prescriptions",
          summary="Imports FHIR R4 medication requests", body=_BODY, query=_QUERY, answer=_ANSWER,
          status=201, also=(200,),
          refuses=(Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED, Code.CONFLICT)),
]
