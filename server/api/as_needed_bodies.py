"""What one sends to record an intake of a medicine taken when needed, and what is told of the guard (R-118). Shapes."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scheduling.as_needed import Reason
from server.api.dose_answers import DOSE
from server.call import Schema
from storage.columns import Exact, Instant, Text, Uuid
from storage.entities.prescription_line import MAX_NOTE_CHARS
from sync.record import Because, Outcome

PLACES, LEAST, MOST = 3, Decimal("0.001"), Decimal("9999.999")

Id = Annotated[str, Uuid()]


class Needed(BaseModel):
    """One intake. It is recorded whatever the guard says."""

    model_config = ConfigDict(extra="forbid")

    line_id: Id
    id: Id | None = Field(default=None, description="of the intake, a UUID version 7 made by the client: sent "
                          "twice it is one intake; the server makes one if it is left out")
    patient_id: Id | None = Field(default=None, description="whose line it is; told by the line if left out")
    at: Annotated[str, Instant()] | None = Field(default=None, description="when it was taken; now if left out")
    amount: Annotated[str, Exact(PLACES, LEAST, MOST)] | None = Field(default=None, description="in the line's unit")
    note: Annotated[str, Text(MAX_NOTE_CHARS)] | None = None


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members}


_ID = {"type": "string", "format": "uuid"}
_MOMENT = {"type": "string", "format": "date-time", "description": "with the offset of the patient's zone"}
_NEXT = {**_MOMENT, "description": "when every rule holds: now, or the first whole minute; year 9999 if it never does"}
_AMOUNT = {"type": "string", "description": "in the line's unit"}
_REASONS = {"type": "array", "description": "every rule that is broken, in a fixed order", "items": _object(
    code={"type": "string", "enum": [str(reason) for reason in Reason]}, message={"type": "string"},
    message_km={"type": "string"}, message_en={"type": "string"})}
_LIMITS = _object(**{name: {"type": ["string" if "amount" in name else "integer", "null"]} for name in (
    "min_interval_min", "max_count_24h", "max_amount_24h", "max_count_calendar_day")})

ALLOWANCE: Schema = _object(
    patient_id=_ID, line_id=_ID, zone={"type": "string"}, now=_MOMENT, amount=_AMOUNT, allowed={"type": "boolean"},
    reasons=_REASONS, next_allowed_at=_NEXT, limits=_LIMITS,
    last_taken_at={"anyOf": [_MOMENT, {"type": "null"}], "description": "null if too long ago for any rule to ask"})
NOTED: Schema = _object(
    dose=DOSE, outcome={"type": "string", "enum": [str(outcome) for outcome in Outcome]},
    code={"type": "string", "enum": [str(code) for code in Because]},
    warning={"anyOf": [_object(reasons=_REASONS, next_allowed_at=_NEXT), {"type": "null"}],
             "description": "what this intake broke, and from when it would have broken nothing"})
