"""Prescriptions: what was decided, its immutable versions, the patient's word on them, and the lines doses refer to.

The row of a prescription moves by rule alone (DESIGN.md 11): a version is written, the patient answers, and status and
versions in force follow in the same transaction.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Mapped

from storage import needs
from storage.answering import answer_is_theirs
from storage.declared import CREATION, SERVER, column, ref
from storage.entities.people import MAX_CLINICAL_TEXT
from storage.entities.prescription_line import MAX_NOTE_CHARS, Form, Lines, Unit, masked_lines
from storage.entity import Synced
from storage.free_json import FreeObject
from storage.prescribing import prescription_is_the_authors, version_is_current_work
from storage.scope import OF_PATIENT
from sync.access import CARE, DOCTORS, OWNERS, Access, Role
from sync.policy import AppendOnly, LatestPerField, ServerOwned, ServerWins
from sync.problem import FieldCode
from sync.values import Unfit

PRESCRIBERS = OWNERS | {Role.MANAGER} | DOCTORS
AuthorRole = Literal["doctor", "patient", "relative"]


def colour(text: str) -> None:
    if not re.fullmatch("#[0-9a-f]{6}", text):
        raise Unfit(FieldCode.NOT_ALLOWED)


class Prescription(Synced, policy=ServerWins(), scope=OF_PATIENT, part="id", reacts=True,
                   access=Access(CARE, create=PRESCRIBERS, change=PRESCRIBERS),
                   guard=prescription_is_the_authors, needs=needs.for_prescription):
    """A course of treatment on one form: why, by whom, and which of its versions is in force."""

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    symptoms: Mapped[str] = column("symptoms", default="", at_most=MAX_CLINICAL_TEXT)
    diagnosis: Mapped[str] = column("diagnosis", default="", at_most=MAX_CLINICAL_TEXT)
    note: Mapped[str] = column("note for the patient", default="", at_most=MAX_CLINICAL_TEXT)
    follow_up_date: Mapped[date | None] = column("when to come again")
    written_on: Mapped[date | None] = column("date on the form")
    patient_name: Mapped[str | None] = column("the patient's name when it was written", by=SERVER)
    patient_gender: Mapped[str | None] = column("the patient's gender then", by=SERVER)
    patient_age: Mapped[int | None] = column("the patient's age then, whole years", by=SERVER, at_least=0)
    licence_number: Mapped[str | None] = column("the doctor's licence", by=SERVER)
    author_id: Mapped[UUID | None] = column("who wrote it", by=SERVER)
    author_name: Mapped[str | None] = column("their name then", by=SERVER)
    author_role: Mapped[AuthorRole | None] = column("as what they wrote it", by=SERVER)
    status: Mapped[Literal["draft", "active", "paused", "inactive"]] = column(
        "where it stands (R-080)", by=SERVER, default="draft")
    status_reason: Mapped[Literal["completed", "stopped", "rejected", "expired", "removed"] | None] = column(
        "why it is inactive", by=SERVER)
    current_version_id: Mapped[UUID | None] = column("the version in force", by=SERVER)
    current_version: Mapped[int | None] = column("its number", by=SERVER)
    proposed_version_id: Mapped[UUID | None] = column("a version that waits for the patient (R-086)", by=SERVER)
    proposed_version: Mapped[int | None] = column("its number", by=SERVER)
    latest_version_id: Mapped[UUID | None] = column("the newest version", by=SERVER)
    latest_version: Mapped[int] = column("its number; 0 before the first", by=SERVER, default=0)
    urgent: Mapped[bool] = column("whether the version in force was urgent (R-087)", by=SERVER, default=False)
    urgent_reason: Mapped[str | None] = column("why it was urgent", by=SERVER, at_most=MAX_NOTE_CHARS)
    in_force_from: Mapped[datetime | None] = column("since when the current version holds", by=SERVER)
    horizon_until: Mapped[datetime | None] = column("until when its doses stand as rows; null asks for them (R-113)",
                                                    by=SERVER)


class PrescriptionVersion(Synced, policy=AppendOnly(), scope=OF_PATIENT, part="prescription_id", reacts=True,
                          access=Access(CARE, create=PRESCRIBERS), masks=masked_lines,
                          guard=version_is_current_work, needs=needs.for_version):
    """The lines of a prescription as one author wrote them at one time. Never changed, never deleted (R-083)."""

    __indexes__ = (("prescription_id",),)

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    prescription_id: Mapped[UUID] = ref("prescription", "the prescription it belongs to")
    replaces: Mapped[UUID | None] = column("the version its author was looking at", by=CREATION)
    reason: Mapped[str | None] = column("why it was written", by=CREATION, at_most=MAX_NOTE_CHARS)
    urgent: Mapped[bool] = column("in force at once, without the patient's word (R-087)", by=CREATION, default=False)
    not_before: Mapped[datetime | None] = column("earliest moment it may be in force", by=CREATION)
    lines: Mapped[Lines] = column("the medicines, 1 to 50", by=CREATION)
    number: Mapped[int | None] = column("1, 2, 3… within the prescription", by=SERVER, at_least=1)
    author_id: Mapped[UUID | None] = column("who wrote it", by=SERVER)
    author_name: Mapped[str | None] = column("their name then", by=SERVER)
    author_role: Mapped[AuthorRole | None] = column("as what they wrote it", by=SERVER)
    made_at: Mapped[datetime | None] = column("when the server received it", by=SERVER)


class PrescriptionResponse(Synced, policy=AppendOnly(), scope=OF_PATIENT, part="prescription_id", reacts=True,
                           access=Access(CARE, create=PRESCRIBERS), guard=answer_is_theirs,
                           needs=needs.for_response):
    """A word on a prescription, mostly the patient's; by it alone status and versions move (DESIGN.md 11)."""

    __indexes__ = (("prescription_id",),)

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    prescription_id: Mapped[UUID] = ref("prescription", "the prescription it speaks of")
    version_id: Mapped[UUID | None] = column("the version it speaks of", by=CREATION)
    answer: Mapped[Literal["confirm", "revise", "reject", "acknowledge", "pause", "resume", "stop", "delivered",
                           "shown"]] = column("the word (R-085 to R-089)", by=CREATION)
    reason: Mapped[str | None] = column("why", by=CREATION, at_most=MAX_NOTE_CHARS)
    in_force_from: Mapped[datetime | None] = column("from when the answer holds", by=SERVER)
    given_by: Mapped[UUID | None] = column("whose word it is", by=SERVER)
    given_role: Mapped[str | None] = column("in which role they gave it", by=SERVER)


