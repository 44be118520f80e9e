"""The dosing plan of one medicine line and its JSON, both ways (`plan` in tests/data/schedule_cases.json).

Reading is strict: every fault is a FieldProblem with its path, and a rule that is not built yet is `plan.unsupported`,
never ignored (R-120). Writing gives the one canonical spelling that a prescription version stores. What a plan means on
the clock is recurrence.py; what a rule is, day_rules.py and time_rules.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from typing import Any, Protocol, TypeVar

from scheduling.day_rules import DAILY, DAY_RULES
from scheduling.identity import next_after, settle_keys
from scheduling.plan_members import (
    LAST_DAY,
    MAX_NAME_CHARS,
    Members,
    course_quantity,
    one_of,
    plan_day,
    start_time,
    wall_time,
    whole_up_to,
    zone_name,
)
from scheduling.segment import ONE_DAY, Segment, wall_end
from scheduling.time_rules import DEFAULT_SLOTS, TIME_RULES, Slots, Times
from scheduling.zones import midnight
from sync.problem import FieldCode, FieldProblem
from sync.values import decimal_text

__all__ = ["DEFAULT_SLOTS", "Pause", "Plan", "Segment", "Slots", "assign_keys", "canonical", "counted", "read_plan"]

MAX_SEGMENTS = 20
MAX_PAUSES = 50
MAX_DAYS = 36_525
MAX_DOSES_PER_COURSE = 5_000  # of a line's counts and quantities together, which are counted one by one (S-60)
MAX_NEXT_KEY = 1_000_000_000
MAX_PROBLEMS = 50

PLAN_MEMBERS = ("segments", "zone", "tz_policy", "pauses", "next_key")
SEGMENT_MEMBERS = ("start", "day_rule", "time_rule", "dose", "until", "end", "days", "count", "quantity")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    @property
    def MEMBERS(self) -> tuple[str, ...]: ...  # noqa: N802 — a constant of the class

    def read(self, rule: Members, segment: Members) -> T_co | None: ...


@dataclass(frozen=True, slots=True)
class Pause:
    """No dose in [starts, ends) by the wall clock; the phase of every rule goes on unchanged (mode keep)."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one line. `zone` is None where the patient's applies; `next_key` numbers the next fresh key."""

    segments: tuple[Segment, ...]
    zone: str | None = None
    tz_policy: str = "follow"
    pauses: tuple[Pause, ...] = ()
    next_key: int = 1


def read_plan(value: object, path: str = "plan") -> Plan | list[FieldProblem]:
    """The plan that a JSON object says, or every fault found in it, at most MAX_PROBLEMS.

    Amounts may be int, Decimal or numeric text, never float. Keys of clock times stay as sent: `assign_keys` follows.
    """
    problems: list[FieldProblem] = []
    members = Members(value, path, problems, PLAN_MEMBERS)
    zone = members.take("zone", zone_name)
    segments = [
        _segment(Members(entry, f"{path}.{name}", problems, SEGMENT_MEMBERS))
        for name, entry in members.entries("segments", MAX_SEGMENTS, empty=FieldCode.REQUIRED)
    ]
    pauses = [
        _pause(Members(entry, f"{path}.{name}", problems, ("from", "to", "mode")))
        for name, entry in members.entries("pauses", MAX_PAUSES)
    ]
    policy = members.take("tz_policy", one_of("home", "follow")) or "follow"
    next_key = members.take("next_key", whole_up_to(MAX_NEXT_KEY)) or 1
    plan = Plan(
        segments=tuple(segment for segment in segments if segment), zone=zone, tz_policy=policy,
        pauses=tuple(pause for pause in pauses if pause), next_key=next_key,
    )
    if not problems and counted(plan) > MAX_DOSES_PER_COURSE:  # judged before anything is walked
        members.refuse("segments", FieldCode.HORIZON_TOO_LARGE, limit=MAX_DOSES_PER_COURSE)
    if not problems:
        problems.extend(_overlaps(plan.segments, path))
    return problems[:MAX_PROBLEMS] or plan


def counted(plan: Plan) -> int:
    """How many doses are counted one by one, at most, to find where the plan's courses run out."""
    pauses = [(pause.starts, pause.ends) for pause in plan.pauses]
    return sum(segment.walk(pauses) for segment in plan.segments)


def canonical(plan: Plan) -> dict[str, Any]:
    """The normalised JSON that a version stores: amounts as text ("0.5"), every clock time with its key, no nulls but
    empty slots. Reading it gives an equal plan. Needs `assign_keys` first."""
    body: dict[str, Any] = {
        "zone": plan.zone, "tz_policy": plan.tz_policy, "next_key": plan.next_key,
        "segments": [_write_segment(segment) for segment in plan.segments],
        "pauses": [{"from": _wall_text(p.starts), "to": _wall_text(p.ends), "mode": "keep"} for p in plan.pauses],
    }
    return {name: value for name, value in body.items() if value not in (None, [])}


def assign_keys(plan: Plan, previous: Plan | None = None) -> Plan:
    """The plan with a key for every clock time (DESIGN.md 11, R-115); `previous` is the version before, if any.

    A key sent by the client stays, so 08:00 moved to 08:30 with its key keeps its dose ids; the same clock time in the
    same segment keeps its key; the rest get fresh ones. A `next_key` sent by a client is not believed.
    """
    before = previous.segments if previous else ()
    next_key = next_after(previous.next_key if previous else 1, (*_keys(before), *_keys(plan.segments)))
    segments = list(plan.segments)
    for i, segment in enumerate(segments):
        if isinstance(rule := segment.time_rule, Times):
            known = _keys_by_time(before[i]) if i < len(before) else {}
            keys, next_key = settle_keys(rule.times, rule.keys, known, next_key)
            segments[i] = replace(segment, time_rule=replace(rule, keys=keys))
    return replace(plan, segments=tuple(segments), next_key=next_key)


