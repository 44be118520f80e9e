"""The one road of every write: claim → read → plan → write, inside the caller's transaction (DESIGN.md 2).

Nobody hears of anything before the transaction is committed; the caller announces what the answer touched. Knows the
port and the plan; no HTTP, no SQL, no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sync.access import PATIENT_SCOPE, USER_SCOPE, Membership, Role, prefix_of, scope_name
from sync.clock import Corrected, DeviceTime, Touch, correct, ms_in, offset_ms, stamp
from sync.identity import SYSTEM_USER
from sync.kind import Kind, Kinds, Lookup, Needs
from sync.plan import Batch, Plan, ask, plan_push, rows_told
from sync.problem import Code, Refusal
from sync.record import Change, Key, Op, Result
from sync.rule import Rules
from sync.standing import Asked
from sync.store import Claim, Claimed, Kept, Known, Replay, Tx, Wants, Who
from sync.values import instant_of_ms
from sync.working import Author, Working

MAX_CHANGES = 500
MAX_CONSEQUENCES = 8192  # rows that the rules of one push may write in one scope
MAX_DEPOSITS = 50  # scopes that one batch may reach into from elsewhere; changes beyond are deferred


@dataclass(frozen=True, slots=True)
class Pushed:
    """A batch as it came off the wire (sync/wire.py), or as a REST call or the worker made it."""

    user: str
    device: str
    session: str | None
    batch_id: str
    changes: Sequence[Change]
    clock: DeviceTime

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(change.digest for change in self.changes).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a batch. `rows` are the winners as the author may see them; `heads` and `memberships` are what to
    announce after commit, empty for a replay."""

    batch_id: str
    replayed: bool
    epoch: str
    offset_ms: int
    hlc: str
    results: Sequence[Result]
    rows: Mapping[Key, dict[str, Any]]
    heads: Mapping[str, int] = field(default_factory=dict)
    memberships: Sequence[Membership] = ()
    held: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """The wire answer's part that a replay repeats; the row travels with the result that lost to it."""
        results = []
        for result in self.results:
            body = result.as_json()
            if result.tells_row and result.key is not None and result.key in self.rows:
                key = result.key
                body.update(row=self.rows[key], winner={"kind": key.kind, "home": key.home, "id": key.id})
            results.append(body)
        return {"batch_id": self.batch_id, "replayed": self.replayed, "epoch": self.epoch, "hlc": self.hlc,
                "offset_ms": self.offset_ms, "results": results,
                "heads": {scope: head for scope, head in self.heads.items() if scope in self.held}}


async def push(tx: Tx, kinds: Kinds, rules: Rules, pushed: Pushed, now_ms: int) -> Settlement:
    """Settles one batch. Raises Refusal: too_many_changes, session_ended, batch_id_reused."""
    if len(pushed.changes) > MAX_CHANGES:
        raise Refusal(Code.TOO_MANY_CHANGES, extra={"limits": {"max_changes": MAX_CHANGES}}, max_changes=MAX_CHANGES)
    now = instant_of_ms(now_ms)
    asked = ask(kinds, pushed.changes, _corrected(pushed, now_ms), system=pushed.user == SYSTEM_USER)
    claim = _claim(kinds, rules, pushed, asked, now)
    claimed = await tx.claim(claim)
    if claimed.who is None:
        raise Refusal(Code.SESSION_ENDED)
    if isinstance(claimed, Replay):
        return await _again(tx, kinds, pushed, claimed, now_ms)
    known = await tx.read(_wants(kinds, pushed, asked, claimed, now))
    scopes = {name: replace(numbers, room=claim.rooms[name]) for name, numbers in claimed.scopes.items()}
    postponed = frozenset(_deposits(kinds, pushed, asked)[MAX_DEPOSITS:]) - claimed.scopes.keys()
    batch = Batch(pushed.batch_id, asked, offset_ms(pushed.clock, now_ms), now, stamp(now_ms, 0, pushed.device),
                  postponed)
    plan = plan_push(kinds, rules, _author(pushed, claimed.who), batch, scopes, known)
    await tx.write(plan.writes)
    return _settled(pushed, claimed.epoch, batch, plan, now_ms)


def _corrected(pushed: Pushed, now_ms: int) -> list[Corrected]:
    touches = [Touch(c.recorded_at, c.boot_id, c.mono_ms, c.hlc) for c in pushed.changes]
    return correct(pushed.device, pushed.clock, touches, now_ms)


def _author(pushed: Pushed, who: Who) -> Author:
    return Author(pushed.user, pushed.device, who, system=pushed.user == SYSTEM_USER)


def _sound(kinds: Kinds, asked: Sequence[Asked]) -> list[tuple[Asked, Kind]]:
    """Changes that may be decided at all: the others need no lock and no reading."""
    return [(one, kinds[one.change.kind]) for one in asked
            if one.change.kind in kinds and not one.change.faults and not one.checked.problems and one.change.scopes]


