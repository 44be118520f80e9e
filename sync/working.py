"""The rows of one push while it is being decided: what was read, laid over by what the push itself has done so far.

Rules and guards see and write through it. Knows versions and overlays; never policies, never a store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync.access import Membership, Role, View
from sync.kind import Kinds
from sync.record import Key, Row
from sync.store import Known, Who


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts, through which device, as the accounts know them now."""

    user: str
    device: str
    who: Who
    system: bool = False


class Working:
    """Rows known and changed so far. All times are canonical instants; `now_hlc` is the server's own hybrid time."""

    def __init__(self, kinds: Kinds, author: Author, known: Known, now: str, now_hlc: str) -> None:
        self.kinds = kinds
        self.author = author
        self.now = now
        self.now_hlc = now_hlc
        self._rows: dict[Key, Row] = {row.key: row for row in known.rows}
        self._members: dict[tuple[str, str], Membership] = {(m.user, m.scope): m for m in known.members}
        self._members.update({(m.user, m.scope): m for m in known.memberships.values()})
        self._changed: dict[Key, Row] = {}
        self._granted: dict[tuple[str, str], Membership] = {}
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self.memo: dict[Any, Any] = {}  # what rules have worked out for this batch and will need again

    # reading

    def row(self, kind: str, home: str, id_: str) -> Row | None:
        """The row as it stands now, tombstones included; None if unknown. Only rows that were asked for are known."""
        return self._rows.get(Key(kind, home, id_))

    def rows(self, kind: str, home: str, **match: Any) -> list[Row]:
        """Living rows of a kind under a home whose fields equal `match`, by id."""
        found = [
            row
            for key, row in self._rows.items()
            if key.kind == kind and key.home == home and not row.deleted
            and all(row.fields.get(name) == value for name, value in match.items())
        ]
        return sorted(found, key=lambda row: row.id)

    def membership(self, user: str, scope: str) -> Membership | None:
        return self._members.get((user, scope))

    def held_by(self, user: str) -> list[Membership]:
        """The memberships of one person in the scopes of this push."""
        return [m for (holder, _), m in self._members.items() if holder == user]

    def members(self, scope: str) -> list[Membership]:
        """Everybody who holds or held the scope; known only where `Needs.memberships` asked for it."""
        return sorted((m for (_, name), m in self._members.items() if name == scope), key=lambda m: m.user)

    # writing, with the server's hand

    def put(self, kind: str, home: str, id_: str, fields: Mapping[str, Any]) -> Row:
        """Creates the row or lays `fields` over it: one version up, tombstone revived, people's stamps untouched.

        Nothing happens (and no version is taken) if the row already says so.
        """
        before = self.row(kind, home, id_)
        if before is None:
            declared = {name: column.default for name, column in self.kinds[kind].columns.items()}
            full = {**declared, **fields}
            row = Row(kind, id_, self.kinds[kind].scopes_of(id_, full), 1, self.now_hlc, full,
                      created_at=self.now, changed_at=self.now, changed_by=self.author.user)
        elif not before.deleted and all(before.fields.get(name) == value for name, value in fields.items()):
            return before
        else:
            row = replace(before, version=before.version + 1, deleted=False, fields={**before.fields, **fields},
                          changed_at=self.now, changed_by=self.author.user)
        self.keep(row)
        return row

    def amend(self, row: Row, fields: Mapping[str, Any]) -> Row:
        """Completes a row that this very change has made: the server's columns, at the same version."""
        amended = replace(row, fields={**row.fields, **fields})
        self.keep(amended)
        return amended

    def remove(self, kind: str, home: str, id_: str) -> None:
        """Makes the row a tombstone; nothing happens if there is none to bury."""
        before = self.row(kind, home, id_)
        if before is not None and not before.deleted:
            self.keep(replace(before, version=before.version + 1, deleted=True, changed_at=self.now,
                              changed_by=self.author.user))

    def grant(self, user: str, scope: str, role: Role, view: View, expires_at: str | None = None) -> None:
        """Gives or changes a membership; its view version rises only if something changes."""
        before = self.membership(user, scope)
        wanted = Membership(user, scope, role, view, 1, expires_at)
        if before is not None:
            if replace(before, view_version=1) == wanted:
                return
            wanted = replace(wanted, view_version=before.view_version + 1)
        self._hold(wanted)

    def end(self, user: str, scope: str) -> None:
        """Ends a membership now; the row stays, so that what was recorded before can still arrive (R-203)."""
        before = self.membership(user, scope)
        if before is not None and before.ended_at is None:
            self._hold(replace(before, ended_at=self.now, view_version=before.view_version + 1))

    def keep(self, row: Row) -> None:
        """Lays a whole row over what was known. For policies; rules use `put`."""
        self._set(self._rows, row.key, row)
        self._set(self._changed, row.key, row)

    # what the plan takes from it

    def mark(self) -> int:
        return len(self._undo)

    def back_to(self, mark: int) -> None:
        """Takes back everything since the mark: a refused change leaves no trace."""
        while len(self._undo) > mark:
            where, key, old = self._undo.pop()
            if old is None:
                del where[key]
            else:
                where[key] = old

    def changed(self) -> Collection[Row]:
        return self._changed.values()

    def granted(self) -> Iterable[Membership]:
        return self._granted.values()

    def _hold(self, membership: Membership) -> None:
        key = (membership.user, membership.scope)
        self._set(self._members, key, membership)
        self._set(self._granted, key, membership)

    def _set(self, where: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((where, key, where.get(key)))
        where[key] = value
