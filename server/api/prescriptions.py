"""Prescriptions: write one, read it with its versions, write its next version (R-081 to R-087).

A prescription and its first version come into being together. Answers to it are prescription_status.py.
"""

from __future__ import annotations

from typing import Any

from server import outcome, records, write
from server.api.prescription_bodies import (
    PRESCRIPTION_COLUMNS,
    VERSION_COLUMNS,
    ChangedPrescription,
    NewPrescription,
)
from server.call import Answer, Call, Route, Schema
from server.levels import lacking, patient_in, standing_with, stranger_to, told_of
from server.newest import QUERY, newest, page_of, row_of
from server.records import Record
from server.write import FALLEN, write_whole
from storage.ledger.choose import Choice, choose
from sync.access import PATIENT_SCOPE, Role, scope_name
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.push import Settlement
from sync.record import Because, Change, Op, Outcome
from sync.wire import NIL

KIND, VERSION = "prescription", "prescription_version"
STATUSES = ("draft", "active", "paused", "inactive")
MANAGE, ALLOWED = "view+manage", "allowed"


async def create(call: Call) -> Answer:
    """Both or neither: a refused version leaves no empty draft behind."""
    batch, patient = write.batch_of(call), _patient_of(call)
    held = await standing_with(call, patient)
    if call.body.lines is None:
        raise Refusal(Code.INVALID, FieldProblem("lines", FieldCode.REQUIRED))
    id_ = call.body.id or write.new_id(batch, KIND)
    fields = {"patient_id": patient, **call.body.given(PRESCRIPTION_COLUMNS)}
    changes = [write.change(call, KIND, id_, fields, batch_id=batch),
               _version(call, {"patient_id": patient, "prescription_id": id_}, batch, i=1)]
    settlement = await write_whole(call, changes, batch_id=batch)
    refuse_losers(settlement, held.role)
    body = await detail(call, await records.find(call, KIND, id_))
    return Answer(201, body, {"Location": f"/api/prescriptions/{id_}", **_etag(body)})


async def listed(call: Call) -> Answer:
    patient, equals = patient_in(call), {}
    if "status" in call.query:
        if call.query["status"] not in STATUSES:
            raise Refusal(Code.INVALID, FieldProblem("status", FieldCode.NOT_ALLOWED))
        equals["status"] = call.query["status"]
    page = await newest(call, KIND, [scope_name(PATIENT_SCOPE, patient)], equals)
    if page is None:
        raise await stranger_to(call, patient)
    return Answer(200, page)


async def get(call: Call) -> Answer:
    body = await detail(call, await records.find(call, KIND, call.path["id"]))
    return Answer(200, body, _etag(body))


async def versions(call: Call) -> Answer:
    """All versions, newest first; any of them is readable as long as the prescription is (R-083)."""
    found = await records.find(call, KIND, call.path["id"])
    page = await newest(call, VERSION, [found.row.home], {"prescription_id": found.row.id})
    if page is None:
        raise Refusal(Code.NOT_FOUND)
    return Answer(200, page)


async def update(call: Call) -> Answer:
    """A new version of the one its author was looking at, with what else of the form changed (R-198, F-63)."""
    found, batch = await records.find(call, KIND, call.path["id"]), write.batch_of(call)
    replaces = await _base(call, found)
    form = call.body.given(PRESCRIPTION_COLUMNS)
    ids = {"patient_id": found.row.fields["patient_id"], "prescription_id": found.row.id, "replaces": replaces}
    changes = [write.change(call, KIND, found.row.id, form, batch_id=batch, op=Op.PATCH, row=found.row)] if form else []
    if call.body.lines is not None:
        changes.append(_version(call, ids, batch, i=1))
    elif not form:
        raise Refusal(Code.INVALID, FieldProblem("lines", FieldCode.REQUIRED))
    elif replaces != found.row.fields["latest_version_id"]:
        raise Refusal(Code.STALE_BASE, extra={"current": await detail(call, found)})
    if len(changes) == 1:
        settlement = await write.write(call, changes, batch_id=batch)
    else:
        settlement = await write_whole(call, changes, batch_id=batch)
        if settlement.results[-1].outcome in FALLEN:
            # A losing version is kept (R-200); one that fell with its form is not, for alone it might stand.
            await write.write(call, changes[-1:], batch_id=write.new_id(batch, "kept"))
    refuse_losers(settlement, found.membership.role)
    body = await detail(call, await records.find(call, KIND, found.row.id))
    return Answer(200, body, _etag(body))


