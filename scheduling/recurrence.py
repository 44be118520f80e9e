"""From dosing plans to instants: what falls due in a window, when a course ends, what it leaves, how doses are spaced.

One story for every segment: candidates in the order of time (candidates.py), one dose per instant, what a journey makes
doubtful by the half-interval rule, pauses, doses that follow others, and the course's count and quantity. Lazily, and
the same doses whatever window asks. Knows no JSON, no line, no database and no `now`; conventions:
tests/data/schedule_cases.json. dateutil is the oracle of the tests (DESIGN.md 10).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from heapq import heappop, heappush, merge
from itertools import islice

from scheduling.candidates import MARGIN, Candidate, by_the_clock, elapsed
from scheduling.identity import followed
from scheduling.nominal import shortest, spacing, within_course
from scheduling.pauses import Rest, in_rest, rests_of, turns_of
from scheduling.plan_model import Plan
from scheduling.plan_values import FIRST_DAY, LAST_DAY
from scheduling.planned import Planned
from scheduling.routine import DAY_MINUTES, Routine
from scheduling.segment import MAX_FOLLOWING, ONE_MINUTE, Segment
from scheduling.steady import is_usual, steady_doses
from scheduling.whereabouts import END, TRAVEL_GAP, TRAVEL_REPEAT, Whereabouts, whereabouts
from scheduling.zones import zone_named
from sync.problem import FieldCode, FieldProblem

__all__ = ["MAX_DOSES_PER_EXPANSION", "Planned", "ends_at", "expand", "left_over", "spacing_minutes", "walk"]

MAX_DOSES_PER_EXPANSION = 10_000
DOUBTFUL = (TRAVEL_GAP, TRAVEL_REPEAT)
NO_TIME = timedelta()
COMES_AGAIN = timedelta(hours=28)  # after a move a clock time may come again: zones are 26 hours apart at most
COURSES_KEPT = 24  # counted courses kept ready, of at most 5,000 doses each: some 1 MB a piece
FLOOR = datetime(FIRST_DAY.year, 1, 1, tzinfo=UTC) - timedelta(days=1)
CEILING = datetime(LAST_DAY.year + 1, 1, 2, tzinfo=UTC)


def expand(
    plan: Plan, routine: Routine, since: datetime, until: datetime, limit: int = MAX_DOSES_PER_EXPANSION
) -> list[Planned] | FieldProblem:
    """The doses due in the half-open window [since, until) of aware instants, by instant, then segment.

    Answers `horizon.too_large` if there are more than `limit`; no more are made than that (S-60, R-113). Raises
    LookupError for a zone that is not on the list.
    """
    found = list(islice(walk(plan, routine, since, until), limit + 1))
    return found if len(found) <= limit else FieldProblem("plan", FieldCode.HORIZON_TOO_LARGE, {"limit": limit})


def walk(plan: Plan, routine: Routine, since: datetime, until: datetime) -> Iterator[Planned]:
    """As `expand`, lazily and without a limit: the next dose of a plan costs no more than itself."""
    assert since.tzinfo is not None and until.tzinfo is not None, "a window is made of instants"
    since, until = (min(max(moment, FLOOR), CEILING).astimezone(UTC) for moment in (since, until))
    read = plan.routine(routine)
    lanes = [_lane(plan, index, read, since, until) for index in range(len(plan.segments))]
    return lanes[0] if len(lanes) == 1 else merge(*lanes, key=lambda dose: (dose.due_at, dose.segment))


def ends_at(plan: Plan, routine: Routine) -> datetime | None:
    """The UTC instant from which the plan has no dose; where a count or quantity ends it, a minute after the last one.

    None = ongoing. Raises LookupError as `expand` does.
    """
    read = plan.routine(routine)
    ends = [_segment_ends(plan, index, read) for index in range(len(plan.segments))]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def left_over(plan: Plan, routine: Routine) -> tuple[Decimal | None, ...]:
    """Per segment, what of its quantity no dose uses (R-117); None where no quantity is given."""
    read = plan.routine(routine)
    return tuple(
        None if segment.quantity is None
        else segment.quantity - sum((dose.amount for dose in _whole_course(plan, i, read)), Decimal(0))
        for i, segment in enumerate(plan.segments)
    )


def spacing_minutes(plan: Plan, routine: Routine) -> int:
    """The shortest wall-clock distance between consecutive doses of the line, in minutes; parallel segments are one."""
    read = plan.routine(routine)
    parallel: dict[datetime, tuple[Segment, ...]] = {}
    for segment in plan.segments:
        parallel[segment.start] = (*parallel.get(segment.start, ()), segment)
    return min((spacing(together, read) for together in parallel.values()), default=DAY_MINUTES)


def _lane(plan: Plan, index: int, read: Routine, since: datetime, until: datetime) -> Iterator[Planned]:
    """One segment's doses in the window. What counts doses must count them from its first day, whatever is asked."""
    segment = plan.segments[index]
    if not segment.plans_doses:
        return iter(())
    if not plan.pauses and not read.moves and is_usual(segment):
        usual = steady_doses(segment, index, read, zone_named(read.zone), since, until)
        if usual is not None:
            return usual
    if segment.runs_out:
        return (dose for dose in _whole_course(plan, index, read) if since <= dose.due_at < until)
    return (dose for dose in _doses(plan, index, read, since, until) if since <= dose.due_at)


