"""Pauses of a plan as rests between instants: overlapping and touching ones are one; some let the counting start anew.

Knows pauses and whereabouts; which rule counts from an anchor is candidates.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from scheduling.plan_model import Pause
from scheduling.whereabouts import Whereabouts


@dataclass(frozen=True, slots=True)
class Rest:
    """No dose in [starts, ends), UTC; with `reanchors` what is counted starts anew at its end."""

    starts: datetime
    ends: datetime
    reanchors: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """From the instant `since`, local date `day`, on a segment counts from another anchor."""

    since: datetime
    day: date


def rests_of(pauses: Iterable[Pause], where: Whereabouts) -> list[Rest]:
    """The union of the pauses, in order; one that reanchors makes the whole stretch reanchor."""
    rests: list[Rest] = []
    for one in sorted((_rest(pause, where) for pause in pauses), key=lambda rest: rest.starts):
        if rests and one.starts <= rests[-1].ends:
            last = rests[-1]
            rests[-1] = replace(last, ends=max(last.ends, one.ends), reanchors=last.reanchors or one.reanchors)
        elif one.starts < one.ends:
            rests.append(one)
    return rests


def turns_of(rests: Iterable[Rest], opens: datetime, where: Whereabouts) -> list[Turn]:
    """Where a segment that opens then, or counts from an anchor then, starts to count anew; nothing before it does."""
    return [Turn(rest.ends, rest.ends.astimezone(where.zone_at(rest.ends)).date())
            for rest in rests if rest.reanchors and rest.ends > opens]


def in_rest(rests: Iterable[Rest], moment: datetime) -> bool:
    return rest_at(rests, moment) is not None


def rest_at(rests: Iterable[Rest], moment: datetime) -> Rest | None:
    return next((rest for rest in rests if rest.starts <= moment < rest.ends), None)


def _rest(pause: Pause, where: Whereabouts) -> Rest:
    return Rest(where.first(pause.starts), where.first(pause.ends), pause.mode == "reanchor")
