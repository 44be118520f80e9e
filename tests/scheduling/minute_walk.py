"""A slow oracle of dosing plans: it walks every real minute and asks what the patient's wall clock says.

Written from `conventions` of tests/data/schedule_cases.json alone, on the plan's JSON, and kept plain rather than fast:
no instant is computed from a wall time, it is the minute of the walk at which the wall time has its turn. Minutes are
whole numbers since 1970-01-01T00:00, real ones in UTC, wall ones without zone. Knows nothing of the scheduling package,
nor of doses that follow another (`following`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import groupby, pairwise
from math import inf
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.scheduling.nominal_walls import (
    DAY,
    EPOCH,
    amount_on,
    day_of,
    last_date,
    nominal_walls,
    start_date,
    wall_of,
)

Due = tuple[datetime, date, Decimal, str | None, int]
Json = Mapping[str, Any]

WARM_UP = 3 * DAY  # no change of zone puts a clock back further, so what came before the walk cannot come again
REACH = timedelta(days=3)  # between a nominal date and the wall clock's, by meal offsets, windows and skipped dates
PATTERN = timedelta(days=400)  # of a segment, long enough to show its shortest distance
NEVER = 10 * 366 * DAY  # the distance of a dose that has no neighbour
TRAVEL = ("travel_gap", "travel_repeat")


class Turn(NamedTuple):
    """Real minute `minute` is the turn of wall minute `wall`; `how` tells why if the clock does not just show it."""

    minute: int
    wall: int
    how: str | None


class Proposal(NamedTuple):
    """A dose that may become due; of several at one minute the first in this order stays."""

    nominal: date
    wall: int
    amount: Decimal
    how: str | None


def oracle(plan: Json, window_from: datetime, window_to: datetime, defaults: Json) -> list[Due]:
    """The doses due in [window_from, window_to), by instant, then segment, each with its instant in UTC.

    `defaults` is the patient's routine: zone, slots, meals, waking_hours, meal_offset_min.
    """
    profile = plan.get("profile") or {}
    merged = {name: {**defaults[name], **profile.get(name, {})} for name in ("slots", "meals")}
    routine = {**defaults, **profile, **merged}
    walk = Walk(plan, defaults["zone"], (window_to - EPOCH.replace(tzinfo=UTC)) // timedelta(minutes=1))
    due = [
        (EPOCH.replace(tzinfo=UTC) + timedelta(minutes=minute), dose.nominal, dose.amount, dose.how, index)
        for index, segment in enumerate(plan["segments"])
        for minute, dose in doses(segment, plan, routine, walk)
    ]
    return sorted((one for one in due if window_from <= one[0] < window_to), key=lambda one: (one[0], one[4]))


class Walk:
    """What the patient's wall clock says at every real minute up to `last`, from before the plan's first wall time."""

    def __init__(self, plan: Json, home: str, last: int) -> None:
        self.home = plan.get("zone") or home
        follows = plan.get("tz_policy", "follow") == "follow"
        self.changes = sorted((real(one["at"]), one["zone"]) for one in plan.get("zone_timeline") or () if follows)
        intervals = [segment["interval"] for segment in plan["segments"] if segment.get("interval")]
        starts = [segment["start"] for segment in plan["segments"]]
        written = starts + [one["anchor"] for one in intervals if one.get("anchor")]
        self.first = min(map(wall_of, written)) - WARM_UP
        self.last = max(last, self.first + 1)
        self.shown: list[int] = []
        self.turns = sorted((turn for turn in self._turns() if turn.minute < self.last), key=lambda turn: turn[:2])
        self.first_turns: dict[int, int] = {}
        for turn in self.turns:
            self.first_turns.setdefault(turn.wall, turn.minute)

    def zone(self, minute: int) -> str:
        name = self.home
        for at, zone in self.changes:
            if at <= minute:
                name = zone
        return name

    def _turns(self) -> Iterator[Turn]:
        had: set[int] = set()  # wall minutes that have had a turn
        here: set[int] = set()  # those that had it where the patient is now
        waiting: dict[int, int] = {}  # real minute → the wall minute of a gap that is read then
        was = self.zone(self.first)
        before = self.first + offset(was, self.first) - 1
        for minute in range(self.first, self.last):
            zone = self.zone(minute)
            wall = minute + offset(zone, minute)
            skipped = range(before + 1, wall)
            if zone != was:  # what had no turn on the clock left behind, and will have none on the new one
                for one in sorted({*waiting.values(), *skipped} - had):
                    if one < wall:
                        yield Turn(minute, one, "travel_gap")
                        had.add(one)
                here, waiting = set(), {}
            else:  # a gap: its times are read with the offset before it
                waiting |= {minute + late: one for late, one in enumerate(skipped)}
            for one in [waiting.pop(minute)] if minute in waiting else []:
                yield Turn(minute, one, "travel_repeat" if one in had else "dst_gap")
                here.add(one)
                had.add(one)
            if wall not in here:  # else a clock put back: the first time was its turn
                yield Turn(minute, wall, "travel_repeat" if wall in had else None)
                here.add(wall)
                had.add(wall)
            self.shown.append(wall)
            was, before = zone, wall

    def instant(self, text: str) -> float:
        """The minute at which a written wall time first has its turn; endlessly far if that is not on the walk."""
        wall = wall_of(text)
        return self.first_turns.get(wall, -inf if wall < self.shown[0] else inf)

    def local_date(self, minute: int) -> date:
        return day_of(self.shown[minute - self.first])


def doses(segment: Json, plan: Json, routine: Json, walk: Walk) -> Iterator[tuple[int, Proposal]]:
    """The doses of one segment from its start to the end of the walk."""
    opens = walk.instant(segment["start"])
    closes = walk.instant(segment["end"]) if segment.get("end") else inf
    pauses = united_pauses(plan, walk)
    resumed = [int(to) for _, to, mode in pauses if mode == "reanchor" and opens < to < inf]
    spacing = shortest_distance(segment, routine) if walk.changes else 0
    previous, number, total = -inf, 0, Decimal(0)
    for minute, proposals in proposed(segment, routine, walk, resumed):
        if not opens <= minute < closes or any(since <= minute < to for since, to, _ in pauses):
            continue
        dose = next((one for one in proposals if one.how not in TRAVEL or 2 * (minute - previous) > spacing), None)
        if dose is None:
            continue
        previous, number, total = minute, number + 1, total + dose.amount
        if number > (segment.get("count") or inf) or total > Decimal(str(segment.get("quantity") or "Infinity")):
            return
        yield minute, dose


def proposed(
    segment: Json, routine: Json, walk: Walk, resumed: list[int]
) -> Iterator[tuple[int, list[Proposal]]]:
    """Minute by minute the doses that the rules of a segment give, in order, whatever start, pauses and course say."""
    if segment.get("as_needed") is not None:
        return
    if segment.get("interval"):
        yield from elapsed(segment, walk, resumed)
        return
    last = min(last_date(segment), walk.local_date(walk.last - 1) + REACH)
    walls = nominal_walls(segment, routine, last, [walk.local_date(minute) for minute in resumed])
    due = (turn for turn in walk.turns if turn.wall in walls)
    for minute, turns in groupby(due, key=lambda turn: turn.minute):
        found = [Proposal(day, turn.wall, amount, turn.how) for turn in turns for day, amount in walls[turn.wall]]
        yield minute, sorted(found, key=lambda one: (one.nominal, one.wall))


def elapsed(segment: Json, walk: Walk, resumed: list[int]) -> Iterator[tuple[int, list[Proposal]]]:
    """Every so many real minutes from the anchor, and anew from the end of each pause that moves it."""
    anchor = walk.instant(segment["interval"].get("anchor") or segment["start"])
    for minute in range(walk.first, walk.last):
        since = max(at for at in (anchor, *resumed) if at <= minute or at == anchor)
        if since <= minute and (minute - since) % segment["interval"]["every_minutes"] == 0:
            day = walk.local_date(minute)
            amount = amount_on(segment, day)
            if day <= last_date(segment) and amount > 0:
                yield minute, [Proposal(day, walk.shown[minute - walk.first], amount, None)]


def united_pauses(plan: Json, walk: Walk) -> list[tuple[float, float, str]]:
    """The pauses as (from, to, mode), those that overlap or touch as one, which anchors anew if any of them does."""
    given = [(walk.instant(p["from"]), walk.instant(p["to"]), p.get("mode", "keep")) for p in plan.get("pauses") or ()]
    united: list[tuple[float, float, str]] = []
    for pause in sorted(given):
        if united and pause[0] <= united[-1][1]:
            begun, ended, mode = united.pop()
            pause = (begun, max(ended, pause[1]), max(mode, pause[2]))  # noqa: PLW2901 — "reanchor" is the greater word
        united.append(pause)
    return united


def shortest_distance(segment: Json, routine: Json) -> int:
    """The nominal spacing: wall minutes between the closest two doses of the segment's rules."""
    if segment.get("interval") or segment.get("as_needed") is not None:
        return 0
    walls = sorted(nominal_walls(segment, routine, start_date(segment) + PATTERN))
    return min((after - before for before, after in pairwise(walls)), default=NEVER)


def real(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH.replace(tzinfo=UTC)) // timedelta(minutes=1)


def offset(zone: str, minute: int) -> int:
    return offsets(zone, minute // DAY)[minute % DAY]


@cache
def offsets(zone: str, day: int) -> list[int]:
    """What the zone adds to each of the real minutes of a UTC day, asked minute by minute."""
    midnight, place = EPOCH.replace(tzinfo=UTC) + timedelta(days=day), ZoneInfo(zone)
    asked = ((midnight + timedelta(minutes=minute)).astimezone(place).utcoffset() for minute in range(DAY))
    return [after // timedelta(minutes=1) for after in asked if after is not None]
