"""How clauses are put together: lists, ranks, spans of time and full stops, in both languages (R-431, R-432)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i18n.catalogue import sentence
from i18n.moments import day_month_text, month_text, weekday_text
from i18n.phrases import duration_text, list_text, ordinal_text, whole_sentence

GLOSSARY = {
    entry["key"]: entry["km"]
    for entry in json.loads(
        (Path(__file__).parents[1] / "data" / "khmer_glossary.json").read_text(encoding="utf-8"))["entries"]
}


@pytest.mark.parametrize(
    ("items", "km", "en"),
    [(["A"], "A", "A"), (["A", "1"], "A និង 1", "A and 1"), (["A", "B", "C"], "A, B និង C", "A, B, and C"), ([], "", "")],
)
def test_a_list_is_joined_as_its_language_does(items: list[str], km: str, en: str) -> None:
    assert list_text(items, "km") == km, "with a space before a figure, never a zero-width one"
    assert list_text(items, "en") == en


@pytest.mark.parametrize(("n", "en"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")])
def test_ranks(n: int, en: str) -> None:
    assert ordinal_text(n, "en", khmer_digits=True) == en
    assert ordinal_text(n, "km") == f"ទី {n}"


@pytest.mark.parametrize(
    ("minutes", "km", "en"),
    [(1, "1 នាទី", "1 minute"), (60, "1 ម៉ោង", "1 hour"), (90, "1 ម៉ោង និង 30 នាទី", "1 hour and 30 minutes"),
     (2160, "36 ម៉ោង", "36 hours"), (0, "0 នាទី", "0 minutes")],
)  # fmt: skip
def test_spans_of_time_know_no_days(minutes: int, km: str, en: str) -> None:
    """A day is 23 hours long where clocks change."""
    assert duration_text(minutes, "km") == km
    assert duration_text(minutes, "en") == en


def test_khmer_digits_reach_ranks_and_spans() -> None:
    assert ordinal_text(2, "km", khmer_digits=True) == "ទី ២"
    assert duration_text(90, "km", khmer_digits=True) == "១ ម៉ោង និង ៣០ នាទី"


def test_a_clause_becomes_a_sentence() -> None:
    assert whole_sentence("take 1 tablet", "en") == "Take 1 tablet."
    assert whole_sentence("លេប 1 គ្រាប់", "km") == "លេប 1 គ្រាប់។"


def test_names_of_days_and_months_are_cldrs() -> None:
    assert [weekday_text(day, "en") for day in (0, 6)] == ["Monday", "Sunday"]
    assert [weekday_text(day, "km") for day in (0, 6)] == ["ច័ន្ទ", "អាទិត្យ"]
    assert (month_text(11, "km"), month_text(2, "en")) == ("វិច្ឆិកា", "February")
    assert day_month_text(29, 2, "km", khmer_digits=True) == "២៩ កុម្ភៈ"
    assert day_month_text(29, 2, "en", khmer_digits=True) == "29 February"


@pytest.mark.parametrize(
    ("glossary_key", "said", "values"),
    [
        ("freq.daily", "plan.days.daily", {}), ("time.in_the_morning", "plan.slot.morn", {}),
        ("freq.every_days", "plan.days.every", {"n": "{n}"}),
        ("freq.every_hours", "plan.every", {"duration": "{n} ម៉ោង"}),
        ("meal.before", "plan.meals.before", {"meals": "បាយ"}), ("meal.after", "plan.meals.after", {"meals": "បាយ"}),
        ("meal.minutes_before", "plan.meals.before.offset", {"offset": "{n} នាទី", "meals": "បាយ"}),
        ("meal.minutes_after", "plan.meals.after.offset", {"offset": "{n} នាទី", "meals": "បាយ"}),
        ("meal.bedtime", "plan.meals.before", {"meals": "ចូលគេង"}), ("prn.as_needed", "plan.as_needed", {"dose": ""}),
    ],
)  # fmt: skip
def test_plans_speak_the_words_of_the_glossary(glossary_key: str, said: str, values: dict[str, str]) -> None:
    """R-431: one word per concept."""
    assert sentence(said, "km", **values).strip() == GLOSSARY[glossary_key]
