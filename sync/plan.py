"""From changes and rows to everything one push writes and answers: `plan_push`, a pure function (DESIGN.md 2).

Knows ledger numbers, journal, outbox and results; who wins is judged in sync/judge.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sync.clock import Corrected
from sync.judge import TELLING, Judge
from sync.kind import Checked, Kinds
from sync.record import Because, Change, Key, Outcome, Result, Row
from sync.rule import Rules
from sync.standing import Asked, Fate, view_of
from sync.store import JournalEntry, Kept, Known, LedgerEntry, Numbers, Outbox, Writes
from sync.values import instant_of_ms
from sync.working import Author, Working


@dataclass(frozen=True, slots=True)
class Batch:
    """One push on the server's clock. `asked` holds every change in the order sent; `now` is a canonical instant."""

    batch_id: str
    asked: Sequence[Asked]
    offset_ms: int
    now: str
    now_hlc: str
    postponed: frozenset[str] = frozenset()  # scopes beyond what one batch may deposit into


@dataclass(frozen=True, slots=True)
class Plan:
    """What the store writes, what the author hears, which scopes moved. `rows` are told through the author's view."""

    writes: Writes
    results: Sequence[Result]
    rows: Mapping[Key, dict[str, Any]]
    heads: Mapping[str, int]
    held: frozenset[str]  # scopes that the author holds: of others he is told no head


def ask(kinds: Kinds, changes: Sequence[Change], times: Sequence[Corrected], *, system: bool = False) -> list[Asked]:
    """Every change after its kind's wire check. Unknown kinds are left as they came, to be deferred."""
    asked = []
    for sent, time in zip(changes, times, strict=True):
        kind, change = kinds.get(sent.kind), sent
        if kind is None or sent.faults:
            asked.append(Asked(change, Checked({}), time, _key(change)))
            continue
        if sent.at is not None and "at" in kind.columns and "at" not in sent.fields:
            change = replace(sent, fields={**sent.fields, "at": sent.at})
        asked.append(Asked(change, (kind.check_server if system else kind.check)(change), time, _key(change)))
    return asked


def _key(change: Change) -> Key | None:
    return Key(change.kind, change.scopes[0], change.id) if change.scopes else None


def plan_push(
    kinds: Kinds, rules: Rules, author: Author, batch: Batch, scopes: Mapping[str, Numbers], known: Known
) -> Plan:
    """Judges all changes, parents before children, and gathers what follows. Raises nothing a client could cause."""
    work = Working(kinds, author, known, batch.now, batch.now_hlc)
    judge = Judge(work, rules, known, scopes, batch.postponed)
    order = sorted(range(len(batch.asked)), key=lambda at: (_rank(kinds, batch.asked[at]), at))
    fates: dict[int, Fate] = {at: judge.fate(batch.asked[at]) for at in order}
    told = [_result(work, batch.asked[at], fates[at]) for at in range(len(batch.asked))]
    ledger, heads = _ledger(work, known, scopes)
    writes = Writes(
        author.device, batch.batch_id, batch.now, _by_kind(work), ledger,
        [_journal(work, batch, author, batch.asked[at], fates[at], told[at]) for at in order
         if _is_news(fates[at])],
        list(work.granted()), _outbox(kinds, batch.asked, fates), [_kept(result) for result in told],
    )
    held = frozenset(m.scope for m in work.held_by(author.user) if m.active(work.now))
    return Plan(writes, told, rows_told(work, told), heads, held)


def _rank(kinds: Kinds, asked: Asked) -> int:
    kind = kinds.get(asked.change.kind)
    return kind.rank if kind else 0


def _result(work: Working, asked: Asked, fate: Fate) -> Result:
    change = asked.change
    if fate.repeats is not None:
        kept = fate.repeats
        return Result(change.i, change.change_id, kept.outcome, kept.code, kept.version, kept.key, kept.tells_row,
                      kept.details)
    lost = fate.outcome in (Outcome.MERGED, Outcome.SUPERSEDED) or fate.code in TELLING
    key = fate.winner or (fate.row.key if fate.row else None)
    row = work.row(key.kind, key.home, key.id) if key else None
    visible = row is not None and view_of(work, work.kinds[row.kind], row) is not None
    if fate.outcome in (Outcome.ACCEPTED_LATE, Outcome.DEFERRED) or not visible or row is None:
        return Result(change.i, change.change_id, fate.outcome, fate.code, details=fate.details)
    version = fate.row.version if fate.row is not None and fate.winner is None else row.version
    return Result(change.i, change.change_id, fate.outcome, fate.code, version, key, lost, fate.details)


