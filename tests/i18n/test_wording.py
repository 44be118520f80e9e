"""Digits, moments, doses, notices and search keys as their readers see them (R-119, R-284, R-432 to R-435)."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i18n.catalogue import UnknownSentenceError, places, sentence
from i18n.digits import number_text, to_khmer, to_latin
from i18n.doses import amount_text, dose_text, frequency_text, verb
from i18n.moments import date_text, date_time_text, part_of_day, time_text
from i18n.notices import Reader, notice
from i18n.search_key import search_key
from i18n.template import MissingValueError

SCHEDULE_CASES = json.loads((Path(__file__).parents[1] / "data" / "schedule_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", SCHEDULE_CASES["khmer_digit_cases"], ids=lambda case: case["id"])
def test_khmer_digits_of_formatted_numbers(case: dict[str, Any]) -> None:
    assert to_khmer(case["input"]) == case["expect"]
    assert to_latin(case["expect"]) == case["input"], "both are accepted in input"


def test_other_digits_stay_what_they_are() -> None:
    """S-59: only Khmer digits are taken for digits, not every script's."""
    assert to_latin("០១២ 345 ๖๗ ٨٩ ²") == "012 345 ๖๗ ٨٩ ²"


def test_numbers_are_grouped_by_the_style_of_their_digits() -> None:
    assert number_text(Decimal("1234567.50")) == "1,234,567.5"
    assert number_text(Decimal("1234567.50"), khmer_digits=True) == "១.២៣៤.៥៦៧,៥"
    assert number_text(100) == number_text(Decimal("1E+2")) == number_text(Decimal("100.0")) == "100"


def test_a_date_names_its_month_and_the_gregorian_year() -> None:
    assert date_text(date(2026, 11, 20), "km") == "20 វិច្ឆិកា 2026"
    assert date_text(date(2026, 11, 20), "en") == "20 November 2026"
    assert date_text(date(2026, 1, 1), "km", khmer_digits=True) == "១ មករា ២០២៦"
    assert date_text(date(2026, 1, 1), "en", khmer_digits=True) == "1 January 2026"


@pytest.mark.parametrize(
    ("clock", "km", "en"),
    [
        ("00:00", "យប់", "night"), ("04:59", "យប់", "night"), ("05:00", "ព្រឹក", "morning"),
        ("10:59", "ព្រឹក", "morning"), ("11:00", "ថ្ងៃត្រង់", "noon"), ("12:59", "ថ្ងៃត្រង់", "noon"),
        ("13:00", "រសៀល", "afternoon"), ("15:59", "រសៀល", "afternoon"), ("16:00", "ល្ងាច", "evening"),
        ("18:59", "ល្ងាច", "evening"), ("19:00", "យប់", "night"), ("23:59", "យប់", "night"),
    ],
)  # fmt: skip
def test_a_time_says_its_part_of_the_day(clock: str, km: str, en: str) -> None:
    at = time.fromisoformat(clock)
    assert time_text(at, "km") == f"{clock} {km}"
    assert time_text(at, "en") == f"{clock} ({en})"
    assert part_of_day(at.hour) == en


def test_a_moment_is_said_as_the_wall_clock_it_was_given() -> None:
    at = datetime.fromisoformat("2026-11-20T08:05:59+07:00")
    assert date_time_text(at, "km") == "20 វិច្ឆិកា 2026 ម៉ោង 08:05 ព្រឹក"
    assert date_time_text(at, "km", khmer_digits=True) == "២០ វិច្ឆិកា ២០២៦ ម៉ោង ០៨:០៥ ព្រឹក"
    assert date_time_text(at, "en") == "20 November 2026 at 08:05 (morning)"


@pytest.mark.parametrize(
    ("form", "unit", "km", "expected"),
    [
        ("oral", "tablet", "លេប", "swallow"), ("oral", "capsule", "លេប", "swallow"), ("oral", "ml", "ផឹក", "drink"),
        ("oral", "sachet", "ប្រើ", "use"), ("oral", "drop", "បន្តក់", "drops"), ("topical", "drop", "បន្តក់", "drops"),
        ("other", "drop", "បន្តក់", "drops"), ("injection", "ml", "ចាក់", "inject"),
        ("injection", "drop", "ចាក់", "inject"), ("topical", "application", "លាប", "apply"),
        ("inhaler", "puff", "ស្រូប", "inhale"), ("other", "tablet", "ប្រើ", "use"), ("of_a_newer_app", "mg", "ប្រើ", "use"),
    ],
)  # fmt: skip
def test_the_verb_follows_the_form(form: str, unit: str, km: str, expected: str) -> None:
    """R-434: a tablet that is not for the mouth is used, never swallowed."""
    assert verb(form, unit) == expected
    assert dose_text(1, unit=unit, form=form, language="km").startswith(f"{km} 1 ")


