"""What one sends to record a supply event, and the shapes of what is told of supply (R-314, R-315). Shapes only."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scheduling.supply import LEAD_DAYS, MOST_LEAD_DAYS
from server.call import Schema
from server.newest import row_of
from storage.columns import Exact, Instant, Text, Uuid, Whole
from storage.entities.prescription_line import MAX_NOTE_CHARS
from storage.entities.supply import MOST_DAYS_SUPPLIED, MOST_SUPPLIED, SupplyType

Id = Annotated[str, Uuid()]


class NewSupply(BaseModel):
    """Something dispensed, counted or discarded of one medicine."""

    model_config = ConfigDict(extra="forbid")

    line_id: Id
    patient_id: Id | None = Field(default=None, description="the line's patient, if it shall be checked")
    type: SupplyType
    quantity: Annotated[str, Exact(3, Decimal(0), Decimal(MOST_SUPPLIED))] = Field(description="in the line's unit")
    at: Annotated[str, Instant()] | None = Field(default=None, description="when it happened; now if left out")
    days_supply: Annotated[int, Whole(1, MOST_DAYS_SUPPLIED)] | None = Field(
        default=None, description="how many days a dispensed quantity is meant to last")
    note: Annotated[str, Text(MAX_NOTE_CHARS)] | None = None


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members}


def _or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": description}


_ID = {"type": "string", "format": "uuid"}
_TEXT = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time", "description": "with the offset of the patient's zone"}
_WHOLE = {"type": "integer"}

SUPPLY: Schema = _object(
    line_id=_ID, prescription_id=_ID, name={**_TEXT, "description": "null where the line is private"}, name_km=_TEXT,
    strength=_TEXT, form={"type": "string"}, unit={"type": "string"},
    on_hand={**_TEXT, "description": "in the line's unit, below zero if more was taken than was known of; null where "
             "nothing was dispensed or counted, or the reader sees some days only"},
    recount={"type": "boolean", "description": "the figure cannot be right: please count"},
    first_uncovered_dose=_or_null(_MOMENT, "null if what is on hand reaches as far as the plan, or 400 days"),
    days_left=_or_null(_WHOLE, "dates from today to that dose's"),
    refill_remind_at=_or_null(_MOMENT, "`lead_days` before that dose, past or not"),
    left_over_of_course={**_TEXT, "description": "what the course never uses of its quantity; null without one"},
)
SUPPLIES: Schema = _object(
    patient_id=_ID, zone={"type": "string"}, now=_MOMENT, items={"type": "array", "items": SUPPLY})
RECORDED: Schema = _object(event=row_of("supply_event"), supply=SUPPLY)
QUERY: dict[str, Schema] = {
    "patient_id": {**_ID, "description": "the caller if left out"},
    "lead_days": {"type": "integer", "minimum": 0, "maximum": MOST_LEAD_DAYS, "default": LEAD_DAYS,
                  "description": "how many days before the first uncovered dose to be reminded"},
}