async def detail(call: Call, found: Record) -> dict[str, Any]:
    """The prescription with the versions in force and waiting, each as the caller may see it."""
    pointers = {"current": found.told["current_version_id"], "proposed": found.told["proposed_version_id"],
                "latest": found.told["latest_version_id"]}
    named = sorted({id_ for id_ in pointers.values() if id_})
    chosen = await choose(call.house.ledger, call.user, Choice(VERSION, found.row.home, {"id": named}), call.now)
    told = {version["id"]: version for version in told_of(call, chosen)} if chosen is not None else {}
    return {**found.told, **{name: told.get(id_) for name, id_ in pointers.items()}}


def refuse_losers(settlement: Settlement, role: Role) -> None:
    """Raises the refusal of the first change that fell, with the level that would have let it stand (R-384)."""
    for result in settlement.results:
        if result.outcome is Outcome.REJECTED and result.code is Because.FORBIDDEN:
            named = {detail["field"] for detail in result.details}
            # an account that is not a verified doctor's lacks no level (F-31)
            raise Refusal(Code.FORBIDDEN) if "role" in named else lacking(role, relative=MANAGE, doctor=ALLOWED)
        outcome.refuse(result, outcome.current_of(settlement, result), known=True)


def _version(call: Call, ids: dict[str, Any], batch: str, i: int) -> Change:
    lines = [{"row": at + 1, "line_id": write.new_id(batch, f"line-{at}"), **line}
             for at, line in enumerate(call.body.lines)]
    fields = {**ids, "lines": lines, **call.body.given(VERSION_COLUMNS)}
    return write.change(call, VERSION, write.new_id(batch, VERSION), fields, batch_id=batch, i=i)


async def _base(call: Call, found: Record) -> str | None:
    """Id of the version that its author was looking at; one that does not exist is stale like any other."""
    body = call.body
    if body.base_version_id is not None:
        return str(body.base_version_id)
    if body.base_version is None:
        raise Refusal(Code.INVALID, FieldProblem("base_version", FieldCode.REQUIRED))
    if body.base_version == 0:
        return None
    asked = Choice(VERSION, found.row.home, {"prescription_id": found.row.id, "number": body.base_version})
    chosen = await choose(call.house.ledger, call.user, asked, call.now)
    return chosen.rows[0].id if chosen is not None and chosen.rows else NIL


def _patient_of(call: Call) -> str:
    if call.body.patient_id is None and call.who.role != "patient":
        raise Refusal(Code.INVALID, FieldProblem("patient_id", FieldCode.REQUIRED))
    return call.body.patient_id or call.user


def _etag(body: dict[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{body["version"]}"'}


_QUERY: dict[str, Schema] = {
    "patient_id": {"type": "string", "format": "uuid", "description": "the caller if left out"},
    "status": {"type": "string", "enum": list(STATUSES)}, **QUERY,
}
_VERSION_OR_NULL = {"anyOf": [row_of(VERSION), {"type": "null"}]}
_VERSIONS = {"type": "object", "required": ["current", "proposed", "latest"], "properties": dict.fromkeys(
    ("current", "proposed", "latest"), _VERSION_OR_NULL)}
ONE: Schema = {"allOf": [row_of(KIND), _VERSIONS]}
_LINKS = {name: {"operationId": operation, "parameters": {"id": "$response.body#/id"}} for name, operation in (
    ("GetPrescription", "get_prescriptions_by_id"), ("AnswerPrescription", "put_prescriptions_by_id_status"))}
_REFUSES = (Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.LEVEL_REQUIRED)

ROUTES = [
    Route(method="POST", path="/prescriptions", handler=create, summary="Writes a prescription", tag="prescriptions",
          body=NewPrescription, answer=ONE, status=201, links=_LINKS, refuses=(*_REFUSES, Code.CONFLICT)),
    Route(method="GET", path="/prescriptions", handler=listed, summary="A patient's prescriptions, newest first",
          tag="prescriptions", query=_QUERY, answer=page_of(KIND), refuses=_REFUSES),
    Route(method="GET", path="/prescriptions/{id}", handler=get, summary="One with its versions in force and waiting",
          tag="prescriptions", answer=ONE, refuses=(Code.NOT_FOUND,)),
    Route(method="GET", path="/prescriptions/{id}/versions", handler=versions, summary="All its versions, newest first",
          tag="prescriptions", query=QUERY, answer=page_of(VERSION), refuses=(Code.NOT_FOUND,)),
    *(Route(method=method, path="/prescriptions/{id}", handler=update, summary="Writes its next version",
            tag="prescriptions", body=ChangedPrescription, answer=ONE, refuses=(*_REFUSES, Code.STALE_BASE))
      for method in ("PUT", "PATCH")),
]