@pytest.mark.parametrize(
    ("amount", "unit", "km", "en"),
    [
        (1, "tablet", "1 គ្រាប់", "1 tablet"), (2, "tablet", "2 គ្រាប់", "2 tablets"),
        (Decimal("0.5"), "tablet", "កន្លះគ្រាប់", "half a tablet"),
        (Decimal("1.50"), "tablet", "1 គ្រាប់កន្លះ", "1½ tablets"),
        (Decimal("0.25"), "tablet", "1/4 គ្រាប់", "1/4 tablet"), (Decimal("1.0"), "tablet", "1 គ្រាប់", "1 tablet"),
        (Decimal("0.5"), "ml", "0.5 មីលីលីត្រ", "0.5 ml"), (Decimal("2.5"), "ml", "2.5 មីលីលីត្រ", "2.5 ml"),
        (20, "drop", "20 ដំណក់", "20 drops"), (1, "puff", "1 ដង", "1 puff"), (3, "sachet", "3 កញ្ចប់", "3 sachets"),
        (1000, "mg", "1,000 មីលីក្រាម", "1,000 mg"), (2, "capsule", "2 កាប់ស៊ុល", "2 capsules"),
    ],
)  # fmt: skip
def test_an_amount_has_its_counting_word(amount: int | Decimal, unit: str, km: str, en: str) -> None:
    assert amount_text(amount, unit, "km") == km
    assert amount_text(amount, unit, "en") == en


@pytest.mark.parametrize("amount", [0, -1, Decimal("-0.5"), Decimal("NaN"), Decimal("Infinity")])
def test_an_impossible_amount_is_never_said(amount: int | Decimal) -> None:
    with pytest.raises(ValueError, match="nobody can use"):
        amount_text(amount, "tablet", "km")


def test_an_unknown_unit_is_never_said_as_another_one() -> None:
    with pytest.raises(UnknownSentenceError):
        amount_text(2, "spoon", "km")


def test_the_digits_of_a_strength_stay_latin() -> None:
    """R-432: only the amount turns Khmer; "500mg" is part of the name on the box."""
    said = dose_text(2, unit="tablet", form="oral", language="km", medicine="Paracetamol 500mg", khmer_digits=True)
    assert said == "លេប Paracetamol 500mg ២ គ្រាប់"
    english = dose_text(2, unit="tablet", form="oral", language="en", medicine="Paracetamol 500mg", khmer_digits=True)
    assert english == "take 2 tablets of Paracetamol 500mg"
    assert dose_text(2, unit="tablet", form="oral", language="km") == "លេប 2 គ្រាប់", "no name for a private line"


@pytest.mark.parametrize(
    ("slots", "km", "en"),
    [
        ({"MORN": 1, "NOON": None, "EVE": 1, "NIGHT": None}, "2 ដងក្នុងមួយថ្ងៃ", "2 times a day"),
        ({"MORN": 1, "NOON": 0, "EVE": None, "NIGHT": 0}, "1 ដងក្នុងមួយថ្ងៃ", "1 time a day"),
        ({"MORN": 1, "NOON": 2, "EVE": Decimal("0.5"), "NIGHT": 1}, "4 ដងក្នុងមួយថ្ងៃ", "4 times a day"),
        ({"MORN": 0, "NOON": None}, None, None),
    ],
)  # fmt: skip
def test_the_frequency_follows_from_the_filled_slots(
    slots: dict[str, int | Decimal | None], km: str | None, en: str | None
) -> None:
    """R-119."""
    assert frequency_text(slots, "km") == km
    assert frequency_text(slots, "en") == en


