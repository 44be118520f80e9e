"""The 219 real dosages of "Medication DE" (HL7 Germany) and a plain reading of FHIR to hold the mapping against.

The reading walks days and clock times by FHIR's words alone; it shares nothing with scheduling/fhir.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from scheduling.fhir.bounds import Begins
from scheduling.fhir.mapping import dosage_outcome
from scheduling.fhir.outcome import Outcome
from sync.gate import read_json

ZONE = "Asia/Phnom_Penh"
START = datetime.fromisoformat("2026-06-24")  # a Wednesday
_FILE = Path(__file__).parents[2] / "data" / "fhir_dosages.json"
DOSAGES: dict[str, Any] = {one["id"]: one["dosageInstruction"]
                           for one in read_json(_FILE.read_bytes(), max_bytes=1 << 20)["dosages"]}
CLOCKS = {"MORN": "07:00", "NOON": "12:00", "EVE": "18:00", "NIGHT": "21:00"}
UNNAMED = {1: ("MORN",), 2: ("MORN", "EVE"), 3: ("MORN", "NOON", "EVE"), 4: tuple(CLOCKS)}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Dose = tuple[datetime, Decimal]


def outcome(instructions: Any, start: datetime = START, asked: datetime | None = None) -> Outcome:
    return dosage_outcome(instructions, Begins(ZONE, start, asked))


def of_guide(id_: str) -> list[Any]:
    """Its instructions; MedicationStatements of the guide hold one outside a list."""
    found = DOSAGES[id_]
    return found if isinstance(found, list) else [found]


def plain_reading(instructions: list[Any], days: int) -> list[Dose]:
    """The doses of so many days from START on the patient's wall clock."""
    return sorted(dose for one in instructions for dose in _doses(one, days))


def _doses(instruction: Any, days: int) -> Iterator[Dose]:
    repeat, amount = instruction["timing"]["repeat"], instruction["doseAndRate"][0]["doseQuantity"]["value"]
    horizon = START + timedelta(days=days)
    if repeat.get("periodUnit") == "h":
        moment = START
        while moment < horizon:
            yield moment, Decimal(amount)
            moment += timedelta(hours=int(repeat["period"]))
        return
    for n in range(days):
        day = START.date() + timedelta(days=n)
        if _falls_on(repeat, day, n) and _within(repeat, day, n):
            for clock in _clocks(repeat):
                at = datetime.combine(day, time.fromisoformat(clock))
                if at >= _first_moment(repeat):
                    yield at, Decimal(amount)


def _falls_on(repeat: Any, day: date, n: int) -> bool:
    if "dayOfWeek" in repeat:
        return WEEK[day.weekday()] in repeat["dayOfWeek"]
    every = int(repeat.get("period", 1))
    if repeat.get("periodUnit") == "mo":
        return day.day == START.day and (day.month - START.month) % every == 0
    return n % (every * {"d": 1, "wk": 7}[repeat.get("periodUnit", "d")]) == 0


def _within(repeat: Any, day: date, n: int) -> bool:
    duration, period = repeat.get("boundsDuration"), repeat.get("boundsPeriod", {})
    if duration is not None and n >= duration["value"] * {"d": 1, "wk": 7}[duration["code"]]:
        return False
    return "end" not in period or day <= date.fromisoformat(period["end"])


def _first_moment(repeat: Any) -> datetime:
    start = repeat.get("boundsPeriod", {}).get("start")
    return START if start is None else datetime.fromisoformat(start).replace(tzinfo=None) + timedelta(hours=7)


def _clocks(repeat: Any) -> list[str]:
    if "timeOfDay" in repeat:
        return [clock[:5] for clock in repeat["timeOfDay"]]
    if "when" in repeat:
        return [CLOCKS[event] for event in repeat["when"]]
    per_day = 1 if "dayOfWeek" in repeat and repeat.get("periodUnit") == "wk" else repeat.get("frequency", 1)
    return [CLOCKS[slot] for slot in UNNAMED[per_day]]
