"""What a line's periods in force ask for: the doses of their plans, chained ones at the time that reports give them.

A period is a stretch in which one version ruled the line; what lies between two periods of one version is a pause of
the prescription, in which nothing was due and nothing is counted (R-089, R-117). Knows lines, plans and dose rows; what
becomes of rows is doses.py's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from scheduling.following import Follows, after_previous
from scheduling.identity import source_of
from scheduling.plan import Pause, Plan, read_plan
from scheduling.planned import Planned
from scheduling.recurrence import expand, spacing_minutes
from scheduling.routine import Routine
from scheduling.whereabouts import whereabouts
from sync.identity import dose_id
from sync.record import Row
from sync.values import format_instant, parse_instant
from sync.working import Working

FOLLOWS_BACK = timedelta(days=2)  # how late a dose may be taken and still move those that follow it
MAX_DOSES = 10_000  # of one period in one look; rules.MAX_DOSES at the door keeps plans far below


@dataclass(frozen=True, slots=True)
class Wanted:
    """A dose that a period in force asks for."""

    planned: Planned
    period: Mapping[str, Any]
    line: Row
    spacing_min: int

    @property
    def id(self) -> str:
        planned = self.planned
        return dose_id(self.line.id, planned.nominal_date.isoformat(), planned.slot_key, planned.occurrence)


def wanted(work: Working, line: Row, clock: Routine, since: datetime, until: datetime) -> Iterator[Wanted]:
    """The line's doses due in [since, until), and doses that follow others a little before: a report may move them."""
    for period in line.fields["schedule"]:
        first = max(since, parse_instant(period["from"]))
        last = until if period["until"] is None else min(until, parse_instant(period["until"]))
        if first < last:
            yield from as_reported(work, line, period, clock, first, last)


def as_reported(
    work: Working, line: Row, period: Mapping[str, Any], clock: Routine, first: datetime, last: datetime
) -> Iterator[Wanted]:
    """The period's doses in [first, last). One that follows another comes at the time that the report of that one gives
    it, even if that is past, so far as a row of it stands; none follows a dose that was never planned (R-114)."""
    plan = plan_of(line, period, clock)
    chained = max(segment.follows_within for segment in plan.segments)
    if not chained:
        yield from asked(work, line, period, clock, first, last)
        return
    due: dict[str, datetime] = {}
    for one in asked(work, line, period, clock, first - FOLLOWS_BACK - chained, last):
        stands = work.row("dose_event", line.home, one.id) is not None
        if not one.planned.provisional:
            if stands or format_instant(one.planned.due_at) >= period["from"]:
                due[one.id] = one.planned.due_at
            if first <= one.planned.due_at < last:
                yield one
        elif (follows := _followed(work, one, plan, due)) is not None:
            due[one.id] = follows.due_at
            if (first if not stands else first - FOLLOWS_BACK) <= follows.due_at < last:
                yield replace(one, planned=one.planned._replace(due_at=follows.due_at, provisional=follows.provisional))


def _followed(work: Working, one: Wanted, plan: Plan, due: Mapping[str, datetime]) -> Follows | None:
    """When a dose that follows is due; None if there is nothing that it could follow."""
    planned = one.planned
    source_key, place = source_of(planned.slot_key)
    source = dose_id(one.line.id, planned.nominal_date.isoformat(), source_key, planned.occurrence)
    if source not in due:
        return None
    row = work.row("dose_event", one.line.home, source)
    told = row.fields if row is not None and not row.deleted else {"action": None, "at": None}
    delay = plan.segments[planned.segment].following[place - 1].delay_min
    return after_previous(source_due=due[source], delay_min=delay, action=told["action"],
                          taken_at=parse_instant(told["at"]) if told["at"] else None)


def asked(
    work: Working, line: Row, period: Mapping[str, Any], clock: Routine, first: datetime, last: datetime
) -> list[Wanted]:
    """A period's doses in [first, last) as planned, worked out once for a batch that asks again (S-60)."""
    plan = plan_of(line, period, clock)
    key = (line.id, period["version_id"], clock.key, first, last)
    if key not in work.memo or work.memo[key][0] != plan:
        doses = expand(plan, clock, first, last, limit=MAX_DOSES)
        # Never "no doses" in the place of "too many": a patient would be reminded of nothing, and nobody would know.
        assert isinstance(doses, list), "plans_are_sound bounds what a version may ask for"
        spacing = spacing_minutes(plan, clock)
        work.memo[key] = plan, [Wanted(planned, period, line, spacing) for planned in doses]
    return [replace(one, period=period, line=line) for one in work.memo[key][1]]


def plan_of(line: Row, period: Mapping[str, Any], clock: Routine) -> Plan:
    """The plan that a period carries, with what the prescription was paused; it passed the wire check when its version
    was written. Only courses that are counted need to know of pauses: all else is bounded by its periods."""
    plan = read_plan(period["plan"])
    assert isinstance(plan, Plan), "a stored plan is sound"
    if not any(segment.runs_out for segment in plan.segments):
        return plan
    read = plan.routine(clock)
    where = whereabouts(read.zone, read.moves)
    walls = [[moment.astimezone(where.zone_at(moment)).replace(tzinfo=None) for moment in gap]
             for gap in _gaps(line, period["version_id"])]
    gaps = [Pause.model_validate({"from": begins, "to": ends}) for begins, ends in walls]
    return plan.model_copy(update={"pauses": (*plan.pauses, *gaps)}) if gaps else plan


def _gaps(line: Row, version: str) -> Iterator[tuple[datetime, datetime]]:
    """Between the periods of one version."""
    own = [period for period in line.fields["schedule"] if period["version_id"] == version]
    for before, after in pairwise(own):
        if before["until"] is not None and before["until"] < after["from"]:
            yield parse_instant(before["until"]), parse_instant(after["from"])
