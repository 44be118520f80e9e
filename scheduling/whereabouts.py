"""Where the patient is when: which instants a wall-clock reading means, through changes of clocks and of zones.

A reading within one zone means one instant: a gap is read with the offset before it (RFC 5545 3.3.5), a repeat the
first time. Moving to another zone skips readings, which then mean the moment of the move (`travel_gap`), or lets them
come again (`travel_repeat`). Knows zones; no plan, no dose. Conventions: tests/data/schedule_cases.json, `travel`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduling.routine import Move
from scheduling.zones import in_gap, instant_of, zone_named

DST_GAP, TRAVEL_GAP, TRAVEL_REPEAT = "dst_gap", "travel_gap", "travel_repeat"
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
PLACES_KEPT = 1024
FAR = timedelta(days=3)  # from a reading taken as UTC to any instant that it may mean
_since = attrgetter("since")


class Meaning(NamedTuple):
    """An instant (UTC) that a reading means; `turn` counts its meanings from 0."""

    at: datetime
    adjusted: str | None
    turn: int


@dataclass(frozen=True, slots=True)
class Stay:
    """The patient is in `zone` during [since, until)."""

    since: datetime
    until: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The stays of one patient, one after the other and without a hole."""

    stays: tuple[Stay, ...]

    @property
    def one_zone(self) -> ZoneInfo | None:
        """The zone of a patient who never moved."""
        return self.stays[0].zone if len(self.stays) == 1 else None

    def zone_at(self, moment: datetime) -> ZoneInfo:
        return self.stays[self._stay_at(moment)].zone

    def zone_through(self, since: datetime, until: datetime) -> ZoneInfo | None:
        """The zone in which the patient is all the time; None if there is a move."""
        stay = self.stays[self._stay_at(since)]
        return stay.zone if until < stay.until else None

    def moved_between(self, since: datetime, until: datetime) -> datetime | None:
        """The first move in [since, until)."""
        place = bisect_left(self.stays, since, lo=1, key=_since)
        return self.stays[place].since if place < len(self.stays) and self.stays[place].since < until else None

    def _stay_at(self, moment: datetime) -> int:
        return 0 if len(self.stays) == 1 else bisect_right(self.stays, moment, lo=1, key=_since) - 1

    def first(self, wall: datetime) -> datetime:
        """The first instant that a reading means."""
        return next(self.meanings(wall)).at

    def meanings(self, wall: datetime) -> Iterator[Meaning]:
        """Every instant that a reading means, in order. One that a move skipped was due at that move, whatever moves
        come later: what was due once is never put off by a journey back."""
        turn, near = 0, wall.replace(tzinfo=UTC)
        for i in range(max(0, self._stay_at(near - FAR) - 1), self._stay_at(near + FAR) + 1):
            stay = self.stays[i]
            at = instant_of(wall, stay.zone)
            if stay.since <= at < stay.until:
                adjusted = TRAVEL_REPEAT if turn else DST_GAP if in_gap(wall, stay.zone) else None
                yield Meaning(at, adjusted, turn)
                turn += 1
            elif at < stay.since and not turn and i and instant_of(wall, self.stays[i - 1].zone) >= stay.since:
                yield Meaning(stay.since, TRAVEL_GAP, 0)
                turn = 1
        assert turn, "a reading that no stay shows was skipped by a move"


@lru_cache(PLACES_KEPT)
def whereabouts(zone: str, moves: tuple[Move, ...]) -> Whereabouts:
    """From the zone before the first move and the moves in order. Raises LookupError for a zone not on the list."""
    begins = [BEGINNING, *(move.at for move in moves)]
    zones = [zone_named(zone), *(zone_named(move.zone) for move in moves)]
    ends = [*begins[1:], END]
    return Whereabouts(tuple(Stay(*one) for one in zip(begins, ends, zones, strict=True) if one[0] < one[1]))


def steady_offset(begins: datetime, ends: datetime, zone: ZoneInfo) -> timedelta | None:
    """The offset from UTC at both wall clocks, if it is the same; else clocks change between them."""
    first = begins.replace(tzinfo=zone).utcoffset()
    return first if first == ends.replace(tzinfo=zone).utcoffset() else None
