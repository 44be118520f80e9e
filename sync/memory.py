"""The store port in dictionaries: for worlds, for properties, and as the plainest statement of what a store must do.

One transaction at a time; nothing is seen before commit, and a transaction that fails leaves nothing. Nobody's
production store: it forgets with its process.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from sync.access import Membership
from sync.identity import SYSTEM_USER
from sync.kind import Kinds, Lookup
from sync.record import Key, Row
from sync.store import (
    Claim,
    Claimed,
    Held,
    JournalEntry,
    Kept,
    Known,
    LedgerEntry,
    Numbers,
    Outbox,
    Page,
    PageAsk,
    Replay,
    RowsRead,
    Start,
    Tx,
    Wants,
    Who,
    Writes,
)

SOMEBODY = Who("patient", "active")


@dataclass
class Scope:
    ord: int
    head: int = 0
    floor: int = 0


@dataclass(frozen=True)
class Told:
    """A device has heard that a scope is gone: which ending (a later one is news again), and when the rows went."""

    view_version: int
    purged_at: str | None = None


@dataclass
class State:
    """Everything kept, as plain as it can be. Copied at the start of a transaction, swapped in at its end."""

    epoch: str = "e1"
    scopes: dict[str, Scope] = field(default_factory=dict)
    members: dict[tuple[str, str], Membership] = field(default_factory=dict)  # (scope, user)
    rows: dict[Key, Row] = field(default_factory=dict)
    ledger: dict[tuple[int, Key], LedgerEntry] = field(default_factory=dict)
    batches: dict[tuple[str, str, str], tuple[str, tuple[Kept, ...]]] = field(default_factory=dict)
    journal: dict[tuple[str, str, str], JournalEntry] = field(default_factory=dict)  # (user, device, change id)
    outbox: list[Outbox] = field(default_factory=list)
    told: dict[tuple[str, str, str], Told] = field(default_factory=dict)  # (user, device, scope)
    ended_sessions: set[str] = field(default_factory=set)
    accounts: dict[str, Who] = field(default_factory=dict)


class MemoryStore:
    """`sync.store.Store` in memory."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.state = State()
        self._turn = asyncio.Lock()

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Tx]:
        async with self._turn:
            draft = _shallow(self.state)
            yield MemoryTx(draft)
            self.state = draft

    async def page(self, ask: PageAsk) -> Page:
        state = self.state
        if ask.session in state.ended_sessions:
            return Page(None, state.epoch, (), (), frozenset(), {})
        held = [Held(state.scopes[m.scope].ord, m, state.scopes[m.scope].head, state.scopes[m.scope].floor)
                for (_, user), m in sorted(state.members.items()) if user == ask.user and m.active(ask.now)
                and (ask.scopes is None or m.scope in ask.scopes)]
        starts = {start.ord: start for start in ask.starts}
        entries: list[LedgerEntry] = []
        reached: set[int] = set()
        for one in sorted(held, key=lambda one: one.ord):
            after = after_of(one, starts.get(one.ord))
            if one.head > after and len(entries) <= ask.limit:
                entries += self._behind(one, after, ask)
                reached.add(one.ord)
        names = {scope.ord: name for name, scope in state.scopes.items() if (name, ask.user) in state.members}
        return Page(state.accounts.get(ask.user, SOMEBODY), state.epoch, held, entries[: ask.limit + 1],
                    frozenset(reached), names)

    def _behind(self, held: Held, after: int, ask: PageAsk) -> list[LedgerEntry]:
        readable = ask.readable.get(str(held.membership.role), ())
        found = [entry for (ord_, _), entry in self.state.ledger.items()
                 if ord_ == held.ord and entry.seq > after and entry.kind in readable
                 and held.membership.view.shows(entry.part, entry.day)]
        return sorted(found, key=lambda entry: entry.seq)

    async def rows(self, user: str, keys: Sequence[Key], now: str) -> RowsRead:
        state = self.state
        views = {m.scope: m.view_version for (_, holder), m in state.members.items()
                 if holder == user and m.active(now)}
        return RowsRead({key: state.rows[key] for key in keys if key in state.rows}, views)

    async def note_removed(self, user: str, device: str, told: Sequence[str], purged: Sequence[str], now: str) -> None:
        for scope in [*told, *purged]:
            ended = self.state.members.get((scope, user))
            if ended is not None:
                done = now if scope in purged else None
                self.state.told[user, device, scope] = Told(ended.view_version, done)


def after_of(held: Held, start: Start | None) -> int:
    """From where on a scope must be sent: from zero if it is new, seen through another view, or cut by a floor."""
    if start is None or start.view_version != held.membership.view_version or max(start.seq, start.floor) < held.floor:
        return 0
    return start.seq


