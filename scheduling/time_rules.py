"""Time rules: which doses a date holds, at which clock times, under which stable keys (R-110, R-111, R-115).

A rule keeps its meaning and its JSON in one class. Clock times are minutes from the nominal date's midnight on the wall
clock: below 0 or from 1440 on where a meal's offset or a window crosses midnight, the dose being its anchor's date's.
Knows the patient's routine, no date and no zone. Conventions: tests/data/schedule_cases.json, `time_rule`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, PlainValidator, model_validator
from pydantic import Field as Described

from scheduling.day_rules import some
from scheduling.identity import is_key
from scheduling.plan_values import Clock, Minutes, Part, SlotAmount, whole, words
from scheduling.routine import DAY_MINUTES, SLOT_NAMES, Routine, minute_of
from sync.problem import FieldCode
from sync.values import Unfit

MAX_TIMES_PER_DAY = 96  # a quarter of an hour apart
MAX_OFFSET_MINUTES = 720  # from a meal: further away it would be another meal's
ROUND_TO = 15  # minutes, half up: evenly spaced times as people read them
SLOTS_OF_FREQUENCY = {1: ("MORN",), 2: ("MORN", "EVE"), 3: ("MORN", "NOON", "EVE"), 4: SLOT_NAMES}
SIGN = {"before": -1, "with": 0, "after": 1}


class ClockDose(NamedTuple):
    """One dose of every date that the day rule holds on. `own` is its amount if the rule has one."""

    minute: int
    key: str | None
    slot: str | None = None
    own: Decimal | None = None


def _key(value: object) -> str | None:
    if value is not None and not is_key(value):
        raise Unfit(FieldCode.NOT_ALLOWED)
    return None if value is None else str(value)


class Times(Part):
    """Clock times, each with the key that outlives its hour (None until keys.assign_keys has run)."""

    type: Literal["times"] = "times"
    times: Annotated[tuple[Clock, ...], some(FieldCode.TIMES_EMPTY, MAX_TIMES_PER_DAY)] = Described(
        default=(), validate_default=True)
    keys: tuple[Annotated[str | None, PlainValidator(_key)], ...] = ()

    @property
    def sent_keys(self) -> tuple[str | None, ...]:
        return self.keys or (None,) * len(self.times)

    def clock_doses(self, routine: Routine) -> list[ClockDose]:
        return [ClockDose(minute_of(time), key) for time, key in zip(self.times, self.sent_keys, strict=True)]


class SlotDoses(Part):
    """Amounts of the four-slot grid; null or 0 is an empty place."""

    MORN: SlotAmount = None
    NOON: SlotAmount = None
    EVE: SlotAmount = None
    NIGHT: SlotAmount = None


class SlotGrid(Part):
    """The four-slot grid of the Cambodian form: filled slots with their own amounts (R-110, F-20)."""

    type: Literal["slots"] = "slots"
    doses: SlotDoses

    @property
    def filled(self) -> tuple[tuple[str, Decimal], ...]:
        told = dict(self.doses)
        return tuple((name, told[name]) for name in SLOT_NAMES if told[name] is not None)

    def clock_doses(self, routine: Routine) -> list[ClockDose]:
        return [ClockDose(minute_of(routine.slots[name]), name, name, own) for name, own in self.filled]


class Meals(Part):
    """Before, with or after meals, waking or bed; without an offset half an hour away, as the routine says (R-111)."""

    type: Literal["meals"] = "meals"
    relation: Annotated[str, words("before", "with", "after")]
    meals: Annotated[tuple[Annotated[str, words("wake", "breakfast", "lunch", "dinner", "bed")], ...],
                     some(FieldCode.REQUIRED), AfterValidator(lambda meals: tuple(dict.fromkeys(meals)))]
    offset_min: Annotated[int, whole(0, MAX_OFFSET_MINUTES)] | None = None

    @model_validator(mode="after")
    def _with_is_with(self) -> Meals:
        if self.relation == "with" and self.offset_min:  # FHIR's tim-9: C, CM, CD, CV take no offset
            raise Unfit(FieldCode.NOT_ALLOWED)
        return self

    def clock_doses(self, routine: Routine) -> list[ClockDose]:
        offset = routine.meal_offset_min if self.offset_min is None else self.offset_min
        away = SIGN[self.relation] * offset
        return [ClockDose(minute_of(routine.meals[meal]) + away, f"{meal}-{self.relation}") for meal in self.meals]


class EveryInWindow(Part):
    """From the opening on, every so many minutes up to the close; a window that closes earlier ends after midnight."""

    type: Literal["every_in_window"] = "every_in_window"
    every_minutes: Minutes
    opens: Clock = Described(alias="from")
    closes: Clock = Described(alias="to")

    @model_validator(mode="after")
    def _bounded(self) -> EveryInWindow:
        if len(self._minutes()) > MAX_TIMES_PER_DAY:
            raise Unfit(FieldCode.TOO_MANY, most=MAX_TIMES_PER_DAY)
        return self

    def _minutes(self) -> range:
        opens, closes = minute_of(self.opens), minute_of(self.closes)
        return range(opens, (closes if closes >= opens else closes + DAY_MINUTES) + 1, self.every_minutes)

    def clock_doses(self, routine: Routine) -> list[ClockDose]:
        return [ClockDose(minute, f"w{k}") for k, minute in enumerate(self._minutes())]


class Frequency(Part):
    """N times a day: up to four in the slots, more evenly over the waking hours, both ends included."""

    type: Literal["frequency"] = "frequency"
    per_day: Annotated[int, whole(1, MAX_TIMES_PER_DAY)]

    def clock_doses(self, routine: Routine) -> list[ClockDose]:
        if self.per_day in SLOTS_OF_FREQUENCY:
            names = SLOTS_OF_FREQUENCY[self.per_day]
            return [ClockDose(minute_of(routine.slots[name]), name, name) for name in names]
        opens, closes = (minute_of(clock) for clock in routine.waking_hours)
        awake, gaps = (closes - opens) % DAY_MINUTES or DAY_MINUTES, self.per_day - 1
        # rounding half up in whole numbers: (2a + b) // 2b is a/b rounded
        minutes = [(2 * (opens * gaps + awake * k) + ROUND_TO * gaps) // (2 * ROUND_TO * gaps) * ROUND_TO
                   for k in range(self.per_day)]
        return [ClockDose(minute, f"n{k}") for k, minute in enumerate(minutes)]


TimeRule = Annotated[Times | SlotGrid | Meals | EveryInWindow | Frequency, Described(discriminator="type")]
