"""What a version of a plan must carry so that its doses keep their ids: keys of clock times, anchors of counts.

A time that is moved with its key keeps its doses (R-115); an amended interval, or every n days, goes on from the anchor
that it had unless its author names another (DESIGN.md 11). Knows plans, no instants.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduling.day_rules import EveryDays
from scheduling.identity import next_after, settle_keys
from scheduling.plan_model import Plan
from scheduling.segment import Segment
from scheduling.time_rules import Times


def assign_keys(plan: Plan, previous: Plan | None = None) -> Plan:
    """The plan with a key for every clock time and an anchor for all that is counted; `previous` is the version before.

    A key sent by the client stays, so 08:00 moved to 08:30 with its key keeps its dose ids; the same clock time in the
    same segment keeps its key; the rest get fresh ones. A `next_key` sent by a client is not believed.
    """
    before = previous.segments if previous else ()
    next_key = next_after(previous.next_key if previous else 1, (*_keys(before), *_keys(plan.segments)))
    segments = []
    for i, segment in enumerate(plan.segments):
        old = before[i] if i < len(before) else None
        anchored = _anchored(segment, old)
        if isinstance(rule := segment.time_rule, Times):
            known = _keys_by_time(old) if old else {}
            once = _each_once(rule)
            keys, next_key = settle_keys(tuple(once), tuple(once.values()), known, next_key)
            anchored = anchored.model_copy(
                update={"time_rule": rule.model_copy(update={"times": tuple(once), "keys": keys})})
        segments.append(anchored)
    return plan.model_copy(update={"segments": tuple(segments), "next_key": next_key})


def _each_once(rule: Times) -> dict[str, str | None]:
    """One dose per instant: a time written twice is one time, under the first key it was given with."""
    once: dict[str, str | None] = {}
    for time, key in zip(rule.times, rule.sent_keys, strict=True):
        once[time] = once.get(time) or key
    return once


def _anchored(segment: Segment, old: Segment | None) -> Segment:
    if segment.interval is not None and segment.interval.anchor is None:
        same = old is not None and old.interval is not None \
            and old.interval.every_minutes == segment.interval.every_minutes
        anchor = old.anchor if old is not None and same else segment.start
        return segment.model_copy(update={"interval": segment.interval.model_copy(update={"anchor": anchor})})
    if isinstance(rule := segment.day_rule, EveryDays) and rule.anchor is None:
        kept = old.day_rule if old is not None else None
        same = isinstance(kept, EveryDays) and kept.n == rule.n
        anchor_day = kept.anchor if same and isinstance(kept, EveryDays) else None
        return segment.model_copy(update={"day_rule": rule.model_copy(
            update={"anchor": anchor_day or segment.first_day})})
    return segment


def _keys(segments: tuple[Segment, ...]) -> Iterator[str | None]:
    return (key for segment in segments if isinstance(segment.time_rule, Times) for key in segment.time_rule.keys)


def _keys_by_time(segment: Segment) -> dict[str, str]:
    rule = segment.time_rule
    pairs = zip(rule.times, rule.sent_keys, strict=True) if isinstance(rule, Times) else ()
    return {time: key for time, key in pairs if key}
