"""The three prescriptions that Dr Lim writes: real four-slot dosages of server/demo_data, given to medicines of ours.

The dosages come from there by id and unchanged; which medicine is taken so, and why, is this demo's word. Knows plans
and lines; nobody who takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from server.demo_cast import four_slot_dosages, plan_from


@dataclass(frozen=True, slots=True)
class Medicine:
    """One medicine on a form of its own. `grid` is how the paper form writes the dosage: morning-noon-evening-night."""

    dosage: str
    grid: str
    name: str
    name_km: str
    unit: str
    diagnosis: str
    began_days_ago: int = 0

    def line(self, line_id: str, today: date) -> dict[str, Any]:
        """The line of its first version; the course begins `began_days_ago` before `today`."""
        start = today - timedelta(days=self.began_days_ago)
        dosage = next(one for one in four_slot_dosages() if one["id"] == self.dosage)
        return {"line_id": line_id, "row": 1, "name": self.name, "name_km": self.name_km, "form": "oral",
                "unit": self.unit, "strength": "500 mg", "plan": plan_from(dosage["dosageInstruction"], start)}


@dataclass(frozen=True, slots=True)
class Prescribed:
    """A medicine once it is prescribed."""

    medicine: Medicine
    id: str
    line_id: str


METFORMIN = Medicine("Example-MR-Dosage-1020", "1-0-2-0", "Metformin", "មេតហ្វរមីន", "tablet", "ជំងឺទឹកនោមផ្អែម (diabetes)")
PARACETAMOL = Medicine("Example-MR-Dosage-1111", "1-1-1-1", "Paracetamol", "ប៉ារ៉ាសេតាម៉ុល", "tablet", "គ្រុនក្តៅ (fever)")
AMOXICILLIN = Medicine("Example-MR-Dosage-1010-10-Days", "1-0-1-0 for 10 days", "Amoxicillin", "អាម៉ុកស៊ីស៊ីលីន", "capsule",
                       "រលាកបំពង់ក (sore throat)", began_days_ago=1)
FORMS = (METFORMIN, PARACETAMOL, AMOXICILLIN)


def new_prescription(medicine: Medicine) -> Prescribed:
    return Prescribed(medicine, str(uuid4()), str(uuid4()))


def less(line: dict[str, Any], slot: str) -> dict[str, Any]:
    """The same line without its dose in one slot."""
    segments = [{**segment, "time_rule": _without(segment["time_rule"], slot)} for segment in line["plan"]["segments"]]
    return {**line, "plan": {**line["plan"], "segments": segments}}


def _without(rule: dict[str, Any], slot: str) -> dict[str, Any]:
    return {**rule, "doses": {**rule["doses"], slot: None}}
