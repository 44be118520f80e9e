"""What a patient reads of a plan, whole sentences in both languages, written by hand (R-119, R-430 to R-434)."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i18n.catalogue import UnknownSentenceError
from i18n.doses import amount_text
from i18n.languages import LANGUAGES
from scheduling.gallery import plan_of as gallery_plan
from scheduling.gallery_plans import SECTIONS
from scheduling.plan import Plan, read_plan
from scheduling.plan_text import plan_text
from scheduling.segment import DoseStep
from scheduling.time_rules import SlotGrid, Times
from tests.scheduling.plan_strategies import plans
from tests.scheduling.plan_text_cases import COURSES, DAYS, HOURS, PLANS, TIMES, Case

LATIN, LATIN_DIGIT, KHMER_DIGIT = re.compile("[A-Za-z]"), re.compile("[0-9]"), re.compile("[\u17e0-\u17e9]")
CASES = (*TIMES, *HOURS, *DAYS, *COURSES, *PLANS)


def read(body: dict[str, Any]) -> Plan:
    plan = read_plan(body)
    assert isinstance(plan, Plan), [problem.as_json() for problem in plan]
    return plan


def one(**segment: Any) -> Plan:
    eight = {"start": "2026-11-20", "time_rule": {"type": "times", "times": ["08:00"]}, "dose": 1}
    return read({"segments": [{**eight, **segment}]})


def english(plan: Plan, **more: Any) -> str:
    return plan_text(plan, "en", **{"form": "oral", "unit": "tablet", **more})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.en)
def test_a_plan_is_said_as_a_patient_would_be_told(case: Case) -> None:
    """R-431, R-433."""
    plan = read(case.plan)
    assert plan_text(plan, "en", form=case.form, unit=case.unit) == case.en
    assert plan_text(plan, "km", form=case.form, unit=case.unit) == case.km


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.en)
def test_no_language_leaks_into_the_other(case: Case) -> None:
    plan = read(case.plan)
    for khmer_digits in (False, True):
        km = plan_text(plan, "km", form=case.form, unit=case.unit, khmer_digits=khmer_digits)
        en = plan_text(plan, "en", form=case.form, unit=case.unit, khmer_digits=khmer_digits)
        assert not LATIN.search(km) and not re.search("[\u1780-\u17ff]", en)
        assert not re.search("[{}\u200b]|  ", km + en), "a place left open, or a gap"
        assert km.endswith("។") and en.endswith(".") and en[0].isupper()
        assert not (LATIN_DIGIT if khmer_digits else KHMER_DIGIT).search(km), "R-432"
        assert not KHMER_DIGIT.search(en)


def test_khmer_digits_are_the_readers_choice() -> None:
    """R-432: the decimal comma, the hour and the year too."""
    plan = one(dose="2.5", time_rule={"type": "times", "times": ["08:30"]}, until="2026-11-29")
    said = plan_text(plan, "km", form="oral", unit="ml", khmer_digits=True)
    assert said == "ផឹក ២,៥ មីលីលីត្រ រាល់ថ្ងៃ នៅម៉ោង ០៨:៣០ ព្រឹក រហូតដល់ថ្ងៃទី ២៩ វិច្ឆិកា ២០២៦ គិតទាំងថ្ងៃនោះ។"


@pytest.mark.parametrize(
    ("form", "unit", "km", "en"),
    [
        ("oral", "tablet", "លេប 2 គ្រាប់", "Take 2 tablets"), ("oral", "capsule", "លេប 2 កាប់ស៊ុល", "Take 2 capsules"),
        ("oral", "ml", "ផឹក 2 មីលីលីត្រ", "Drink 2 ml"), ("injection", "ml", "ចាក់ 2 មីលីលីត្រ", "Inject 2 ml"),
        ("topical", "application", "លាប 2 ដង", "Apply 2 times"), ("topical", "drop", "បន្តក់ 2 ដំណក់", "Put in 2 drops"),
        ("inhaler", "puff", "ស្រូប 2 ដង", "Inhale 2 puffs"), ("other", "sachet", "ប្រើ 2 កញ្ចប់", "Use 2 sachets"),
        ("oral", "mg", "ប្រើ 2 មីលីក្រាម", "Use 2 mg"), ("other", "other", "ប្រើ 2 ឯកតា", "Use 2 units"),
    ],
)  # fmt: skip
def test_the_verb_is_that_of_the_form(form: str, unit: str, km: str, en: str) -> None:
    """R-434."""
    plan = one(dose=2)
    assert plan_text(plan, "km", form=form, unit=unit).startswith(f"{km} ")
    assert plan_text(plan, "en", form=form, unit=unit).startswith(f"{en} ")


def test_an_unknown_unit_is_refused_rather_than_said_as_another() -> None:
    with pytest.raises(UnknownSentenceError):
        english(one(), unit="spoon")


def test_the_start_is_said_to_a_person_for_whom_it_lies_ahead() -> None:
    """Nobody begins a week early because the sentence kept silent."""
    plan = one(days=7)
    assert english(plan) == english(plan, today=date(2026, 11, 20)) == "Take 1 tablet at 08:00 (morning), for 7 days."
    ahead = english(plan, today=date(2026, 11, 19))
    assert ahead == "Take 1 tablet at 08:00 (morning), from 20 November 2026, for 7 days."


def test_an_anchor_that_the_server_wrote_down_changes_no_word() -> None:
    """A version stores the anchor it counts from (keys.assign_keys); equal to the start, it is the start."""
    for bare, stored in (
        ({"day_rule": {"type": "every_days", "n": 2}},
         {"day_rule": {"type": "every_days", "n": 2, "anchor": "2026-11-20"}}),
        ({"time_rule": None, "interval": {"every_minutes": 480}},
         {"time_rule": None, "interval": {"every_minutes": 480, "anchor": "2026-11-20T00:00"}}),
    ):
        assert english(one(**bare)) == english(one(**stored))


def test_a_time_written_twice_is_one_dose_and_times_are_said_in_the_days_order() -> None:
    said = english(one(time_rule={"type": "times", "times": ["20:00", "08:00", "20:00"]}))
    assert said == "Take 1 tablet every day at 08:00 (morning) and 20:00 (night)."


def test_segments_are_said_in_the_order_of_time() -> None:
    """Whatever their order in the JSON."""
    first = {"start": "2026-11-20", "time_rule": {"type": "times", "times": ["08:00"]}, "dose": 2, "days": 3}
    then = {**first, "start": "2026-11-23", "dose": 1}
    assert english(read({"segments": [first, then]})) == english(read({"segments": [then, first]}))


AT_THE_LIMITS: list[dict[str, Any]] = [
    {"dose": "0.001"}, {"dose": "9999.999"}, {"dose": "1000"}, {"quantity": "999999.999", "count": 5000},
    {"time_rule": {"type": "times", "times": [f"{n // 4:02}:{n % 4 * 15:02}" for n in range(96)]}},
    {"time_rule": {"type": "frequency", "per_day": 96}},
    {"time_rule": {"type": "every_in_window", "every_minutes": 527_040, "from": "20:00", "to": "04:00"}},
    {"time_rule": None, "interval": {"every_minutes": 527_040}, "end": "2099-12-31T23:59"},
    {"day_rule": {"type": "dates", "dates": [f"20{n:02}-12-31" for n in range(26, 100)]}},
    {"day_rule": {"type": "every_days", "n": 36_525, "anchor": "2000-01-01"}},
    {"day_rule": {"type": "weekdays", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "every_weeks": 520}},
    {"day_rule": {"type": "monthly", "days": [*range(1, 32), -1], "missing": "skip", "every_months": 120}},
    {"day_rule": {"type": "monthly_nth", "weekday": "sun", "nth": -5, "every_months": 120}},
    {"day_rule": {"type": "yearly", "month": 4, "day": 31}},
    {"day_rule": {"type": "cycle", "phases": [{"days": 400, "on": n % 3 == 0} for n in range(60)]}},
    {"dose": {"start": "9999.999", "step": "-9999.999", "every_days": 36_525}},
    {"following": [{"type": "after_previous", "delay_min": 287, "dose": "0.001"}] * 5},
    {"time_rule": None, "as_needed": {"min_interval_min": 86_400, "max_count_24h": 100, "max_amount_24h": "9999.999"}},
]


@pytest.mark.parametrize("segment", AT_THE_LIMITS, ids="+".join)
@pytest.mark.parametrize("unit", ["tablet", "capsule", "ml", "mg", "drop", "puff", "application", "sachet", "other"])
def test_what_lies_at_the_limits_of_the_format_can_be_said(segment: dict[str, Any], unit: str) -> None:
    for language in LANGUAGES:
        said = plan_text(one(**segment), language, form="oral", unit=unit, khmer_digits=True)
        assert len(said) > 10 and not re.search("[{}\u200b]|  ", said)


@settings(max_examples=300, deadline=None)  # reading a plan may walk its courses
@given(body=plans(following=True), digits=st.booleans(), unit=st.sampled_from(["tablet", "ml", "puff", "other"]))
def test_any_plan_can_be_said_and_every_amount_is(body: dict[str, Any], digits: bool, unit: str) -> None:
    plan = read(body)
    for language in LANGUAGES:
        said = plan_text(plan, language, form="oral", unit=unit, khmer_digits=digits)
        assert len(said) > 10 and not re.search("[{}\u200b]|  ", said)
        for amount in amounts(plan):
            shown = amount_text(amount, unit, language, khmer_digits=digits)
            assert shown.casefold() in said.casefold(), f"{shown} is missing: {said}"
        for clock in (clock for segment in plan.segments if isinstance(segment.time_rule, Times)
                      for clock in segment.time_rule.times):
            assert digits or clock in said


def amounts(plan: Plan) -> set[Decimal]:
    """Every amount that the plan itself names for a dose."""
    named: set[Decimal] = set()
    for segment in plan.segments:
        named |= {follower.dose for follower in segment.following if follower.dose}
        if isinstance(segment.time_rule, SlotGrid):
            named |= {amount for _, amount in segment.time_rule.filled}
        elif segment.dose is not None:
            named.add(segment.dose.start if isinstance(segment.dose, DoseStep) else segment.dose)
    return named


def test_every_example_of_the_gallery_has_a_sentence_of_its_own() -> None:
    """Plans that dose differently do not read alike, but for the two journeys, whose difference the last words tell."""
    said = [plan_text(gallery_plan(example), "km", form=example.form, unit=example.unit)
            for _, examples in SECTIONS for example in examples]
    told = [sentence for sentence in said if said.count(sentence) > 1]
    assert told == []