def _claim(kinds: Kinds, rules: Rules, pushed: Pushed, asked: Sequence[Asked], now: str) -> Claim:
    rooms: dict[str, int] = {}
    founding: set[str] = set()
    for one, kind in _sound(kinds, asked):
        for scope in one.change.scopes:
            rooms[scope] = rooms.get(scope, MAX_CONSEQUENCES if rules.get(kind.name) else 0) + 1
        if kind.founds is not None and one.change.op is Op.UPSERT \
                and kind.founder(pushed.user, one.change) is not None:
            founding.add(scope_name(kind.founds, one.change.id))
    deposits = frozenset(_deposits(kinds, pushed, asked)[:MAX_DEPOSITS])
    return Claim(pushed.user, pushed.device, pushed.session, pushed.batch_id, pushed.digest, rooms, deposits,
                 frozenset(founding), now)


def _deposits(kinds: Kinds, pushed: Pushed, asked: Sequence[Asked]) -> list[str]:
    """Scopes that changes may reach into from elsewhere, in the order sent; the author's own are none."""
    own = {scope_name(PATIENT_SCOPE, pushed.user), scope_name(USER_SCOPE, pushed.user)}
    reached = [scope for one, kind in _sound(kinds, asked) for scope in one.change.scopes
               if prefix_of(scope) in kind.deposits and scope not in own]
    return list(dict.fromkeys(reached))


def _wants(kinds: Kinds, pushed: Pushed, asked: Sequence[Asked], claimed: Claimed, now: str) -> Wants:
    rows: dict[Lookup, None] = {}
    members: set[str] = set()
    for one, kind in _sound(kinds, asked):
        home, canonical = one.change.scopes[0], one.checked.fields
        change = one.change if one.change.fields == canonical else replace(one.change, fields=canonical)
        rows[Lookup(kind.name, home, "id", change.id)] = None
        for column, parent in kind.parents.items():
            if isinstance(change.fields.get(column), str):
                rows[Lookup(parent, home, "id", change.fields[column])] = None
        needs: Needs = kind.needs(change, now)
        rows.update(dict.fromkeys(needs.rows))
        members.update(needs.memberships)
    locked = set(claimed.scopes)
    return Wants(
        pushed.user, pushed.device, tuple(sorted(locked)), tuple(sorted(members & locked)),
        tuple(look for look in rows if look.home in locked),
        tuple(change.change_id for change in pushed.changes if change.change_id),
    )


async def _again(tx: Tx, kinds: Kinds, pushed: Pushed, replay: Replay, now_ms: int) -> Settlement:
    """A batch that was settled before: the same outcomes, codes and versions; rows as the author may see them today."""
    if replay.digest != pushed.digest:
        raise Refusal(Code.BATCH_ID_REUSED)
    now = instant_of_ms(now_ms)
    results = [result_of(kept) for kept in replay.results]
    keys = [result.key for result in results if result.key is not None and result.tells_row]
    scopes = tuple(sorted({key.home for key in keys} | {s for c in pushed.changes for s in c.scopes}))
    looks = tuple(dict.fromkeys(Lookup(key.kind, key.home, "id", key.id) for key in keys))
    known: Known = await tx.read(Wants(pushed.user, pushed.device, scopes, (), looks, ()))
    assert replay.who is not None
    work = Working(kinds, _author(pushed, replay.who), known, now, stamp(now_ms, 0, pushed.device))
    return Settlement(pushed.batch_id, True, replay.epoch, offset_ms(pushed.clock, now_ms), work.now_hlc, results,
                      rows_told(work, results))


def result_of(kept: Kept) -> Result:
    return Result(kept.i, kept.change_id, kept.outcome, kept.code, kept.version, kept.key, kept.tells_row, kept.details)


def _settled(pushed: Pushed, epoch: str, batch: Batch, plan: Plan, now_ms: int) -> Settlement:
    """The server's own hybrid time is after everything this batch carried, so that the device's next edit is too."""
    newest = max([now_ms, *(ms_in(one.time.hlc) for one in batch.asked)])
    return Settlement(pushed.batch_id, False, epoch, batch.offset_ms, stamp(newest, 1, pushed.device), plan.results,
                      plan.rows, plan.heads, tuple(plan.writes.memberships), plan.held)


def memberships_lost(settlement: Settlement, now: str) -> list[Membership]:
    """Whom to tell that a scope is gone for them (`revoked`)."""
    return [m for m in settlement.memberships if not m.active(now) and m.role is not Role.SYSTEM]


def touches_patient(settlement: Settlement) -> bool:
    return any(prefix_of(scope) == PATIENT_SCOPE for scope in settlement.heads)