class MemoryTx:
    """`sync.store.Tx` on a draft of the state."""

    def __init__(self, draft: State) -> None:
        self.draft = draft
        self._batch = ("", "", "")  # the one that this transaction claimed

    async def claim(self, claim: Claim) -> Claimed | Replay:
        draft = self.draft
        who = Who("system", "active") if claim.user == SYSTEM_USER else draft.accounts.get(claim.user, SOMEBODY)
        if claim.session in draft.ended_sessions:
            return Claimed(None, {}, draft.epoch)
        before = draft.batches.get((claim.user, claim.device, claim.batch_id))
        if before is not None:
            return Replay(who, before[0], before[1], draft.epoch)
        self._batch = (claim.user, claim.device, claim.batch_id)
        draft.batches[self._batch] = (claim.digest, ())
        held = {scope for scope, _ in draft.members}
        founded = set(claim.founding - held)  # a founding that was refused leaves a scope that nobody holds
        for name in sorted(founded - draft.scopes.keys()):
            draft.scopes[name] = Scope(len(draft.scopes) + 1)
        return Claimed(who, self._lock(claim, founded), draft.epoch)

    def _lock(self, claim: Claim, founded: set[str]) -> dict[str, Numbers]:
        numbers = {}
        for name, room in sorted(claim.rooms.items()):
            scope = self.draft.scopes.get(name)
            held = (name, claim.user) in self.draft.members
            if scope is None or not (held or name in claim.deposits or name in founded or claim.user == SYSTEM_USER):
                continue
            self.draft.scopes[name] = replace(scope, head=scope.head + room)
            numbers[name] = Numbers(scope.ord, scope.head + 1, name in founded)
        return numbers

    async def read(self, wants: Wants) -> Known:
        draft = self.draft
        mine = {scope: draft.members[scope, wants.user] for scope in wants.scopes
                if (scope, wants.user) in draft.members}
        members = [m for (scope, _), m in draft.members.items() if scope in wants.all_members_of]
        seen = {change_id: _kept(draft.journal[wants.user, wants.device, change_id]) for change_id in wants.change_ids
                if (wants.user, wants.device, change_id) in draft.journal}
        told = frozenset(scope for scope, held in mine.items() if (wants.user, wants.device, scope) in draft.told
                         and draft.told[wants.user, wants.device, scope].view_version == held.view_version)
        return Known(mine, members, list(self._rows(wants.rows)), seen, told)

    def _rows(self, lookups: Sequence[Lookup]) -> list[Row]:
        found: dict[Key, Row] = {}
        for look in lookups:
            if look.column == "id":
                row = self.draft.rows.get(Key(look.kind, look.home, look.value))
                found.update({row.key: row} if row else {})
                continue
            for key, row in self.draft.rows.items():
                if key.kind == look.kind and key.home == look.home and row.fields.get(look.column) == look.value \
                        and (look.since is None or (row.fields.get(look.since[0]) or "") >= look.since[1]):
                    found[key] = row
        return list(found.values())

    async def write(self, writes: Writes) -> None:
        draft = self.draft
        for row in (row for rows in writes.rows.values() for row in rows):
            before = draft.rows.get(row.key)
            assert before is None or (before.version, before.fields) == (row.version, row.fields) \
                or before.version < row.version, "a row that was not read is written over (P09)"
            draft.rows[row.key] = row
        for entry in writes.ledger:
            draft.ledger[entry.ord, Key(entry.kind, entry.home, entry.id)] = entry
        for line in writes.journal:
            assert (line.user, line.device, line.change_id) not in draft.journal, "the journal never changes (P09)"
            draft.journal[line.user, line.device, line.change_id] = line
        draft.members.update({(m.scope, m.user): m for m in writes.memberships})
        draft.outbox.extend(writes.outbox)
        digest, _ = draft.batches[self._batch]
        draft.batches[self._batch] = (digest, tuple(writes.results))


def _kept(line: JournalEntry) -> Kept:
    key = Key(line.kind, line.scope, line.id) if line.tells_row or line.version else None
    return Kept(0, line.change_id, line.outcome, line.code, line.version, key, line.tells_row, line.details,
                line.digest)


def _shallow(state: State) -> State:
    return State(**{name: copy.copy(value) for name, value in vars(state).items()})


def tombstones_purged(store: MemoryStore, before: str) -> None:
    """Forgets the places of tombstones older than `before` and raises the floors: phones away for longer start anew
    (R-202). The rows stay: one that is made again under its computed id must not start from version 1 (P09)."""
    state = store.state
    for (ord_, key), entry in list(state.ledger.items()):
        if entry.deleted and state.rows[key].changed_at < before:
            scope = next(scope for scope in state.scopes.values() if scope.ord == ord_)
            scope.floor = max(scope.floor, entry.seq)
            del state.ledger[ord_, key]


def epoch_renewed(store: MemoryStore, epoch: str) -> None:
    store.state.epoch = epoch


Accounts = Mapping[str, Who]
