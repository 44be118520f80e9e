"""Client wins: the person's word on a dose, merged by `settle`; the schedule beside it is the server's (DESIGN.md 11).

Every received action is kept in the row's memory as an entry, winner or not. Knows the action group's columns; never
plans, lines or windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sync.policy import Edit, Merged, Policy, not_below
from sync.record import Because, Op, Outcome, Row
from sync.settle import TAKEN, UNDONE, Entry, Settled, bounded, saw, settle
from sync.values import parse_instant

RETROACTIVE_AFTER_S = 60 * 60  # recorded more than 60 min after it happened
TOLD = ("recorded_at", "recorded_by", "recorded_authority", "retroactive", "conflict")


@dataclass(frozen=True, slots=True)
class ClientWins(Policy):
    """`group` is the action group; its first column names the action, its second the moment it happened."""

    group: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.group, *TOLD)

    def create(self, edit: Edit) -> Merged:
        blank = replace(edit.draft, version=0, fields={**edit.draft.fields, **self._blank()}, memory={"entries": []})
        if not self._speaks(edit, blank):
            return Merged(Outcome.APPLIED, Because.NEW, replace(blank, version=1))
        merged = self.merge(blank, edit)
        # An undo of a dose nobody had recorded asserts nothing; the row is made all the same, to remember it.
        row = merged.row if merged.row is not None and merged.row.version else replace(merged.row or blank, version=1)
        return Merged(Outcome.APPLIED, Because.NEW, row)

    def merge(self, row: Row, edit: Edit) -> Merged:
        entries = entries_of(row)
        if not self._speaks(edit, row):
            code = Because.SCHEDULE_KEPT if edit.differs else Because.SAME_CONTENT
            return Merged(Outcome.MERGED if edit.differs else Outcome.DUPLICATE, code)
        entry = self._entry(row, edit)
        if any(_same(entry, old) for old in entries):
            return Merged(Outcome.DUPLICATE, Because.SAME_CONTENT)
        before, after = settle(entries), settle([*entries, entry])
        outcome, code = self._verdict(entry, before, after, edit)
        return Merged(outcome, code, self._row(row, edit, bounded([*entries, entry]), after))

    def _speaks(self, edit: Edit, row: Row) -> bool:
        """Whether the edit says anything of the action; a re-sent empty group does not."""
        if edit.op is Op.DELETE:
            return True
        told = {name: edit.fields[name] for name in self.group if edit.fields.get(name) is not None}
        return bool(told) and (self.group[0] in told or row.fields.get(self.group[0]) is not None)

    def _entry(self, row: Row, edit: Edit) -> Entry:
        action_column, at_column = self.group[:2]
        action = UNDONE if edit.op is Op.DELETE else edit.fields.get(action_column) or row.fields[action_column]
        correcting = edit.op is not Op.DELETE and edit.fields.get(action_column) is None
        told = {name: (row.fields.get(name) if correcting and name not in edit.fields else edit.fields.get(name))
                for name in self.group[1:]}
        at = told[at_column] or (edit.recorded_at if action == TAKEN else None)
        return Entry(edit.change_id, edit.device, edit.hlc, row.version + 1, min(edit.base, row.version),
                     edit.authority, action, at, told, edit.user, edit.recorded_at)

    def _verdict(self, entry: Entry, before: Settled, after: Settled, edit: Edit) -> tuple[Outcome, Because]:
        stands = after.entry is entry or (entry.action == UNDONE and after.entry is None)
        follows = before.entry is None or saw(entry, before.entry) or before.entry.device == entry.device
        if not stands and entry.action == UNDONE:
            return Outcome.MERGED, Because.CONCURRENT_KEPT
        if before.entry and entry.action == TAKEN == before.entry.action and entry.authority is before.entry.authority \
                and entry in after.alive and before.entry in after.alive and after.entry in (entry, before.entry):
            return Outcome.MERGED, Because.EARLIEST_KEPT
        if not stands:
            outranked = after.entry is not None and after.entry.authority.weight > entry.authority.weight
            if outranked:
                return Outcome.SUPERSEDED, Because.PERSON_OVER_DEVICE
            return Outcome.SUPERSEDED, Because.SAME_BATCH if edit.chained else Because.OLDER_EDIT
        if edit.differs:
            return Outcome.MERGED, Because.SCHEDULE_KEPT
        if follows:
            return Outcome.APPLIED, Because.SEQUENTIAL
        lower = before.entry is not None and before.entry.authority.weight < entry.authority.weight
        return Outcome.APPLIED, Because.PERSON_OVER_SERVER if lower else Because.NEWEST

    def _row(self, row: Row, edit: Edit, entries: list[Entry], after: Settled) -> Row:
        """The row with its new memory; a new version only if what is told of it changed."""
        told = self._told(after)
        memory = {**row.memory, "entries": [entry.as_json() for entry in entries]}
        revived = row.deleted and after.entry is not None
        if not revived and all(row.fields.get(name) == value for name, value in told.items()):
            return replace(row, memory=memory)
        fields = {**row.fields, **told}
        if revived:
            fields["state"] = "superseded"  # its plan let it go, and yet it was taken
        return replace(row, version=row.version + 1, fields=fields, memory=memory, extra={**row.extra, **edit.extra},
                       deleted=row.deleted and not revived, hlc=not_below(edit.hlc, row.hlc),
                       changed_at=edit.now, changed_by=edit.user)

    def _told(self, settled: Settled) -> dict[str, Any]:
        entry = settled.entry
        if entry is None:
            return self._blank()
        told = {name: entry.values.get(name) for name in self.group[2:]}
        late = settled.at is not None and \
            (parse_instant(entry.recorded_at) - parse_instant(settled.at)).total_seconds() > RETROACTIVE_AFTER_S
        return {self.group[0]: entry.action, self.group[1]: settled.at, **told, "recorded_at": entry.recorded_at,
                "recorded_by": entry.author, "recorded_authority": str(entry.authority), "retroactive": late,
                "conflict": settled.conflict}

    def _blank(self) -> dict[str, Any]:
        return {**dict.fromkeys(self.group), **dict.fromkeys(TOLD), "retroactive": False}


def entries_of(row: Row) -> list[Entry]:
    return [Entry.of_json(body) for body in row.memory.get("entries", ())]


def _same(entry: Entry, old: Entry) -> bool:
    return (entry.change_id == old.change_id and entry.device == old.device) or (
        entry.hlc == old.hlc and entry.action == old.action and entry.at == old.at)
