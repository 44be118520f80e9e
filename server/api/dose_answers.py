"""The shapes of what is told of doses, for the OpenAPI document (R-159). They describe scheduling/schedule_day.py."""

from __future__ import annotations

from typing import Any

from scheduling.lifecycle import Status, Timing
from scheduling.schedule_day import GROUPS
from server.call import Schema
from sync.record import Because, Outcome

Json = dict[str, Any]


def _object(**members: Json) -> Json:
    return {"type": "object", "required": list(members), "properties": members}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_ID = {"type": "string", "format": "uuid"}
_TEXT = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time", "description": "with the offset of the patient's zone"}
_WHOLE = {"type": "integer", "minimum": 0}
_PROGRESS = _object(taken=_WHOLE, planned=_WHOLE)

_WINDOWS = _object(on_time_from=_MOMENT, on_time_until=_MOMENT, missed_after=_MOMENT, on_time_min=_WHOLE,
                   missed_after_min=_WHOLE)
_LINE = _object(id=_ID, name={**_TEXT, "description": "null where the line is private"}, name_km=_TEXT, strength=_TEXT,
                form=_TEXT, unit=_TEXT)

DOSE = _object(
    id=_ID, version=_WHOLE, patient_id=_ID, prescription_id=_or_null(_ID), version_id=_or_null(_ID), line_id=_ID,
    line=_or_null(_LINE), nominal_date={"type": "string", "format": "date"}, slot_key={"type": "string"},
    occurrence=_WHOLE, slot=_TEXT, group={"type": "string", "enum": list(GROUPS)}, due_at=_or_null(_MOMENT),
    amount_due={**_TEXT, "description": "of that slot, in the line's unit"}, planned={"type": "boolean"},
    status={"type": "string", "enum": [str(status) for status in Status]},
    timing=_or_null({"type": "string", "enum": [str(timing) for timing in Timing]}), windows=_or_null(_WINDOWS),
    at=_or_null(_MOMENT), recorded_at=_or_null(_MOMENT), action=_TEXT, amount=_TEXT, reason=_TEXT, note=_TEXT,
    recorded_by=_or_null(_ID), retroactive={"type": "boolean"}, conflict=_TEXT,
)
_ONE = _object(dose=DOSE, outcome={"type": "string", "enum": [str(outcome) for outcome in Outcome]},
               code={"type": "string", "enum": [str(code) for code in Because]})

RECORDED: Schema = {"anyOf": [_ONE, _object(items={"type": "array", "items": _ONE})],
                    "description": "`items` where several doses were named"}
DAY: Schema = {
    **_object(patient_id=_ID, date={"type": "string", "format": "date"}, zone={"type": "string"}, now=_MOMENT,
              progress=_PROGRESS, doses={"type": "array", "items": DOSE}),
    "description": "one nominal date; with `grouped` the ids also by part of the day",
}
DAY["properties"]["groups"] = {"type": "array", "items": _object(
    group={"type": "string", "enum": list(GROUPS)}, dose_ids={"type": "array", "items": _ID}, progress=_PROGRESS)}