@lru_cache(COURSES_KEPT)
def _whole_course(plan: Plan, index: int, read: Routine) -> tuple[Planned, ...]:
    return tuple(within_course(plan.segments[index], _doses(plan, index, read, FLOOR, CEILING)))


def _doses(plan: Plan, index: int, read: Routine, since: datetime, until: datetime) -> Iterator[Planned]:
    """The segment's doses before its course is counted, from some moment before `since` to `until`."""
    segment, where = plan.segments[index], whereabouts(read.zone, read.moves)
    opens, closes = where.first(segment.start), where.first(segment.end) if segment.end else END
    rests, until = rests_of(plan.pauses, where) if plan.pauses else [], min(until, closes)
    half = _half_interval(segment, read) if where.one_zone is None else NO_TIME
    early = opens if half is None else max(opens, _early_enough(where, since - segment.follows_within, half))
    found = _candidates(plan, index, read, where, rests, early, until) if early < until else iter(())
    sure = _sure(found, half, rests, opens, until)
    doses = (Planned(c.due_at, c.nominal_date, c.key, c.slot, c.occurrence, c.amount, index, c.adjusted, False,
                     where.zone_at(c.due_at)) for c in sure)
    return _with_following(segment, doses, rests, until, where) if segment.following else doses


def _candidates(
    plan: Plan, index: int, read: Routine, where: Whereabouts, rests: list[Rest], since: datetime, until: datetime
) -> Iterator[Candidate]:
    segment = plan.segments[index]
    turns = turns_of(rests, max(where.first(segment.start), where.first(segment.anchor)), where)
    if segment.interval is None:
        first, last = (moment.astimezone(where.zone_at(moment)).date() for moment in (since, until))
        return by_the_clock(segment, index, read, where, rests, turns, first - MARGIN, last + MARGIN)
    used = [where.first(other.anchor) for other in plan.segments[:index] if other.interval is not None]
    return elapsed(segment, used, where, rests, turns, since, until)


def _half_interval(segment: Segment, read: Routine) -> timedelta | None:
    """Half the usual distance between its doses; None where there is but one dose, which no journey repeats."""
    minutes = shortest((segment,), read)
    return None if minutes is None else minutes * ONE_MINUTE / 2


def _early_enough(where: Whereabouts, since: datetime, half: timedelta) -> datetime:
    """From where on doses must be known, so that what moves make doubtful is decided alike for every window: half a
    distance before, and before that as far as one doubtful dose decides about the next."""
    early, upto = since - half, since
    while (moved := where.moved_between(early - COMES_AGAIN, upto)) is not None:
        early, upto = min(early, moved) - half, moved
    return early


def _sure(
    found: Iterator[Candidate], half: timedelta | None, rests: list[Rest], opens: datetime, until: datetime
) -> Iterator[Candidate]:
    """One dose per instant, none before the opening or within a pause; of what a journey skipped or repeats only that
    which comes more than half the usual distance after the dose before it."""
    last: datetime | None = None
    for one in found:
        due_at = one.due_at
        if due_at >= until:
            return
        soon = last is not None and (
            due_at == last or (one.adjusted in DOUBTFUL and (half is None or due_at - last <= half)))
        if due_at >= opens and not soon and one.amount > 0 and not (rests and in_rest(rests, due_at)):
            last = due_at
            yield one


def _with_following(
    segment: Segment, doses: Iterator[Planned], rests: list[Rest], until: datetime, where: Whereabouts
) -> Iterator[Planned]:
    """The doses, and after each those that follow it, as planned from its due time; still one dose per instant."""
    waiting: list[tuple[datetime, int, Planned]] = []
    for number, dose in enumerate(doses):
        yield from _followers(waiting, dose.due_at)
        yield dose
        due_at = dose.due_at
        for place, follower in enumerate(segment.following, 1):
            due_at += follower.delay_min * ONE_MINUTE
            if due_at < until and not in_rest(rests, due_at):
                heappush(waiting, (due_at, number * MAX_FOLLOWING + place, dose._replace(
                    due_at=due_at, slot_key=followed(dose.slot_key, place), slot=None, adjusted=None, provisional=True,
                    amount=follower.dose or dose.amount, zone=where.zone_at(due_at))))
    yield from _followers(waiting, until)


def _followers(waiting: list[tuple[datetime, int, Planned]], before: datetime) -> Iterator[Planned]:
    """Takes from the heap all that is due until then; one that meets another dose at its instant is that dose."""
    last = None
    while waiting and waiting[0][0] <= before:
        due_at, _, dose = heappop(waiting)
        if due_at != last and due_at < before:
            yield dose
        last = due_at


def _segment_ends(plan: Plan, index: int, read: Routine) -> datetime | None:
    segment, where = plan.segments[index], whereabouts(read.zone, read.moves)
    if not segment.plans_doses:
        return where.first(segment.closes) if segment.closes else None
    if segment.runs_out:
        dues = (dose.due_at for dose in _whole_course(plan, index, read))
        return max(dues, default=where.first(segment.start)) + ONE_MINUTE
    if segment.closes is None:
        return None
    past_midnight = max([0, *(dose.minute - DAY_MINUTES + 1 for dose in segment.clock_doses(read))])
    closes = segment.closes + (past_midnight * ONE_MINUTE if segment.last_day else timedelta())
    return max(where.first(closes), where.first(segment.start)) + segment.follows_within