class MedicationLine(Synced, policy=ServerOwned(), scope=OF_PATIENT, part="prescription_id", line="id",
                     access=Access(CARE)):
    """A medicine through all versions of its prescription: what doses refer to, and its schedule in force."""

    __indexes__ = (("prescription_id",),)

    patient_id: Mapped[UUID] = column("the patient", by=SERVER)
    prescription_id: Mapped[UUID] = ref("prescription", "the prescription it stands on", by=SERVER)
    name: Mapped[str] = column("name of the medicine", by=SERVER, masked=True)
    name_km: Mapped[str | None] = column("its Khmer name", by=SERVER, masked=True)
    written_name: Mapped[str | None] = column("the name as it was written", by=SERVER, masked=True)
    form: Mapped[Form] = column("how it is taken", by=SERVER)
    unit: Mapped[Unit] = column("what an amount counts", by=SERVER)
    strength: Mapped[str | None] = column("strength", by=SERVER, masked=True)
    time_critical: Mapped[bool] = column("narrow windows (rules.md section 6)", by=SERVER, default=False)
    reminders: Mapped[bool] = column("whether its author wants reminders", by=SERVER, default=True)
    schedule: Mapped[list[FreeObject]] = column(
        "its periods in force: version_id, number, from, until, plan, unit, on_time_min, missed_after_min",
        by=SERVER, default=[])


class LineSetting(Synced, policy=LatestPerField(), scope=OF_PATIENT, part="prescription_id", line="id",
                  access=Access(OWNERS | {Role.MANAGER}, create=OWNERS, change=OWNERS),
                  needs=needs.for_line_setting):
    """How the patient wants one line shown and reminded of. The id is the line's."""

    patient_id: Mapped[UUID] = column("the patient", by=CREATION)
    prescription_id: Mapped[UUID] = column("the prescription of the line", by=CREATION)
    private: Mapped[bool] = column("hide the medicine's name from relatives", default=False)
    reminders: Mapped[bool] = column("remind of it", default=True)
    colour: Mapped[str | None] = column("colour, #rrggbb in lower case", at_most=7, rule=colour)
    label: Mapped[str | None] = column("the patient's own name for it", at_most=60, masked=True)
    sound: Mapped[str | None] = column("sound of the reminder", at_most=60)


KINDS: tuple[Any, ...] = (Prescription, PrescriptionVersion, PrescriptionResponse, MedicationLine, LineSetting)
