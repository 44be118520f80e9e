"""What a doctor's worklist starts from, for many patients at once: read through the memberships that hold now (R-054).

A constant number of statements for PATIENTS_AT_ONCE patients, and one more per patient (heard.silent_since). Only
memberships of level ALLOWED are read through: they show everything, so no view needs applying. Whoever's membership
changed meanwhile is left out (I-16). Stock is not among it: that is reckoned through the door of supply.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import exists, false, func, select, true

from scheduling.adherence_periods import USUAL_DAYS
from scheduling.dose_marks import Marked, marks
from scheduling.schedule_day import Viewpoint
from scheduling.worklist import Facts
from scheduling.zones import local_day
from server.house import House
from storage.accounts.tables import session
from storage.answering import AGREED
from storage.catalogue import table_of
from storage.database import Reading
from storage.ledger.audience import active
from storage.ledger.heard import silent_since
from storage.prescribing import ACTIVE, PAUSED
from storage.tables import membership
from sync.access import PATIENT_SCOPE, Role, id_in, scope_name
from sync.values import parse_instant

PATIENTS_AT_ONCE = 25
DOSE_COLUMNS = ("patient_id", "line_id", "nominal_date", "due_at", "on_time_min", "missed_after_min", "action", "at",
                "reason", "state", "planned", "recorded_by", "retroactive")

Held = Mapping[str, int]
"""Patient → version of the doctor's membership of level ALLOWED."""


async def facts_of(house: House, doctor: str, patients: Sequence[str], now: str) -> dict[str, Facts]:
    """The facts of those patients whom the doctor sees at level ALLOWED."""
    found: dict[str, Facts] = {}
    for some in _several(patients):
        before = await _held(house, doctor, some, now)
        read = await _facts(house, sorted(before), now) if before else {}
        after = await _held(house, doctor, sorted(before), now) if before else {}
        found |= {patient: facts for patient, facts in read.items() if before[patient] == after.get(patient)}
    return found


async def _held(house: House, doctor: str, patients: Collection[str], now: str) -> Held:
    asked = select(membership.c.scope, membership.c.view_version).where(
        membership.c.user_id == doctor, membership.c.role == str(Role.DOCTOR), active(now),
        membership.c.scope.in_([scope_name(PATIENT_SCOPE, patient) for patient in patients]))
    async with house.database.reading() as reading:
        return {id_in(row.scope): row.view_version for row in await reading.execute(asked)}


async def _facts(house: House, patients: Sequence[str], now: str) -> dict[str, Facts]:
    async with house.database.reading() as reading:
        zones, rows = await _zones(reading, patients), await _doses(reading, patients, parse_instant(now).date())
        urgent, seen = await _urgent_since(reading, patients), await _last_seen(reading, patients)
    found = {}
    for patient in patients:
        silent = await silent_since(house.database, patient, now)
        heard = silent or seen.get(patient)
        view = Viewpoint(zones[patient], parse_instant(now), False, parse_instant(silent) if silent else None)
        found[patient] = Facts(view.zone, _of_period(rows.get(patient, ()), view, patient), urgent.get(patient),
                               parse_instant(heard) if heard else None)
    return found


async def _zones(reading: Reading, patients: Sequence[str]) -> dict[str, str]:
    patient = table_of("patient")
    rows = await reading.execute(select(patient.c.id, patient.c.zone).where(patient.c.id.in_(patients)))
    return {row.id: row.zone for row in rows}


async def _doses(reading: Reading, patients: Sequence[str], today: date) -> dict[str, list[dict[str, Any]]]:
    """By patient; a day more on either side, for a patient's date may be another than UTC's."""
    dose = table_of("dose_event").c
    first, last = today - timedelta(days=USUAL_DAYS), today + timedelta(days=1)
    asked = select(*(dose[name] for name in DOSE_COLUMNS)).where(
        dose.patient_id.in_(patients), dose.nominal_date.between(first.isoformat(), last.isoformat()),
        dose.deleted == false())
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await reading.execute(asked):
        found.setdefault(row.patient_id, []).append(dict(zip(DOSE_COLUMNS, row, strict=True)))
    return found


async def _urgent_since(reading: Reading, patients: Sequence[str]) -> dict[str, datetime]:
    """Patients with an urgent change in force whose version they have neither confirmed nor acknowledged (R-087)."""
    prescription, answer = table_of("prescription").c, table_of("prescription_response").c
    agreed = exists().where(
        answer.patient_id == prescription.patient_id, answer.prescription_id == prescription.id,
        answer.version_id == prescription.current_version_id, answer.answer.in_(AGREED))
    asked = select(prescription.patient_id, func.min(prescription.in_force_from)).where(
        prescription.patient_id.in_(patients), prescription.deleted == false(), prescription.urgent == true(),
        prescription.status.in_((ACTIVE, PAUSED)), prescription.author_role == "doctor", ~agreed,
    ).group_by(prescription.patient_id)
    return {patient: parse_instant(since) for patient, since in await reading.execute(asked)}


async def _last_seen(reading: Reading, patients: Sequence[str]) -> dict[str, str]:
    """When a device of the patient last logged in or renewed its session: for phones that recorded nothing lately."""
    asked = select(session.c.account_id, func.max(session.c.last_used_at)).where(
        session.c.account_id.in_(patients), session.c.last_used_at.is_not(None)).group_by(session.c.account_id)
    return {row[0]: row[1] for row in await reading.execute(asked)}


def _of_period(rows: Sequence[Mapping[str, Any]], view: Viewpoint, patient: str) -> list[Marked]:
    """The last USUAL_DAYS in the patient's zone, today included (F-12)."""
    today = local_day(view.zone, view.now)
    first = (today - timedelta(days=USUAL_DAYS - 1)).isoformat()
    return marks((row for row in rows if first <= row["nominal_date"] <= today.isoformat()), view, patient)


def _several(patients: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(patients), PATIENTS_AT_ONCE):
        yield patients[start:start + PATIENTS_AT_ONCE]
