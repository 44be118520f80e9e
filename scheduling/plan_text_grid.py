"""The Cambodian form's row of a plan: how much in the morning, at noon, in the evening and at night (R-110, R-119).

Only for a plan that this row says whole. One that has other days, amounts that move, or doses outside the four slots
has no row: a row that leaves something out is a wrong dosage. Bounds and pauses stand beside the row, not in it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from i18n.catalogue import sentence
from i18n.digits import number_text, to_khmer
from i18n.doses import QUARTERS, frequency_text
from i18n.languages import Language
from scheduling.plan_model import Plan
from scheduling.plan_text_days import is_every_day
from scheduling.routine import SLOT_NAMES
from scheduling.segment import DoseStep, Segment
from scheduling.time_rules import SLOTS_OF_FREQUENCY, Frequency, SlotGrid

NONE = "-"
FRACTIONS = {**QUARTERS, Decimal("0.5"): "1/2"}  # of a tablet, as the form has them


class FourSlots(NamedTuple):
    """A value for each column of the form."""

    morn: str
    noon: str
    eve: str
    night: str


class FourSlotTable(NamedTuple):
    """`header` and `frequency` in the reader's words; `amounts` in the line's unit, `-` for none."""

    header: FourSlots
    amounts: FourSlots
    frequency: str


def four_slot_table(
    plan: Plan, language: Language, *, unit: str, khmer_digits: bool = False
) -> FourSlotTable | None:
    """`ព្រឹក 2 | ថ្ងៃត្រង់ - | ល្ងាច 1 | យប់ -`, `2 times a day`; None for a plan that the four columns cannot say whole."""
    doses = _doses(plan)
    frequency = frequency_text(doses, language, khmer_digits=khmer_digits)
    if frequency is None:
        return None
    khmer = khmer_digits and language == "km"
    header = FourSlots(*(sentence(f"slot.{name}", language) for name in SLOT_NAMES))
    cells = FourSlots(*(_cell(doses.get(name), unit, khmer_digits=khmer) for name in SLOT_NAMES))
    return FourSlotTable(header, cells, frequency)


def _doses(plan: Plan) -> dict[str, Decimal]:
    """Amount by slot; empty for a plan without a row."""
    segment = plan.segments[0]
    if len(plan.segments) > 1 or not is_every_day(segment.day_rule) or segment.following:
        return {}
    if isinstance(segment.time_rule, SlotGrid):
        return dict(segment.time_rule.filled)
    return _of_frequency(segment)


def _of_frequency(segment: Segment) -> dict[str, Decimal]:
    """Up to four times a day are the slots."""
    dose, rule = segment.dose, segment.time_rule
    if not isinstance(rule, Frequency) or dose is None or isinstance(dose, DoseStep):
        return {}
    return dict.fromkeys(SLOTS_OF_FREQUENCY.get(rule.per_day, ()), dose)


def _cell(amount: Decimal | None, unit: str, *, khmer_digits: bool) -> str:
    if amount is None:
        return NONE
    if unit == "tablet" and amount in FRACTIONS:
        return to_khmer(FRACTIONS[amount]) if khmer_digits else FRACTIONS[amount]
    return number_text(amount, khmer_digits=khmer_digits)