def rows_told(work: Working, results: Sequence[Result]) -> dict[Key, dict[str, Any]]:
    """The winners' rows as this author may see them now; a row that went out of view is not told (S-64, P04)."""
    told = {}
    for result in results:
        row = work.row(result.key.kind, result.key.home, result.key.id) if result.key and result.tells_row else None
        view = view_of(work, work.kinds[row.kind], row) if row else None
        if row is not None and view is not None:
            told[row.key] = {**work.kinds[row.kind].told(row, view), **({"deleted": True} if row.deleted else {})}
    return told


def _ledger(work: Working, known: Known, scopes: Mapping[str, Numbers]) -> tuple[list[LedgerEntry], dict[str, int]]:
    """One number per row and scope for rows whose version moved; none for rows that only learnt something."""
    before = {row.key: row.version for row in known.rows}
    used = {scope: numbers.first for scope, numbers in scopes.items()}
    entries, heads = [], {}
    for row in work.changed():
        if before.get(row.key) == row.version:
            continue
        assert row.version > before.get(row.key, 0), "versions never fall (P09)"
        kind = work.kinds[row.kind]
        for scope in row.scopes:
            numbers = scopes[scope]
            assert used[scope] < numbers.first + numbers.room, "more rows than numbers set aside"
            entries.append(LedgerEntry(numbers.ord, used[scope], row.kind, row.id, row.home, row.deleted,
                                       kind.part_of(row), kind.day_of(row), row.version))
            heads[scope] = used[scope]
            used[scope] += 1
    # A membership that changed is news to its holder although no row moved: the poke makes their device pull.
    for membership in work.granted():
        heads.setdefault(membership.scope, used.get(membership.scope, 1) - 1)
    return entries, heads


def _by_kind(work: Working) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in work.changed():
        rows.setdefault(row.kind, []).append(row)
    return rows


def _is_news(fate: Fate) -> bool:
    return fate.repeats is None and fate.outcome is not Outcome.DEFERRED and fate.code is not Because.SAME_CHANGE \
        and fate.code is not Because.CHANGE_ID_REUSED


def _journal(
    work: Working, batch: Batch, author: Author, asked: Asked, fate: Fate, result: Result
) -> JournalEntry:
    """The change for ever. A forbidden one leaves its trace but not its content: nobody fills a stranger's journal."""
    change, time = asked.change, asked.time
    kind, row = work.kinds.get(change.kind), fate.row
    fields = {} if fate.code is Because.FORBIDDEN else {**asked.checked.extra, **asked.checked.fields}
    return JournalEntry(
        author.device, change.change_id, change.digest, author.user, str(fate.role), change.kind, change.id,
        change.scopes[0] if change.scopes else "", kind.part_of(row) if kind and row else None,
        kind.day_of(row) if kind and row else None, str(change.op), change.base, fields, result.outcome, result.code,
        result.version, result.tells_row, result.details, time.hlc,
        None if change.recorded_at is None else instant_of_ms(change.recorded_at), instant_of_ms(time.recorded_at),
        batch.offset_ms, time.suspect, batch.now, batch.batch_id,
    )


def _outbox(kinds: Kinds, asked: Sequence[Asked], fates: Mapping[int, Fate]) -> list[Outbox]:
    """One row per scope for kinds from which something follows later; ids only."""
    touched: dict[str, list[tuple[str, str, int, str]]] = {}
    for at, fate in fates.items():
        change = asked[at].change
        happened = fate.repeats is None and fate.row is not None and fate.outcome in (
            Outcome.APPLIED, Outcome.MERGED, Outcome.SUPERSEDED, Outcome.ACCEPTED_LATE)
        if happened and fate.row is not None and kinds[change.kind].reacts:
            touched.setdefault(fate.row.home, []).append((change.kind, change.id, fate.row.version, change.change_id))
    return [Outbox(scope, tuple(items)) for scope, items in sorted(touched.items())]


def _kept(result: Result) -> Kept:
    return Kept(result.i, result.change_id, result.outcome, result.code, result.version, result.key, result.tells_row,
                result.details)
