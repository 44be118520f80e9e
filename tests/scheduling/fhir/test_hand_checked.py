"""Thirty dosages of the guide, read by hand from their titles: the very plans that they become."""

from __future__ import annotations

from typing import Any

import pytest

from scheduling.fhir.outcome import Mapped
from tests.scheduling.fhir.guide import DOSAGES, of_guide, outcome

DAILY = {"type": "daily"}
START = "2026-06-24"


def segment(time_rule: dict[str, Any], dose: str | None = None, days: dict[str, Any] = DAILY, **more: Any) -> Any:
    amount = {"dose": dose} if dose else {}
    return {"start": START, **amount, "day_rule": days, "time_rule": time_rule, **more}


def grid(*amounts: str, days: dict[str, Any] = DAILY, **more: Any) -> Any:
    """Morning, noon, evening, night."""
    slots = zip(("MORN", "NOON", "EVE", "NIGHT"), amounts, strict=True)
    doses = {slot: amount for slot, amount in slots if amount != "0"}
    return segment({"type": "slots", "doses": doses}, None, days, **more)


def times(dose: str, *clocks: str, days: dict[str, Any] = DAILY, **more: Any) -> Any:
    return segment({"type": "times", "times": list(clocks)}, dose, days, **more)


def a_day(per_day: int, dose: str, days: dict[str, Any] = DAILY, **more: Any) -> Any:
    return segment({"type": "frequency", "per_day": per_day}, dose, days, **more)


def on(*days: str) -> dict[str, Any]:
    return {"type": "weekdays", "days": list(days), "every_weeks": 1}


def every(n: int) -> dict[str, Any]:
    return {"type": "every_days", "n": n, "anchor": START}


