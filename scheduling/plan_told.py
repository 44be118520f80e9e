"""A plan in words as an answer carries it: the sentence and the paper form's row, each in both languages.

Knows which words there are and no HTTP; how a sentence is made is plan_text.py, how the row plan_text_grid.py.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from i18n.languages import LANGUAGES
from scheduling.plan_model import Plan
from scheduling.plan_text import plan_text
from scheduling.plan_text_grid import FourSlotTable, four_slot_table


def told_in_words(plan: Plan, *, form: str, unit: str, today: date | None = None) -> dict[str, Any]:
    """`{"text": {km, en}, "four_slots": {km, en} of header, amounts and frequency, or null}`.

    `form` and `unit` are the line's (R-082); a start after `today`, the patient's date, is said.
    """
    return {
        "text": {language: plan_text(plan, language, form=form, unit=unit, today=today) for language in LANGUAGES},
        "four_slots": {language: _row(four_slot_table(plan, language, unit=unit)) for language in LANGUAGES},
    }


def _row(table: FourSlotTable | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {"header": list(table.header), "amounts": list(table.amounts), "frequency": table.frequency}
