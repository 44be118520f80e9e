"""The guard of medicines taken when needed: may one more be taken now, and if not, from when (R-118, N-08).

Pure: limits, intakes and the moment come in, an allowance goes out. It warns and never refuses a recording. Knows no
line and no row (as_needed_lines.py), no store, and not who asks.

Rules, each on its own, at a moment m (an intake recorded for later than m, by a clock that was wrong, was taken all the
same: it is the last one, and counts):
    min_interval              m - last taken >= the interval
    max_count_24h             intakes after m - 24 h, plus one, within the limit; one exactly 24 h old no longer counts
    max_amount_24h            their amounts plus the wanted one, within the limit
    max_count_calendar_day    intakes on m's local date, plus one, within the limit
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from scheduling.zones import instant_of, midnight

DAY, MINUTE = timedelta(hours=24), timedelta(minutes=1)
LOOKS_BACK = timedelta(hours=48)  # no rule but the interval asks for older intakes; a calendar day may have 25 hours
ONE = Decimal(1)  # of the line's unit: an intake whose amount nobody told
NEVER = datetime.fromisoformat("9999-12-31T23:59")
N = TypeVar("N", int, Decimal)


class Reason(StrEnum):
    """Why not now; in the order in which reasons are told. The sentence is `as_needed.<code>`."""

    MIN_INTERVAL = "min_interval"
    MAX_COUNT_24H = "max_count_24h"
    DOSE_EXCEEDS_LIMIT = "dose_exceeds_limit"
    MAX_AMOUNT_24H = "max_amount_24h"
    MAX_COUNT_CALENDAR_DAY = "max_count_calendar_day"


@dataclass(frozen=True, slots=True)
class Limits:
    """What R-118 lets a line name; None is no limit. Minutes, intakes, the line's unit, intakes."""

    min_interval_min: int | None = None
    max_count_24h: int | None = None
    max_amount_24h: Decimal | None = None
    max_count_calendar_day: int | None = None

    @staticmethod
    def of(told: Mapping[str, Any]) -> Limits:
        """From the `as_needed` member of a line or a plan's segment, checked when it was written."""
        amount = told.get("max_amount_24h")
        return Limits(told.get("min_interval_min"), told.get("max_count_24h"),
                      None if amount is None else Decimal(str(amount)), told.get("max_count_calendar_day"))

    def and_(self, other: Limits) -> Limits:
        """Both at once: the longer interval, and of the rest the smaller one."""
        intervals = (one for one in (self.min_interval_min, other.min_interval_min) if one is not None)
        return Limits(max(intervals, default=None), _least(self.max_count_24h, other.max_count_24h),
                      _least(self.max_amount_24h, other.max_amount_24h),
                      _least(self.max_count_calendar_day, other.max_count_calendar_day))

    @property
    def looks_back(self) -> timedelta:
        """Intakes older than this before a moment cannot matter to it."""
        return max(LOOKS_BACK, timedelta(minutes=self.min_interval_min or 0))


def _least(one: N | None, other: N | None) -> N | None:
    return min((value for value in (one, other) if value is not None), default=None)


@dataclass(frozen=True, slots=True)
class Intake:
    """Something taken: when (aware), and how much in the line's unit."""

    at: datetime
    amount: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Allowance:
    """`next_allowed_at` is on the patient's clock: `now` if allowed, else the first whole minute at which every rule
    holds; 9999-12-31T23:59 if none ever will."""

    allowed: bool
    reasons: tuple[Reason, ...]
    next_allowed_at: datetime


def allowance(
    limits: Limits, taken: Iterable[Intake], now: datetime, want: Decimal, zone: tzinfo
) -> Allowance:
    """Whether `want` (the line's unit) may be taken at the aware `now`, after all of `taken`, in the patient's zone."""
    now, intakes = now.astimezone(UTC), _in_order(taken)
    reasons = broken(limits, intakes, now, want, zone)
    if not reasons:
        return Allowance(True, (), now.astimezone(zone))
    if Reason.DOSE_EXCEEDS_LIMIT in reasons:
        return Allowance(False, reasons, NEVER.replace(tzinfo=zone))
    opens = (moment for moment in _turns(limits, intakes, now, zone)
             if not broken(limits, intakes, moment, want, zone))
    return Allowance(False, reasons, next(opens).astimezone(zone))


def broken(limits: Limits, taken: Sequence[Intake], at: datetime, want: Decimal, zone: tzinfo) -> tuple[Reason, ...]:
    """Every rule that one more intake of `want` at this moment would break. All moments in UTC."""
    recent = [one for one in taken if one.at > at - DAY]
    today = at.astimezone(zone).date()
    same_day = sum(_local_day(one.at, zone) == today for one in taken)
    gap = None if limits.min_interval_min is None else timedelta(minutes=limits.min_interval_min)
    most = limits.max_amount_24h
    alone = most is not None and want > most
    found = {
        Reason.MIN_INTERVAL: gap is not None and any(at - one.at < gap for one in taken),
        Reason.MAX_COUNT_24H: limits.max_count_24h is not None and len(recent) + 1 > limits.max_count_24h,
        Reason.DOSE_EXCEEDS_LIMIT: alone,
        Reason.MAX_AMOUNT_24H: most is not None and not alone and sum((one.amount for one in recent), want) > most,
        Reason.MAX_COUNT_CALENDAR_DAY:
            limits.max_count_calendar_day is not None and same_day + 1 > limits.max_count_calendar_day,
    }
    return tuple(reason for reason in Reason if found[reason])


def warning(limits: Limits, others: Iterable[Intake], intake: Intake, zone: tzinfo) -> Allowance | None:
    """What to say of an intake that is recorded anyway; None if it keeps every rule (R-118: never a refusal).

    It is held against those before it, and those after it against it: a forgotten intake recorded late may be what
    makes the next one too soon. Rules that the later ones broke without it are not its doing.
    """
    every, (intake,) = _in_order(others), _in_order([intake])
    before = [one for one in every if one.at <= intake.at]
    reasons = set(broken(limits, before, intake.at, intake.amount, zone))
    for place in range(len(before), len(every)):
        later, earlier = every[place], every[:place]
        without = broken(limits, earlier, later.at, later.amount, zone)
        reasons.update(set(broken(limits, [*earlier, intake], later.at, later.amount, zone)) - set(without))
    if not reasons:
        return None
    told = tuple(reason for reason in Reason if reason in reasons)
    return Allowance(False, told, allowance(limits, every, intake.at, intake.amount, zone).next_allowed_at)


def _in_order(taken: Iterable[Intake]) -> list[Intake]:
    """By time, in UTC: Python subtracts two readings of one zone as wall clocks, an hour off when clocks change."""
    return sorted((Intake(one.at.astimezone(UTC), one.amount) for one in taken), key=lambda one: one.at)


def _turns(limits: Limits, taken: Sequence[Intake], now: datetime, zone: tzinfo) -> list[datetime]:
    """The whole minutes from `now` on at which a rule may begin to hold, in order: nothing opens between them."""
    gap = timedelta(minutes=limits.min_interval_min or 0)
    days = {_local_day(moment, zone) for moment in (now, *(one.at for one in taken if one.at >= now - DAY))}
    turns = [*(one.at + gap for one in taken), *(one.at + DAY for one in taken),
             *(instant_of(midnight(day + timedelta(days=1)), zone) for day in days)]
    return sorted({_minute_from(max(turn, now)) for turn in turns})


def _minute_from(moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + MINUTE


def _local_day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date()
