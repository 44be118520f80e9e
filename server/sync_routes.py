"""The phone's doors: push, pull, both at once, doses only, status; the same over the socket (sync-protocol 4 to 6).

200 whenever the envelope was understood; what is wrong with one change is in that change's outcome. The session is
looked up inside the push's claim and the pull's page, so no statement is spent on it here. Knows envelopes and answers;
the rules are sync/, the rows storage/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from server.call import Answer, Auth, Call, Caller, Route
from server.dose_summary import summary
from server.house import House
from server.sync_schema import PULL, PULLED, PUSH, PUSHED, STATUS, SYNC, SYNCED
from server.write import settle
from storage.ledger.audience import heads
from storage.ledger.incarnation import current
from sync.clock import stamp
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.pull import MIN_SCHEMA, SCHEMA, pull
from sync.push import MAX_CHANGES, Pushed
from sync.record import Change
from sync.values import instant_of_ms
from sync.wire import MAX_BODY, read_pull, read_push

NEXT_SYNC_AFTER_S = 300
LIMITS = {"max_changes": MAX_CHANGES, "max_bytes": MAX_BODY}
MOST_HEADS = 2_000
DEADLINE_S = 8.0
DOSES = "dose_event"


async def push_changes(house: House, caller: Caller, body: object, now_ms: int) -> dict[str, Any]:
    """Settles a push envelope. Raises Refusal for the envelope and the session alone."""
    pushed = read_push(body, user=caller.user, device=caller.device, session=caller.session)
    return await _settled(house, pushed, now_ms)


async def _settled(house: House, pushed: Pushed, now_ms: int) -> dict[str, Any]:
    settlement = await settle(house, pushed, now_ms, origin_device=pushed.device)
    return {**settlement.as_json(), **_closing(now_ms)}


async def pull_page(house: House, caller: Caller, body: object, now_ms: int) -> dict[str, Any]:
    """One page for a pull envelope."""
    ask = read_pull(body, user=caller.user, device=caller.device, session=caller.session)
    pulled = await pull(house.ledger, house.kinds, house.may_read, ask, now_ms)
    house.metrics.pulled.inc(len(pulled.changes))
    return {**pulled.as_json(), "hlc": stamp(now_ms, 1, caller.device), **_closing(now_ms)}


def _closing(now_ms: int) -> dict[str, Any]:
    return {"server_now": now_ms, "limits": LIMITS, "next_sync_after_s": NEXT_SYNC_AFTER_S}


async def both(house: House, caller: Caller, body: object, now_ms: int) -> dict[str, Any]:
    """`{"push", "pull"}`: push commits, then pull reads. A half that is left out is not done."""
    halves = body if isinstance(body, Mapping) else {}
    if halves.get("push") is None and halves.get("pull") is None:
        raise Refusal(Code.INVALID, FieldProblem("push", FieldCode.REQUIRED), FieldProblem("pull", FieldCode.REQUIRED))
    answer: dict[str, Any] = {}
    if halves.get("push") is not None:
        answer["push"] = await push_changes(house, caller, halves["push"], now_ms)
    if halves.get("pull") is not None:
        answer["pull"] = await pull_page(house, caller, halves["pull"], now_ms)
    return {**answer, **_closing(now_ms)}


async def push_doses(house: House, caller: Caller, body: object, now_ms: int) -> dict[str, Any]:
    """A push that takes doses only; any other kind costs its change (`invalid`). Adds `summary` (R-194)."""
    pushed = read_push(body, user=caller.user, device=caller.device, session=caller.session)
    pushed = replace(pushed, changes=[_dose_or_fault(change) for change in pushed.changes])
    answer = await _settled(house, pushed, now_ms)
    return {**answer, "summary": await summary(house, pushed.changes, answer["results"], now_ms)}


def _dose_or_fault(change: Change) -> Change:
    if change.kind == DOSES or change.faults:
        return change
    return replace(change, faults=(FieldProblem("kind", FieldCode.NOT_ALLOWED).as_json(),))


async def status_of(call: Call) -> Answer:
    """Where this device stands: the server's time, the epoch, the head of each scope its person holds."""
    house = call.house
    incarnation = await current(house.database)
    return Answer(200, {
        **_closing(call.now_ms), "epoch": incarnation.epoch, "resend_since": incarnation.resend_since,
        "schema": SCHEMA, "min_schema": MIN_SCHEMA, "device_id": call.device,
        "heads": await heads(house.database, call.user, call.now, MOST_HEADS),
    })


async def hello(house: House, user: str, most: int = 50) -> dict[str, Any]:
    """What a socket hears first: heads of up to 50 scopes, else only that a pull is due (DESIGN.md 11)."""
    now_ms = house.now_ms()
    held = await heads(house.database, user, instant_of_ms(now_ms), most + 1)
    told: dict[str, Any] = {"heads": held} if len(held) <= most else {"pull": True}
    return {"server_now": now_ms, "epoch": (await current(house.database)).epoch, **told}


def _route(path: str, door: Any, summary: str, *, body: Any, answer: Any) -> Route:
    async def handler(call: Call) -> Answer:
        async with call.house.turns.of(call.device):
            return Answer(200, await door(call.house, call.who, call.body, call.now_ms))

    return Route(method="POST", path=path, handler=handler, summary=summary, tag="sync", auth=Auth.CLAIMS, body=body,
                 answer=answer, limit="sync", deadline_s=DEADLINE_S,
                 refuses=(Code.BATCH_ID_REUSED, Code.SCHEMA_TOO_OLD, Code.DEVICE_MISMATCH))


ROUTES = [
    _route("/sync", both, "Pushes, then pulls", body=SYNC, answer=SYNCED),
    _route("/sync/push", push_changes, "Settles a batch of changes", body=PUSH, answer=PUSHED),
    _route("/sync/pull", pull_page, "One page of what is new", body=PULL, answer=PULLED),
    _route("/doses/sync", push_doses, "Settles a batch of recorded doses", body=PUSH,
           answer={"allOf": [PUSHED, {"type": "object", "required": ["summary"],
                                      "properties": {"summary": {"type": "object"}}}]}),
    Route(method="GET", path="/sync/status", handler=status_of, summary="Where this device stands", tag="sync",
          answer=STATUS, limit="sync"),
]
