"""Supply: what came in, what was counted, what was thrown away of one medicine (R-314). Intakes are dose events.

A wrong event is never changed: a later count says what is on hand. What follows from events is scheduling/supply.py's.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Mapped

from storage.declared import CREATION, column, ref
from storage.entities.prescription_line import MAX_NOTE_CHARS
from storage.entity import Synced
from storage.scope import OF_PATIENT
from sync.access import CARE, TAKERS, Access, Role
from sync.kind import Refused
from sync.policy import AppendOnly
from sync.problem import FieldCode, FieldProblem
from sync.record import Because, Change, Row
from sync.values import parse_instant
from sync.working import Working

MOST_SUPPLIED = "999999.999"
MOST_DAYS_SUPPLIED = 3_660  # ten years; no fill lasts longer
ONE_DAY = timedelta(days=1)  # no zone is further from UTC than that

SupplyType = Literal["dispensed", "counted", "discarded"]


def event_stands_where_it_says(
    work: Working, before: Row | None, after: Row, change: Change, role: Role
) -> Refused | None:
    """Prescription and date decide who sees the event, so they are the line's and the moment's own (S-33)."""
    problems = []
    line = work.row("medication_line", after.home, after.fields["line_id"])
    if line is None or line.fields["prescription_id"] != after.fields["prescription_id"]:
        problems.append(FieldProblem("prescription_id", FieldCode.NOT_ALLOWED))
    apart = date.fromisoformat(after.fields["local_date"]) - parse_instant(after.fields["at"]).date()
    if abs(apart) > ONE_DAY:
        problems.append(FieldProblem("local_date", FieldCode.DATE_RANGE))
    return Refused(Because.INVALID, tuple(problem.as_json() for problem in problems)) if problems else None


class SupplyEvent(Synced, policy=AppendOnly(), scope=OF_PATIENT, part="prescription_id", day="local_date",
                  line="line_id", access=Access(CARE, create=TAKERS), guard=event_stands_where_it_says):
    """One change of what is on hand of a line: dispensed adds, counted sets, discarded takes away."""

    __indexes__ = (("line_id", "at"),)

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    line_id: Mapped[UUID] = ref("medication_line", "the medicine")
    prescription_id: Mapped[UUID] = column("the prescription of the line", by=CREATION)
    local_date: Mapped[date] = column("the calendar date of `at` in the patient's zone", by=CREATION)
    type: Mapped[SupplyType] = column(
        "what happened: dispensed adds, counted says what is on hand, discarded takes away", by=CREATION)
    quantity: Mapped[Decimal] = column("how much, in the line's unit", by=CREATION, at_most=MOST_SUPPLIED)
    at: Mapped[datetime] = column("when it happened", by=CREATION)
    days_supply: Mapped[int | None] = column("how many days a dispensed quantity is meant to last (R-311)", by=CREATION,
                                             at_least=1, at_most=MOST_DAYS_SUPPLIED)
    note: Mapped[str | None] = column("words of whoever recorded it", by=CREATION, at_most=MAX_NOTE_CHARS, masked=True)


KINDS: tuple[Any, ...] = (SupplyEvent,)
