"""Doses: when one is due is the server's word, what was done about it the person's (DESIGN.md 11, rules.md 6)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Mapped

from storage import needs
from storage.declared import CREATION, SERVER, column, ref
from storage.entities.prescription_line import MAX_NOTE_CHARS, MOST_MINUTES
from storage.entity import Synced
from storage.scope import OF_PATIENT
from sync.access import CARE, TAKERS, Access
from sync.dose_policy import ClientWins

MAX_SLOT_KEY_CHARS = 40
MAX_OCCURRENCE = 60_000_000  # the number of an interval's dose: a minute apart for a hundred years

SkipReason = Literal["feeling_better", "side_effects", "forgot_refill", "doctor_advised", "other"]


class DoseEvent(Synced, policy=ClientWins(group=("action", "at", "amount", "reason", "note")), scope=OF_PATIENT,
                part="prescription_id", day="nominal_date", line="line_id", reacts=True,
                access=Access(CARE, create=TAKERS, change=TAKERS, delete=TAKERS), needs=needs.for_dose):
    """One dose of one line. The id follows from line, nominal date, slot key and occurrence (R-115)."""

    __indexes__ = (("line_id", "due_at"), ("prescription_id", "due_at"), ("nominal_date",), ("due_at",))

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    line_id: Mapped[UUID] = ref("medication_line", "the medicine")
    nominal_date: Mapped[date] = column("the calendar date the dose belongs to, in the patient's zone", by=CREATION)
    slot_key: Mapped[str] = column("stable name of its place in the plan (DESIGN.md 11)", by=CREATION, at_least=1,
                                   at_most=MAX_SLOT_KEY_CHARS)
    occurrence: Mapped[int] = column("counts doses of one slot and date, or of an interval, from 0", by=CREATION,
                                     default=0, at_least=0, at_most=MAX_OCCURRENCE)

    action: Mapped[Literal["taken", "skipped", "undone"] | None] = column("what was done about it")
    at: Mapped[datetime | None] = column("when it was done")
    amount: Mapped[Decimal | None] = column("how much was taken, in the line's unit")
    reason: Mapped[SkipReason | None] = column("why it was skipped (R-153)")
    note: Mapped[str | None] = column("words of whoever recorded it", at_most=MAX_NOTE_CHARS, masked=True)

    prescription_id: Mapped[UUID | None] = column("the prescription of the line", by=SERVER)
    version_id: Mapped[UUID | None] = column("the version that planned it", by=SERVER)
    slot: Mapped[Literal["MORN", "NOON", "EVE", "NIGHT"] | None] = column("its slot, if the plan has slots", by=SERVER)
    due_at: Mapped[datetime | None] = column("when it is due; null if no plan yields it", by=SERVER)
    amount_due: Mapped[Decimal | None] = column("how much is due, in the line's unit", by=SERVER)
    on_time_min: Mapped[int | None] = column("minutes around due_at that count as on time (R-150)", by=SERVER,
                                             at_least=0, at_most=MOST_MINUTES)
    missed_after_min: Mapped[int | None] = column("minutes after due_at when it counts as missed", by=SERVER,
                                                  at_least=0, at_most=MOST_MINUTES)
    alert_delay_min: Mapped[int | None] = column("minutes after due_at when caregivers hear of it", by=SERVER,
                                                 at_least=0, at_most=MOST_MINUTES)
    planned: Mapped[bool] = column("whether a version's plan yields it", by=SERVER, default=True)
    state: Mapped[Literal["planned", "superseded", "withdrawn"]] = column(
        "whether its version still holds (R-116)", by=SERVER, default="planned")
    recorded_at: Mapped[datetime | None] = column("when the standing action was recorded, corrected time", by=SERVER)
    recorded_by: Mapped[UUID | None] = column("who recorded it", by=SERVER)
    recorded_authority: Mapped[Literal["person", "late", "automation", "server"] | None] = column(
        "whose word it is (R-197)", by=SERVER)
    retroactive: Mapped[bool] = column("recorded more than 60 minutes after it was done (R-156)", by=SERVER,
                                       default=False)
    conflict: Mapped[Literal["possible_double_dose", "contradiction"] | None] = column(
        "two people's words that do not fit (R-157)", by=SERVER)


KINDS: tuple[Any, ...] = (DoseEvent,)
