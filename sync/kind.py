"""What the engine must know of a kind of row. Filled from the declarations in storage/entities; knows no table.

What refuses or follows across rows is sync/rule.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync.access import Access, Role, View
from sync.record import Because, Change, Fields, Key, Row

if TYPE_CHECKING:
    from sync.policy import Policy


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column. `by` is who writes it: the client at any time, once at creation, or the server alone."""

    name: str
    by: str = "client"  # client | creation | server
    masked: bool = False
    default: Any = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """Fields after the wire check: canonical, with unknown ones apart (kept as `extra`, S-38), and what was wrong.

    `ignored` names the server's own columns that the client echoed; they are the server's word and were not read.
    """

    fields: Fields
    extra: Fields = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    problems: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A guard's or rule's no: the code the author gets, what was wrong, and the row that stands instead, if another.

    The edit is kept like every loser.
    """

    code: Because
    details: tuple[dict[str, Any], ...] = ()
    winner: Key | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Rows that a decision needs beside the changed one: those of `kind` kept under `home` whose column has the value.

    `column` is `id` or an indexed column; `since` bounds a second column from below (future doses only).
    """

    kind: str
    home: str
    column: str
    value: str
    since: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be read for one change: rows, and the memberships of whole scopes."""

    rows: tuple[Lookup, ...] = ()
    memberships: tuple[str, ...] = ()


def no_guard(*_: object, **__: object) -> Refused | None:
    return None


def no_founder(user: str, change: Change) -> Role | None:
    return None


def any_id(fields: Fields) -> str | None:
    return None


def needs_nothing(change: Change, now: str) -> Needs:
    return Needs()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row as the engine sees it."""

    name: str
    policy: Policy
    access: Access
    columns: Mapping[str, Column]
    scopes_of: Callable[[str, Fields], tuple[str, ...]]  # (id, fields) → scopes, home first; from immutable columns
    check: Callable[[Change], Checked]
    check_server: Callable[[Change], Checked]  # the same for the system's own changes: the server's columns too
    part: str | None = None  # column that says which prescription a row belongs to (`id` for the row itself)
    day: str | None = None
    line: str | None = None  # column that says which line a row tells of (`id` for the row itself)
    parents: Mapping[str, str] = field(default_factory=dict)  # column → kind; same home scope
    founds: str | None = None  # prefix of the scope that comes into being with a row of this kind
    founder: Callable[[str, Change], Role | None] = no_founder  # (author, change) → the role in the new scope
    deposits: frozenset[str] = frozenset()  # scope prefixes that may be written without holding them
    reacts: bool = False  # something follows later: an outbox row is written
    masks: Callable[[dict[str, Any], View], dict[str, Any]] | None = None  # for columns that are lists of lines
    computed_id: Callable[[Fields], str | None] = any_id  # the id that these fields make, for rows with computed ids
    guard: Callable[..., Refused | None] = no_guard  # a sync.rule.Guard, which speaks of sets of kinds
    needs: Callable[[Change, str], Needs] = needs_nothing  # (change, now)
    rank: int = 0  # parents are judged before children

    def part_of(self, row: Row) -> str | None:
        return _value(self.part, row)

    def day_of(self, row: Row) -> str | None:
        return _value(self.day, row)

    def seen_through(self, row: Row, view: View) -> bool:
        return view.shows(self.part_of(row), self.day_of(row))

    def told(self, row: Row, view: View) -> dict[str, Any]:
        """The row as a reader with this view gets it: masked where its line is hidden; `extra` in full views only."""
        body: dict[str, Any] = {"id": row.id, **row.fields}
        if view.parts is None and view.days is None and not view.hidden:
            body = {**row.extra, **body}
        if self.line is not None and _value(self.line, row) in view.hidden:
            body.update({name: None for name, column in self.columns.items() if column.masked})
        if self.masks is not None and view.hidden:
            body = self.masks(body, view)
        body.update(version=row.version, created_at=row.created_at, changed_at=row.changed_at,
                    changed_by=row.changed_by)
        return body


def _value(column: str | None, row: Row) -> str | None:
    if column is None:
        return None
    return row.id if column == "id" else row.fields.get(column)


Kinds = Mapping[str, Kind]
