"""What a person does about a dose, as a change: taken, skipped, undone. The dose may not have been told yet (N-04).

Knows the columns that name a dose and those of its action group; never plans, hours or windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sync.access import PATIENT_SCOPE, scope_name
from sync.identity import dose_id
from sync.settle import SKIPPED, TAKEN, UNDONE
from sync.values import canonical_uuid

DOSE_EVENT = "dose_event"


@dataclass(frozen=True, slots=True)
class Dose:
    """One planned dose. `nominal_date` is the calendar date in the patient's zone, `YYYY-MM-DD`; ids are UUIDs."""

    patient_id: str
    line_id: str
    nominal_date: str
    slot_key: str
    occurrence: int = 0

    @property
    def id(self) -> str:
        """The same on every device and on the server, without talking (R-115, N-04)."""
        return dose_id(canonical_uuid(self.line_id), self.nominal_date, self.slot_key, self.occurrence)

    @property
    def scope(self) -> str:
        return scope_name(PATIENT_SCOPE, self.patient_id)

    def identity(self) -> dict[str, Any]:
        """The columns that make the id; with them the server can make the row."""
        return {"patient_id": self.patient_id, "line_id": self.line_id, "nominal_date": self.nominal_date,
                "slot_key": self.slot_key, "occurrence": self.occurrence}


def taken(dose: Dose, at: str | None, amount: str | None, note: str | None) -> dict[str, Any]:
    """Without `at` the dose was taken when it was recorded, which the server corrects for a wrong clock (R-201);
    a time that the person chose is an instant with offset and stays as told."""
    return _acted(dose, TAKEN, at=at, amount=amount, note=note)


def skipped(dose: Dose, reason: str | None, note: str | None) -> dict[str, Any]:
    return _acted(dose, SKIPPED, reason=reason, note=note)


def undone(dose: Dose) -> dict[str, Any]:
    return _acted(dose, UNDONE)


def _acted(dose: Dose, action: str, **told: str | None) -> dict[str, Any]:
    return {**dose.identity(), "action": action, **{name: value for name, value in told.items() if value is not None}}
