"""How a change meets the row as it stands: one class per policy, each a pure function of the two (DESIGN.md 3, 11).

Base version first, clock second: an edit whose author had seen the row follows on and no clock is asked; only a fork
compares corrected times. Knows rows and edits; never scopes, roles or stores. Doses have a room of their own
(sync/dose_policy.py), for they remember every action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync.clock import counter_in, device_in, ms_in, stamp
from sync.record import Authority, Because, Fields, Op, Outcome, Row

WHOLE = "*"  # the stamp of rows that are judged as a whole
BURIED = "deleted"  # the stamp of a tombstone


@dataclass(frozen=True, slots=True)
class Edit:
    """A checked change on the server's clock. `base` never exceeds the row's version; `draft` is the row it would make
    if there were none. `chained`: this device changed the row earlier in the same batch."""

    op: Op
    base: int
    fields: Fields
    extra: Fields
    hlc: str
    recorded_at: str
    now: str
    user: str
    device: str
    change_id: str
    authority: Authority
    draft: Row
    chained: bool = False
    differs: bool = False  # it carried columns of the server or of creation that say otherwise


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the edit. `row` is None if the row stays as it is; at equal version only its memory changed."""

    outcome: Outcome
    code: Because
    row: Row | None = None

    @property
    def won(self) -> bool:
        return self.outcome in (Outcome.APPLIED, Outcome.MERGED)


@dataclass(frozen=True, slots=True)
class Policy:
    """How edits of one kind meet. `needs` are columns without which it cannot merge."""

    @property
    def needs(self) -> tuple[str, ...]:
        return ()

    def create(self, edit: Edit) -> Merged:
        row = replace(edit.draft, memory=stamped({}, list(edit.fields), 1, edit.hlc))
        return Merged(Outcome.APPLIED, Because.NEW, row)

    def merge(self, row: Row, edit: Edit) -> Merged:
        raise AssertionError("a policy says how it merges")


@dataclass(frozen=True, slots=True)
class LatestPerField(Policy):
    """The latest change of each field wins; fields of one edit may have different fates (profile, settings)."""

    def merge(self, row: Row, edit: Edit) -> Merged:
        if edit.op is Op.DELETE or row.deleted:
            return _bury_or_revive(row, edit)
        won = {name: value for name, value in edit.fields.items() if beats(row, edit, name)}
        lost = [name for name in edit.fields if name not in won]
        if not won and (lost or not edit.extra):
            if not lost or all(edit.fields[name] == row.fields.get(name) for name in lost):
                return Merged(Outcome.DUPLICATE, Because.SAME_CONTENT)
            return Merged(Outcome.SUPERSEDED, _older(edit))
        after = laid_over(row, edit, won, stamps=list(won))
        if lost:
            return Merged(Outcome.MERGED, Because.FIELDS, after)
        fork = any(not has_seen(row, edit, name) for name in won)
        return Merged(Outcome.APPLIED, Because.NEWEST if fork else Because.SEQUENTIAL, after)


@dataclass(frozen=True, slots=True)
class ServerWins(Policy):
    """The row as a whole is the server's: an edit of an old version is refused and kept (R-198)."""

    def create(self, edit: Edit) -> Merged:
        return Merged(Outcome.APPLIED, Because.NEW, replace(edit.draft, memory=stamped({}, [WHOLE], 1, edit.hlc)))

    def merge(self, row: Row, edit: Edit) -> Merged:
        if stamp_of(row, WHOLE)[1] == edit.hlc:
            return Merged(Outcome.DUPLICATE, Because.SAME_CONTENT)
        if not has_seen(row, edit, WHOLE):
            return Merged(Outcome.REJECTED, Because.STALE_BASE)
        if edit.op is Op.DELETE:
            after = replace(laid_over(row, edit, {}, stamps=[WHOLE]), deleted=True)
        else:
            after = laid_over(row, edit, edit.fields, stamps=[WHOLE])
        return Merged(Outcome.APPLIED, Because.SEQUENTIAL, after)


@dataclass(frozen=True, slots=True)
class AppendOnly(Policy):
    """Once written, never changed; a correction is a new row that names what it corrects (`immutable`)."""

    def merge(self, row: Row, edit: Edit) -> Merged:
        if edit.op is not Op.DELETE and all(row.fields.get(name) == value for name, value in edit.fields.items()):
            return Merged(Outcome.DUPLICATE, Because.SAME_CONTENT)
        return Merged(Outcome.REJECTED, Because.IMMUTABLE)


@dataclass(frozen=True, slots=True)
class ServerOwned(Policy):
    """The server's rows; people may change the `open` columns (latest per field) and, if access allows, delete."""

    open: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        return self.open

    def merge(self, row: Row, edit: Edit) -> Merged:
        if any(name not in self.open for name in edit.fields):
            return Merged(Outcome.REJECTED, Because.FORBIDDEN)
        return LatestPerField().merge(row, edit)


