"""How a dose is said: the verb of its form, the amount with its counting word, how often (R-119, R-432, R-434).

Knows no plan, no time and no record: amounts, units and forms are the words of R-082. `khmer_digits` concerns Khmer
only and never touches a medicine's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from i18n.catalogue import sentence
from i18n.digits import number_text, to_khmer
from i18n.languages import Language

HALF: Final = Decimal("0.5")
# People break tablets in quarters and call them so; nobody says "0.25 tablets".
QUARTERS: Final = {Decimal("0.25"): "1/4", Decimal("0.75"): "3/4"}

_VERB_OF_FORM: Final = {"injection": "inject", "inhaler": "inhale", "topical": "apply"}
_VERB_OF_ORAL_UNIT: Final = {"tablet": "swallow", "capsule": "swallow", "ml": "drink"}


def verb(form: str, unit: str) -> str:
    """swallow, drink, inject, apply, drops, inhale, else use, for a form and a unit of R-082 (R-434).

    Drops are put in wherever they go, save by injection; a sachet, a milligram or an unknown form is merely used.
    """
    if unit == "drop" and form != "injection":
        return "drops"
    if form == "oral":
        return _VERB_OF_ORAL_UNIT.get(unit, "use")
    return _VERB_OF_FORM.get(form, "use")


def amount_text(amount: int | Decimal, unit: str, language: Language, *, khmer_digits: bool = False) -> str:
    """`2 គ្រាប់`, `1½ tablets`, `2.5 ml`. Raises ValueError for an amount that is not above zero and
    `UnknownSentenceError` for a unit that R-082 lacks: a wrong counting word would be a wrong dose."""
    if not Decimal(amount).is_finite() or amount <= 0:
        raise ValueError(f"nobody can use {amount} of anything")
    khmer = khmer_digits and language == "km"
    if unit == "tablet" and amount % 1 == HALF:
        whole = number_text(int(amount), khmer_digits=khmer)
        return sentence("amount.tablet.and_half" if amount > 1 else "amount.tablet.half", language, n=whole)
    if unit == "tablet" and amount in QUARTERS:
        quarters = QUARTERS[Decimal(amount)]
        return sentence("amount.tablet", language, count=1, n=to_khmer(quarters) if khmer else quarters)
    count = int(amount) if amount % 1 == 0 else amount  # CLDR counts 1.0 as many, but it is shown as 1
    return sentence(f"amount.{unit}", language, count=count, n=number_text(amount, khmer_digits=khmer))


def dose_text(
    amount: int | Decimal,
    *,
    unit: str,
    form: str,
    language: Language,
    medicine: str | None = None,
    khmer_digits: bool = False,
) -> str:
    """`លេប Paracetamol 500mg 2 គ្រាប់`, `take 2 tablets of Paracetamol 500mg`; without `medicine`, the act and the
    amount alone (lines marked private, R-284). Raises as `amount_text` does."""
    said = amount_text(amount, unit, language, khmer_digits=khmer_digits)
    act = f"act.{verb(form, unit)}"
    if medicine is None:
        return sentence(act, language, amount=said)
    return sentence(f"{act}.medicine", language, amount=said, medicine=medicine)


def frequency_text(
    slots: Mapping[str, int | Decimal | None], language: Language, *, khmer_digits: bool = False
) -> str | None:
    """`2 ដងក្នុងមួយថ្ងៃ`, `2 times a day` for the filled slots of the grid (R-119); `None` if none is filled."""
    filled = sum(1 for amount in slots.values() if amount)
    if not filled:
        return None
    shown = number_text(filled, khmer_digits=khmer_digits and language == "km")
    return sentence("frequency.times_a_day", language, count=filled, n=shown)
