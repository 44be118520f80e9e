"""Which rows a decision must see beside the changed one, kind by kind; all under the change's own home scope.

The engine reads them in one statement after the locks. Knows which rows; never what is decided from them.
"""

from __future__ import annotations

from datetime import timedelta

from sync.access import PATIENT_SCOPE, id_in, prefix_of
from sync.kind import Lookup, Needs
from sync.record import Change
from sync.values import format_instant, parse_instant

ROUTINE = frozenset({"zone", "slot_times", "meal_times", "waking_from", "waking_to"})
"""What of a patient the hours of doses follow (scheduling/routine.py)."""
LOOK_BACK = timedelta(days=5)  # dose rows this old are read too: a moved hour must meet the row it moves


def for_connection(change: Change, now: str) -> Needs:
    """Both people's names, the private lines, and everybody who holds the patient's scope."""
    home, other = change.scopes[0], change.scopes[-1]
    if prefix_of(home) != PATIENT_SCOPE:
        return Needs()
    return Needs((Lookup("profile", other, "id", id_in(other)), _patient(home),
                  Lookup("line_setting", home, "patient_id", id_in(home))), (home,))


def for_line_setting(change: Change, now: str) -> Needs:
    home = change.scopes[0]
    return Needs((Lookup("line_setting", home, "patient_id", id_in(home)),
                  Lookup("medication_line", home, "id", change.id)), (home,))


def for_patient(change: Change, now: str) -> Needs:
    """A new routine re-times the future doses of every prescription."""
    home = change.scopes[0]
    if ROUTINE.isdisjoint(change.fields):
        return Needs()
    return Needs((Lookup("prescription", home, "patient_id", id_in(home)),
                  Lookup("medication_line", home, "patient_id", id_in(home)),
                  Lookup("dose_event", home, "patient_id", id_in(home), since=_recent(now))))


def for_prescription(change: Change, now: str) -> Needs:
    """A horizon that moves may find the course over, which the version in force tells (F-14)."""
    home = change.scopes[0]
    versions = Lookup("prescription_version", home, "prescription_id", change.id)
    return Needs((*_circle(home), *_of_prescription(home, change.id, now),
                  *((versions,) if "horizon_until" in change.fields else ())))


def for_version(change: Change, now: str) -> Needs:
    """The prescription with its versions, lines and coming doses, and lines that might be another prescription's; with
    a private line also who must not see it any more."""
    home, fields = change.scopes[0], change.fields
    told = [line for line in fields.get("lines") or () if isinstance(line, dict)]
    lines = (line.get("line_id") for line in told)
    hides = any(line.get("private") for line in told)
    return Needs((
        *_circle(home), Lookup("prescription_version", home, "prescription_id", str(fields.get("prescription_id"))),
        *_of_prescription(home, str(fields.get("prescription_id")), now),
        *(Lookup("medication_line", home, "id", line) for line in lines if line),
        *((Lookup("line_setting", home, "patient_id", id_in(home)),) if hides else ()),
    ), (home,) if hides else ())


def for_response(change: Change, now: str) -> Needs:
    home, prescription = change.scopes[0], str(change.fields.get("prescription_id"))
    return Needs((_patient(home), Lookup("prescription_version", home, "prescription_id", prescription),
                  *_of_prescription(home, prescription, now)))


def for_dose(change: Change, now: str) -> Needs:
    """The line comes as the parent; a dose that its phone made also needs the patient's clock."""
    return Needs((_patient(change.scopes[0]),)) if "line_id" in change.fields else Needs()


def _patient(home: str) -> Lookup:
    return Lookup("patient", home, "id", id_in(home))


def _circle(home: str) -> tuple[Lookup, ...]:
    """The patient, and the connections that name the people around them."""
    return (_patient(home), Lookup("connection", home, "patient_id", id_in(home)))


def _of_prescription(home: str, prescription: str, now: str) -> tuple[Lookup, ...]:
    return (Lookup("medication_line", home, "prescription_id", prescription),
            Lookup("dose_event", home, "prescription_id", prescription, since=_recent(now)))


def _recent(now: str) -> tuple[str, str]:
    return ("due_at", format_instant(parse_instant(now) - LOOK_BACK))
