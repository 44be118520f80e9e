"""A key becomes a sentence: values stand literally in it, faults of the caller are loud, error answers never fail."""

from __future__ import annotations

import pytest

from i18n.catalogue import (
    UnknownSentenceError,
    both,
    explain,
    explain_both,
    phrase,
    places,
    sentence,
)
from i18n.template import MissingValueError, Template

HOSTILE = [
    "{doctor}", "{reason.__class__}", "{0}", "{{}}", "}{", "%s %(doctor)s %%", r"\1 \g<0> \n $1 ${x}",
    "<script>alert(1)</script>", "&amp;", "(a+)+$", "[ថ្នាំ]*", "\u200bសុខា\u200b", "a\r\nb", "",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("language", ["km", "en"])
def test_a_value_stands_literally_in_the_sentence(value: str, language: str) -> None:
    """F-56, R-282: the reason Dr Lim typed reaches Sokha as he typed it, whatever it looks like."""
    body = sentence("notice.prescription_urgent.body", language, reason=value)  # type: ignore[arg-type]
    without = sentence("notice.prescription_urgent.body", language, reason="")  # type: ignore[arg-type]
    assert body == without + value


def test_a_value_that_looks_like_a_place_is_not_filled_again() -> None:
    title = sentence("notice.prescription_urgent.relative.title", "en", doctor="{patient}", patient="{doctor}")
    assert title == "URGENT: Dr {patient} changed the prescription of {doctor}"


def test_both_languages_come_together() -> None:
    said = both("notice.connection_accepted.body", name="Dara")
    assert said == {
        "km": "Dara បានទទួលសំណើសុំភ្ជាប់របស់អ្នក។",
        "en": "Dara accepted your connection request.",
    }


def test_a_phrase_within_a_sentence_is_said_in_its_language() -> None:
    said = both("notice.dose_contradiction.relative.body", medicine="Amlodipine 5mg", patient="Sokha",
                time=phrase("slot.EVE"))  # fmt: skip
    assert "Amlodipine 5mg នៅម៉ោង ល្ងាច" in said["km"] and "evening" not in said["km"]
    assert "Amlodipine 5mg at evening" in said["en"]


def test_the_case_of_a_wire_word_does_not_matter() -> None:
    assert sentence("slot.MORN", "km") == sentence("slot.morn", "km") == "ព្រឹក"
    assert sentence("prescription_status.ACTIVE", "en") == "in use"


def test_a_missing_value_names_key_and_place() -> None:
    with pytest.raises(MissingValueError, match=r"notice\.connection_request\.body \(km\) needs 'name'"):
        sentence("notice.connection_request.body", "km", nmae="Dara")


def test_an_unknown_key_is_loud() -> None:
    with pytest.raises(UnknownSentenceError, match=r"error\.of_nobody"):
        sentence("error.of_nobody", "km")
    with pytest.raises(KeyError):
        both("error.of_nobody")
    with pytest.raises(KeyError):
        places("error.of_nobody")


def test_a_sentence_tells_which_values_it_needs() -> None:
    assert places("notice.dose_double.relative.body") == {"medicine", "first", "second", "patient"}
    assert places("error.internal") == frozenset()


def test_an_error_answer_gets_the_figures_it_has() -> None:
    assert explain("field.too_long", "en", most=500) == "This text may have at most 500 characters."
    assert explain("field.too_long", "km", most=500) == "អត្ថបទនេះមិនត្រូវលើសពី 500 តួអក្សរទេ។"
    assert explain("field.too_long", "en") == explain("field.too_long", "en", found=9) == "This text is too long."
    assert explain("error.locked", "en", n=1).endswith("Please wait 1 minute.")
    assert explain("error.locked", "en", n=15).endswith("Please wait 15 minutes.")


def test_an_error_answer_never_fails_and_never_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    """The general sentence for a code nobody wrote one for, and a line in the log for us."""
    assert explain_both("error.of_nobody", secret="HIV") == both("error.internal")
    assert explain("notice.connection_request.body", "km") == sentence("error.internal", "km")
    assert "error.of_nobody" in caplog.text and "HIV" not in caplog.text


@pytest.mark.parametrize("text", ["{a.b}", "{0}", "{}", "{a!r}", "{a:>9}", "{a[0]}", "{a", "a}", "{a b}"])
def test_a_place_that_reaches_into_its_value_is_refused_at_load(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Template.parse([text])


def test_doubled_braces_in_a_sentence_are_braces() -> None:
    assert Template.parse(["{{x}} {x}"]).fill("en", {"x": "{y}"}) == "{x} {y}"