@dataclass(frozen=True, slots=True)
class LatestStatus(Policy):
    """Latest status wins within a generation; a closing status absorbs whatever the clocks say (R-051, DESIGN.md 11).

    Without the generation an offline accept stamped after a revoke would reopen health data. The other columns are
    latest per field. The next generation begins only where the present one is closed. `order` goes from the
    most open to the most private status.
    """

    status: str
    generation: str
    order: tuple[str, ...]
    closing: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.status, self.generation)

    def merge(self, row: Row, edit: Edit) -> Merged:
        if edit.op is Op.DELETE:
            return Merged(Outcome.REJECTED, Because.IMMUTABLE)
        stands, wanted = row.fields[self.status], edit.fields.get(self.status, row.fields[self.status])
        age = edit.fields.get(self.generation, row.fields[self.generation]) - row.fields[self.generation]
        if age > 1 or (age == 1 and stands not in self.closing):  # or requests would be heaped on an open one
            return Merged(Outcome.REJECTED, Because.WRONG_STATUS)
        if age < 0 or (age == 0 and stands in self.closing and wanted not in self.closing):
            return Merged(Outcome.REJECTED, Because.CLOSED_GENERATION)
        if age == 1:
            return self._reopened(row, edit)
        moves = self.status in edit.fields and self._moves(row, edit, stands, wanted)
        rest = {k: v for k, v in edit.fields.items() if k not in self.needs and beats(row, edit, k)}
        rest.update({self.status: wanted} if moves else {})
        lost = [k for k in edit.fields if k not in rest and edit.fields[k] != row.fields.get(k)]
        if not rest:
            return Merged(Outcome.SUPERSEDED, _older(edit)) if lost else Merged(Outcome.DUPLICATE, Because.SAME_CONTENT)
        after = laid_over(row, edit, rest, stamps=list(rest))
        if lost:
            return Merged(Outcome.MERGED, Because.FIELDS, after)
        seen = all(has_seen(row, edit, name) for name in rest)
        return Merged(Outcome.APPLIED, Because.SEQUENTIAL if seen else Because.NEWEST, after)

    def _moves(self, row: Row, edit: Edit, stands: str, wanted: str) -> bool:
        private = self.order.index(wanted) > self.order.index(stands)
        if stands in self.closing or wanted in self.closing:
            return private
        if wanted == stands:  # said again later: remembered, or an older word that comes after it would win (P10)
            return beats(row, edit, self.status)
        if has_seen(row, edit, self.status):
            return True
        told, standing = edit.hlc[:17], stamp_of(row, self.status)[1][:17]
        return private if told == standing else told > standing

    def _reopened(self, row: Row, edit: Edit) -> Merged:
        # Everything is stamped anew: an old offline edit of a level must not reach into the new generation.
        after = laid_over(row, edit, edit.fields, stamps=[*row.memory, *edit.fields, *self.needs])
        return Merged(Outcome.APPLIED, Because.SEQUENTIAL, after)


def stamp_of(row: Row, name: str) -> tuple[int, str]:
    """(version, hlc) at which a field last changed; before everything if it never did."""
    found = row.memory.get(name)
    return (found[0], found[1]) if found else (0, "")


def stamped(memory: Fields, names: list[str], version: int, hlc: str) -> dict[str, Any]:
    return {**memory, **{name: [version, hlc] for name in names}}


def has_seen(row: Row, edit: Edit, name: str) -> bool:
    """Whether the edit's author had the field's present value before their eyes; one's own earlier edits always."""
    version, hlc = stamp_of(row, name)
    return version <= edit.base or (device_in(hlc) == edit.device and edit.hlc > hlc)


def beats(row: Row, edit: Edit, name: str) -> bool:
    hlc = stamp_of(row, name)[1]
    return edit.hlc != hlc and (has_seen(row, edit, name) or edit.hlc > hlc)


def not_below(hlc: str, replaced: str) -> str:
    """The time that an applied edit is kept with: never below what it replaces (sync-protocol.md 8)."""
    if hlc >= replaced:
        return hlc
    return stamp(ms_in(replaced), counter_in(replaced) + 1, device_in(hlc))


def laid_over(row: Row, edit: Edit, fields: Mapping[str, Any], stamps: list[str]) -> Row:
    """The next version of the row with these fields; stamps say which of them the edit answers for."""
    version = row.version + 1
    memory = dict(row.memory)
    for name in stamps:
        memory[name] = [version, not_below(edit.hlc, stamp_of(row, name)[1])]
    return replace(
        row, version=version, fields={**row.fields, **fields}, memory=memory, extra={**row.extra, **edit.extra},
        hlc=not_below(edit.hlc, row.hlc), changed_at=edit.now, changed_by=edit.user,
    )


def _bury_or_revive(row: Row, edit: Edit) -> Merged:
    """A deletion, or an edit of a tombstone: the one that had seen the other wins, in a fork the newer."""
    if edit.op is Op.DELETE and row.deleted:
        return Merged(Outcome.DUPLICATE, Because.SAME_CONTENT)
    seen = edit.base >= row.version or (device_in(row.hlc) == edit.device and edit.hlc > row.hlc)
    if not seen and edit.hlc <= row.hlc:
        return Merged(Outcome.SUPERSEDED, _older(edit))
    fields = {} if edit.op is Op.DELETE else edit.fields
    after = replace(laid_over(row, edit, fields, stamps=[*fields, BURIED]), deleted=edit.op is Op.DELETE)
    return Merged(Outcome.APPLIED, Because.SEQUENTIAL if seen else Because.NEWEST, after)


def _older(edit: Edit) -> Because:
    return Because.SAME_BATCH if edit.chained else Because.OLDER_EDIT