def _keys(segments: tuple[Segment, ...]) -> Iterator[str | None]:
    return (key for segment in segments if isinstance(segment.time_rule, Times) for key in segment.time_rule.keys)


def _keys_by_time(segment: Segment) -> dict[str, str]:
    rule = segment.time_rule
    pairs = zip(rule.times, rule.keys, strict=True) if isinstance(rule, Times) else ()
    return {time: key for time, key in pairs if key}


def _segment(members: Members) -> Segment | None:
    start = members.need("start", start_time)
    day_rule = DAILY if members.value("day_rule") is None else _rule(members, "day_rule", DAY_RULES)
    # An interval is refused above; a second word about the time rule it does without would mislead.
    time_rule = None if members.value("interval") is not None else _rule(members, "time_rule", TIME_RULES)
    until, end = members.take("until", plan_day), members.take("end", wall_time)
    days, count = members.take("days", whole_up_to(MAX_DAYS)), members.take("count", whole_up_to(MAX_DOSES_PER_COURSE))
    quantity = members.take("quantity", course_quantity)
    if start is None or day_rule is None or time_rule is None:
        return None
    segment = Segment(start, day_rule, time_rule, until, end, days, count, quantity)
    _check_bounds(segment, members)
    return segment


def _check_bounds(segment: Segment, members: Members) -> None:
    given = [name for name in ("until", "end", "days") if members.value(name) is not None]
    if len(given) > 1:
        members.refuse(given[1], FieldCode.BOUNDS_CONFLICT)
    elif segment.days and segment.first_day.toordinal() + segment.days - 1 > LAST_DAY.toordinal():
        members.refuse("days", FieldCode.DATE_RANGE)
    elif segment.closes and segment.closes <= segment.start:
        members.refuse(given[0], FieldCode.BOUNDS_CONFLICT)
    least = min(segment.time_rule.amounts, default=None)
    if segment.quantity is not None and least is not None:
        if segment.quantity < least:
            members.refuse("quantity", FieldCode.TOO_SMALL, least=decimal_text(least))
        elif segment.quantity / least > MAX_DOSES_PER_COURSE:
            members.refuse("quantity", FieldCode.HORIZON_TOO_LARGE, limit=MAX_DOSES_PER_COURSE)


def _overlaps(segments: tuple[Segment, ...], path: str) -> Iterator[FieldProblem]:
    """Segments follow each other or run in parallel with equal bounds; anything between is two versions of one line."""
    if len(segments) < 2:  # the walk behind wall_end would be for nothing
        return
    spans = [(segment.start, wall_end(segment) or midnight(LAST_DAY + ONE_DAY)) for segment in segments]
    for (i, one), (k, other) in combinations(enumerate(segments), 2):
        meet = spans[i][0] < spans[k][1] and spans[k][0] < spans[i][1]
        if meet and _bounds(one) != _bounds(other):
            yield FieldProblem(f"{path}.segments.{k}", FieldCode.SEGMENT_OVERLAP, {"other": i})


def _bounds(segment: Segment) -> tuple[object, ...]:
    return segment.start, segment.closes, segment.count, segment.quantity


def _pause(members: Members) -> Pause | None:
    starts, ends = members.need("from", wall_time), members.need("to", wall_time)
    members.take("mode", one_of("keep", later=("reanchor",)))
    if starts is None or ends is None:
        return None
    if ends <= starts:
        members.refuse("to", FieldCode.BOUNDS_CONFLICT)
    return Pause(starts, ends)


def _rule(members: Members, name: str, kinds: Mapping[str, Reader[T]]) -> T | None:
    value = members.value(name)
    if not isinstance(value, dict):
        members.refuse(name, FieldCode.REQUIRED if value is None else FieldCode.WRONG_TYPE)
        return None
    kind = value.get("type")
    if not isinstance(kind, str):
        members.refuse(f"{name}.type", FieldCode.REQUIRED if kind is None else FieldCode.WRONG_TYPE)
        return None
    if kind not in kinds:
        members.refuse(f"{name}.type", FieldCode.PLAN_UNSUPPORTED, type=kind[:MAX_NAME_CHARS])
        return None
    return kinds[kind].read(members.inside(name, ("type", *kinds[kind].MEMBERS)), members)


def _write_segment(segment: Segment) -> dict[str, Any]:
    whole_day = segment.start == midnight(segment.first_day)
    body: dict[str, Any] = {
        "start": segment.first_day.isoformat() if whole_day else _wall_text(segment.start),
        "day_rule": segment.day_rule.as_json(),
        "time_rule": segment.time_rule.as_json(),
        "dose": decimal_text(segment.time_rule.dose) if isinstance(segment.time_rule, Times) else None,
        "until": segment.until.isoformat() if segment.until else None,
        "end": _wall_text(segment.end) if segment.end else None,
        "days": segment.days, "count": segment.count,
        "quantity": decimal_text(segment.quantity) if segment.quantity else None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _wall_text(wall: datetime) -> str:
    return wall.isoformat(timespec="minutes")
