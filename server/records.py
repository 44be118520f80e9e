"""Reading one row or a list of rows through the reader's own view: what every door but sync reads with (S-31 to S-34).

The same page, predicate and masks as a pull, so that no door shows what another hides. Knows the ledger's questions;
no kind by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.call import Call
from server.house import House
from storage.ledger.find import find as find_key
from storage.ledger.ledger import Ledger
from sync.access import Membership
from sync.cursor import read_cursor
from sync.kind import Kind
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.pull import PAGE_BYTES, SCHEMA, PullAsk, pull
from sync.record import Key, Row
from sync.store import Page, PageAsk, RowsRead
from sync.wire import canonical_scope

MOST = 100
USUAL = 50


@dataclass(frozen=True, slots=True)
class Record:
    """A row as its reader may see it: `told` is its wire form, `row` the whole of it, for the server's eyes."""

    row: Row
    told: dict[str, Any]
    membership: Membership


async def find(call: Call, kind_name: str, id_: str) -> Record:
    """The living row with this id. Raises Refusal(NOT_FOUND), for unknown, foreign and deleted ids alike."""
    record = await seek(call.house, call.user, kind_name, id_, call.now)
    if record is None:
        raise Refusal(Code.NOT_FOUND)
    return record


async def seek(house: House, user: str, kind_name: str, id_: str, now: str) -> Record | None:
    """`find` without a refusal. Two statements; a membership that ends between them hides the row (I-16)."""
    kind = house.kinds[kind_name]
    found = await find_key(house.database, user, kind, id_, now)
    if found is None or found.deleted:
        return None
    read = await house.ledger.rows(user, [found.key], now)
    row = read.rows.get(found.key)
    held = [m for m in found.memberships if read.views.get(m.scope) == m.view_version]
    if row is None or row.deleted or not held:
        return None
    fullest = min(held, key=lambda m: (m.view.parts is not None, len(m.view.hidden)))
    return Record(row, kind.told(row, fullest.view), fullest) if kind.seen_through(row, fullest.view) else None


async def listed(call: Call, kind: Kind) -> dict[str, Any]:
    """`{"items", "next_cursor"}` of a kind, in the order of their latest change, from `?scope=&limit=&cursor=`.

    A row that changes while one turns pages comes again, at its new version; none is left out. Pages may be short where
    rows were deleted. Raises Refusal(INVALID) for a query that cannot be read.
    """
    readable = {role: [kind.name] for role, kinds in call.house.may_read.items() if kind.name in kinds}
    ask = PullAsk(call.user, call.device, call.session, _cursor(call, kind), SCHEMA, _limit(call), PAGE_BYTES,
                  want=_scope(call))
    pulled = await pull(_Reader(call.house.ledger), call.house.kinds, readable, ask, call.now_ms)
    if pulled.resync is not None:
        raise Refusal(Code.INVALID, FieldProblem("cursor", FieldCode.NOT_ALLOWED))
    items = [told["row"] for told in pulled.changes if told["op"] == "put"]
    return {"items": items, "next_cursor": f"{kind.name}.{pulled.cursor}" if pulled.has_more else None}


class _Reader:
    """The ledger for somebody who turns pages: nothing is noted of any device."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def transaction(self) -> Any:
        raise NotImplementedError("a list writes nothing")

    async def page(self, ask: PageAsk) -> Page:
        return await self._ledger.page(ask)

    async def rows(self, user: str, keys: Sequence[Key], now: str) -> RowsRead:
        return await self._ledger.rows(user, keys, now)

    async def note_removed(self, user: str, device: str, told: Sequence[str], purged: Sequence[str], now: str) -> None:
        """A list is no device's sync: whoever lost a scope is told by the next pull."""


def _cursor(call: Call, kind: Kind) -> str | None:
    given = call.query.get("cursor")
    if given is None:
        return None
    name, _, token = given.partition(".")
    if name != kind.name or read_cursor(token) is None:
        raise Refusal(Code.INVALID, FieldProblem("cursor", FieldCode.NOT_ALLOWED))
    return token


def _limit(call: Call) -> int:
    given = call.query.get("limit", str(USUAL))
    if not (given.isascii() and given.isdecimal() and len(given) <= 6 and int(given) >= 1):
        raise Refusal(Code.INVALID, FieldProblem("limit", FieldCode.WRONG_TYPE))
    return min(int(given), MOST)


def _scope(call: Call) -> frozenset[str] | None:
    given = call.query.get("scope")
    if given is None:
        return None
    name = canonical_scope(given)
    if name is None:
        raise Refusal(Code.INVALID, FieldProblem("scope", FieldCode.NOT_ALLOWED))
    return frozenset({name})
