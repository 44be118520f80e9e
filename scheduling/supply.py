"""What is on hand of a medicine, when it runs out, when to fetch more, and which fills it had (R-314, R-315, N-13).

Everything is replayed from events and intakes, so that a late or undone one gives the same figures as if it had come in
time. Nothing here can refuse a dose. Pure: knows no rows, no plan and no clock; doses to come are any iterable of
(due_at, amount) by time, and a calendar date is read off the wall clock that a datetime carries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

DISPENSED, COUNTED, DISCARDED = "dispensed", "counted", "discarded"
LEAD_DAYS = 7
MOST_LEAD_DAYS = 60
MOST_DAYS_BACK = 400  # a clinic that is closed longer cannot be waited for
HORIZON = timedelta(days=400)  # how far ahead doses are walked to see what is on hand run out
MAX_DOSES_WALKED = 10_000  # 25 a day, all through the horizon
ONE_DAY = timedelta(days=1)

# At one instant what came in is there before anybody takes of it, and a count has seen all of it.
_IN, _TAKEN, _OUT, _COUNT = range(4)
_PLACES = {DISPENSED: _IN, DISCARDED: _OUT, COUNTED: _COUNT}

Doses = Iterable[tuple[datetime, Decimal]]


@dataclass(frozen=True, slots=True)
class Event:
    """What was dispensed, counted or discarded at an instant, on the date `day` of the patient; in the line's unit."""

    id: str
    type: str
    at: datetime
    day: date
    quantity: Decimal
    days_supply: int | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """A dose that stands as taken. `amount` is None where nobody knows it: taken when needed, and not told."""

    id: str
    at: datetime
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class OnHand:
    """`recount`: since the last count the figure went below zero, or an amount is unknown, so it cannot be right."""

    quantity: Decimal
    recount: bool


@dataclass(frozen=True, slots=True)
class RunOut:
    """`first_uncovered` is the first dose there is not enough for, None if there is none as far as was walked.

    `left_over` is what then remains; `full_days` counts the dates before that dose's, with every dose covered.
    """

    first_uncovered: datetime | None
    left_over: Decimal
    full_days: int


class Fill(NamedTuple):
    """One dispensing as coverage counts it: from the date `day` on, at hand for so many whole days, at least one."""

    day: date
    days: int


def on_hand(events: Iterable[Event], intakes: Iterable[Intake]) -> OnHand | None:
    """The balance of all events and intakes; None before anything was dispensed or counted.

    An intake counts once by its id, however often it is given (R-314). What was taken before the first that is known
    came out of a stock nobody told of.
    """
    moves: list[tuple[datetime, int, str, Decimal | None]] = [
        (_utc(event.at), _PLACES[event.type], event.id, event.quantity) for event in events]
    moves += [(_utc(taken.at), _TAKEN, taken.id, taken.amount) for taken in {one.id: one for one in intakes}.values()]
    held: Decimal | None = None
    doubtful = False
    for _, place, _, amount in sorted(moves, key=lambda move: move[:3]):
        if place == _COUNT:
            held, doubtful = amount, False
        elif place == _IN:
            held = (held or Decimal(0)) + (amount or Decimal(0))
        elif held is not None:
            held -= amount or Decimal(0)
            doubtful = doubtful or amount is None or held < 0
    return None if held is None else OnHand(held, doubtful)


def known_since(events: Collection[Event]) -> datetime | None:
    """From which UTC instant intakes matter: the last count, else the first dispensing; None if neither is known."""
    counts = [_utc(event.at) for event in events if event.type == COUNTED]
    fetched = (_utc(event.at) for event in events if event.type == DISPENSED)
    return max(counts) if counts else min(fetched, default=None)


def _utc(moment: datetime) -> datetime:
    # Moments of one zone compare by wall clock, also in the hour that comes twice.
    return moment.astimezone(UTC)


def run_out(quantity: Decimal, doses: Doses) -> RunOut:
    """Walks the doses to come, lazily and at most MAX_DOSES_WALKED of them, until one is not covered (R-315)."""
    left, days, last = max(quantity, Decimal(0)), 0, None
    for due_at, amount in islice(doses, MAX_DOSES_WALKED):
        day = due_at.date()
        if amount > left:
            return RunOut(due_at, left, days - (day == last))
        left -= amount
        days, last = days + (day != last), day
    return RunOut(None, left, days)


def remind_at(
    first_uncovered: datetime, lead_days: int = LEAD_DAYS, closed: Collection[date] = frozenset()
) -> datetime:
    """The same wall clock so many days before that `lead_days` of them are days on which the clinic is open (N-13)."""
    day, back, wanted = first_uncovered.date(), 0, lead_days
    while wanted and back < MOST_DAYS_BACK:
        back += 1
        wanted -= day - back * ONE_DAY not in closed
    return first_uncovered - back * ONE_DAY


def fills(events: Iterable[Event], doses_from: Callable[[datetime], Doses]) -> list[Fill]:
    """What was dispensed, by time (PDC, MPR; R-311): for the days that were written on it, else for as long as its
    quantity lasts on the schedule from then on, which `doses_from` walks. What lasts for no day is no fill."""
    dispensed = [event for event in events if event.type == DISPENSED]
    dispensed.sort(key=lambda event: (_utc(event.at), event.id))
    lasts = [(event.day, event.days_supply or _lasts(event.quantity, doses_from(event.at))) for event in dispensed]
    return [Fill(day, days) for day, days in lasts if days]


def _lasts(quantity: Decimal, doses: Doses) -> int:
    """Calendar days from the first dose up to the first that is not covered; 28 for four tablets, one a week."""
    left, first, last = quantity, None, None
    for due_at, amount in islice(doses, MAX_DOSES_WALKED):
        day = due_at.date()
        first = first or day
        if amount > left:
            return (day - first).days
        left, last = left - amount, day
    return 0 if first is None or last is None else (last - first).days + 1
