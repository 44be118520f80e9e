"""A segment of a dosing plan: its bounds, its rule of days and times or its interval, and how much each dose is.

Plain values with the questions that they answer alone. What they mean on the clock is recurrence.py, whether they make
sense together plan_check.py. Conventions: tests/data/schedule_cases.json.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any

from pydantic import Discriminator, Tag
from pydantic import Field as Described

from scheduling.day_rules import DAILY, MAX_DAYS, ONE_DAY, DayRule, EveryDays
from scheduling.plan_values import (
    MOST_DOSE,
    Amount,
    Day,
    Minutes,
    Part,
    Quantity,
    Start,
    Step,
    StepLimit,
    Wall,
    whole,
    words,
)
from scheduling.routine import Routine
from scheduling.time_rules import ClockDose, SlotGrid, TimeRule
from scheduling.zones import midnight

MAX_DOSES_PER_COURSE = 5_000  # of a line's counts and quantities together, which are counted one by one (S-60)
MAX_FOLLOWING = 5
MAX_SEGMENT_KEY = 9_999
ONE_MINUTE = timedelta(minutes=1)


class Interval(Part):
    """Elapsed minutes from the anchor, whatever clocks do; without one the anchor is the segment's start."""

    every_minutes: Minutes
    anchor: Start | None = None


class DoseStep(Part):
    """An amount that moves by `step` every so many days from the start date, up to `limit` (a taper, a titration)."""

    start: Amount
    step: Step
    every_days: Annotated[int, whole(1, MAX_DAYS)]
    limit: StepLimit = None

    def on(self, day: date, first_day: date) -> Decimal:
        """The amount of a nominal date; 0 or less means that there is no dose any more."""
        amount = self.start + self.step * ((day - first_day).days // self.every_days)
        if self.limit is None:
            return amount
        return max(amount, self.limit) if self.step < 0 else min(amount, self.limit)

    @property
    def days(self) -> int | None:
        """For how many days there is a dose; None = for ever."""
        if self.limit is not None and (self.step >= 0 or self.limit > 0):
            return None
        if self.step >= 0:  # up to the most that a dose can be
            return (int((MOST_DOSE - self.start) // self.step) + 1) * self.every_days if self.step else None
        return int((self.start / -self.step).to_integral_value(ROUND_CEILING)) * self.every_days

    @property
    def least(self) -> Decimal:
        if self.step >= 0:
            return self.start
        if self.limit:
            return min(self.start, self.limit)
        return self.start % self.step or -self.step


class AsNeeded(Part):
    """Taken when needed, within these limits; none of them refuses a recording (R-118)."""

    min_interval_min: Annotated[int, whole(0, 86_400)] | None = None
    max_count_24h: Annotated[int, whole(1, 100)] | None = None
    max_amount_24h: Amount | None = None
    max_count_calendar_day: Annotated[int, whole(1, 100)] | None = None


class Following(Part):
    """A dose that comes so many minutes after the one before it was really taken (K01 to K06)."""

    type: Annotated[str, words("after_previous")] = "after_previous"
    delay_min: Annotated[int, whole(1, 2_880)]
    dose: Amount | None = None


def _dose_kind(value: Any) -> str:
    return "step" if isinstance(value, dict | DoseStep) else "amount"


Dose = Annotated[Annotated[Amount, Tag("amount")] | Annotated[DoseStep, Tag("step")], Discriminator(_dose_kind)]


class Segment(Part):
    """A stretch of the plan. Times are wall-clock times without zone; at most one of until, end, days is given."""

    key: Annotated[int, whole(0, MAX_SEGMENT_KEY)] | None = None  # names its doses; till it has one, its place does
    start: Start  # inclusive; a bare date means its midnight
    until: Day | None = None  # inclusive last nominal date
    end: Wall | None = None  # exclusive
    days: Annotated[int, whole(1, MAX_DAYS)] | None = None
    count: Annotated[int, whole(1, MAX_DOSES_PER_COURSE)] | None = None  # doses, counted from the start
    quantity: Quantity | None = None  # stops before the dose that would exceed it
    dose: Dose | None = None
    day_rule: DayRule = DAILY
    time_rule: TimeRule | None = None
    interval: Interval | None = None
    as_needed: AsNeeded | None = None
    following: Annotated[tuple[Following, ...], Described(max_length=MAX_FOLLOWING)] = ()

    @property
    def first_day(self) -> date:
        return self.start.date()

    @property
    def last_day(self) -> date | None:
        """The inclusive last nominal date that until, days or a taper down to nothing name."""
        lasts = [self.until] if self.until else []
        for days in (self.days, self.dose.days if isinstance(self.dose, DoseStep) else None):
            if days:
                lasts.append(date.fromordinal(min(self.first_day.toordinal() + days - 1, date.max.toordinal() - 1)))
        return min(lasts, default=None)

    @property
    def closes(self) -> datetime | None:
        """The exclusive end by the calendar: of the last day, or `end`; None if nothing names one."""
        ends = [midnight(self.last_day + ONE_DAY)] if self.last_day else []
        return min([*ends, self.end] if self.end else ends, default=None)

    @property
    def plans_doses(self) -> bool:
        """A medicine taken as needed has no planned doses (R-118)."""
        if self.as_needed is not None:
            return False
        if isinstance(self.time_rule, SlotGrid):
            return bool(self.time_rule.filled)
        return self.time_rule is not None or self.interval is not None

    @property
    def has_amounts(self) -> bool:
        """Whether every dose that it plans has an amount; plan_check.py refuses those that have none."""
        return self.plans_doses and (self.dose is not None or isinstance(self.time_rule, SlotGrid))

    @property
    def runs_out(self) -> bool:
        return self.count is not None or self.quantity is not None

    @property
    def anchor(self) -> datetime:
        """Wall clock from which an interval, or every n days, counts."""
        if isinstance(self.day_rule, EveryDays) and self.day_rule.anchor is not None:
            return midnight(self.day_rule.anchor)
        return (self.interval.anchor if self.interval else None) or self.start

    def amount_on(self, day: date, own: Decimal | None = None) -> Decimal:
        """The amount of a dose on a nominal date; `own` is that of its place in the grid."""
        if own is not None:
            return own
        assert self.dose is not None, "plan_check asks for it"
        return self.dose.on(day, self.first_day) if isinstance(self.dose, DoseStep) else self.dose

    def clock_doses(self, routine: Routine) -> list[ClockDose]:
        """By the wall clock, one per minute; none for an interval or a medicine taken as needed."""
        doses = self.time_rule.clock_doses(routine) if self.time_rule and self.plans_doses else []
        once = {dose.minute: dose for dose in reversed(doses)}
        return [once[minute] for minute in sorted(once)]

    @property
    def least_amount(self) -> Decimal | None:
        """The smallest dose that it plans; None if it plans none."""
        amounts = [follower.dose for follower in self.following if follower.dose]
        if isinstance(self.time_rule, SlotGrid):
            amounts += [own for _, own in self.time_rule.filled]
        elif isinstance(self.dose, DoseStep):
            amounts.append(self.dose.least)
        elif self.dose is not None:
            amounts.append(self.dose)
        return min(amounts, default=None)

    @property
    def most_counted(self) -> int:
        """No more doses than this are counted to find where the course runs out."""
        least = self.least_amount
        courses = [self.count] if self.count is not None else []
        courses += [int(self.quantity / least)] if self.quantity is not None and least else []
        return min(courses, default=0)

    @property
    def follows_within(self) -> timedelta:
        """From a planned dose to the last that follows it, as planned."""
        return sum((follower.delay_min for follower in self.following), 0) * ONE_MINUTE
