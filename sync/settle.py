"""What was done about a dose, out of everything that was ever said about it (DESIGN.md 11, R-152).

`settle` projects the insert-only entries of one dose onto its action group. The order in which entries arrived does not
matter beyond what their authors had seen. Knows nothing of schedules, scopes or stores.

    entry e dominates f   if e's author had seen f (f.rank <= e.base),
                          or both come from one device and e is later there
    live                  dominated by nobody
    undone                retracts what it dominates and asserts nothing
    stands                of the other live ones: person before late before automation before server, then the newest

Later on one device is judged by hlc, but never against what was seen: an entry is later than every entry of its device
that its author had before their eyes, even if the phone's clock had jumped back (`_later`). So domination has no
circles, and a dose with entries always has a live one. Proof: along "seen" ranks fall; along "later" from e to f,
f's base lies below e's rank; a circle of both would have ranks fall for ever.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.record import Authority

TAKEN, SKIPPED, UNDONE = "taken", "skipped", "undone"
DOUBLE, CONTRADICTION = "possible_double_dose", "contradiction"
MAX_ENTRIES = 60  # per dose; beyond it the oldest dominated ones are forgotten here (the journal keeps all)


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
    """What stands, and which entries live. `entry` is None if nothing is asserted: then the clock alone decides the
    status (R-154)."""

    entry: Entry | None
    alive: tuple[Entry, ...]
    at: str | None = None
    conflict: str | None = None


def saw(e: Entry, f: Entry) -> bool:
    """Whether e's author had f before their eyes."""
    return f is not e and f.rank <= e.base


def _later(entries: Sequence[Entry]) -> dict[int, tuple[str, int, str]]:
    """id() → an entry's place in its device's own order: hlc, steps above what it had seen, change id for the tie."""
    places: dict[int, tuple[str, int, str]] = {}
    ranks: dict[str, list[int]] = {}
    latest: dict[str, list[tuple[str, int]]] = {}  # per device, the highest place up to each rank
    for entry in sorted(entries, key=lambda entry: (entry.rank, entry.change_id)):
        known, highest = ranks.setdefault(entry.device, []), latest.setdefault(entry.device, [])
        at = bisect_right(known, entry.base)
        seen = highest[at - 1] if at else ("", 0)
        place = (entry.hlc, 0) if entry.hlc > seen[0] else (seen[0], seen[1] + 1)
        places[id(entry)] = (*place, entry.change_id)
        known.append(entry.rank)
        highest.append(max(place, highest[-1]) if highest else place)
    return places


def live(entries: Iterable[Entry]) -> list[Entry]:
    """Entries that nobody dominates, in the order given: of each device the latest, if nobody had seen it.

    One pass instead of every pair: a batch of 500 changes of much-discussed doses would cost millions of comparisons.
    """
    every = list(entries)
    if len(every) < 2:
        return every
    seen_up_to = max((entry.base for entry in every), default=-1)  # a base is below its own rank: none sees itself
    places = _later(every)
    last: dict[str, Entry] = {}
    for entry in every:
        held = last.get(entry.device)
        if held is None or places[id(entry)] > places[id(held)]:
            last[entry.device] = entry
    return [entry for entry in every if last[entry.device] is entry and entry.rank > seen_up_to]


def settle(entries: Iterable[Entry]) -> Settled:
    """The projection of all entries of one dose, whatever the order they came in."""
    alive = tuple(live(entries))
    asserting = [entry for entry in alive if entry.action != UNDONE]
    if not asserting:
        return Settled(None, alive)
    stands = max(asserting, key=lambda entry: entry.order)
    peers = [entry for entry in asserting if entry.authority is stands.authority]
    taken = [entry for entry in peers if entry.action == TAKEN]
    if stands.action != TAKEN:
        return Settled(stands, alive, stands.at, CONTRADICTION if taken else None)
    moments = {entry.at for entry in taken if entry.at is not None}
    conflict = CONTRADICTION if len(taken) < len(peers) else DOUBLE if len(moments) > 1 else None
    return Settled(stands, alive, min(moments, default=None), conflict)


def bounded(entries: list[Entry]) -> list[Entry]:
    """At most MAX_ENTRIES: live ones first, then those of the newest ranks."""
    if len(entries) <= MAX_ENTRIES:
        return entries
    alive = {entry.change_id for entry in live(entries)}
    keep = sorted(entries, key=lambda entry: (entry.change_id in alive, entry.rank), reverse=True)[:MAX_ENTRIES]
    return [entry for entry in entries if entry in keep]
