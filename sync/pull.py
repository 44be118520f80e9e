"""What a device is told: the difference between its cursor and what it may see now (sync-protocol.md 6, 7).

State, not log: a row comes once, as it is now. Grants, revocations and changes of role fall out of comparing the cursor
with today's memberships; no event is needed. Knows the port; no wire and no SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.access import Membership
from sync.clock import stamp
from sync.cursor import Cursor, read_cursor, write_cursor
from sync.kind import Kinds
from sync.problem import Code, Refusal
from sync.record import Key, Row
from sync.store import Held, LedgerEntry, Page, PageAsk, RowsRead, Start, Store
from sync.values import instant_of_ms

PAGE = 500
PAGE_BYTES = 512 * 1024
SCHEMA = 1  # of the wire's columns
MIN_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class PullAsk:
    """One pull. `purged` are scopes whose rows the device has deleted; `want` narrows to certain scopes.

    While something is `unsent`, a loss of scope counts as not yet told: what was recorded before may still come (F-61).
    """

    user: str
    device: str
    session: str | None
    cursor: str | None = None
    schema: int = SCHEMA
    limit: int = PAGE
    max_bytes: int = PAGE_BYTES
    purged: tuple[str, ...] = ()
    want: frozenset[str] | None = None
    unsent: int = 0  # changes still queued on the device


@dataclass(frozen=True, slots=True)
class Pulled:
    """One page. `has_more` alone says whether more follows (R-202)."""

    cursor: str | None
    has_more: bool
    epoch: str
    hlc: str
    changes: Sequence[dict[str, Any]] = ()
    added: Sequence[dict[str, Any]] = ()
    rebuilt: Sequence[dict[str, Any]] = ()
    removed: Sequence[dict[str, Any]] = ()
    resync: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "cursor": self.cursor, "has_more": self.has_more, "epoch": self.epoch, "hlc": self.hlc,
            "scopes": {"added": list(self.added), "rebuilt": list(self.rebuilt), "removed": list(self.removed)},
            "changes": list(self.changes),
        }
        return {**body, "resync": self.resync} if self.resync is not None else body


def readable(kinds: Kinds) -> dict[str, list[str]]:
    """Role → kinds it may read. Filtered inside the page query, or short pages would look like last ones."""
    roles: dict[str, list[str]] = {}
    for kind in kinds.values():
        for role in kind.access.read:
            roles.setdefault(str(role), []).append(kind.name)
    return roles


async def pull(store: Store, kinds: Kinds, may_read: Mapping[str, Sequence[str]], ask: PullAsk, now_ms: int) -> Pulled:
    """One page for one device. Raises Refusal: session_ended, lagging_replica."""
    now, hlc = instant_of_ms(now_ms), stamp(now_ms, 0, ask.device)
    cursor = read_cursor(ask.cursor) or Cursor()
    page = await store.page(PageAsk(ask.user, ask.session, cursor.starts, may_read, ask.limit, now, ask.want))
    if page.who is None:
        raise Refusal(Code.SESSION_ENDED)
    if cursor.epoch and cursor.epoch != page.epoch:
        return Pulled(None, True, page.epoch, hlc, resync={"resend_since": page.resend_since})
    _refuse_lag(page, cursor)
    turn = _Turn(kinds, page, cursor, ask, hlc)
    keys = turn.keys()
    if keys:
        turn.fill(await store.rows(ask.user, keys, now))
    pulled = turn.pulled()
    removed = [one["name"] for one in pulled.removed] if ask.unsent == 0 else []
    if removed or ask.purged:
        await store.note_removed(ask.user, ask.device, removed, ask.purged, now)
    return pulled


def _refuse_lag(page: Page, cursor: Cursor) -> None:
    heads = {one.ord: one.head for one in page.held}
    if any(start.seq > heads.get(start.ord, start.seq) for start in cursor.starts):
        raise Refusal(Code.LAGGING_REPLICA, retry_after_s=2)


@dataclass
class _Turn:
    """One page being made: which entries fit, what is said of the scopes, where the next page begins."""

    kinds: Kinds
    page: Page
    cursor: Cursor
    ask: PullAsk
    hlc: str
    entries: list[LedgerEntry] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    cut: LedgerEntry | None = None  # the first entry that did not fit
    lost: set[int] = field(default_factory=set)  # scopes whose membership changed while the page was read

    def keys(self) -> list[Key]:
        self.entries = list(self.page.entries[: self.ask.limit])
        if len(self.page.entries) > self.ask.limit:
            self.cut = self.page.entries[self.ask.limit]
        return list(dict.fromkeys(Key(e.kind, e.home, e.id) for e in self.entries))

    def fill(self, read: RowsRead) -> None:
        held = {one.ord: one.membership for one in self.page.held}
        fresh = {one.ord for one in self.page.held if self._is_fresh(one, self._start_of(one))}
        self.lost = {ord_ for ord_, m in held.items() if read.views.get(m.scope) != m.view_version}
        mine = {m.scope: m for ord_, m in held.items() if ord_ not in self.lost}
        sent: set[Key] = set()
        weight = 0
        for entry in self.entries:
            key = Key(entry.kind, entry.home, entry.id)
            if entry.ord in self.lost or key in sent:
                continue
            told = self._told(entry, read.rows.get(key), mine, held[entry.ord].scope)
            if told["op"] == "delete" and entry.ord in fresh:
                continue  # who is told from the start has nothing to bury
            weight += _weight(told)
            if weight > self.ask.max_bytes and self.changes:
                self.cut = entry
                return
            sent.add(key)
            self.changes.append(told)

    def _told(
        self, entry: LedgerEntry, row: Row | None, mine: Mapping[str, Membership], scope: str
    ) -> dict[str, Any]:
        """A living row through the fullest view of the reader, or its tombstone."""
        kind = self.kinds[entry.kind]
        scopes = [name for name in row.scopes if name in mine] if row is not None else [scope]
        head = {"kind": entry.kind, "id": entry.id, "home": entry.home}
        views = {name: mine[name].view for name in scopes if row is not None and mine[name].role in kind.access.read
                 and kind.seen_through(row, mine[name].view)}
        if row is None or row.deleted or not views:
            return {**head, "scopes": scopes, "op": "delete",
                    "version": entry.version if row is None else row.version}
        # only scopes it is readable through: else the row would outlive the one that goes on the device (P07)
        view = min(views.values(), key=lambda view: (view.parts is not None, len(view.hidden)))
        return {**head, "scopes": list(views), "op": "put", "version": row.version, "row": kind.told(row, view)}

    def pulled(self) -> Pulled:
        starts, added, rebuilt = {s.ord: s for s in self.cursor.starts}, [], []
        reached: list[Start] = []
        waiting = False
        for one in self.page.held:
            start = starts.pop(one.ord, None)
            seq = self._reached(one, start)
            if seq is None:
                waiting = True
                reached += [start] if start is not None else []
                continue
            waiting = waiting or (self.cut is not None and self.cut.ord == one.ord)
            floor = one.floor if self._is_fresh(one, start) or start is None else start.floor
            reached.append(Start(one.ord, one.membership.view_version, seq, floor))
            told = {"name": one.membership.scope, "role": str(one.membership.role), "snapshot": True}
            if start is None:
                added.append(told)
            elif self._is_fresh(one, start):
                rebuilt.append(told)
        gone = [start for start in starts.values() if self.ask.want is None]
        removed = [{"name": self.page.names[s.ord], "reason": "revoked", "purge": True} for s in gone
                   if s.ord in self.page.names]
        reached += [start for start in starts.values() if self.ask.want is not None]
        token = write_cursor(self.page.epoch, self.ask.schema, reached)
        return Pulled(token, waiting, self.page.epoch, self.hlc, self.changes, added, rebuilt, removed)

    def _start_of(self, one: Held) -> Start | None:
        return next((start for start in self.cursor.starts if start.ord == one.ord), None)

    @staticmethod
    def _is_fresh(one: Held, start: Start | None) -> bool:
        """Whether the scope is sent from zero: new to the device, seen through another view, or cut by a floor."""
        return start is None or start.view_version != one.membership.view_version \
            or max(start.seq, start.floor) < one.floor

    def _reached(self, one: Held, start: Start | None) -> int | None:
        """The number that this page brings the device to in a scope; None if it does not get there on this page."""
        if one.ord in self.lost:
            return None
        fresh = self._is_fresh(one, start)
        after = 0 if fresh or start is None else start.seq
        if one.head <= after:
            return one.head
        if one.ord not in self.page.reached:
            return None
        if self.cut is None or one.ord < self.cut.ord:
            return one.head
        if one.ord > self.cut.ord:
            return None
        last = [entry.seq for entry in self.page.entries if entry.ord == one.ord and entry.seq < self.cut.seq]
        return max(last) if last else (None if fresh else after)


def _weight(told: Mapping[str, Any]) -> int:
    """About how many bytes a change takes on the wire; exact enough for a limit that protects phones."""
    row = told.get("row")
    return 160 if row is None else 200 + sum(len(name) + 8 + len(str(value)) for name, value in row.items())
