"""One change's fate: check → scope → may → policy → guard → rules (DESIGN.md 2). Pure; asks only what was read.

Every refusal here is a value, a `Fate`, for a phone that was offline is ordinary life. Knows no wire and no numbers of
ledgers; sync/plan.py turns fates into writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sync.access import Role
from sync.dose_policy import ClientWins
from sync.kind import Kind, Refused
from sync.policy import Edit, Merged
from sync.problem import FieldCode, FieldProblem
from sync.record import Authority, Because, Key, Op, Outcome, Row
from sync.rule import Rules
from sync.standing import Asked, Fate, Standing, view_of
from sync.store import Known, Numbers
from sync.values import instant_of_ms
from sync.working import Working

TELLING = frozenset({Because.STALE_BASE, Because.SERVER_WINS, Because.IMMUTABLE, Because.CLOSED_GENERATION,
                     Because.WRONG_STATUS})


class Judge:
    """Judges the changes of one batch one after the other over one working set."""

    def __init__(
        self, work: Working, rules: Rules, known: Known, scopes: Mapping[str, Numbers], postponed: Collection[str]
    ) -> None:
        self.work = work
        self.postponed = postponed
        self.rules = rules
        self.known = known
        self.scopes = scopes
        self.standing = Standing(work, known, scopes)
        self._least_room = min((numbers.room for numbers in scopes.values()), default=0)
        self._touched: dict[Key, str] = {}
        self._left: dict[Key, int] = {}
        self._judged: dict[str, str] = {}  # change id → digest

    def fate(self, asked: Asked) -> Fate:
        """The story of one change; a refusal takes back whatever it had begun."""
        mark, before = self.work.mark(), self._row(asked)
        fate = self._repeated(asked) or self._unfit(asked) or self._judged_by_rules(asked)
        if asked.change.kind in self.rules and not self._fits():
            fate = Fate(Outcome.DEFERRED, Because.TOO_MUCH)
        if fate.outcome not in (Outcome.APPLIED, Outcome.MERGED, Outcome.SUPERSEDED, Outcome.ACCEPTED_LATE):
            self.work.back_to(mark)
        elif asked.key is not None:
            version, after = before.version if before else 0, self._row(asked)
            if after is not None and self._base(asked, version) == version:
                self._left[asked.key] = after.version
            self._touched[asked.key] = max(asked.time.hlc, self._touched.get(asked.key, ""))
        self._judged.setdefault(asked.change.change_id, asked.change.digest)
        return fate

    def _fits(self) -> bool:
        """Whether what this batch writes so far finds room in the numbers set aside for its scopes."""
        if len(self.work.changed()) <= self._least_room:
            return True  # the usual case, without counting
        written = Counter(scope for row in self.work.changed() for scope in row.scopes)
        return all(written[scope] <= self.scopes[scope].room for scope in written if scope in self.scopes)

    def _repeated(self, asked: Asked) -> Fate | None:
        change = asked.change
        if change.change_id in self._judged:
            same = self._judged[change.change_id] == change.digest
            return Fate(Outcome.DUPLICATE, Because.SAME_CHANGE) if same else Fate(
                Outcome.REJECTED, Because.CHANGE_ID_REUSED)
        kept = self.known.seen.get(change.change_id)
        if kept is None:
            return None
        if kept.digest != change.digest:
            return Fate(Outcome.REJECTED, Because.CHANGE_ID_REUSED)
        return Fate(kept.outcome, kept.code, self._row(asked), details=kept.details, repeats=kept)

    def _unfit(self, asked: Asked) -> Fate | None:
        change = asked.change
        if change.faults:
            return Fate(Outcome.REJECTED, Because.INVALID, details=change.faults)
        if change.kind not in self.work.kinds:
            return Fate(Outcome.DEFERRED, Because.UNKNOWN_KIND)
        if asked.checked.problems:
            return Fate(Outcome.REJECTED, Because.INVALID, details=asked.checked.problems)
        return None

    def _judged_by_rules(self, asked: Asked) -> Fate:
        change, kind = asked.change, self.work.kinds[asked.change.kind]
        if any(scope in self.postponed for scope in change.scopes):
            return Fate(Outcome.DEFERRED, Because.TOO_MUCH)
        if any(scope not in self.scopes for scope in change.scopes):
            return Fate(Outcome.REJECTED, Because.FORBIDDEN)
        row = self._row(asked)
        if self.work.author.system:
            return self._system(asked, kind, row)
        if change.op is Op.UPSERT and kind.computed_id(asked.checked.fields) not in (None, change.id):
            # Before anything is looked up: the answer must not tell whether such a row exists (S-31).
            return Fate(Outcome.REJECTED, Because.INVALID, details=_problems(["id"], FieldCode.ID_MISMATCH))
        draft = row or self._draft(asked, kind)
        fate = self._misplaced(asked, kind, row, draft)
        if fate is not None:
            return fate
        membership, late = self.standing.of(asked, kind, row, draft)
        if membership is None:
            return self.standing.refused_for_want_of_role(kind, row, late, asked)
        fate = self._incomplete(asked, kind, row, draft, membership.role)
        if fate is not None:
            return fate
        return self._merged(asked, kind, row, draft, membership.role, Authority.LATE if late else None)

    # scope: the row's own scopes decide, whatever the change names (S-33)

    def _draft(self, asked: Asked, kind: Kind) -> Row:
        fields = {name: column.default for name, column in kind.columns.items()}
        fields.update(asked.checked.fields)
        work = self.work
        return Row(kind.name, asked.change.id, asked.change.scopes, 1, asked.time.hlc, fields,
                   extra=dict(asked.checked.extra), created_at=work.now, changed_at=work.now,
                   changed_by=work.author.user)

    def _misplaced(self, asked: Asked, kind: Kind, row: Row | None, draft: Row) -> Fate | None:
        change = asked.change
        if row is not None:
            seen = view_of(self.work, kind, row) is not None
            return None if row.scopes == change.scopes else Fate(
                Outcome.REJECTED, Because.SCOPE_MISMATCH if seen else Because.FORBIDDEN)
        if change.op is not Op.UPSERT and not self.standing.may_know_of(kind, change):
            return Fate(Outcome.REJECTED, Because.FORBIDDEN)
        if change.op is Op.PATCH:
            return Fate(Outcome.DEFERRED, Because.MISSING_PARENT)
        if change.op is Op.DELETE and not isinstance(kind.policy, ClientWins):
            return Fate(Outcome.DUPLICATE, Because.SAME_CONTENT)
        missing = [name for name, column in kind.columns.items() if column.required and draft.fields.get(name) is None]
        if missing:
            details = tuple(FieldProblem(name, FieldCode.REQUIRED).as_json() for name in missing)
            return Fate(Outcome.REJECTED, Because.INVALID, details=details)
        if kind.scopes_of(change.id, draft.fields) != change.scopes:
            return Fate(Outcome.REJECTED, Because.SCOPE_MISMATCH)
        return None

    # what the columns allow, and whether the parents are there

    def _incomplete(self, asked: Asked, kind: Kind, row: Row | None, draft: Row, role: Role) -> Fate | None:
        fields = asked.checked.fields
        before = row.fields if row is not None else {name: column.default for name, column in kind.columns.items()}
        narrowed = [name for name, value in fields.items() if value != before.get(name)
                    and name in kind.access.columns and role not in kind.access.columns[name]]
        if narrowed:
            return Fate(Outcome.REJECTED, Because.FORBIDDEN, row, role, _problems(narrowed, FieldCode.NOT_ALLOWED))
        fixed = [name for name, value in fields.items()
                 if row is not None and kind.columns[name].by == "creation" and value != row.fields.get(name)]
        if fixed and not isinstance(kind.policy, ClientWins):
            return Fate(Outcome.REJECTED, Because.IMMUTABLE, row, role, _problems(fixed, FieldCode.IMMUTABLE))
        for column, parent_kind in kind.parents.items() if row is None else ():
            parent = draft.fields.get(column)
            if parent is not None and self.work.row(parent_kind, draft.home, parent) is None:
                return Fate(Outcome.DEFERRED, Because.MISSING_PARENT)
        return None

    # policy, guard, rules

    def _merged(
        self, asked: Asked, kind: Kind, row: Row | None, draft: Row, role: Role, late: Authority | None
    ) -> Fate:
        edit = self._edit(asked, kind, row, draft, late)
        if late is not None:
            edit = replace(edit, base=0)  # whose access has ended claims to have seen nothing: it overrules nobody
        merged = kind.policy.create(edit) if row is None else kind.policy.merge(row, edit)
        if merged.row is not None:
            self.work.keep(merged.row)
        after = merged.row or row or draft
        if merged.won and merged.row is not None:
            refused = self._held_back(asked, kind, row, after, role)
            if refused is not None:
                return Fate(Outcome.REJECTED, refused.code, row, role, refused.details, refused.winner)
        stands = self.work.row(*_place(after)) or after
        return self._as_told(merged, stands, role, late)

    def _base(self, asked: Asked, version: int) -> int:
        """The version that the author had seen. In a chain that is what the predecessor left, unless that one met
        a stranger's edit: else an undo would retract a dose that its author never saw (DESIGN.md 11, first story)."""
        told, key = asked.change.base, asked.key
        if key in self._left and asked.time.hlc >= self._touched[key]:
            told = max(told, self._left[key])
        return min(told, version)

    def _edit(self, asked: Asked, kind: Kind, row: Row | None, draft: Row, late: Authority | None) -> Edit:
        change, checked, version = asked.change, asked.checked, row.version if row else 0
        before = self._touched.get(asked.key) if asked.key else None
        base = self._base(asked, version)
        writable = {name: value for name, value in checked.fields.items()
                    if row is None or kind.columns[name].by == "client"}
        differs = row is not None and (
            any(name not in writable and value != row.fields.get(name) for name, value in checked.fields.items())
            or any(change.fields.get(name) != row.fields.get(name) for name in checked.ignored))
        return Edit(change.op, base, writable, checked.extra, asked.time.hlc, instant_of_ms(asked.time.recorded_at),
                    self.work.now, self.work.author.user, self.work.author.device, change.change_id,
                    late or (Authority.AUTOMATION if change.automatic else Authority.PERSON), draft,
                    before is not None, differs)

    def _held_back(self, asked: Asked, kind: Kind, row: Row | None, after: Row, role: Role) -> Refused | None:
        refused = kind.guard(self.work, row, after, asked.change, role)
        for rule in () if refused else self.rules.get(kind.name, ()):
            refused = rule(self.work, row, self.work.row(*_place(after)) or after, asked.change, role)
            if refused is not None:
                break
        return refused

    def _as_told(self, merged: Merged, row: Row, role: Role, late: Authority | None) -> Fate:
        if late is not None:
            return Fate(Outcome.ACCEPTED_LATE, Because.ACCESS_REVOKED, row, role)
        return Fate(merged.outcome, merged.code, row, role)

    def _system(self, asked: Asked, kind: Kind, row: Row | None) -> Fate:
        """The server's own hand: no policy stands above it, and a repeated deed says nothing new."""
        change = asked.change
        home = change.scopes[0]
        if row is None and change.op is Op.PATCH:
            return Fate(Outcome.DEFERRED, Because.MISSING_PARENT)
        if change.op is Op.DELETE:
            self.work.remove(kind.name, home, change.id)
        else:
            self.work.put(kind.name, home, change.id, asked.checked.fields)
        after = self.work.row(kind.name, home, change.id)
        if after is row or after is None:
            return Fate(Outcome.DUPLICATE, Because.SAME_CONTENT, row, Role.SYSTEM)
        for rule in self.rules.get(kind.name, ()):
            refused = rule(self.work, row, after, change, Role.SYSTEM)
            if refused is not None:
                return Fate(Outcome.REJECTED, refused.code, row, Role.SYSTEM, refused.details)
        return Fate(Outcome.APPLIED, Because.NEW if row is None else Because.SEQUENTIAL, after, Role.SYSTEM)

    def _row(self, asked: Asked) -> Row | None:
        return self.work.row(*_place_of(asked.key)) if asked.key else None


def _place(row: Row) -> tuple[str, str, str]:
    return row.kind, row.home, row.id


def _place_of(key: Key) -> tuple[str, str, str]:
    return key.kind, key.home, key.id


def _problems(names: list[str], code: FieldCode) -> tuple[dict[str, Any], ...]:
    return tuple(FieldProblem(name, code).as_json() for name in names)
