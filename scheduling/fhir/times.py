"""At which times of a day: timeOfDay, when and offset as time rules, and which of two times are one moment.

Slots are the four of the form; meals, waking and bed are the patient's own (R-110, R-111). An afternoon or an early
morning is on nobody's clock here and is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import combinations

from scheduling.fhir.elements import SLOTS, Repeat
from scheduling.fhir.review import Beyond, Reason
from scheduling.routine import SLOT_NAMES
from scheduling.time_rules import MAX_OFFSET_MINUTES, Frequency, Meals, SlotDoses, SlotGrid, TimeRule, Times

THREE_MEALS = ("breakfast", "lunch", "dinner")
MEAL_EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "C": ("with", THREE_MEALS), "CM": ("with", ("breakfast",)), "CD": ("with", ("lunch",)), "CV": ("with", ("dinner",)),
    "AC": ("before", THREE_MEALS), "ACM": ("before", ("breakfast",)), "ACD": ("before", ("lunch",)),
    "ACV": ("before", ("dinner",)),
    "PC": ("after", THREE_MEALS), "PCM": ("after", ("breakfast",)), "PCD": ("after", ("lunch",)),
    "PCV": ("after", ("dinner",)),
}
# FHIR: so long before the hour of sleep, after going to sleep, after waking. Without an offset HS and WAKE are then.
OFFSET_RELATION = {"HS": ("before", "bed"), "PHS": ("after", "bed"), "WAKE": ("after", "wake")}
SLOT_OF_MEAL = {"wake": "MORN", "breakfast": "MORN", "lunch": "NOON", "dinner": "EVE", "bed": "NIGHT"}
RELATIONS = ("before", "with", "after")

Moment = tuple[str, str, str]
"""(kind of clock, part of the day or clock time, which of the part's moments; "" for the part as a whole)."""


def named_times(repeat: Repeat) -> int:
    """How many times of a day it names."""
    return len(repeat.timeOfDay) + sum(len(MEAL_EVENTS[event][1]) if event in MEAL_EVENTS else 1
                                       for event in repeat.when)


def time_rules(repeat: Repeat, per_day: int, amount: Decimal) -> tuple[TimeRule, ...]:
    """The rules of the named times, or `per_day` unnamed ones. Raises Beyond."""
    if repeat.timeOfDay:
        rules: tuple[TimeRule, ...] = (Times(times=tuple(sorted(_clock(time) for time in repeat.timeOfDay))),)
    elif repeat.when:
        rules = tuple(_events(repeat, amount))
    else:
        rules = (Frequency(per_day=per_day),)
    if len(set(repeat.timeOfDay)) < len(repeat.timeOfDay) or len(set(repeat.when)) < len(repeat.when):
        raise Beyond(Reason.SAME_MOMENT)
    for one, other in combinations(rules, 2):
        if (clash := clash_of([one], [other])) is not None:
            raise Beyond(clash)
    return rules


def _clock(time: str) -> str:
    if float(time[6:]) != 0:
        raise Beyond(Reason.MOMENT_UNSUPPORTED)
    return time[:5]


def _events(repeat: Repeat, amount: Decimal) -> Iterator[TimeRule]:
    """One grid for the slots, one rule for the meals of each relation."""
    slots = [event for event in repeat.when if event in SLOTS]
    if slots and repeat.offset:
        raise Beyond(Reason.OFFSET_UNSUPPORTED)
    if slots:
        yield SlotGrid(doses=SlotDoses(**dict.fromkeys(slots, amount)))
    meals: dict[str, list[str]] = {}
    for event in repeat.when:
        if event not in SLOTS:
            relation, names = _meals(event, repeat.offset)
            meals.setdefault(relation, []).extend(names)
    if (repeat.offset or 0) > MAX_OFFSET_MINUTES:
        raise Beyond(Reason.OFFSET_UNSUPPORTED)
    for relation in RELATIONS:
        listed = meals.get(relation, [])
        if len(set(listed)) < len(listed):
            raise Beyond(Reason.SAME_MOMENT)
        if listed:
            offset = None if relation == "with" else repeat.offset
            yield Meals(relation=relation, meals=tuple(listed), offset_min=offset)


def _meals(event: str, offset: int | None) -> tuple[str, tuple[str, ...]]:
    if event in MEAL_EVENTS:
        return MEAL_EVENTS[event]
    if event not in OFFSET_RELATION or (event == "PHS" and not offset):
        raise Beyond(Reason.MOMENT_UNSUPPORTED)
    relation, name = OFFSET_RELATION[event]
    return relation if offset else "with", (name,)


def clash_of(ones: Iterable[TimeRule], others: Iterable[TimeRule]) -> Reason | None:
    """Why two sets of times cannot stand side by side on one day; None if they can.

    A named and an unnamed time, or a clock time and a part of the day, might be meant to be one and the same dose.
    """
    left = [moment for rule in ones for moment in _moments(rule)]
    right = [moment for rule in others for moment in _moments(rule)]
    pairs = [(one, other) for one in left for other in right]
    if any(one[0] != other[0] for one, other in pairs):
        return Reason.MIXED_TIMINGS
    return Reason.SAME_MOMENT if any(_same(one, other) for one, other in pairs) else None


def _same(one: Moment, other: Moment) -> bool:
    return one[1] == other[1] and (not one[2] or not other[2] or one[2] == other[2])


def _moments(rule: TimeRule) -> Iterator[Moment]:
    if isinstance(rule, Times):
        yield from (("clock", time, "") for time in rule.times)
    elif isinstance(rule, SlotGrid):
        yield from (("part", name, "") for name in SLOT_NAMES if getattr(rule.doses, name) is not None)
    elif isinstance(rule, Meals):
        yield from (("part", SLOT_OF_MEAL[meal], f"{rule.relation} {meal}") for meal in rule.meals)
    else:
        yield "unnamed", "", ""
