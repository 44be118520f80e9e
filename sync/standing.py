"""In which standing an author meets a row: their role in one of its scopes, through its view, or the grace after it.

One question for every door and every kind (S-32, S-33): the row's own scopes decide, whatever a change names. Knows
memberships; never policies or what an edit says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync.access import ALL, Membership, Role, View, prefix_of
from sync.clock import Corrected
from sync.dose_policy import ClientWins
from sync.kind import Checked, Kind
from sync.policy import ServerWins
from sync.record import Because, Change, Key, Op, Outcome, Row
from sync.store import Kept, Known, Numbers
from sync.values import instant_of_ms, parse_instant
from sync.working import Working

GRACE_DAYS = 30  # how long after a revocation facts from before it are still taken


@dataclass(frozen=True, slots=True)
class Asked:
    """A change after the wire check, on the server's clock. `change.fields` are canonical."""

    change: Change
    checked: Checked
    time: Corrected
    key: Key | None  # None if the change names no scope


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one change. `row` is the row it met or made; `role` in which it was judged."""

    outcome: Outcome
    code: Because
    row: Row | None = None
    role: Role = Role.STRANGER
    details: tuple[dict[str, Any], ...] = ()
    winner: Key | None = None
    repeats: Kept | None = None


class Standing:
    """Answers for one batch, over what was read and what the batch itself has done so far."""

    def __init__(self, work: Working, known: Known, scopes: Mapping[str, Numbers]) -> None:
        self.work = work
        self.known = known
        self.scopes = scopes

    def of(
        self, asked: Asked, kind: Kind, row: Row | None, draft: Row
    ) -> tuple[Membership | None, bool]:
        verb = self._verb(asked, row)
        subject = row or draft
        late = False
        placed = self._placed(kind, subject)
        found = [self._membership(asked, kind, scope) for scope in asked.change.scopes]
        for membership in sorted((m for m in found if m), key=lambda m: m.role is Role.STRANGER):
            if membership.role not in verb(kind):
                continue
            if membership.role is not Role.STRANGER and not kind.seen_through(placed, membership.view):
                continue
            if membership.active(self.work.now):
                return membership, False
            late = True
        if late and self._in_grace(asked, kind, subject):
            return self.work.membership(self.work.author.user, asked.change.scopes[0]), True
        return None, late

    def _verb(self, asked: Asked, row: Row | None) -> Any:
        if asked.change.op is Op.DELETE:
            return lambda kind: kind.access.delete
        return (lambda kind: kind.access.create) if row is None else (lambda kind: kind.access.change)

    def _membership(self, asked: Asked, kind: Kind, scope: str) -> Membership | None:
        user = self.work.author.user
        held = self.work.membership(user, scope)
        if held is None and self.scopes[scope].founded and kind.founds == prefix_of(scope):
            role = kind.founder(user, asked.change)
            if role is None:
                return None
            self.work.grant(user, scope, role, ALL)
            return self.work.membership(user, scope)
        if (held is None or not held.active(self.work.now)) and prefix_of(scope) in kind.deposits \
                and self._holds_another(asked.change, scope):
            return Membership(user, scope, Role.STRANGER)
        return held

    def _holds_another(self, change: Change, scope: str) -> bool:
        """A deposit reaches into a scope from another of the same row; nobody deposits from nowhere."""
        return any(other != scope and self._active(other) is not None for other in change.scopes)

    def _active(self, scope: str) -> Membership | None:
        held = self.work.membership(self.work.author.user, scope)
        return held if held is not None and held.active(self.work.now) else None

    def _placed(self, kind: Kind, subject: Row) -> Row:
        """A new row's part may stand only in its parent (a dose's prescription in its line)."""
        if kind.part is None or kind.part == "id" or subject.fields.get(kind.part) is not None:
            return subject
        for column, parent_kind in kind.parents.items():
            parent = self.work.row(parent_kind, subject.home, str(subject.fields.get(column)))
            if parent is not None and kind.part in parent.fields:
                return replace(subject, fields={**subject.fields, kind.part: parent.fields[kind.part]})
        return subject

    def _in_grace(self, asked: Asked, kind: Kind, subject: Row) -> bool:
        """Dose actions recorded before the access ended, on a device that has not yet been told (R-203, F-61)."""
        membership = self.work.membership(self.work.author.user, subject.home)
        ended = membership.over_since if membership else None
        if ended is None or not isinstance(kind.policy, ClientWins) or subject.home in self.known.told:
            return False
        within = (parse_instant(self.work.now) - parse_instant(ended)).days < GRACE_DAYS
        due = subject.fields.get("due_at") or kind.day_of(subject) or ended  # a dose its phone made has no due time yet
        return within and instant_of_ms(asked.time.recorded_at) < ended and due <= ended

    def refused_for_want_of_role(self, kind: Kind, row: Row | None, late: bool, asked: Asked) -> Fate:
        if late and asked.change.scopes[0] not in self.known.told:
            return Fate(Outcome.ACCEPTED_LATE, Because.QUARANTINED)
        for scope in asked.change.scopes:
            held = self.work.membership(self.work.author.user, scope)
            reads = held is not None and held.active(self.work.now) and held.role in kind.access.read
            if reads and held is not None and row is not None and kind.seen_through(row, held.view):
                code = Because.SERVER_WINS if isinstance(kind.policy, ServerWins) else Because.FORBIDDEN
                return Fate(Outcome.REJECTED, code, row, held.role)
        return Fate(Outcome.REJECTED, Because.FORBIDDEN)

    def may_know_of(self, kind: Kind, change: Change) -> bool:
        """Whether the author may learn that a row is absent: only who could touch it if it were there (S-31)."""
        home, access = self._active(change.scopes[0]), kind.access
        return home is not None and home.role in access.read | access.create | access.change | access.delete


def view_of(work: Working, kind: Kind, row: Row) -> View | None:
    """Through which view the author may be told this row; None if not at all (P04)."""
    if work.author.system:
        return ALL
    for scope in row.scopes:
        held = work.membership(work.author.user, scope)
        if held is not None and held.active(work.now) and held.role in kind.access.read \
                and kind.seen_through(row, held.view):
            return held.view
    return None
