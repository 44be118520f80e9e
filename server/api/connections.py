"""Connections: ask, accept, decline, revoke, set the level, and list one's own (R-050 to R-054).

Who may do which is decided by storage/consent.py on the one road; whom a phone number or an e-mail address finds is
connection_search.py's affair.
"""

from __future__ import annotations

from typing import Any

from server import outcome, records, write
from server.api.connection_bodies import SHOWN, Accepted, Asked, Levelled
from server.api.connection_search import ASKS_AS_PATIENT, ends_of, is_search
from server.call import Answer, Call, Route, Schema
from server.levels import patient_in, stranger_to
from server.newest import QUERY, newest, page_of, row_of
from server.records import Record
from server.write import problem_of
from storage.consent import ACCEPTED, DECLINED, PENDING, REVOKED
from sync.access import PATIENT_SCOPE, USER_SCOPE, scope_name
from sync.identity import connection_id
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Because, Change, Op, Outcome

KIND = "connection"
STATUSES = (PENDING, ACCEPTED, DECLINED, REVOKED)
OPEN = (PENDING, ACCEPTED)
SEARCHED: dict[str, Any] = {"status": "asked"}
"""The answer to a request by phone or e-mail, whether or not it is anybody's (S-30)."""
TELLING = frozenset({Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.FORBIDDEN, Code.INVALID, Code.WRONG_STATUS})
"""Refusals that would tell that the number is somebody's."""
OWNERS_COLUMNS = ("level", "parts", "days")


async def request(call: Call) -> Answer:
    """The new request; always the same words where a phone number or an e-mail address was to find somebody."""
    ends = await ends_of(call)
    if not is_search(call.body):
        assert ends is not None, "ids need no finding"
        return Answer(201, await _ask(call, *ends))
    if call.who.role not in ASKS_AS_PATIENT and call.body.given(OWNERS_COLUMNS):
        raise Refusal(Code.FORBIDDEN, FieldProblem("level", FieldCode.NOT_ALLOWED))  # R-052, whoever is found
    try:
        if ends is not None:
            await _ask(call, *ends)
    except Refusal as refusal:
        if refusal.code not in TELLING:
            raise
    return Answer(201, SEARCHED)


async def _ask(call: Call, patient: str, other: str) -> dict[str, Any]:
    """Opens a generation: the first, or the next after one that was closed (R-051, F-34)."""
    id_, batch = connection_id(patient, other), write.batch_of(call)
    before = await records.seek(call.house, call.user, KIND, id_, call.now)
    if before is not None and before.told["status"] in OPEN:
        raise Refusal(Code.ALREADY_EXISTS, extra={"current": before.told})
    fields = {"patient_id": patient, "other_id": other, "status": PENDING,
              **call.body.given(SHOWN | {"message"}),
              "generation": 1 if before is None else before.row.fields["generation"] + 1}
    asked = write.change(call, KIND, id_, fields, batch_id=batch, row=None if before is None else before.row)
    return await _settled(call, asked, batch, known=before is not None)


async def accept(call: Call) -> Answer:
    return await _move(call, ACCEPTED, call.body.given(SHOWN) if call.body is not None else {})


async def decline(call: Call) -> Answer:
    return await _move(call, DECLINED, {})


async def revoke(call: Call) -> Answer:
    return await _move(call, REVOKED, {})


async def _move(call: Call, status: str, beside: dict[str, Any]) -> Answer:
    """What is so already is answered again; a closed generation stays closed (R-051)."""
    found = await records.find(call, KIND, call.path["id"])
    stands = found.told["status"]
    if stands == status and not beside:
        return Answer(200, found.told)
    if stands in (DECLINED, REVOKED) or (status == DECLINED and stands == ACCEPTED):
        raise Refusal(Code.WRONG_STATUS, extra={"current": found.told})
    return await _changed(call, found, {"status": status, **beside})


async def level(call: Call) -> Answer:
    """The patient's alone (R-052, F-25); what it hides is gone from the other's phones at their next pull."""
    found = await records.find(call, KIND, call.path["id"])
    if call.body.level is None:
        raise Refusal(Code.INVALID, FieldProblem("level", FieldCode.REQUIRED))
    if found.told["status"] not in OPEN:
        raise Refusal(Code.WRONG_STATUS, extra={"current": found.told})
    return await _changed(call, found, call.body.given(SHOWN))


async def _changed(call: Call, found: Record, fields: dict[str, Any]) -> Answer:
    batch = write.batch_of(call)
    moved = write.change(call, KIND, found.row.id, fields, batch_id=batch, op=Op.PATCH, row=found.row)
    return Answer(200, await _settled(call, moved, batch, known=True))


async def _settled(call: Call, change: Change, batch: str, *, known: bool) -> dict[str, Any]:
    settlement = await write.write(call, [change], batch_id=batch)
    result = settlement.results[0]
    if result.outcome is Outcome.REJECTED and result.code is Because.FORBIDDEN and result.details:
        raise Refusal(Code.FORBIDDEN, *(problem_of(detail) for detail in result.details))
    outcome.refuse(result, outcome.current_of(settlement, result), known=known)
    return (await records.find(call, KIND, change.id)).told


async def listed(call: Call) -> Answer:
    """The caller's links of both sides, or those of the patient that is named."""
    equals = {"status": call.query["status"]} if "status" in call.query else {}
    if equals and equals["status"] not in STATUSES:
        raise Refusal(Code.INVALID, FieldProblem("status", FieldCode.NOT_ALLOWED))
    if "patient_id" in call.query:
        patient = patient_in(call)
        page = await newest(call, KIND, [scope_name(PATIENT_SCOPE, patient)], equals)
        if page is None:
            raise await stranger_to(call, patient)
        return Answer(200, page)
    both = [scope_name(PATIENT_SCOPE, call.user), scope_name(USER_SCOPE, call.user)]
    return Answer(200, await newest(call, KIND, both, equals))


_QUERY: dict[str, Schema] = {"status": {"type": "string", "enum": list(STATUSES)},
                             "patient_id": {"type": "string", "format": "uuid"}, **QUERY}
_ASKED = {"anyOf": [row_of(KIND), {"type": "object", "required": ["status"], "properties": {
    "status": {"const": SEARCHED["status"]}}}], "description": "the request, or only that it was made, for a search"}
_LINKS = {f"{word}Connection": {"operationId": f"put_connections_by_id_{word}", "parameters": {
    "id": "$response.body#/id"}} for word in ("accept", "decline", "revoke", "level")}
_REFUSES = (Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.WRONG_STATUS)
_MOVES = (("accept", accept, Accepted, "Accepts"), ("decline", decline, None, "Declines"),
          ("revoke", revoke, None, "Ends"), ("level", level, Levelled, "Sets the level of"))

ROUTES = [
    Route(method="POST", path="/connections/request", handler=request, summary="Asks for a connection",
          tag="connections", body=Asked, answer=_ASKED, status=201, links=_LINKS,
          refuses=(Code.INVALID, Code.NOT_FOUND, Code.FORBIDDEN, Code.ALREADY_EXISTS)),
    Route(method="GET", path="/connections", handler=listed, summary="One's own connections, newest first",
          tag="connections", query=_QUERY, answer=page_of(KIND), refuses=(Code.INVALID, Code.NOT_FOUND)),
    *(Route(method=method, path=f"/connections/{{id}}/{word}", handler=handler, summary=f"{verb} a connection",
            tag="connections", body=body, body_required=word == "level", answer=row_of(KIND), refuses=_REFUSES)
      for word, handler, body, verb in _MOVES for method in ("PUT", "PATCH")),
]
