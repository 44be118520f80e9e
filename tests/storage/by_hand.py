"""Pushes made by hand at the port (sync/store.py), without rules: claim these scopes, write these rows.

For tests of stores: what the engine would decide is written down here, so that a store is tested for keeping it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from storage.catalogue import KINDS
from sync.access import Membership, Role, View, scope_name
from sync.record import Because, Key, Outcome, Row
from sync.store import (
    Claim,
    Claimed,
    JournalEntry,
    Kept,
    LedgerEntry,
    Outbox,
    PageAsk,
    Replay,
    Start,
    Store,
    Wants,
    Writes,
)
from tests.cast import Stage

NOW = "2026-11-21T01:10:00+00:00"
LATER = "2026-11-21T02:10:00+00:00"


def new_id() -> str:
    return str(uuid4())


@dataclass
class Writer:
    """A person with one device, and the scopes named after them."""

    user: str = field(default_factory=new_id)
    device: str = field(default_factory=new_id)
    session: str | None = None

    @property
    def patient(self) -> str:
        return scope_name("patient", self.user)

    def claim(self, rooms: Mapping[str, int], batch_id: str = "", **more: Any) -> Claim:
        wants = {"deposits": frozenset(), "founding": frozenset(), "now": NOW, "digest": "d1", **more}
        return Claim(self.user, self.device, self.session, batch_id or new_id(), rooms=rooms, **wants)

    def wants(self, *scopes: str, **more: Any) -> Wants:
        return Wants(self.user, self.device, scopes, **more)

    def ask(self, *starts: Start, limit: int = 100, now: str = NOW, **more: Any) -> PageAsk:
        return PageAsk(self.user, self.session, starts, READABLE, limit, now, **more)


READABLE = {str(role): [name for name, kind in KINDS.items() if role in kind.access.read] for role in Role}


def dose(patient: str, *, part: str | None = None, day: str = "2026-11-21", version: int = 1, **fields: Any) -> Row:
    """A dose of a patient, `patient` being the person's id."""
    known = {name: column.default for name, column in KINDS["dose_event"].columns.items()}
    given = {"patient_id": patient, "line_id": new_id(), "nominal_date": day, "slot_key": "0|MORN",
             "prescription_id": part, "due_at": f"{day}T01:00:00+00:00", **fields}
    id_ = given.pop("id", None) or new_id()
    return Row("dose_event", id_, (scope_name("patient", patient),), version, "019b77154000-0000-phone",
               {**known, **given}, created_at=NOW, changed_at=NOW, changed_by=patient)


def entries(rows: Iterable[Row], claimed: Claimed) -> list[LedgerEntry]:
    """A ledger entry for each row in each of its scopes that is locked."""
    used = {name: numbers.first for name, numbers in claimed.scopes.items()}
    made = []
    for row in rows:
        kind = KINDS[row.kind]
        for scope in row.scopes:
            if scope in used:
                made.append(LedgerEntry(claimed.scopes[scope].ord, used[scope], row.kind, row.id, row.home, row.deleted,
                                        kind.part_of(row), kind.day_of(row), row.version))
                used[scope] += 1
    return made


def journal(writer: Writer, batch_id: str, row: Row, change_id: str = "", **more: Any) -> JournalEntry:
    told: dict[str, Any] = {
        "digest": "c1", "role": "patient", "op": "upsert", "base": 0, "fields": {"action": "taken"},
        "outcome": Outcome.APPLIED, "code": Because.NEW, "version": row.version, "tells_row": False, "details": (),
        "hlc": row.hlc, "recorded_at": None, "corrected_at": NOW, "offset_ms": 0, "clock_suspect": False,
        "received_at": NOW, **more,
    }
    kind = KINDS[row.kind]
    return JournalEntry(device=writer.device, change_id=change_id or new_id(), user=writer.user, kind=row.kind,
                        id=row.id, scope=row.home, part=kind.part_of(row), day=kind.day_of(row), batch_id=batch_id,
                        **told)


def kept(entry: JournalEntry, i: int = 0) -> Kept:
    return Kept(i, entry.change_id, entry.outcome, entry.code, entry.version, Key(entry.kind, entry.scope, entry.id),
                entry.tells_row, entry.details, entry.digest)


def writes(
    writer: Writer, claim: Claim, claimed: Claimed, rows: Iterable[Row] = (), memberships: Iterable[Membership] = (),
    lines: Iterable[JournalEntry] | None = None,
) -> Writes:
    rows = list(rows)
    lines = [journal(writer, claim.batch_id, row) for row in rows] if lines is None else list(lines)
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    touched = tuple((line.kind, line.id, line.version, line.change_id) for line in lines)
    return Writes(writer.device, claim.batch_id, NOW, by_kind, entries(rows, claimed), lines, list(memberships),
                  [Outbox(lines[0].scope, touched)] if lines else [], [kept(line, i) for i, line in enumerate(lines)])


async def pushed(
    store: Store, writer: Writer, rows: Iterable[Row] = (), *, scopes: Iterable[str] = (),
    memberships: Iterable[Membership] = (), founding: Iterable[str] = (), batch_id: str = "",
    lines: Iterable[JournalEntry] | None = None, room: int | None = None,
) -> Claimed | Replay:
    """One whole push; a replay writes nothing."""
    rows = list(rows)
    rooms = dict.fromkeys([*scopes, *founding, *(scope for row in rows for scope in row.scopes)], 0)
    rooms = {scope: max(1, len(rows)) if room is None else room for scope in rooms}
    claim = writer.claim(rooms, batch_id, founding=frozenset(founding))
    async with store.transaction() as tx:
        claimed = await tx.claim(claim)
        if isinstance(claimed, Claimed):
            await tx.read(writer.wants(*rooms))
            await tx.write(writes(writer, claim, claimed, rows, memberships, lines))
    return claimed


async def founded(store: Store, writer: Writer) -> Writer:
    """The writer's patient scope, made and held."""
    await pushed(store, writer, founding=[writer.patient],
                 memberships=[Membership(writer.user, writer.patient, Role.PATIENT)])
    return writer


async def enrolled(stage: Stage) -> Writer:
    """Somebody with an account and nothing else."""
    writer = Writer()
    await stage.enrol(writer.user, "patient", "active")
    return writer


async def granted(
    store: Store, owner: Writer, other: Writer, role: Role = Role.VIEWER, view: View | None = None, version: int = 1,
    expires_at: str | None = None, ended_at: str | None = None,
) -> None:
    """The other's membership of the owner's patient scope, as it stands from now on."""
    member = Membership(other.user, owner.patient, role, view or View(), version, expires_at, ended_at)
    await pushed(store, owner, scopes=[owner.patient], memberships=[member])
