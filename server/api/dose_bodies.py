"""What one sends to record a dose: which dose, and what was done about it (R-151, R-153). Shapes only."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from storage.columns import Day, Exact, Instant, Text, Uuid, Whole
from storage.entities.doses import MAX_OCCURRENCE, MAX_SLOT_KEY_CHARS, SkipReason
from storage.entities.prescription_line import MAX_NOTE_CHARS
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.wire import MAX_INTEGER

MOST_AT_ONCE = 100

Id = Annotated[str, Uuid()]


class DoseNamed(BaseModel):
    """Which dose: by `dose_id`, several by `dose_ids`, or by what its id is computed from (DESIGN.md 11)."""

    model_config = ConfigDict(extra="forbid")

    dose_id: Id | None = None
    dose_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = Field(
        default=None, description="doses of one patient: all are recorded, or none (R-158)")
    patient_id: Id | None = Field(default=None, description="with line_id; the caller if left out")
    line_id: Id | None = None
    nominal_date: Annotated[str, Day()] | None = None
    slot_key: Annotated[str, Text(MAX_SLOT_KEY_CHARS, 1)] | None = None
    occurrence: Annotated[int, Whole(0, MAX_OCCURRENCE)] = 0
    at: Annotated[str, Instant()] | None = Field(default=None, description="when it was done; now if left out")
    note: Annotated[str, Text(MAX_NOTE_CHARS)] | None = None
    base: Annotated[int, Whole(1, MAX_INTEGER)] | None = Field(
        default=None, description="version of the dose that its author had seen; the present one if left out")

    @property
    def ids(self) -> list[str]:
        """The ids that were named, each once; empty where the dose is named by its line."""
        named = self.dose_ids if self.dose_ids is not None else [self.dose_id] if self.dose_id else []
        return list(dict.fromkeys(named))

    def refuse_ambiguity(self) -> None:
        """Raises Refusal(INVALID) unless the dose is named in exactly one way."""
        ways = [name for name in ("dose_id", "dose_ids", "line_id") if getattr(self, name) is not None]
        if not ways:
            raise Refusal(Code.INVALID, FieldProblem("dose_id", FieldCode.REQUIRED))
        if len(ways) > 1:
            raise Refusal(Code.INVALID, FieldProblem(ways[1], FieldCode.NOT_ALLOWED))
        missing = [name for name in ("nominal_date", "slot_key") if getattr(self, name) is None]
        if ways == ["line_id"] and missing:
            raise Refusal(Code.INVALID, *(FieldProblem(name, FieldCode.REQUIRED) for name in missing))


class Taken(DoseNamed):
    amount: Annotated[str, Exact(3, Decimal(0), Decimal("9999.999"))] | None = Field(
        default=None, description="in the line's unit, if it was not the planned amount")


class Skipped(DoseNamed):
    reason: SkipReason | None = Field(default=None, description="needed (R-153)")

    def refuse_ambiguity(self) -> None:
        super().refuse_ambiguity()
        if self.reason is None:
            raise Refusal(Code.INVALID, FieldProblem("reason", FieldCode.REASON_REQUIRED))


class Undone(DoseNamed):
    """Takes back what was recorded; the clock alone then decides the status again (R-154)."""
