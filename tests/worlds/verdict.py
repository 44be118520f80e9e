"""What must hold when a world is at rest (sync-protocol.md 16): convergence, nothing lost, the domain's own truths.

P01, P02, P07 and P10, and what the rules of doses, prescriptions and connections promise. Judges by the oracle.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from storage.catalogue import KINDS, READABLE
from sync.pull import PullAsk, pull
from sync.record import Row
from sync.values import instant_of_ms
from tests.worlds import oracle
from tests.worlds.backend import living
from tests.worlds.device import Device
from tests.worlds.world import World

FINAL_KEPT = {"applied", "merged", "superseded"}
Truth = dict[tuple[str, str, str], dict[str, Any]]


async def verdict(world: World) -> None:
    """Raises AssertionError with the invariant's name."""
    rows = await world.backend.rows()
    for device in world.devices:
        truth = oracle.everything_for(device.user, rows)
        _same(f"P01: {device.name}", held_by(device), truth)
        _same(f"P01: a fresh phone of {device.name}", await told_fresh(world, device), truth)
        _lets_go(device, rows)
    await nothing_is_lost(world, rows)
    for row in living(rows):
        if row.kind == "dose_event":
            dose_is_what_was_said(row, world.dice)
    doses_follow_the_plan(world, rows)
    prescriptions_agree(rows)
    await memberships_follow_connections(world, rows)


def held_by(device: Device) -> Truth:
    found: Truth = {}
    for scope in device.replica.scopes():
        for key in device.replica.held(scope):
            found[key.kind, key.home, key.id] = device.replica.told(key.kind, key.home, key.id) or {}
    return found


async def told_fresh(world: World, device: Device, limit: int = 11) -> Truth:
    """What a phone with nothing is told, page by page."""
    found: Truth = {}
    cursor = None
    for _ in range(500):
        ask = PullAsk(device.user, device.id, device.door.session, cursor, limit=limit)
        page = await pull(world.backend.store, KINDS, READABLE, ask, world.now)
        found.update({(c["kind"], c["home"], c["id"]): c["row"] for c in page.changes if c["op"] == "put"})
        cursor = page.cursor
        if not page.has_more:
            return found
    raise AssertionError("P01: a first sync never ends (F-65)")


def _same(who: str, found: Truth, truth: Truth) -> None:
    if found == truth:
        return
    lacks, extra = sorted(truth.keys() - found.keys()), sorted(found.keys() - truth.keys())
    differs = [(key, {n: (found[key].get(n), truth[key].get(n)) for n in {*found[key], *truth[key]}
                      if found[key].get(n) != truth[key].get(n)}) for key in truth.keys() & found.keys()
               if found[key] != truth[key]]
    raise AssertionError(f"{who} lacks {lacks[:3]}, has beyond {extra[:3]}, differs in {differs[:2]}")


def _lets_go(device: Device, rows: list[Row]) -> None:
    """P07: of a scope that is not theirs only unsent work is left."""
    granted = oracle.grants(device.user, rows)
    waiting = {(one.kind, one.id) for one in device.replica.waiting()}
    for scope in {row.home for row in rows} - set(granted):
        for kind in KINDS:
            left = [row["id"] for row in device.rows(kind, scope) if (kind, row["id"]) not in waiting
                    and device.replica.told(kind, scope, row["id"]) is None]
            assert not left, f"P07: {device.name} still shows {kind} of {scope}"


async def nothing_is_lost(world: World, rows: list[Row]) -> None:
    """P02: every change ever recorded has its fate, in the journal or with its author, and entries stay in doses."""
    journal = {(line.device, line.change_id): line for line in await world.backend.journal()}
    by_id = {(row.kind, row.home, row.id): row for row in rows}
    for device in world.devices:
        waiting = {one.change_id for one in device.replica.waiting()}
        for deed in device.deeds:
            line = journal.get((device.id, deed.change_id))
            if deed.change_id in waiting:
                assert line is None, f"P02: {device.name} still waits for a change that was settled"
                _rightly_deferred(deed.kind, by_id.get((deed.kind, deed.home, deed.id)), deed.op)
                continue
            said = world.watch.ever.get((device.id, deed.change_id))
            assert said is not None, f"P02: {device.name} dropped a change that nobody answered"
            if line is None:  # a restore forgot it: a refusal its author was told, or the log of a purged scope (P07)
                purged = (device.id, deed.home) in world.watch.removed or deed.home in device.lost
                assert purged or said[0] == "rejected", f"P02: a {said} change of {device.name} is gone"
                continue
            kept = line.outcome in FINAL_KEPT or line.code == "access_revoked"
            row = by_id.get((deed.kind, deed.home, deed.id))
            if kept:
                assert row is not None, f"P02: the row of an acknowledged {deed.kind} is gone"
            if kept and deed.kind == "dose_event" and row is not None:
                entries = [e for e in row.memory.get("entries", ()) if e["c"] == deed.change_id and e["d"] == device.id]
                silent = deed.fields.get("action") is None and deed.op != "delete" and not entries
                assert entries or (silent and line.code in ("new", "schedule_kept", "access_revoked")), \
                    f"P02: an acknowledged word on a dose is gone ({line})"


