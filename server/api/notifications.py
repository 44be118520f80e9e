"""One's own notices: list, mark as read, delete (R-280, R-285). Nobody else's exist here (F-24)."""

from __future__ import annotations

from server import outcome, records, write
from server.call import Answer, Call, Route, Schema
from server.newest import QUERY, newest, page_of, row_of
from sync.access import USER_SCOPE, scope_name
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.record import Op

KIND = "notification"
TRUTH = {"true": True, "1": True, "false": False, "0": False}


async def listed(call: Call) -> Answer:
    unread = TRUTH.get(call.query.get("unread", "false").lower())
    if unread is None:
        raise Refusal(Code.INVALID, FieldProblem("unread", FieldCode.WRONG_TYPE))
    equals = {"read_at": None} if unread else {}
    return Answer(200, await newest(call, KIND, [scope_name(USER_SCOPE, call.user)], equals))


async def mark_read(call: Call) -> Answer:
    """The first reading is the one that counts."""
    found = await records.find(call, KIND, call.path["id"])
    if found.told["read_at"] is not None:
        return Answer(200, found.told)
    batch = write.batch_of(call)
    read = write.change(call, KIND, found.row.id, {"read_at": call.now}, batch_id=batch, op=Op.PATCH, row=found.row)
    outcome.refuse_losers(await write.write(call, [read], batch_id=batch), known=True)
    return Answer(200, (await records.find(call, KIND, found.row.id)).told)


async def delete(call: Call) -> Answer:
    found, batch = await records.find(call, KIND, call.path["id"]), write.batch_of(call)
    gone = write.change(call, KIND, found.row.id, {}, batch_id=batch, op=Op.DELETE, row=found.row)
    outcome.refuse_losers(await write.write(call, [gone], batch_id=batch), known=True)
    return Answer(204)


_QUERY: dict[str, Schema] = {
    "unread": {"type": "boolean", "default": False, "description": "those not read yet only"}, **QUERY}
_LOST = (Code.NOT_FOUND,)

ROUTES = [
    Route(method="GET", path="/notifications", handler=listed, summary="One's own notices, newest first",
          tag="notifications", query=_QUERY, answer=page_of(KIND), refuses=(Code.INVALID,)),
    *(Route(method=method, path="/notifications/{id}/read", handler=mark_read, summary="Marks a notice as read",
            tag="notifications", answer=row_of(KIND), refuses=_LOST) for method in ("PUT", "PATCH")),
    Route(method="DELETE", path="/notifications/{id}", handler=delete, summary="Deletes a notice",
          tag="notifications", status=204, refuses=_LOST),
]
