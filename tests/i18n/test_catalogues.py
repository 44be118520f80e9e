"""The two .po files as a Khmer and an English reader need them: complete, equal in shape, one word per concept (R-431).

Reads the files themselves, with Babel, so that a fuzzy or empty entry cannot hide behind the loader.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from i18n.catalogue import read_catalogue
from sync.problem import Code, FieldCode

TESTS = Path(__file__).parents[1]
GLOSSARY = {
    entry["key"]: entry
    for entry in json.loads((TESTS / "data" / "khmer_glossary.json").read_text(encoding="utf-8"))["entries"]
}
KHMER = re.compile("[\u1780-\u17b3]")
ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
PLACE = re.compile(r"\{(\w+)\}")

# sync-protocol.md section 5, with concurrent_kept of DESIGN.md section 11.
OUTCOMES = """new sequential newest person_over_server same_change same_content schedule_kept fields earliest_kept
concurrent_kept older_edit same_batch person_over_device stale_base server_wins forbidden invalid immutable
closed_generation scope_mismatch change_id_reused slot_full stock_short missing_parent unknown_kind access_revoked
quarantined"""
NOTICES = """prescription_new prescription_changed prescription_urgent prescription_confirmed
prescription_revision_asked prescription_rejected prescription_paused prescription_resumed prescription_stopped
connection_request connection_accepted connection_revoked dose_double dose_contradiction edit_not_applied"""
WORDS = {
    "dose_status": "scheduled due overdue missed taken skipped superseded unreported",
    "timing": "early on_time late very_late",
    "skip_reason": "feeling_better side_effects forgot_refill doctor_advised other",
    "slot": "morn noon eve night",
    "prescription_status": "draft active paused inactive",
    "inactive_reason": "completed stopped rejected expired removed",
    "connection_status": "pending accepted declined revoked",
    "doctor_level": "not_allowed request selected allowed",
    "family_level": "alerts_only view view+remind view+manage",
    "role": "patient family doctor assistant pharmacy staff owner admin",
    "unit": "tablet capsule ml mg drop puff application sachet other",
    "amount": "tablet capsule ml mg drop puff application sachet other",
    "form": "oral injection topical inhaler other",
}


def read(language: str) -> dict[str, Message]:
    path = TESTS.parent / "i18n" / "locales" / f"{language}.po"
    entries = read_po(BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
    return {texts(entry.id)[0]: entry for entry in entries if entry.id}


def texts(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)  # type: ignore[arg-type]


KM, EN = read("km"), read("en")


def sentences() -> Iterator[tuple[str, str, str]]:
    """(key, Khmer, English) of every entry; of plurals the form for many."""
    for key in KM:
        yield key, texts(KM[key].string)[-1], texts(EN[key].string)[-1]


def test_both_catalogues_hold_the_same_keys_in_the_same_order() -> None:
    assert list(KM) == list(EN)


@pytest.mark.parametrize(("language", "entries", "plurals"), [("km", KM, 1), ("en", EN, 2)])
def test_every_entry_is_finished(language: str, entries: dict[str, Message], plurals: int) -> None:
    for key, entry in entries.items():
        assert not entry.fuzzy, f"{key} is fuzzy in {language}"
        assert all(text.strip() == text and text for text in texts(entry.string)), f"{key} is empty in {language}"
        assert len(texts(entry.string)) == (plurals if isinstance(entry.id, tuple | list) else 1), key
    assert read_catalogue(language).keys() == entries.keys()  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KM)
def test_both_languages_name_the_same_places(key: str) -> None:
    forms = [set(PLACE.findall(text)) for entry in (KM[key], EN[key]) for text in texts(entry.string)]
    assert all(form == forms[0] for form in forms)
    assert not forms[0] & {"language", "key", "kind", "reader", "private", "count"}, "these are arguments of ours"


@pytest.mark.parametrize("key", KM)
def test_khmer_is_khmer_and_typed_in_one_way(key: str) -> None:
    for text in texts(KM[key].string):
        places_only = not PLACE.sub("", text).strip()
        assert places_only or KHMER.search(text), "no Khmer script"
        assert unicodedata.is_normalized("NFC", text)
        assert not ZERO_WIDTH.search(text)
        assert not re.search(r"\.(\s|$)", text), "a Khmer sentence ends in ។"
        assert not re.search("[\u17e0-\u17e9]", text), "digits are formatted, not written (R-432)"
    for text in texts(EN[key].string):
        assert not KHMER.search(text)


@pytest.mark.parametrize("key", [key for key in KM if key.startswith(("error.", "field.", "outcome."))])
def test_what_is_told_is_a_whole_sentence(key: str) -> None:
    assert all(text.endswith("។") for text in texts(KM[key].string))
    assert all(text.endswith(".") and text[0].isupper() for text in texts(EN[key].string))


def test_every_code_of_the_house_has_a_sentence_that_needs_nothing() -> None:
    """R-601. A refusal is raised far from here: its plain sentence must be sayable whatever came with it."""
    keys = [f"error.{code}" for code in Code] + [f"field.{code}" for code in FieldCode]
    keys += [f"outcome.{code}" for code in OUTCOMES.split()]
    assert not [key for key in keys if key not in KM]
    assert not [key for key in keys if PLACE.search(texts(KM[key].string)[0])]


def test_every_detailed_sentence_has_a_plain_one() -> None:
    detailed = [key for key in KM if key.endswith(".detailed")]
    assert detailed
    assert all(key.removesuffix(".detailed") in KM and PLACE.search(texts(KM[key].string)[0]) for key in detailed)


def test_every_notice_has_a_title_a_body_and_a_silent_form_if_it_speaks_of_medicine() -> None:
    for kind in NOTICES.split():
        assert {f"notice.{kind}.title", f"notice.{kind}.body"} <= KM.keys()
        assert (f"notice.{kind}.neutral" in KM) != kind.startswith("connection_")


def test_a_lock_screen_names_nobody_and_nothing() -> None:
    """R-284: no place, no prescription, no medicine, no doctor in a neutral text."""
    telling = [GLOSSARY[key]["km"] for key in ("med.prescription", "med.medicine", "who.doctor", "med.drug_formal")]
    for key, km, en in sentences():
        if key.endswith((".neutral", "neutral_title")):
            assert not PLACE.search(km) and not any(word in km for word in telling)
            assert not re.search("prescription|medicine|doctor|dose", en, re.IGNORECASE)


def test_every_value_of_the_rules_has_a_word() -> None:
    assert not [f"{group}.{value}" for group, values in WORDS.items() for value in values.split()
                if f"{group}.{value}" not in KM]


ONE_WORD_PER_CONCEPT = [
    (r"prescription", "med.prescription"),
    (r"medicines?", "med.medicine"),
    (r"the dose is", "dose.dose"),
    (r"doctor|Dr", "who.doctor"),
    (r"pharmacist", "who.pharmacist"),
    (r"caregiver", "who.caregiver"),
    (r"the patient", "who.patient"),
    (r"password", "ui.password"),
    (r"phone number", "ui.phone"),
    (r"appointment", "visit.appointment"),
    (r"history", "ui.history"),
    (r"log in", "ui.log_in"),
    (r"morning", "time.morning"),
    (r"noon", "time.noon"),
    (r"evening", "time.evening"),
    (r"night", "time.night"),
    (r"declined?", "cn.declined"),
    (r"change[sd]?|edit|revision", "ui.edit"),
    (r"confirm(ed|s)?", "ui.confirm"),
    (r"saved|kept", "ui.save"),
    (r"end date", "dose.end"),
]
# "Kept apart" is not "saved": what a former member recorded is set aside.
OTHERWISE_SAID = {"outcome.quarantined"}


@pytest.mark.parametrize(("english", "glossary_key"), ONE_WORD_PER_CONCEPT)
def test_one_concept_has_one_khmer_word(english: str, glossary_key: str) -> None:
    word = GLOSSARY[glossary_key]["km"].removeprefix("បាន")
    pattern = re.compile(rf"\b(?:{english})\b", re.IGNORECASE)
    meant = ((key, km) for key, km, en in sentences() if pattern.search(PLACE.sub("", en)))
    spoken = [(key, km) for key, km in meant if key not in OTHERWISE_SAID]
    assert spoken, "the concept is never spoken of: the line above tests nothing"
    assert not [key for key, km in spoken if word not in km]


@pytest.mark.parametrize("rival", ["គ្រូពេទ្យ", "លេខសំងាត់", "កូនសោ", "ពាក្យសំងាត់", "ប្រេសស្គ្រីប", "ស៊ីថ្នាំ", "ពត៌មាន", "អោយ"])
def test_no_rival_word_or_spelling_is_used(rival: str) -> None:
    assert not [key for key, km, _ in sentences() if rival in km]


def test_the_formal_word_for_medicine_stands_in_pharmacy_words_only() -> None:
    formal = re.compile(GLOSSARY["med.drug_formal"]["km"] + "(?!ស្ថាន|ការី)")
    assert not [key for key, km, _ in sentences() if formal.search(km)]


SAID_AS_THE_GLOSSARY_SAYS = {
    "dose_status.scheduled": "st.scheduled", "dose_status.due": "st.due", "dose_status.overdue": "st.overdue",
    "dose_status.missed": "st.missed", "dose_status.taken": "st.taken", "dose_status.skipped": "st.skipped",
    "dose_status.superseded": "rx.superseded", "dose_status.unreported": "st.unreported",
    "timing.on_time": "rep.on_time",
    "slot.morn": "time.morning", "slot.noon": "time.noon", "slot.eve": "time.evening", "slot.night": "time.night",
    "moment.part.afternoon": "time.afternoon",
    "meal.before": "meal.before", "meal.after": "meal.after", "meal.with": "meal.with", "meal.empty": "meal.empty",
    "meal.bedtime": "meal.bedtime",
    "prescription_status.draft": "rx.draft", "prescription_status.active": "rx.active",
    "prescription_status.paused": "rx.paused",
    "inactive_reason.completed": "rx.completed", "inactive_reason.stopped": "rx.stopped",
    "connection_status.pending": "cn.pending", "connection_status.accepted": "cn.accepted",
    "connection_status.declined": "cn.declined", "connection_status.revoked": "cn.revoked",
    "role.patient": "who.patient", "role.family": "who.family", "role.caregiver": "who.caregiver",
    "role.doctor": "who.doctor", "role.pharmacy": "place.pharmacy", "role.pharmacist": "who.pharmacist",
    "unit.tablet": "unit.tablet", "unit.capsule": "unit.capsule", "unit.ml": "unit.ml", "unit.mg": "unit.mg",
    "unit.drop": "unit.drop", "unit.sachet": "unit.sachet", "amount.tablet.half": "unit.half_tablet",
    "frequency.times_a_day": "freq.times_a_day",
    "field.required": "err.required", "field.phone.invalid": "err.phone", "error.forbidden": "err.forbidden",
    "error.not_found": "err.not_found", "error.session_ended": "err.session", "error.internal": "err.generic",
    "error.too_many_requests.detailed": "err.rate", "outcome.server_wins.prescription": "err.server_wins",
    "notice.connection_revoked.title": "nt.disconnected", "notice.prescription_changed.title": "nt.rx_changed",
}  # fmt: skip


@pytest.mark.parametrize(("key", "glossary_key"), SAID_AS_THE_GLOSSARY_SAYS.items())
def test_a_phrase_of_the_glossary_is_used_as_it_stands(key: str, glossary_key: str) -> None:
    entry = GLOSSARY[glossary_key]
    assert texts(KM[key].string)[-1].rstrip("។") == entry["km"].rstrip("។")
    if entry["confidence"] == "C":
        assert "review: C" in KM[key].auto_comments, "the glossary wants a native reviewer"


def test_what_a_medical_reviewer_must_read_is_marked() -> None:
    """R-431: every sentence that tells a person to take, stop or repeat a medicine."""
    marked = {key for key, entry in KM.items() if "review: C" in entry.auto_comments}
    assert {"notice.prescription_stopped.body", "notice.prescription_urgent.body", "notice.prescription_changed.body",
            "notice.dose_double.body"} <= marked