def _rightly_deferred(kind: str, row: Row | None, op: str) -> None:
    assert row is None, f"P02: a change of a {kind} that exists is put off for ever"


def dose_is_what_was_said(row: Row, dice: Random) -> None:
    """P10: the action is that of all entries, in any order."""
    entries = list(row.memory.get("entries", ()))
    dice.shuffle(entries)
    action, at, conflict = oracle.settled(entries)
    found = (row.fields["action"], row.fields["at"], row.fields["conflict"])
    assert found == (action, at, conflict), f"P10: a dose says {found}, its entries {(action, at, conflict)}"


def doses_follow_the_plan(world: World, rows: list[Row]) -> None:
    """The future doses that stand as planned are those that the periods in force ask for, each once."""
    alive = living(rows)
    patients = {row.id: row for row in alive if row.kind == "patient"}
    names = Counter((r.fields["line_id"], r.fields["nominal_date"], r.fields["slot_key"], r.fields["occurrence"])
                    for r in alive if r.kind == "dose_event")
    assert all(count == 1 for count in names.values()), "two rows for one dose (N-04)"
    horizons = {row.id: row.fields["horizon_until"] for row in alive if row.kind == "prescription"}
    now = instant_of_ms(world.now)
    for line in (row for row in alive if row.kind == "medication_line"):
        until = horizons.get(line.fields["prescription_id"]) or now
        wanted = oracle.doses_due(line, patients[line.fields["patient_id"]], now, until)
        own = [row for row in alive if row.kind == "dose_event" and row.fields["line_id"] == line.id]
        _as_wanted(line, wanted, own, now, until)


def _as_wanted(line: Row, wanted: dict[Any, Any], doses: list[Row], now: str, until: str) -> None:
    standing = {}
    for row in doses:
        f = row.fields
        if f["state"] == "planned" and f["planned"] and f["due_at"] is not None and now <= f["due_at"] < until:
            name = (f["nominal_date"], f["slot_key"], f["occurrence"])
            standing[name] = (f["due_at"], f["amount_due"], f["version_id"])
    spoken = {(r.fields["nominal_date"], r.fields["slot_key"], r.fields["occurrence"]) for r in doses
              if r.memory.get("entries") or (r.fields["due_at"] or now) < now}  # those keep what they had
    lacks = [key for key in wanted if key not in standing and key not in spoken]
    beyond = [key for key in standing if key not in wanted and key not in spoken]
    wrong = [(key, standing[key], wanted[key]) for key in wanted.keys() & standing.keys()
             if standing[key] != wanted[key] and key not in spoken]
    assert not (lacks or beyond or wrong), f"line {line.id}: lacks {lacks[:2]}, beyond {beyond[:2]}, wrong {wrong[:2]}"


def prescriptions_agree(rows: list[Row]) -> None:
    """Status, current version and open periods say the same; an open period exists only of an active prescription."""
    alive = living(rows)
    versions = {row.id: row for row in alive if row.kind == "prescription_version"}
    for rx in (row for row in alive if row.kind == "prescription"):
        lines = [row for row in alive if row.kind == "medication_line" and row.fields["prescription_id"] == rx.id]
        for line in lines:
            open_ = [period for period in line.fields["schedule"] if period["until"] is None]
            assert len(open_) <= 1, "two periods of one line are in force at once"
            if rx.fields["status"] != "active":
                assert not open_, f"F-13: a line of a {rx.fields['status']} prescription is in force"
            for period in open_:
                assert period["version_id"] == rx.fields["current_version_id"], "a version is in force, and not current"
        numbers = sorted(v.fields["number"] for v in versions.values() if v.fields["prescription_id"] == rx.id)
        assert numbers == list(range(1, len(numbers) + 1)), "F-06: versions are not numbered 1, 2, 3…"


async def memberships_follow_connections(world: World, rows: list[Row]) -> None:
    now = instant_of_ms(world.now)
    active = {(m.user, m.scope): m for m in await world.backend.members() if m.active(now)}
    for user in world.ids.values():
        granted = oracle.grants(user, rows)
        for scope in granted.keys() | {scope for holder, scope in active if holder == user}:
            member, grant = active.get((user, scope)), granted.get(scope)
            assert (member is None) == (grant is None), f"membership of {scope} and connections differ"
            if member is not None and grant is not None:
                found = (str(member.role), member.view.parts, member.view.days, member.view.hidden)
                assert found == (grant.role, grant.parts, grant.days, grant.hidden), "a view and its connection differ"
