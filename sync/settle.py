"""What was done about a dose, out of everything that was ever said about it (DESIGN.md 11, R-152).

`settle` projects the insert-only entries of one dose onto its action group. The order in which entries arrived does not
matter beyond what their authors had seen. Knows nothing of schedules, scopes or stores.

    entry e dominates f   if e's author had seen f (f.rank <= e.base),
                          or both come from one device and e is later, and f's author had not seen e
    live                  dominated by nobody
    undone                retracts what it dominates and asserts nothing
    stands                of the other live ones: person before late before automation before server, then the newest

Seen beats later on one device, because a phone whose clock jumped back must not undo its own newest word; so domination
has no circles and a dose with entries always has a live one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sync.record import Authority

TAKEN, SKIPPED, UNDONE = "taken", "skipped", "undone"
DOUBLE, CONTRADICTION = "possible_double_dose", "contradiction"
MAX_ENTRIES = 100  # per dose; beyond it the oldest dominated ones are forgotten here (the journal keeps all)


@dataclass(frozen=True, slots=True)
class Entry:
    """One received action. `rank` is the row's version before it plus one, `base` the version its author looked at."""

    change_id: str
    device: str
    hlc: str
    rank: int
    base: int
    authority: Authority
    action: str
    at: str | None
    values: Mapping[str, Any]
    author: str
    recorded_at: str

    def as_json(self) -> dict[str, Any]:
        return {"c": self.change_id, "d": self.device, "h": self.hlc, "r": self.rank, "b": self.base,
                "w": str(self.authority), "a": self.action, "t": self.at, "v": dict(self.values), "u": self.author,
                "m": self.recorded_at}

    @staticmethod
    def of_json(body: Mapping[str, Any]) -> Entry:
        return Entry(body["c"], body["d"], body["h"], body["r"], body["b"], Authority(body["w"]), body["a"], body["t"],
                     body["v"], body["u"], body["m"])

    @property
    def order(self) -> tuple[int, str, str]:
        return (self.authority.weight, self.hlc, self.change_id)


@dataclass(frozen=True, slots=True)
class Settled:
    """What stands. `entry` is None if nothing is asserted: then the clock alone decides the status (R-154)."""

    entry: Entry | None
    at: str | None = None
    conflict: str | None = None


def saw(e: Entry, f: Entry) -> bool:
    """Whether e's author had f before their eyes."""
    return f is not e and f.rank <= e.base


def dominates(e: Entry, f: Entry) -> bool:
    if saw(e, f):
        return True
    return e.device == f.device and (e.hlc, e.change_id) > (f.hlc, f.change_id) and not saw(f, e)


def live(entries: Iterable[Entry]) -> list[Entry]:
    """Entries that nobody dominates."""
    every = list(entries)
    return [f for f in every if not any(dominates(e, f) for e in every if e is not f)]


def settle(entries: Iterable[Entry]) -> Settled:
    """The projection of all entries of one dose, whatever the order they came in."""
    asserting = [entry for entry in live(entries) if entry.action != UNDONE]
    if not asserting:
        return Settled(None)
    stands = max(asserting, key=lambda entry: entry.order)
    peers = [entry for entry in asserting if entry.authority is stands.authority]
    taken = [entry for entry in peers if entry.action == TAKEN]
    if stands.action != TAKEN:
        return Settled(stands, stands.at, CONTRADICTION if taken else None)
    moments = {entry.at for entry in taken if entry.at is not None}
    conflict = CONTRADICTION if len(taken) < len(peers) else DOUBLE if len(moments) > 1 else None
    return Settled(stands, min(moments, default=None), conflict)


def bounded(entries: list[Entry]) -> list[Entry]:
    """At most MAX_ENTRIES: live ones first, then those of the newest ranks."""
    if len(entries) <= MAX_ENTRIES:
        return entries
    alive = {entry.change_id for entry in live(entries)}
    keep = sorted(entries, key=lambda entry: (entry.change_id in alive, entry.rank), reverse=True)[:MAX_ENTRIES]
    return [entry for entry in entries if entry in keep]