VALUES: dict[str, Any] = {
    "doctor": "Lim", "patient": "Sokha", "name": "Dara", "reason": "low pressure",
    "medicine": "Amlodipine 5mg", "first": "08:00", "second": "08:30", "time": "08:00",
}  # fmt: skip
KINDS = """prescription_new prescription_changed prescription_urgent prescription_confirmed prescription_revision_asked
prescription_rejected prescription_paused prescription_resumed prescription_stopped connection_request
connection_accepted connection_revoked dose_double dose_contradiction edit_not_applied"""


@pytest.mark.parametrize("kind", KINDS.split())
@pytest.mark.parametrize("reader", ["patient", "relative", "doctor"])
def test_every_reader_gets_words_of_their_own(kind: str, reader: Reader) -> None:
    for language in ("km", "en"):
        text = notice(kind, reader, language, **VALUES)
        assert text.title and text.body and "{" not in text.title + text.body
    if kind.startswith(("prescription_", "dose_")) and reader != "patient":
        said = " ".join(notice(kind, reader, "en", **VALUES))
        assert "your" not in said.lower(), "Dara and Dr Lim would take it for their own"


def test_a_doctor_reads_a_relatives_words_where_there_are_none_for_doctors() -> None:
    assert notice("dose_double", "doctor", "en", **VALUES) == notice("dose_double", "relative", "en", **VALUES)
    own = notice("edit_not_applied", "doctor", "en", **VALUES)
    assert own != notice("edit_not_applied", "relative", "en", **VALUES)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.split() if not kind.startswith("connection_")])
def test_a_private_notice_tells_the_lock_screen_nothing(kind: str) -> None:
    """R-284: whoever picks up the phone learns neither the medicine nor the doctor, in both languages."""
    for language in ("km", "en"):
        shown = " ".join(notice(kind, "patient", language, private=True, **VALUES))
        assert not [value for value in VALUES.values() if value in shown]
        assert not [word for word in ("ថ្នាំ", "វេជ្ជ", "rescription", "edicine") if word in shown]


def test_the_reason_of_an_urgent_change_is_told() -> None:
    """R-087."""
    text = notice("prescription_urgent", "patient", "km", doctor="Lim", reason="សម្ពាធឈាមទាប")
    assert text.title.startswith("បន្ទាន់៖") and text.body.endswith("សម្ពាធឈាមទាប")
    with pytest.raises(MissingValueError):
        notice("prescription_urgent", "patient", "km", doctor="Lim")
    with pytest.raises(UnknownSentenceError):
        notice("prescription_eaten", "patient", "km")
    assert places("notice.prescription_urgent.body") == {"reason"}


@pytest.mark.parametrize(
    ("typed", "also_typed"),
    [
        ("សប្\u178aាហ៍", "សប្\u178fាហ៍"),
        ("ប\u17c1\u17b8ក", "ប\u17beក"),
        ("ក\u17c1\u17b6ះ", "ក\u17c4ះ"),
        ("\u17a3", "\u17a2"),
        ("សុ\u200bខា", "សុខា"),
        ("\ufeffសុខា\u200c\u200d\u2060", "សុខា"),
        ("ប\u17c1\u200b\u17b8ក", "ប\u17beក"),
        ("Cafe\u0301", "café"),
    ],
)
def test_two_spellings_are_found_by_one_key(typed: str, also_typed: str) -> None:
    """R-435."""
    assert typed != also_typed
    assert search_key(typed) == search_key(also_typed)


def test_different_words_keep_different_keys() -> None:
    assert len({search_key(word) for word in ("សុខា", "សុខ", "ដារ៉ា", "តារា", "ម៉ាលី", "Dara", "Dala", "%", "_")}) == 9


@given(st.text() | st.text(alphabet="\u1780\u178a\u178f\u17a2\u17a3\u17b6\u17b8\u17be\u17c1\u17c4\u17d2\u200b\u0301"))
def test_the_key_of_a_key_is_itself(text: str) -> None:
    assert search_key(search_key(text)) == search_key(text)


def test_words_of_the_day_are_the_same_in_a_slot_and_in_a_time() -> None:
    for slot, part in (("morn", "morning"), ("noon", "noon"), ("eve", "evening"), ("night", "night")):
        for language in ("km", "en"):
            assert sentence(f"slot.{slot}", language) == sentence(f"moment.part.{part}", language)
