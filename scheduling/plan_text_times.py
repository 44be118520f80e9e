"""Doses and their times of day in words: `take 1 tablet` and `at 08:00 (morning)`, or both in one clause.

Slots are said by their names, for their hours are the patient's; clock times with the part of the day (R-433). Knows no
date and no bound.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from scheduling.plan_text_voice import Voice
from scheduling.segment import DoseStep, Segment
from scheduling.time_rules import EveryInWindow, Frequency, Meals, SlotGrid, TimeRule, Times


class Timed(NamedTuple):
    """What is taken, and when. `times` is None where `doses` says the times itself, or there are none."""

    doses: str
    times: str | None = None


def doses_text(segment: Segment, voice: Voice) -> Timed:
    """The act and the amount of a segment, with its times; neither days nor bounds."""
    rule = segment.time_rule
    if not segment.plans_doses:
        return Timed(_as_needed(segment, voice))
    if isinstance(rule, SlotGrid):
        return _grid(rule, voice)
    act = voice.act(voice.amount(_amount(segment)))
    if isinstance(rule, Frequency):
        return Timed(voice.say("frequency", dose=act, frequency=voice.times_a_day(rule.per_day)))
    if segment.interval is not None:
        return Timed(voice.say("at", dose=act, times=_every(segment.interval.every_minutes, voice)))
    assert rule is not None, "plan_check asks for a rule"
    if isinstance(rule, EveryInWindow):
        return Timed(voice.say("at", dose=act, times=_times(rule, voice)))
    return Timed(act, _times(rule, voice))


def _amount(segment: Segment) -> Decimal:
    """The segment's own amount, on its first day."""
    dose = segment.dose.start if isinstance(segment.dose, DoseStep) else segment.dose
    assert dose is not None, "plan_check asks for it"
    return dose


def _as_needed(segment: Segment, voice: Voice) -> str:
    if segment.dose is None:
        return voice.say("as_needed.unmeasured")
    return voice.say("as_needed", dose=voice.act(voice.amount(_amount(segment))))


def _grid(rule: SlotGrid, voice: Voice) -> Timed:
    """Equal amounts are said once, unequal ones each with its slot (F-20)."""
    slots = [voice.say(f"slot.{name}") for name, _ in rule.filled]
    amounts = [amount for _, amount in rule.filled]
    if len(set(amounts)) == 1:
        return Timed(voice.act(voice.amount(amounts[0])), voice.all_of(slots))
    each = [voice.say("each", amount=voice.amount(amount), times=slot)
            for amount, slot in zip(amounts, slots, strict=True)]
    return Timed(voice.act(voice.all_of(each)))


def _times(rule: TimeRule, voice: Voice) -> str:
    match rule:
        case Times():
            clocks = sorted(set(rule.times))
            return voice.say("clock", times=voice.all_of([voice.clock(clock) for clock in clocks]))
        case Meals():
            return _meals(rule, voice)
        case EveryInWindow():
            return voice.say("window", every=_every(rule.every_minutes, voice), opens=voice.clock(rule.opens),
                             closes=voice.clock(rule.closes))
        case _:
            raise TypeError(f"{rule.type} is no clause of its own")


def _every(minutes: int, voice: Voice) -> str:
    return voice.say("every", duration=voice.duration(minutes))


def _meals(rule: Meals, voice: Voice) -> str:
    """Without an offset only `before breakfast`: the usual half hour is the patient's setting, not the plan's word."""
    if rule.relation == "with":
        return voice.all_of([voice.say(f"meals.with.{meal}") for meal in rule.meals])
    meals = voice.all_of([voice.say(f"meal.{meal}") for meal in rule.meals])
    clause = f"meals.{rule.relation}"
    if rule.offset_min is None:
        return voice.say(clause, meals=meals)
    if rule.offset_min == 0:
        return voice.say(f"{clause}.at_once", meals=meals)
    return voice.say(f"{clause}.offset", meals=meals, offset=voice.duration(rule.offset_min))
