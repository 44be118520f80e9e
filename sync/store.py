"""The port between the rules and whatever keeps the rows: three steps of a push, and the reads of a pull.

`sync/memory.py` keeps them in dictionaries, `storage/ledger` on SQLite and PostgreSQL; one contract suite runs on all.
Every writer of the house comes through here (DESIGN.md 2). Scope locks are the only locks; they are taken in ascending
order of the scopes' numbers and held until commit, so each snapshot sees a prefix of each scope's ledger (P08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sync.access import Membership
from sync.kind import Lookup
from sync.record import Because, Key, Outcome, Row


@dataclass(frozen=True, slots=True)
class Claim:
    """What a push wants before it reads: its batch id, and the scopes it must hold locked.

    `rooms` gives for each scope how many numbers to set aside. Scopes in `deposits` are locked though the author holds
    no membership; those in `founding` are made if they do not exist, and founded anew if nobody ever held them (any
    other is then locked only for members). `session` is None for the system's own pushes.
    """

    user: str
    device: str
    session: str | None
    batch_id: str
    digest: str
    rooms: Mapping[str, int]
    deposits: frozenset[str]
    founding: frozenset[str]
    now: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """A locked scope: its small integer, and the numbers set aside, `first` to `first + room - 1`."""

    ord: int
    first: int
    founded: bool = False
    room: int = 0


@dataclass(frozen=True, slots=True)
class Who:
    """The author as the accounts know them now. `role` and `state` are the account's (R-001, R-005)."""

    role: str
    state: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """`who` is None if the session is over; scopes that are missing were not to be locked for this author."""

    who: Who | None
    scopes: Mapping[str, Numbers]
    epoch: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The stored fate of one change: what a replay answers again."""

    i: int
    change_id: str
    outcome: Outcome
    code: Because
    version: int
    key: Key | None
    tells_row: bool
    details: tuple[dict[str, Any], ...]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """This batch was settled before, with this body's digest."""

    who: Who | None
    digest: str
    results: tuple[Kept, ...]
    epoch: str


@dataclass(frozen=True, slots=True)
class Wants:
    """All that the decision needs, read in one statement after the locks (a later snapshot than the claim's)."""

    user: str
    device: str
    scopes: tuple[str, ...]  # the author's own memberships here, ended ones too
    all_members_of: tuple[str, ...] = ()
    rows: tuple[Lookup, ...] = ()
    change_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """`memberships` are the author's, `members` everybody's in the scopes asked for. `told` are scopes whose removal
    this device has been told of: its grace is over (DESIGN.md 11)."""

    memberships: Mapping[str, Membership]
    members: Sequence[Membership]
    rows: Sequence[Row]
    seen: Mapping[str, Kept]
    told: frozenset[str]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Where a row stands in a scope's order of changes. `part` and `day` are copies of immutable columns."""

    ord: int
    seq: int
    kind: str
    id: str
    home: str
    deleted: bool
    part: str | None
    day: str | None
    version: int = 0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One received change for ever: journal, idempotency, kept loser and audit of the write at once (DESIGN.md 11)."""

    device: str
    change_id: str
    digest: str
    user: str
    role: str
    kind: str
    id: str
    scope: str
    part: str | None
    day: str | None
    op: str
    base: int
    fields: Mapping[str, Any]
    outcome: Outcome
    code: Because
    version: int
    tells_row: bool
    details: tuple[dict[str, Any], ...]
    hlc: str
    recorded_at: str | None
    corrected_at: str
    offset_ms: int
    clock_suspect: bool
    received_at: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """What must follow from this transaction in one scope: ids only. `touched` holds (kind, id, version, change id)."""

    scope: str
    touched: tuple[tuple[str, str, int, str], ...]


@dataclass(frozen=True, slots=True)
class Writes:
    """All that one push writes, in one statement where the engine can."""

    device: str
    batch_id: str
    now: str
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    ledger: Sequence[LedgerEntry] = ()
    journal: Sequence[JournalEntry] = ()
    memberships: Sequence[Membership] = ()
    outbox: Sequence[Outbox] = ()
    results: Sequence[Kept] = ()


class Tx(Protocol):
    """A push's transaction: claim, read, write — in this order, once each."""

    async def claim(self, claim: Claim) -> Claimed | Replay: ...

    async def read(self, wants: Wants) -> Known: ...

    async def write(self, writes: Writes) -> None: ...


@dataclass(frozen=True, slots=True)
class Start:
    """How far a cursor is in one scope. `floor` is the scope's when it was last sent from its beginning, told while
    that goes on: tombstones up to there were never needed, so a page below it may be followed by the next (F-65)."""

    ord: int
    view_version: int
    seq: int
    floor: int = 0


@dataclass(frozen=True, slots=True)
class PageAsk:
    """One page for one reader. `readable` says per role which kinds it may read: filtered in the query."""

    user: str
    session: str | None
    starts: Sequence[Start]
    readable: Mapping[str, Sequence[str]]
    limit: int
    now: str
    scopes: frozenset[str] | None = None  # only these (None: all the reader holds)


@dataclass(frozen=True, slots=True)
class Held:
    """A scope the reader holds now: its head and floor in the page's snapshot."""

    ord: int
    membership: Membership
    head: int
    floor: int


@dataclass(frozen=True, slots=True)
class Page:
    """`entries` are in (ord, seq) order, at most limit + 1 of them, for the first scopes that are behind.
    `reached` are the ords that this page looked into; `names` names all ords of the cursor and the page."""

    who: Who | None
    epoch: str
    held: Sequence[Held]
    entries: Sequence[LedgerEntry]
    reached: frozenset[int]
    names: Mapping[int, str]
    resend_since: str | None = None  # after a restore: from when on devices send again what they recorded


@dataclass(frozen=True, slots=True)
class RowsRead:
    """Rows of a page, with the memberships as they stand in this later snapshot: a scope that went in between is left
    out by the reader (I-16)."""

    rows: Mapping[Key, Row]
    views: Mapping[str, int]  # scope → view_version now


class Store(Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Tx]: ...

    async def page(self, ask: PageAsk) -> Page: ...

    async def rows(self, user: str, keys: Sequence[Key], now: str) -> RowsRead: ...

    async def note_removed(self, user: str, device: str, told: Sequence[str], purged: Sequence[str],
                           now: str) -> None: ...
