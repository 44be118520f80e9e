"""The oracle: what must be true of a server's rows, computed plainly from them and nothing the engine made of them.

Who may see what follows from connections and private lines, not from memberships; what was done about a dose from its
entries by the words of DESIGN.md 11, not by `settle`; which doses there are from the periods in force. Kinds are read
for their declarations only (roles, part, day, masked columns).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduling.plan import Plan, read_plan
from scheduling.recurrence import expand
from scheduling.routine import Routine
from storage.catalogue import KINDS
from storage.entities.prescription_line import SHOWN_WHEN_HIDDEN, Line
from sync.record import Row
from sync.values import decimal_text, format_instant, parse_instant

Body = dict[str, Any]
LEVELS = {"doctor": {"selected": "doctor_selected", "allowed": "doctor"},
          "family": {"view": "view", "view+remind": "view+remind", "view+manage": "view+manage"}}
WEIGHTS = {"person": 3, "late": 2, "automation": 1, "server": 0}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person may see of one scope, from the connection that gave it."""

    role: str
    parts: frozenset[str] | None = None
    days: tuple[tuple[str, str], ...] | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def full(self) -> bool:
        return self.parts is None and self.days is None and not self.hidden


def grants(user: str, rows: Iterable[Row]) -> dict[str, Grant]:
    """Scope → grant, from living profiles, patients, connections and line settings."""
    found: dict[str, Grant] = {}
    every = [row for row in rows if not row.deleted]
    for row in every:
        if row.kind == "profile" and row.id == user:
            found[f"user:{user}"] = Grant("self")
        if row.kind == "patient" and row.id == user:
            found[f"patient:{user}"] = Grant("patient")
    for row in every:
        if row.kind != "connection" or row.fields["other_id"] != user or row.fields["status"] != "accepted":
            continue
        role = LEVELS[row.fields["other_role"]].get(row.fields["level"])
        if role is None:
            continue
        narrow = role == "doctor_selected"
        private = frozenset(one.id for one in every if one.kind == "line_setting" and one.home == row.home
                            and one.fields["private"])
        found[row.home] = Grant(
            role, frozenset(row.fields["parts"] or ()) if narrow else None,
            tuple((a, b) for a, b in row.fields["days"]) if narrow and row.fields["days"] else None,
            private if role.startswith("view") else frozenset())
    return found


def may_see(kind: str, id_: str, fields: Mapping[str, Any], scope: str, grant: Grant | None) -> bool:
    declared = KINDS[kind]
    if grant is None or grant.role not in declared.access.read:
        return False
    part = id_ if declared.part == "id" else fields.get(declared.part or "")
    day = fields.get(declared.day or "")
    return (grant.parts is None or part in grant.parts) and (
        grant.days is None or day is None or any(first <= day <= last for first, last in grant.days))


def told(row: Row, grant: Grant) -> Body:
    """The row as a reader with this grant must get it."""
    declared = KINDS[row.kind]
    body: Body = {**(row.extra if grant.full else {}), "id": row.id, **row.fields}
    line = row.id if declared.line == "id" else row.fields.get(declared.line or "")
    if line in grant.hidden:
        body.update({name: None for name, column in declared.columns.items() if column.masked})
    if row.kind == "prescription_version" and grant.hidden:
        body["lines"] = [{name: one.get(name) if name in SHOWN_WHEN_HIDDEN else None for name in Line.model_fields}
                         if one["line_id"] in grant.hidden else one for one in body["lines"]]
    return {**body, "version": row.version, "created_at": row.created_at, "changed_at": row.changed_at,
            "changed_by": row.changed_by}


def everything_for(user: str, rows: Sequence[Row]) -> dict[tuple[str, str, str], Body]:
    """(kind, home, id) → body of all that this person must hold, and nothing else."""
    granted = grants(user, rows)
    found: dict[tuple[str, str, str], Body] = {}
    for row in rows:
        seen = [granted[s] for s in row.scopes if not row.deleted and s in granted
                and may_see(row.kind, row.id, row.fields, s, granted[s])]
        if seen:
            found[row.kind, row.home, row.id] = told(row, min(seen, key=lambda g: (g.parts is not None, len(g.hidden))))
    return found


def settled(entries: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None, str | None]:
    """(action, at, conflict) of DESIGN.md 11, by its words: domination, retraction, rank of authority, newest."""

    def saw(e: Mapping[str, Any], f: Mapping[str, Any]) -> bool:
        return bool(f["r"] <= e["b"])

    def place(e: Mapping[str, Any]) -> tuple[str, int]:
        """By its clock among its device's own, but after what its author had seen, though the clock had jumped back."""
        after = max((place(f) for f in entries if f["d"] == e["d"] and saw(e, f)), default=("", 0))
        return (e["h"], 0) if e["h"] > after[0] else (after[0], after[1] + 1)

    def beats(e: Mapping[str, Any], f: Mapping[str, Any]) -> bool:
        return e is not f and (saw(e, f) or (e["d"] == f["d"] and (place(e), e["c"]) > (place(f), f["c"])))

    alive = [f for f in entries if not any(beats(e, f) for e in entries) and f["a"] != "undone"]
    if not alive:
        return None, None, None
    top = max(alive, key=lambda e: (WEIGHTS[e["w"]], e["h"], e["c"]))
    peers = [e for e in alive if e["w"] == top["w"]]
    takes = [e for e in peers if e["a"] == "taken"]
    if top["a"] != "taken":
        return top["a"], top["t"], "contradiction" if takes else None
    moments = sorted({e["t"] for e in takes if e["t"]})
    double = "possible_double_dose" if len(moments) > 1 else None
    return "taken", moments[0] if moments else None, "contradiction" if len(takes) < len(peers) else double


def doses_due(line: Row, patient: Row, since: str, until: str) -> dict[tuple[str, str, int], tuple[str, str, str]]:
    """(date, slot key, occurrence) → (due, amount, version) that the line's periods in force ask for in the window."""
    wanted = {}
    for period in line.fields["schedule"]:
        plan = read_plan(period["plan"])
        assert isinstance(plan, Plan), "a stored plan is sound"
        first = max(since, period["from"])
        last = until if period["until"] is None else min(until, period["until"])
        if first >= last:
            continue
        found = expand(plan, Routine.of(patient), parse_instant(first), parse_instant(last))
        assert isinstance(found, list), "a stored plan is bounded"
        for one in found:
            wanted[one.nominal_date.isoformat(), one.slot_key, one.occurrence] = (
                format_instant(one.due_at), decimal_text(one.amount), period["version_id"])
    return wanted
