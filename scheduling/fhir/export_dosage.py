"""One line of a prescription version → FHIR R4 dosageInstruction: a sentence always, and Timing where it is exact.

What FHIR cannot say exactly (cycles, the second Friday, doses that follow doses, pauses) is told in words alone: a
timing that is nearly right gives wrong doses. Knows a line as told; nothing of what the medicine is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from i18n.catalogue import sentence
from i18n.languages import Language
from scheduling.fhir.export_parts import parts_of
from scheduling.fhir.export_timing import bounds_of, elapsed, repeat_of
from scheduling.fhir.units import amount_in, measured
from scheduling.plan import read_plan
from scheduling.plan_model import Plan
from scheduling.plan_text import plan_text
from scheduling.plan_values import FIRST_DAY
from scheduling.routine import Routine
from scheduling.segment import AsNeeded, Segment
from scheduling.time_rules import SlotGrid
from scheduling.zones import midnight

Json = dict[str, Any]
MEAL_RELATION = "tag:dastern,2026:meal-relation"
HOURS_OF_DAY = 24
ALWAYS = midnight(FIRST_DAY)


def line_dosages(line: Mapping[str, Any], routine: Routine, language: Language) -> list[Json]:
    """`line` is a member of a version's `lines`; amounts come out as Decimal. `routine` is the patient's."""
    plan = _plan_of(line)
    twice_limited = line["plan"] is not None and line["as_needed"] is not None
    parts = None if twice_limited else parts_of(plan, routine)
    if parts is None:
        return [{**_text(plan, line, language), **_meals(line, language)}]
    begins = min(segment.first_day for segment in plan.segments)
    return [{**_text(plan.model_copy(update={"segments": (part,)}), line, language, begins), **_meals(line, language),
             **_structured(part, plan.routine(routine), line)} for part in parts]


def _plan_of(line: Mapping[str, Any]) -> Plan:
    """The plan as it was stored, which is sound; a line without one is taken as needed, whenever it is in force."""
    if line["plan"] is None:
        return Plan(segments=(Segment(start=ALWAYS, as_needed=AsNeeded.model_validate(line["as_needed"] or {})),))
    plan = read_plan(line["plan"])
    assert isinstance(plan, Plan), "a stored plan is sound"
    return plan


def _text(plan: Plan, line: Mapping[str, Any], language: Language, begins: date | None = None) -> Json:
    """`begins` is the plan's first date: a part that begins later says so."""
    return {"text": plan_text(plan, language, form=line["form"], unit=line["unit"], today=begins)}


def _structured(part: Segment, routine: Routine, line: Mapping[str, Any]) -> Json:
    unit = line["unit"]
    if part.as_needed is None:
        return {"timing": {"repeat": repeat_of(part, routine)}, **_dose(part, unit)}
    dose = part.dose if isinstance(part.dose, Decimal) else None
    limits = _limits(part.as_needed, dose, unit)
    if limits is None:
        return {"asNeededBoolean": True, **_dose(part, unit)}
    bounds = {} if part.start == ALWAYS else bounds_of(part, routine)
    repeat = {**bounds, **_at_least(part.as_needed)}
    timing = {"timing": {"repeat": repeat}} if repeat else {}
    return {"asNeededBoolean": True, **timing, **_dose(part, unit), **limits}


def _dose(part: Segment, unit: str) -> Json:
    rule = part.time_rule
    amount = rule.filled[0][1] if isinstance(rule, SlotGrid) else part.dose
    return {"doseAndRate": [{"doseQuantity": amount_in(amount, unit)}]} if isinstance(amount, Decimal) else {}


def _limits(limits: AsNeeded, dose: Decimal | None, unit: str) -> Json | None:
    """The most that may be taken (R-118), or None if not every limit can be told: one left out would allow too much.

    FHIR has one maximum, an amount; so many times are so many doses where a dose is known.
    """
    rolling, daily = limits.max_amount_24h, limits.max_count_calendar_day
    counts = [count for count in (limits.max_count_24h, daily) if count is not None]
    if (counts and dose is None) or (daily is not None and (rolling is not None or limits.max_count_24h is not None)):
        return None
    amounts = [count * dose for count in counts if dose is not None] + ([rolling] if rolling is not None else [])
    during = measured(1, "day", "d") if daily is not None else measured(HOURS_OF_DAY, "hours", "h")
    return {"maxDosePerPeriod": {"numerator": amount_in(min(amounts), unit), "denominator": during}} if amounts else {}


def _at_least(limits: AsNeeded) -> Json:
    """The shortest interval: as needed, every so many hours."""
    return {"frequency": 1, **elapsed(limits.min_interval_min)} if limits.min_interval_min else {}


def _meals(line: Mapping[str, Any], language: Language) -> Json:
    relation = line["meal_relation"]
    return {"additionalInstruction": [{"coding": [{"system": MEAL_RELATION, "code": relation}],
                                       "text": sentence(f"meal.{relation}", language)}]} if relation else {}
