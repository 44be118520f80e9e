"""What a plan cannot say, or what leaves a choice open, stays text with its reason: never half a dosage (R-581)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from i18n.catalogue import both
from scheduling.fhir.outcome import Mapped, NeedsReview
from scheduling.fhir.review import Reason
from tests.scheduling.fhir.guide import outcome

UCUM = "http://unitsofmeasure.org"
MORNING: dict[str, Any] = {"when": ["MORN"]}
DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}
OF_REQUESTS = {Reason.NOT_IN_FORCE, Reason.DO_NOT_PERFORM}  # tests/server/test_prescription_import_api.py


def dosage(repeat: dict[str, Any] | None = None, amount: Any = 1, unit: str = "tablet", **more: Any) -> dict[str, Any]:
    timing = {"timing": {"repeat": repeat}} if repeat is not None else {}
    return {**timing, "doseAndRate": [{"doseQuantity": {"value": amount, "unit": unit}}], **more}


def lasting(value: Any, code: str = "d", unit: str | None = None) -> dict[str, Any]:
    return {"boundsDuration": {"value": value, "code": code, "system": UCUM, **({"unit": unit} if unit else {})}}


def day(repeat: dict[str, Any], **bounds: Any) -> dict[str, Any]:
    return {**repeat, **bounds}


KEPT: dict[str, tuple[list[Any], Reason]] = {
    "text alone": ([{"text": "1-0-1-0"}], Reason.TEXT_ONLY),
    "a bare string": (["Unsupported-Dosage-4-Method"], Reason.TEXT_ONLY),
    "a bare string beside a dosage": ([dosage(MORNING), "and one at night"], Reason.TEXT_ONLY),
    "nothing": ([], Reason.DOSAGE_MISSING),
    "an empty dosage": ([{}], Reason.DOSAGE_MISSING),
    "a modifier": ([dosage(MORNING, modifierExtension=[{"url": "urn:x"}])], Reason.MODIFIER_EXTENSION),
    "a modifier deep inside": ([{**dosage(), "timing": {"repeat": MORNING, "modifierExtension": [{"url": "urn:x"}]}}],
                               Reason.MODIFIER_EXTENSION),
    "an element of R5": ([dosage(MORNING, asNeeded=True)], Reason.UNKNOWN_MEMBER),
    "a value that is absent by extension": ([dosage({**MORNING, "_when": [{"extension": []}]})], Reason.UNKNOWN_MEMBER),
    "dates": ([{**dosage(), "timing": {"event": ["2026-06-24T08:00:00Z"]}}], Reason.EVENT_DATES),
    "an infusion of half an hour": ([dosage({**DAILY, "duration": 30, "durationUnit": "min"})], Reason.EVENT_DURATION),
    "one to two times": ([dosage({**DAILY, "frequencyMax": 2})], Reason.FREQUENCY_RANGE),
    "every 4 to 6 hours": ([dosage({"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"})],
                           Reason.PERIOD_RANGE),
    "5 to 10 doses": ([dosage({**DAILY, "count": 5, "countMax": 10})], Reason.COUNT_RANGE),
    "every day and a bit": ([dosage({"frequency": 1, "period": Decimal("1.1"), "periodUnit": "d"})],
                            Reason.PERIOD_UNSUPPORTED),
    "every 0 days": ([dosage({"frequency": 1, "period": 0, "periodUnit": "d"})], Reason.PERIOD_UNSUPPORTED),
    "every 20 seconds": ([dosage({"frequency": 1, "period": 20, "periodUnit": "s"})], Reason.PERIOD_UNSUPPORTED),
    "every minute": ([dosage({"frequency": 1, "period": 1, "periodUnit": "min"})], Reason.BEYOND_PLAN),
    "in the afternoon": ([dosage({"when": ["AFT"]})], Reason.MOMENT_UNSUPPORTED),
    "at a second": ([dosage({"timeOfDay": ["08:00:30"]})], Reason.MOMENT_UNSUPPORTED),
    "30 minutes of the morning": ([dosage({"when": ["MORN"], "offset": 30})], Reason.OFFSET_UNSUPPORTED),
    "a day before dinner": ([dosage({"when": ["ACV"], "offset": 1440})], Reason.OFFSET_UNSUPPORTED),
    "a code of one's own": ([{**dosage(), "timing": {"code": {"text": "as discussed"}}}], Reason.CODE_UNKNOWN),
    "7 to 10 days": ([dosage({**MORNING, "boundsRange": {"low": {"value": 7}, "high": {"value": 10}}})],
                     Reason.BOUNDS_RANGE),
    "half a day": ([dosage({**MORNING, **lasting(Decimal("0.5"))})], Reason.BOUNDS_UNREADABLE),
    "a hundred thousand years": ([dosage({**MORNING, **lasting(100_000, "a")})], Reason.BOUNDS_UNREADABLE),
    "until some time": ([dosage({**MORNING, "boundsPeriod": {"end": "soon"}})], Reason.BOUNDS_UNREADABLE),
    "from an hour of no zone": ([dosage({**MORNING, "boundsPeriod": {"start": "2026-06-25T08:00:00"}})],
                                Reason.BOUNDS_UNREADABLE),
    "no day of the calendar": ([dosage({**MORNING, "boundsPeriod": {"start": "2026-02-30"}})],
                               Reason.BOUNDS_UNREADABLE),
    "an infusion": ([dosage(MORNING, doseAndRate=[{"rateQuantity": {"value": 1}}])], Reason.RATE),
    "one to two": ([dosage(MORNING, doseAndRate=[{"doseRange": {"high": {"value": 2}}}])], Reason.DOSE_RANGE),
    "at most, beside a plan": ([dosage(MORNING, maxDosePerPeriod={
        "numerator": {"value": 3, "unit": "tablet"}, "denominator": {"value": 1, "unit": "day"}})], Reason.DOSE_LIMIT),
    "at most in a life": ([dosage(MORNING, maxDosePerLifetime={"value": 3})], Reason.DOSE_LIMIT),
    "a hundred times a day": ([dosage({"frequency": 100, "period": 1, "periodUnit": "d"})], Reason.BEYOND_PLAN),
    "a million doses": ([dosage({**MORNING, "count": 1_000_000})], Reason.BEYOND_PLAN),
    "no timing": ([dosage()], Reason.TIMING_MISSING),
    "bounds alone": ([dosage({"boundsPeriod": {"end": "2026-07-01"}})], Reason.TIMING_MISSING),
    "three a week": ([dosage({"frequency": 3, "period": 1, "periodUnit": "wk"})], Reason.TIMING_UNDERSPECIFIED),
    "two in three days": ([dosage({"frequency": 2, "period": 3, "periodUnit": "d"})], Reason.TIMING_UNDERSPECIFIED),
    "two in six hours": ([dosage({"frequency": 2, "period": 6, "periodUnit": "h"})], Reason.TIMING_UNDERSPECIFIED),
    "twice": ([dosage({"frequency": 2})], Reason.TIMING_UNDERSPECIFIED),
    "noon and evening, twice a week": ([dosage({"when": ["NOON", "EVE"], "frequency": 2, "period": 1,
                                                "periodUnit": "wk"})], Reason.TIMING_UNDERSPECIFIED),
    "no dose": ([{"timing": {"repeat": MORNING}}], Reason.DOSE_MISSING),
    "a dose without value": ([dosage(MORNING, doseAndRate=[{"doseQuantity": {"unit": "tablet"}}])],
                             Reason.DOSE_MISSING),
    "over before it begins": ([dosage({**MORNING, "boundsPeriod": {"end": "2026-06-23"}})], Reason.COURSE_OVER),
    "after what never ends": ([dosage(MORNING, sequence=1), dosage({"when": ["EVE"]}, sequence=2)],
                              Reason.SEQUENCE_OPEN),
    "after nobody knows what": ([dosage({**MORNING, **lasting(3)}, sequence=1), dosage(MORNING)],
                                Reason.SEQUENCE_OPEN),
    "twice a day, in the morning": ([dosage({**DAILY, "frequency": 2, **MORNING})], Reason.TIMING_CONTRADICTS),
    "thrice a week on two days": ([dosage({"dayOfWeek": ["tue", "thu"], "frequency": 3, "period": 1,
                                           "periodUnit": "wk"})], Reason.TIMING_CONTRADICTS),
    "a text of another hour": ([dosage(MORNING, text="Einmal am Tag um 20:00")], Reason.TEXT_CONTRADICTS),
    "3 weeks that are days": ([dosage({**MORNING, **lasting(3, "wk", "Tag(e)")})], Reason.UNIT_CONTRADICTS),
    "millilitres that are milligrams": ([dosage(MORNING, doseAndRate=[{"doseQuantity": {
        "value": 1, "unit": "ml", "code": "mg", "system": UCUM}}])], Reason.UNIT_CONTRADICTS),
    "tablets and milligrams": ([dosage(MORNING), dosage({"when": ["EVE"]}, 500, "mg")], Reason.UNIT_MISMATCH),
    "two amounts": ([dosage(MORNING, doseAndRate=[{"doseQuantity": {"value": value}} for value in (1, 2)])],
                    Reason.DOSE_SEVERAL),
    "no tablet at all": ([dosage(MORNING, 0)], Reason.DOSE_UNREADABLE),
    "minus one tablet": ([dosage(MORNING, -1)], Reason.DOSE_UNREADABLE),
    "a dose too exact": ([dosage(MORNING, Decimal("0.0001"))], Reason.DOSE_UNREADABLE),
    "a dose too large": ([dosage(MORNING, 10_000)], Reason.DOSE_UNREADABLE),
    "the morning twice": ([dosage(MORNING), dosage({"when": ["MORN", "EVE"]}, 2)], Reason.SAME_MOMENT),
    "the morning named twice": ([dosage({"when": ["MORN", "MORN"]})], Reason.SAME_MOMENT),
    "the morning and breakfast": ([dosage({"when": ["MORN", "ACM"]})], Reason.SAME_MOMENT),
    "one hour twice": ([dosage({"timeOfDay": ["08:00:00"]}), dosage({"timeOfDay": ["08:00:00"]}, 2)],
                       Reason.SAME_MOMENT),
    "every 2nd and every 3rd day": ([dosage({"period": n, "periodUnit": "d"}) for n in (2, 3)], Reason.SAME_MOMENT),
    "the morning and 08:00": ([dosage(MORNING), dosage({"timeOfDay": ["08:00:00"]})], Reason.MIXED_TIMINGS),
    "noon and once a day": ([dosage({"when": ["NOON"]}), dosage(DAILY)], Reason.MIXED_TIMINGS),
    "every 8 hours and in the morning": ([dosage({"period": 8, "periodUnit": "h"}), dosage(MORNING)],
                                         Reason.MIXED_TIMINGS),
    "every 8 hours in the morning": ([dosage({"period": 8, "periodUnit": "h", **MORNING})], Reason.MIXED_TIMINGS),
    "every second Monday-day": ([dosage({"dayOfWeek": ["mon"], "period": 2, "periodUnit": "d"})],
                                Reason.MIXED_TIMINGS),
    "begins before the other ends": (
        [dosage({**MORNING, **lasting(7)}, sequence=1),
         dosage({**MORNING, "boundsPeriod": {"start": "2026-06-26"}}, sequence=2)], Reason.COURSES_OVERLAP),
    "every second week, cut by another course": (
        [dosage({"dayOfWeek": ["wed"], "period": 2, "periodUnit": "wk", **MORNING}),
         dosage({"when": ["EVE"], **lasting(7)})], Reason.COURSES_OVERLAP),
    "ten doses between slots and meals": ([dosage({"when": ["MORN", "HS"], "count": 10})], Reason.COUNT_OF_SEVERAL),
    "ten doses beside no end": ([dosage({**MORNING, "count": 10}), dosage({"when": ["EVE"]})],
                                Reason.COUNT_OF_SEVERAL),
    "needed in the morning": ([dosage(MORNING, asNeededBoolean=True)], Reason.AS_NEEDED_AT_TIMES),
    "a plan and when needed": ([dosage(MORNING), dosage(asNeededBoolean=True)], Reason.AS_NEEDED_SEVERAL),
}  # fmt: skip


@pytest.mark.parametrize("case", KEPT)
def test_it_is_kept_whole_with_its_reason(case: str) -> None:
    instructions, reason = KEPT[case]
    found = outcome(instructions)
    assert isinstance(found, NeedsReview), found
    assert found.reason is reason


def test_every_reason_is_met_and_has_a_sentence_in_both_languages() -> None:
    assert {reason for _, reason in KEPT.values()} | OF_REQUESTS == set(Reason)
    for reason in Reason:
        sentences = both(f"fhir.review.{reason}")
        assert sentences["en"].endswith((".", "?")) and sentences["km"].endswith("។")


def test_days_that_never_meet_may_be_told_in_different_ways() -> None:
    """Mondays once, Wednesdays at 08:00: no day has both, so nothing can be one dose written twice."""
    found = outcome([dosage({"dayOfWeek": ["mon"]}), dosage({"dayOfWeek": ["wed"], "timeOfDay": ["08:00:00"]}, 2)])
    assert isinstance(found, Mapped) and len(found.plan["segments"]) == 2


def test_a_text_for_review_says_all_that_was_coded() -> None:
    found = outcome([dosage({**DAILY, "frequencyMax": 2}, text="one or two", route={"text": "oral"})])
    assert isinstance(found, NeedsReview)
    assert found.text == ("one or two\nfrequency 1, period 1, periodUnit d, frequencyMax 2, doseQuantity 1 tablet, "
                          "text oral")
