"""One medicine of a prescription version, as its author wrote it (R-082). The inside of its plan is scheduling's."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, field_validator, model_validator
from pydantic import Field as Described
from pydantic_core.core_schema import ValidationInfo

from storage.columns import Exact, Text, Whole
from storage.free_json import FreeObject
from storage.shape import FlagValue, LineText, Shape, UuidText
from sync.access import View
from sync.problem import FieldCode
from sync.values import Unfit

MAX_LINES = 50
MAX_NOTE_CHARS = 2_000
MAX_LINES_BYTES = 131_072  # of one version as JSON; all versions of a prescription are read for every answer (S-38)
MAX_UNKNOWN_BYTES = 4_096  # of one line's members that we do not know
MOST_MINUTES = 60 * 24 * 60  # 60 days; the longest window of rules.md section 6 is 48 hours

Form = Literal["oral", "injection", "topical", "inhaler", "drops", "other"]
Unit = Literal["tablet", "capsule", "ml", "mg", "drop", "puff", "application", "sachet", "ampoule", "teaspoon",
               "other"]
Amount = Annotated[str, Exact(3, Decimal("0.001"), Decimal("9999.999"))]
Minutes = Annotated[int, Whole(0, MOST_MINUTES)]
Code = Annotated[str, Text(40)]
SHOWN_WHEN_HIDDEN = frozenset({"line_id", "row", "form", "unit", "plan", "as_needed", "quantity", "meal_relation",
                               "reminders", "private", "time_critical", "on_time_min", "missed_after_min", "tz_policy"})
"""Of a private line: what a dose needs. It lists what may be shown, so that a new member is hidden till it is named."""


class AsNeeded(Shape):
    """Limits of a medicine taken when needed (R-118); none of them refuses a recording."""

    min_interval_min: Minutes | None = None
    max_count_24h: Annotated[int, Whole(1, 100)] | None = None
    max_amount_24h: Amount | None = None
    max_count_calendar_day: Annotated[int, Whole(1, 100)] | None = None


class Line(Shape):
    line_id: UuidText = Described(description="identity of the line through all versions; doses refer to it")
    row: Annotated[int, Whole(0, 1_000)] = Described(description="place on the form")
    name: Annotated[str, Text(least=1)] = Described(description="name of the medicine")
    name_km: LineText | None = None
    written_name: LineText | None = Described(default=None, description="the name as it was written or scanned")
    atc: Code | None = None
    code: Code | None = Described(default=None, description="national code")
    form: Annotated[Form, Text(one_of=get_args(Form))]
    unit: Annotated[Unit, Text(one_of=get_args(Unit))]
    strength: LineText | None = None
    as_needed: AsNeeded | None = None
    plan: FreeObject | None = Described(default=None, validate_default=True,
                                        description="dosing plan; null only for a medicine taken as needed")
    quantity: Annotated[str, Exact(3, Decimal("0.001"), Decimal("999999.999"))] | None = None
    meal_relation: Annotated[str, Text(one_of=("before", "after", "with"))] | None = None
    note: Annotated[str, Text(MAX_NOTE_CHARS)] | None = None
    reminders: FlagValue = True
    private: FlagValue = False
    time_critical: FlagValue = False
    on_time_min: Minutes | None = None
    missed_after_min: Minutes | None = None
    tz_policy: Annotated[str, Text(one_of=("home", "follow"))] = "follow"

    @field_validator("plan")
    @classmethod
    def _planned_or_as_needed(cls, plan: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if plan is None and info.data.get("as_needed") is None:
            raise Unfit(FieldCode.REQUIRED)
        return plan

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if _bytes(self.__pydantic_extra__) > MAX_UNKNOWN_BYTES:
            raise Unfit(FieldCode.TOO_LARGE, most=MAX_UNKNOWN_BYTES)
        return self


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _each_once(lines: list[Line]) -> list[Line]:
    if len({line.line_id for line in lines}) != len(lines):
        raise Unfit(FieldCode.NOT_ALLOWED, twice="line_id")
    return lines


def _not_too_large(lines: list[Line]) -> list[Line]:
    if _bytes([line.model_dump() for line in lines]) > MAX_LINES_BYTES:
        raise Unfit(FieldCode.TOO_LARGE, most=MAX_LINES_BYTES)
    return lines


Lines = Annotated[list[Line], Described(min_length=1, max_length=MAX_LINES), AfterValidator(_each_once),
                  AfterValidator(_not_too_large)]


def masked_lines(body: dict[str, Any], view: View) -> dict[str, Any]:
    """The version without what would tell the medicines of hidden lines."""
    lines = [_hidden(line) if line.get("line_id") in view.hidden else line for line in body.get("lines") or ()]
    return {**body, "lines": lines}


def _hidden(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line.get(name) if name in SHOWN_WHEN_HIDDEN else None for name in Line.model_fields}
