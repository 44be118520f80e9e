"""One's own profile and, for who has one, the patient's settings that doses follow: one resource (R-030, R-032).

Columns and their checks are the entities'; this door divides one body between two rows and tells both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import field_validator

from server import outcome, records, write
from server.api.entity_bodies import Sent, columns_sent
from server.call import Answer, Call, Route, Schema
from server.newest import row_of
from server.write import problem_of, write_whole
from storage.json_column import SCHEMA_REF
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Because, Change, Op
from sync.values import Unfit

PROFILE, PATIENT = "profile", "patient"
ENGINE = frozenset({"id", "version", "created_at", "changed_at", "changed_by"})
"""Members of a row that a client may send back as it got them; they are the server's word."""
SHARED = columns_sent(PROFILE) & columns_sent(PATIENT)
"""A name or a zone set on the profile is the patient's too, unless the patient's part names it."""


class Language(Sent):
    language: str

    @field_validator("language")
    @classmethod
    def _spoken(cls, given: str) -> str:
        if given not in ("km", "en"):
            raise Unfit(FieldCode.LANGUAGE_UNKNOWN)
        return given


class Theme(Sent):
    theme: Literal["light", "dark"]


async def profile(call: Call) -> Answer:
    return Answer(200, await _told(call))


async def change_profile(call: Call) -> Answer:
    """Changes what is named, all of it or nothing; the rest stays, for PUT as for PATCH (R-602)."""
    body = dict(call.body) if isinstance(call.body, dict) else None
    if body is None:
        raise Refusal(Code.INVALID, FieldProblem("", FieldCode.WRONG_TYPE))
    told = await _told(call)
    sent = body.pop(PATIENT, None) or {}
    if not isinstance(sent, dict):
        raise Refusal(Code.INVALID, FieldProblem(PATIENT, FieldCode.WRONG_TYPE))
    if sent and told[PATIENT] is None:
        raise Refusal(Code.INVALID, FieldProblem(PATIENT, FieldCode.NOT_ALLOWED))
    own = _writable(body, told, PROFILE, "")
    patients = _writable(sent, told[PATIENT], PATIENT, "patient.") if sent else {}
    if told[PATIENT] is not None:
        patients = {**{name: value for name, value in own.items() if name in SHARED}, **patients}
    return await _change(call, own, patients)


async def change_language(call: Call) -> Answer:
    return await _change(call, {"language": call.body.language}, {})


async def change_theme(call: Call) -> Answer:
    return await _change(call, {"theme": call.body.theme}, {})


def _writable(sent: Mapping[str, Any], told: Mapping[str, Any], kind: str, path: str) -> dict[str, Any]:
    """The columns that a person may write; what is the server's may come back as it was told, else it is refused."""
    beside = [name for name in sent if name not in columns_sent(kind) and name not in ENGINE]
    problems = [FieldProblem(path + name, FieldCode.UNKNOWN if name not in told else FieldCode.READ_ONLY)
                for name in beside if name not in told or sent[name] != told[name]]
    if problems:
        raise Refusal(Code.INVALID, *problems)
    # A form sent back whole speaks only of what it changes: the rest would beat what another phone wrote meanwhile.
    return {name: value for name, value in sent.items() if name in columns_sent(kind) and value != told[name]}


async def _change(call: Call, own: dict[str, Any], patients: dict[str, Any]) -> Answer:
    batch, changes = write.batch_of(call), list[Change]()
    for kind, fields in ((PROFILE, own), (PATIENT, patients)):
        if fields:
            found = await records.find(call, kind, call.user)
            changes.append(write.change(call, kind, call.user, fields, batch_id=batch, i=len(changes), op=Op.PATCH,
                                        row=found.row))
    if changes:
        settlement = await write_whole(call, changes, batch_id=batch)
        for change, result in zip(changes, settlement.results, strict=True):
            if result.code is Because.INVALID and change.kind == PATIENT:
                raise Refusal(Code.INVALID, *(_within(problem_of(detail)) for detail in result.details))
            outcome.refuse(result, None, known=True)
    return Answer(200, await _told(call))


def _within(problem: FieldProblem) -> FieldProblem:
    return FieldProblem(f"patient.{problem.field}", problem.code, problem.params)


async def _told(call: Call) -> dict[str, Any]:
    """The profile, with the patient's own settings under `patient`, null for who is none."""
    own = await records.find(call, PROFILE, call.user)
    patient = await records.seek(call.house, call.user, PATIENT, call.user, call.now)
    return {**own.told, PATIENT: None if patient is None else patient.told}


_PROFILE: Schema = {
    "allOf": [row_of(PROFILE), {"type": "object", "required": [PATIENT], "properties": {
        PATIENT: {"anyOf": [row_of(PATIENT), {"type": "null"}]}}}],
    "description": "the profile; `patient` holds the patient's own settings, null for who is none"}
_CHANGED: Schema = {
    "allOf": [{"$ref": SCHEMA_REF.format(model="ProfileFields")}, {"type": "object", "properties": {
        PATIENT: {"$ref": SCHEMA_REF.format(model="PatientFields")}}}]}
_REFUSES = (Code.INVALID,)

ROUTES = [
    *(route for path in ("/users/profile", "/auth/profile") for route in (
        Route(method="GET", path=path, handler=profile, summary="One's own profile", tag="users", answer=_PROFILE),
        *(Route(method=method, path=path, handler=change_profile, summary="Changes one's own profile", tag="users",
                body=_CHANGED, answer=_PROFILE, refuses=_REFUSES) for method in ("PUT", "PATCH")))),
    *(Route(method=method, path=f"/users/{word}", handler=handler, summary=f"Changes one's {word}", tag="users",
            body=body, answer=_PROFILE, refuses=_REFUSES)
      for word, handler, body in (("language", change_language, Language), ("theme", change_theme, Theme))
      for method in ("PUT", "PATCH")),
]