BY_HAND: dict[str, list[Any]] = {
    # 1-0-2-0, 0-0-0-1, 0-1-0-0, 1-2-2-0, 1-1-1-1, 1-0-3/4-0
    "Example-MR-Dosage-1020": [grid("1", "0", "2", "0")],
    "MR-Dosage-4schema-night-only": [grid("0", "0", "0", "1")],
    "MR-Dosage-4schema-noon-only": [grid("0", "1", "0", "0")],
    "Example-MR-Dosage-1220": [grid("1", "2", "2", "0")],
    "Example-MR-Dosage-1111": [grid("1", "1", "1", "1")],
    "Example-MR-Dosage-10340": [grid("1", "0", "0.75", "0")],
    "Example-MD-DosageTr-1000": [grid("20", "0", "0", "0")],
    "MR-Dosage-4schema-ml-units": [grid("2", "0", "1", "0")],
    "MS-Dosage-1010": [grid("1", "0", "1", "0")],
    "MS-Dosage-4schema-evening-only": [grid("0", "0", "1", "0")],
    # 1-0-1-0 for 10 days; until 5 July; from 23:30:45 UTC on 5 June, which is the 6th at 06:30 in Phnom Penh
    "Example-MR-Dosage-1010-10-Days": [grid("1", "0", "1", "0", until="2026-07-03")],
    "Example-MR-Dosage-1000-enddate": [grid("1", "0", "0", "0", until="2026-07-05")],
    "Example-MR-Dosage-1000-startdatetime": [{**grid("1", "0", "0", "0"), "start": "2026-06-06T06:30"}],
    # at 12:00 two; 08:00 one and 18:00 three; two of the same amount are one list of times
    "Example-MR-Dosage-tod-2-12am": [times("2", "12:00")],
    "MD-Dosage-tod-mixed-doses": [times("1", "08:00"), times("3", "18:00")],
    "W-TimingSingleDosageForTimeOfDayWarning-Request-01-of-03": [times("1", "08:00", "20:00")],
    "Example-MR-Dosage-tod-multi-bound": [
        times("2", "08:00", until="2026-07-03"),
        times("1", "11:00", "14:00", "17:00", "20:00", "23:00", until="2026-07-03")],
    # weekdays, written in any order
    "Example-MR-Dosage-weekday-2t": [a_day(1, "2", on("tue", "thu"))],
    "Example-MR-Dosage-weekday-2t-1t": [a_day(1, "2", on("mon")), a_day(1, "1", on("thu"))],
    "Example-MR-Dosage-weekday-unsorted": [a_day(1, "2", on("mon", "tue", "thu", "fri"))],
    "MR-Dosage-multiple-day-time": [times("1", "08:00", days=on("tue", "thu")),
                                    times("2", "08:00", "20:00", days=on("mon", "fri"))],
    "Example-MR-Dosage-comb-dayofweek-3": [grid("1", "2", "0", "0", days=on("mon", "fri"), until="2026-07-14")],
    "Example-MR-Bug-MultipleWhen-DayOfWeek": [grid("1", "0", "1", "0", days=on("tue", "thu"))],
    # every so many days, once a week, every second month, every 6 hours, 4 times a day
    "Example-MR-Dosage-interval-8d": [a_day(1, "1", every(8))],
    "Example-MR-Dosage-interval-2d-bound": [a_day(1, "2", every(2), until="2026-08-04")],
    "MD-Dosage-interval-when-3d": [grid("1", "0", "2", "0", days=every(3))],
    "Example-MR-Bug-MultipleWhen-Interval": [grid("1", "0", "1", "0", days=every(3))],
    "Example-MR-Dosage-comb-interval-2": [grid("1", "0", "0", "0", days=every(7))],
    "Example-MR-Dosage-comb-interval-4": [times("1", "08:00", "20:00", days=every(2)),
                                          times("2", "10:00", "14:00", "22:00", days=every(2))],
    "MS-Dosage-interval-monthly": [
        a_day(1, "1", {"type": "monthly", "days": [24], "missing": "clamp", "every_months": 2})],
    "Example-MR-Dosage-interval-6h": [
        {"start": START, "dose": "1", "day_rule": DAILY, "interval": {"every_minutes": 360, "anchor": START}}],
    "Example-MR-Dosage-interval-4times-d": [a_day(4, "1")],
    # one at 08:00 for two weeks, beside two at 20:00 for three: two weeks of both, then a week of the second
    "INV-multiple-10-of-10-C-TimingOnlyOneBounds": [
        times("1", "08:00", until="2026-07-07"), times("2", "20:00", until="2026-07-07"),
        {**times("2", "20:00", until="2026-07-14"), "start": "2026-07-08"}],
}  # fmt: skip


@pytest.mark.parametrize("id_", BY_HAND)
def test_a_dosage_becomes_the_plan_that_a_person_reads_in_its_title(id_: str) -> None:
    found = outcome(of_guide(id_))
    assert isinstance(found, Mapped), found
    assert found.plan == {"segments": BY_HAND[id_]}
    assert found.as_needed is None


@pytest.mark.parametrize(
    ("id_", "unit", "text"),
    [
        ("Example-MR-Dosage-1020", "other", "Stück"),  # a piece: of what, nobody says
        ("Example-MD-DosageTr-1000", "drop", ""),
        ("Example-MS-Dosage-UnitTasse-1000", "teaspoon", ""),
        ("MR-Dosage-4schema-ml-units", "ml", ""),
        ("Example-MR-Dosage-1010-PatientInstruction", "other",
         "Stück\nTablette nicht zerkauen. Bei Fieber über 39 Grad Arzt kontaktieren."),
        ("INV-C-PatientInstructionIdentical-Request-02-of-02", "other", "Stück\nVor Gebrauch schuetteln."),
    ],
)
def test_units_are_taken_where_they_are_certain_and_words_are_kept(id_: str, unit: str, text: str) -> None:
    found = outcome(DOSAGES[id_])
    assert isinstance(found, Mapped)
    assert (found.unit, found.text) == (unit, text)
