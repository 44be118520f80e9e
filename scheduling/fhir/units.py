"""What our amounts count, as FHIR Quantity: UCUM codes where a measure is meant, annotations for things one counts.

A teaspoon is an annotation too: UCUM's own is the American one, 4.93 ml, and no Cambodian author means that.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

UCUM = "http://unitsofmeasure.org"
CODES = {
    "tablet": "{tablet}", "capsule": "{capsule}", "ml": "mL", "mg": "mg", "drop": "[drp]", "puff": "{puff}",
    "application": "{application}", "sachet": "{sachet}", "ampoule": "{ampoule}", "teaspoon": "{teaspoon}",
}
"""Our unit → UCUM. `other` has none: its amount is a bare number."""


def amount_in(value: Decimal, unit: str) -> dict[str, Any]:
    """A Quantity; `unit` is a line's, `value` stays exact."""
    code = CODES.get(unit)
    return {"value": value, "unit": unit, "system": UCUM, "code": code} if code else {"value": value}


def measured(value: int, unit: str, code: str) -> dict[str, Any]:
    """A Quantity of time: `code` is UCUM's."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code}
