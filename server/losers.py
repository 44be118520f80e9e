"""What lost and was kept, for those who may read the row it was about (I-10, R-198): GET /api/sync/losers.

Masked like the row itself: a change that does not say which line it is about is masked as if it were a hidden one.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from server.call import Answer, Call, Route
from storage.ledger.history import MOST, Loser, LosersAsk, losers
from sync.access import View
from sync.kind import Kind
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import canonical_instant, canonical_uuid
from sync.wire import canonical_scope

MAX_CURSOR = 300


async def kept_losers(call: Call) -> Answer:
    """`{"items", "next_cursor"}`, the newest first, from `?scope=&cursor=`."""
    found = await losers(call.house.database, LosersAsk(
        call.user, call.now, call.house.may_read, scope=_scope(call), before=_before(call)))
    kinds = call.house.kinds
    items = [_told(kinds[loser.entry.kind], loser) for loser in found if loser.entry.kind in kinds]
    last = found[-1].entry if len(found) == MOST else None
    cursor = None if last is None else _cursor(last.received_at, last.change_id)
    return Answer(200, {"items": items, "next_cursor": cursor})


def _told(kind: Kind, loser: Loser) -> dict[str, Any]:
    entry = loser.entry
    return {
        "change_id": entry.change_id, "kind": entry.kind, "id": entry.id, "scope": entry.scope, "op": entry.op,
        "fields": _masked(kind, dict(entry.fields), entry.id, loser.through.view), "by": entry.user, "role": entry.role,
        "outcome": str(entry.outcome), "code": str(entry.code), "version": entry.version,
        "recorded_at": entry.corrected_at, "received_at": entry.received_at, "clock_suspect": entry.clock_suspect,
    }


def _masked(kind: Kind, fields: dict[str, Any], id_: str, view: View) -> dict[str, Any]:
    if view.parts is not None or view.days is not None or view.hidden:
        fields = {name: value for name, value in fields.items() if name in kind.columns}
    if not view.hidden:
        return fields
    line = id_ if kind.line == "id" else fields.get(kind.line or "")
    if kind.line is not None and (line is None or line in view.hidden):
        fields = {name: None if kind.columns[name].masked else value for name, value in fields.items()}
    return kind.masks(fields, view) if kind.masks is not None else fields


def _scope(call: Call) -> str | None:
    given = call.query.get("scope")
    name = None if given is None else canonical_scope(given)
    if given is not None and name is None:
        raise Refusal(Code.INVALID, FieldProblem("scope", FieldCode.NOT_ALLOWED))
    return name


def _cursor(received_at: str, change_id: str) -> str:
    return base64.urlsafe_b64encode(f"{received_at}|{change_id}".encode()).decode().rstrip("=")


def _before(call: Call) -> tuple[str, str] | None:
    given = call.query.get("cursor")
    if given is None:
        return None
    try:
        text = base64.urlsafe_b64decode(given[:MAX_CURSOR] + "=" * (-len(given) % 4)).decode()
        received_at, _, change_id = text.partition("|")
        return canonical_instant(received_at), canonical_uuid(change_id)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Refusal(Code.INVALID, FieldProblem("cursor", FieldCode.NOT_ALLOWED)) from None


ROUTES = [
    Route(method="GET", path="/sync/losers", handler=kept_losers, summary="Edits that lost and were kept", tag="sync",
          query={"scope": {"type": "string"}, "cursor": {"type": "string"}}, limit="sync",
          answer={"type": "object", "required": ["items", "next_cursor"], "properties": {
              "items": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"]}}}),
]
