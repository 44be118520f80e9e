"""The one road of every write that comes through the door: transaction → push → commit → announce (DESIGN.md 2).

`write` and `write_whole` are for REST and named endpoints, `settle` for whoever has a batch already. A transaction that
met another is repeated as a whole. Knows no policy and no SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from server.announce import announce
from server.call import Call
from server.house import House
from storage.ledger.audience import heads
from sync.clock import MAX_COUNTER, DeviceTime, stamp
from sync.identity import deed_id
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.push import Pushed, Settlement, push
from sync.record import Change, Op, Outcome, Row
from sync.values import Unfit, canonical_uuid, instant_of_ms
from sync.wire import read_change

KEY_HEADER = "Idempotency-Key"
MOST_HEADS = 2_000
FALLEN = frozenset({Outcome.REJECTED, Outcome.DEFERRED})


async def write(call: Call, changes: Sequence[Change], *, batch_id: str | None = None) -> Settlement:
    """Settles changes made with `change`. Expected outcomes are in the results; raises what `sync.push.push` raises."""
    pushed = Pushed(call.user, call.device, call.session, batch_id or batch_of(call), changes, DeviceTime(None))
    return await settle(call.house, pushed, call.now_ms)


async def write_whole(call: Call, changes: Sequence[Change], *, batch_id: str) -> Settlement:
    """As `write`, but all changes stand together or nothing is written; the results say which one fell."""
    pushed = Pushed(call.user, call.device, call.session, batch_id, changes, DeviceTime(None))
    return await settle(call.house, pushed, call.now_ms, whole=True)


async def settle(
    house: House, pushed: Pushed, now_ms: int, *, origin_device: str | None = None, whole: bool = False
) -> Settlement:
    """One batch, once, whatever it takes; nobody hears of it before it is committed.

    A `whole` batch with a change that was rejected or deferred is rolled back before it is told.
    """
    attempts = 0

    async def once() -> Settlement:
        nonlocal attempts
        attempts += 1
        async with house.ledger.transaction() as tx:
            settlement = await push(tx, house.kinds, house.rules, pushed, now_ms)
            if whole and not stands(settlement):
                raise _TakenBackError(settlement)
        return settlement

    try:
        settlement = await house.database.retrying(once)
    except _TakenBackError as taken_back:
        return taken_back.settlement
    if settlement.replayed and attempts > 1:
        # COMMIT was sent and its answer lost: the batch is ours and nobody has heard of it yet
        await house.live.poke(await _heads_now(house, pushed), origin_device=origin_device)
    await announce(house, pushed, settlement, instant_of_ms(now_ms), origin_device=origin_device)
    return settlement


class _TakenBackError(Exception):
    def __init__(self, settlement: Settlement) -> None:
        super().__init__("a change of the batch was refused")
        self.settlement = settlement


def stands(settlement: Settlement) -> bool:
    return all(result.outcome not in FALLEN for result in settlement.results)


async def _heads_now(house: House, pushed: Pushed) -> Mapping[str, int]:
    named = {scope for change in pushed.changes for scope in change.scopes}
    held = await heads(house.database, pushed.user, instant_of_ms(house.now_ms()), MOST_HEADS)
    return {scope: head for scope, head in held.items() if scope in named}


def batch_of(call: Call) -> str:
    """The client's Idempotency-Key, else a new id. Raises Refusal(INVALID) for a key that is no UUID."""
    given = call.headers.get(KEY_HEADER)
    if given is None:
        return str(uuid4())
    try:
        return canonical_uuid(given)
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem(KEY_HEADER, unfit.code)) from None


def new_id(batch_id: str, what: str = "id") -> str:
    """An id for a row that this batch makes: a repeated batch makes the same one."""
    return deed_id(batch_id, what)


def change(
    call: Call, kind: str, id_: str, fields: Mapping[str, Any], *, batch_id: str, i: int = 0, op: Op = Op.UPSERT,
    base: int = 0, row: Row | None = None,
) -> Change:
    """One change of a batch that this request makes.

    `row` is the row as it stands, if it exists: its scopes are named and, unless `base` says otherwise, its version is
    the base. For a new row the scopes follow from `fields`. Raises Refusal(INVALID) if they do not name one.
    """
    scopes = row.scopes if row is not None else _scopes_of_new(call.house, kind, id_, fields)
    body = {"change_id": deed_id(batch_id, str(i)), "kind": kind, "id": id_, "scopes": list(scopes), "op": str(op),
            "base": base or (row.version if row is not None else 0), "fields": dict(fields),
            "hlc": stamp(call.now_ms, next(call.house.ticks) & MAX_COUNTER, call.device)}
    return read_change(body, i, batch_id)


def _scopes_of_new(house: House, kind_name: str, id_: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    kind = house.kinds[kind_name]
    checked = kind.check(Change(0, "", kind_name, id_, (), Op.UPSERT, 0, dict(fields)))
    if checked.problems:
        raise Refusal(Code.INVALID, *(problem_of(detail) for detail in checked.problems))
    full = {name: column.default for name, column in kind.columns.items()} | dict(checked.fields)
    missing = [name for name, column in kind.columns.items() if column.required and full[name] is None]
    if missing:
        raise Refusal(Code.INVALID, *(FieldProblem(name, FieldCode.REQUIRED) for name in missing))
    return kind.scopes_of(id_, full)


def problem_of(detail: Mapping[str, Any]) -> FieldProblem:
    """A result's detail as the edge's problem."""
    return FieldProblem(detail["field"], FieldCode(detail["code"]), dict(detail.get("params", {})))
