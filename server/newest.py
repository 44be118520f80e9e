"""Lists of one or a few scopes, newest first, in pages: `{"items", "next_cursor", "total"}` (R-600, DESIGN.md 11).

Beside records.listed, which follows the order of changes: this one follows the order of making, as people read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from server.call import Call, Schema
from server.levels import told_of
from server.records import MOST, USUAL
from storage.json_column import SCHEMA_REF
from storage.ledger.choose import Choice, choose
from storage.schema import name_of
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.values import canonical_instant, canonical_uuid

MAX_CURSOR = 200

QUERY: dict[str, Schema] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    "cursor": {"type": "string", "description": "`next_cursor` of the page before"},
}


def row_of(kind: str) -> dict[str, Any]:
    """The schema of a kind's row, by name of its component."""
    return {"$ref": SCHEMA_REF.format(model=name_of(kind))}


def page_of(kind: str) -> Schema:
    """The schema of a page of its rows."""
    return {"type": "object", "required": ["items", "next_cursor", "total"], "properties": {
        "items": {"type": "array", "items": row_of(kind)}, "next_cursor": {"type": ["string", "null"]},
        "total": {"type": "integer", "minimum": 0}}}


async def newest(
    call: Call, kind: str, scopes: Sequence[str], equals: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """One page as the caller may see it, from `?limit=&cursor=`; None if all these scopes are closed to them."""
    limit, after = _limit(call), _after(call)
    choices = [Choice(kind, scope, equals or {}, limit + 1, after, counted=True) for scope in scopes]
    pages = [await choose(call.house.ledger, call.user, choice, call.now) for choice in choices]
    open_ = [page for page in pages if page is not None]
    if not open_:
        return None
    items = sorted((one for page in open_ for one in told_of(call, page)),
                   key=lambda one: (one["created_at"], one["id"]), reverse=True)
    last = items[limit - 1] if len(items) > limit else None
    return {"items": items[:limit], "total": sum(page.total or 0 for page in open_),
            "next_cursor": None if last is None else _cursor(last["created_at"], last["id"])}


def _limit(call: Call) -> int:
    given = call.query.get("limit", str(USUAL))
    if not (given.isascii() and given.isdecimal() and len(given) <= 6 and int(given) >= 1):
        raise Refusal(Code.INVALID, FieldProblem("limit", FieldCode.WRONG_TYPE))
    return min(int(given), MOST)


def _cursor(made: str, id_: str) -> str:
    return base64.urlsafe_b64encode(f"{made}|{id_}".encode()).decode().rstrip("=")


def _after(call: Call) -> tuple[str, str] | None:
    given = call.query.get("cursor")
    if given is None:
        return None
    try:
        made, _, id_ = base64.urlsafe_b64decode(given[:MAX_CURSOR] + "=" * (-len(given) % 4)).decode().partition("|")
        return canonical_instant(made), canonical_uuid(id_)
    except ValueError:  # of base64, of UTF-8 or of the values: each is a kind of it
        raise Refusal(Code.INVALID, FieldProblem("cursor", FieldCode.NOT_ALLOWED)) from None
