"""What a version of a plan must carry so that its doses keep their ids: keys of clock times, anchors of counts.

A time that is moved with its key keeps its doses (R-115); an amended interval, or every n days, goes on from the anchor
that it had unless its author names another (DESIGN.md 11). Knows plans, no instants.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from scheduling.day_rules import EveryDays
from scheduling.identity import next_after, settle_keys
from scheduling.plan_model import Plan
from scheduling.segment import Segment
from scheduling.time_rules import SlotGrid, Times


def assign_keys(plan: Plan, previous: Plan | None = None) -> Plan:
    """The plan with a key for every segment and clock time and an anchor for all that is counted; `previous` is the
    version before.

    A key sent by the client stays, so 08:00 moved to 08:30 with its key keeps its dose ids; a segment that says the
    same keeps its key wherever it stands now, and the same clock time in it; the rest get fresh ones. A `next_key` sent
    by a client is not believed.
    """
    before = previous.segments if previous else ()
    next_key = next_after(previous.next_key if previous else 1, (*_keys(before), *_keys(plan.segments)))
    segments = []
    for segment, old in _matched(plan.segments, before):
        anchored = _anchored(segment, old)
        if isinstance(rule := segment.time_rule, Times):
            known = _keys_by_time(old) if old else {}
            once = _each_once(rule)
            keys, next_key = settle_keys(tuple(once), tuple(once.values()), known, next_key)
            anchored = anchored.model_copy(
                update={"time_rule": rule.model_copy(update={"times": tuple(once), "keys": keys})})
        segments.append(anchored)
    return plan.model_copy(update={"segments": tuple(segments), "next_key": next_key})


def _matched(segments: tuple[Segment, ...], before: tuple[Segment, ...]) -> list[tuple[Segment, Segment | None]]:
    """Every segment with its key, and the one of the version before that it continues, if any: of its key, else one
    that says the same of days and times, else the one in its place if it is of the same kind."""
    old = {place if one.key is None else one.key: (place, one) for place, one in enumerate(before)}
    found = {place: one.key for place, one in enumerate(segments) if one.key is not None}
    for alike, moved in ((_says, True), (_kind_of, False)):
        for place, segment in enumerate(segments):
            same = [(abs(was - place), key) for key, (was, one) in old.items()
                    if key not in found.values() and alike(one) == alike(segment) and (moved or was == place)]
            if place not in found and same:
                found[place] = min(same)[1]
    fresh = (key for key in count(max(old, default=-1) + 1) if key not in set(found.values()))
    keyed = [segment.model_copy(update={"key": found[place] if place in found else next(fresh)})
             for place, segment in enumerate(segments)]
    return [(segment, old[segment.key][1] if segment.key in old else None) for segment in keyed]


def _says(segment: Segment) -> object:
    """What it says of days and times, whatever its bounds, amounts and keys."""
    rule = segment.time_rule
    times = ("times", frozenset(rule.times)) if isinstance(rule, Times) else _slots(segment) or rule
    return times, _days(segment), segment.interval.every_minutes if segment.interval else None


def _slots(segment: Segment) -> object:
    rule = segment.time_rule
    return ("slots", frozenset(name for name, _ in rule.filled)) if isinstance(rule, SlotGrid) else None


def _days(segment: Segment) -> object:
    rule = segment.day_rule
    return ("every_days", rule.n) if isinstance(rule, EveryDays) else rule


def _kind_of(segment: Segment) -> object:
    return segment.time_rule.type if segment.time_rule else segment.interval is not None


def _each_once(rule: Times) -> dict[str, str | None]:
    """One dose per instant: a time written twice is one time, under the first key it was given with."""
    once: dict[str, str | None] = {}
    for time, key in zip(rule.times, rule.sent_keys, strict=True):
        once[time] = once.get(time) or key
    return once


def _anchored(segment: Segment, old: Segment | None) -> Segment:
    """With the anchor that it names, else that of the segment it continues: hours go on counting. Every n days counts
    from its start unless that is the old one's start."""
    if segment.interval is not None and segment.interval.anchor is None:
        same = old is not None and old.interval is not None \
            and old.interval.every_minutes == segment.interval.every_minutes
        anchor = old.anchor if old is not None and same else segment.start
        return segment.model_copy(update={"interval": segment.interval.model_copy(update={"anchor": anchor})})
    if isinstance(rule := segment.day_rule, EveryDays) and rule.anchor is None:
        same = old is not None and isinstance(old.day_rule, EveryDays) and old.first_day == segment.first_day
        anchor_day = old.anchor.date() if old is not None and same else segment.first_day
        return segment.model_copy(update={"day_rule": rule.model_copy(update={"anchor": anchor_day})})
    return segment


def _keys(segments: tuple[Segment, ...]) -> Iterator[str | None]:
    return (key for segment in segments if isinstance(segment.time_rule, Times) for key in segment.time_rule.keys)


def _keys_by_time(segment: Segment) -> dict[str, str]:
    rule = segment.time_rule
    pairs = zip(rule.times, rule.sent_keys, strict=True) if isinstance(rule, Times) else ()
    return {time: key for time, key in pairs if key}
