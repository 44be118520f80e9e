"""Five routes for every kind at /api/records/{kind}: list, get, create, patch, delete (DESIGN.md 3).

Every write is a batch of one change on the one road, so that a browser and a phone are judged alike. `ETag` is the
row's version; `If-Match`, or `version` in the body, says which one the author was looking at. Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server import outcome, records, write
from server.call import Answer, Call, Route
from server.records import Record
from storage.ledger.audience import audience
from sync.kind import Kind
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Change, Op, Outcome
from sync.values import Unfit, canonical_uuid

MAX_VERSION_DIGITS = 15
ENGINE = ("version", "created_at", "changed_at", "changed_by", "deleted")
"""Members of a row that a client sends back unchanged; they are the server's word."""


async def list_records(call: Call) -> Answer:
    return Answer(200, await records.listed(call, _kind(call)))


async def get_record(call: Call) -> Answer:
    found = await records.find(call, _kind(call).name, call.path["id"])
    return Answer(200, found.told, _etag(found.told))


async def create_record(call: Call) -> Answer:
    """201 with the row; 200 if this very row stood already (a repeated request)."""
    kind, batch = _kind(call), write.batch_of(call)
    fields = _fields(call)
    id_ = _id_in(fields) or write.new_id(batch)
    change = write.change(call, kind.name, id_, fields, batch_id=batch)
    told, fresh = await _settled(call, change, batch, known=False)
    location = f"/api/records/{kind.name}/{id_}"
    return Answer(201 if fresh else 200, told, {**_etag(told), "Location": location})


async def patch_record(call: Call) -> Answer:
    """Changes the fields that are named; the others stay as they are, for PUT as for PATCH (R-602)."""
    kind, batch = _kind(call), write.batch_of(call)
    fields = _fields(call)
    id_in_body = _id_in(fields)
    if id_in_body not in (None, call.path["id"]):
        raise Refusal(Code.INVALID, FieldProblem("id", FieldCode.ID_MISMATCH))
    found = await records.find(call, kind.name, call.path["id"])
    _refuse_stale(call, found)
    change = write.change(call, kind.name, found.row.id, fields, batch_id=batch, op=Op.PATCH, row=found.row)
    told, _ = await _settled(call, change, batch, known=True)
    return Answer(200, told, _etag(told))


async def delete_record(call: Call) -> Answer:
    kind, batch = _kind(call), write.batch_of(call)
    found = await records.find(call, kind.name, call.path["id"])
    _refuse_stale(call, found)
    change = write.change(call, kind.name, found.row.id, {}, batch_id=batch, op=Op.DELETE, row=found.row)
    settlement = await write.write(call, [change], batch_id=batch)
    outcome.refuse_losers(settlement, known=True)
    return Answer(204)


async def _settled(call: Call, change: Change, batch: str, *, known: bool) -> tuple[dict[str, Any], bool]:
    """The row after its change, as its author may see it, and whether this change made it."""
    settlement = await write.write(call, [change], batch_id=batch)
    result = settlement.results[0]
    holds = known or await _holds_scope(call, change)
    outcome.refuse_losers(settlement, known=holds)
    after = await records.seek(call.house, call.user, change.kind, change.id, call.now)
    # a row that its own author may not read (a request to a stranger) is told by what was sent
    told = after.told if after is not None else {"id": change.id, **change.fields, "version": result.version}
    return told, result.outcome is Outcome.APPLIED and result.version == 1


async def _holds_scope(call: Call, change: Change) -> bool:
    held = await audience(call.house.database, list(change.scopes), call.now)
    return any(call.user in users for users in held.values())


def _kind(call: Call) -> Kind:
    kind = call.house.kinds.get(call.path["kind"])
    if kind is None:
        raise Refusal(Code.NOT_FOUND)
    return kind


def _fields(call: Call) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise Refusal(Code.INVALID, FieldProblem("", FieldCode.WRONG_TYPE))
    return {name: value for name, value in call.body.items() if name not in ENGINE}


def _id_in(fields: dict[str, Any]) -> str | None:
    given = fields.pop("id", None)
    if given is None:
        return None
    try:
        return canonical_uuid(given)
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem("id", unfit.code)) from None


def _refuse_stale(call: Call, found: Record) -> None:
    """412 for a failed If-Match, 409 for a stale `version` in the body, each with the current copy (DESIGN.md 11)."""
    current = {"current": found.told}
    given = call.headers.get("If-Match")
    if given is not None and given.strip() != "*" and _version_in(given) != found.row.version:
        raise Refusal(Code.PRECONDITION_FAILED, extra=current)
    base = call.body.get("version") if isinstance(call.body, dict) else None
    if base is None:
        return
    if not isinstance(base, int) or isinstance(base, bool):
        raise Refusal(Code.INVALID, FieldProblem("version", FieldCode.WRONG_TYPE))
    if base != found.row.version:
        raise Refusal(Code.STALE_BASE, extra=current)


def _version_in(etag: str) -> int | None:
    """The version in one strong entity tag; None for anything else, which then matches nothing."""
    digits = etag.strip().removeprefix('"').removesuffix('"')
    fits = digits.isascii() and digits.isdecimal() and len(digits) <= MAX_VERSION_DIGITS
    return int(digits) if fits and etag.strip() == f'"{digits}"' else None


def _etag(told: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{told["version"]}"'}


_QUERY: dict[str, dict[str, Any]] = {
    "scope": {"type": "string", "description": "rows of this scope only, `patient:<id>`"},
    "limit": {"type": "integer", "minimum": 1, "maximum": records.MOST, "default": records.USUAL},
    "cursor": {"type": "string", "description": "`next_cursor` of the page before"},
}
_LOSING = (Code.NOT_FOUND, Code.FORBIDDEN, Code.CONFLICT)
_ROW = {"type": "object"}
"""Replaced by the kind's own components in the OpenAPI document."""

ROUTES = [
    Route(method="GET", path="/records/{kind}", handler=list_records, summary="Rows of a kind", tag="records",
          query=_QUERY, answer={"type": "object"}, refuses=(Code.NOT_FOUND,)),
    Route(method="POST", path="/records/{kind}", handler=create_record, summary="A new row", tag="records",
          body=_ROW, answer=_ROW, status=201, refuses=_LOSING),
    Route(method="GET", path="/records/{kind}/{id}", handler=get_record, summary="One row", tag="records",
          answer=_ROW, refuses=(Code.NOT_FOUND,)),
    *(Route(method=method, path="/records/{kind}/{id}", handler=patch_record, summary="Changes a row", tag="records",
            body=_ROW, answer=_ROW, refuses=(*_LOSING, Code.STALE_BASE, Code.PRECONDITION_FAILED))
      for method in ("PATCH", "PUT")),
    Route(method="DELETE", path="/records/{kind}/{id}", handler=delete_record, summary="Deletes a row", tag="records",
          status=204, refuses=(*_LOSING, Code.PRECONDITION_FAILED)),
]
