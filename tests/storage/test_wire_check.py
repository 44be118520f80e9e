"""What clients send becomes canonical or is refused by field, and never with the value in the refusal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from storage.catalogue import KINDS
from storage.entities.people import MEAL_TIMES, SLOT_TIMES
from storage.free_json import MAX_EXTRA_BYTES, MAX_JSON_BYTES
from sync.gate import Bad, read_json
from sync.kind import Checked
from sync.problem import FieldCode
from sync.record import Change, Op

ID = "0190a5b2-7e2f-7abc-8def-0123456789ab"
OTHER = "0190a5b2-7e2f-7abc-8def-0123456789ac"
KHMER = "ថ្នាំ\u200bព្យាបាល"  # with a zero-width space
LINE = {"line_id": ID, "row": 1, "name": "Amoxicillin", "form": "oral", "unit": "capsule",
        "plan": {"segments": [{"dose": Decimal("0.5")}]}}


def check(kind: str, fields: dict[str, Any]) -> Checked:
    return KINDS[kind].check(Change(0, ID, kind, ID, (f"patient:{ID}",), Op.UPSERT, 0, fields))


def problems(kind: str, fields: dict[str, Any]) -> dict[str, str]:
    return {problem["field"]: problem["code"] for problem in check(kind, fields).problems}


@pytest.mark.parametrize(("kind", "field", "sent", "kept"), [
    ("profile", "first_name", KHMER, KHMER),
    ("profile", "language", "en", "en"),
    ("profile", "zone", "Asia/Bangkok", "Asia/Bangkok"),
    ("profile", "picture", None, None),
    ("profile", "channels", {"push": True, "share": Decimal("0.50")}, {"push": True, "share": "0.5"}),
    ("device", "user_id", ID.upper(), ID),
    ("device", "platform", "android", "android"),
    ("patient", "birth_date", "1961-04-13", "1961-04-13"),
    ("patient", "slot_times", SLOT_TIMES | {"MORN": "06:30"}, SLOT_TIMES | {"MORN": "06:30"}),
    ("patient", "meal_times", MEAL_TIMES, MEAL_TIMES),
    ("patient", "quiet_from", "22:00", "22:00"),
    ("patient", "alert_delay_min", 60, 60),
    ("patient", "repeats", 0, 0),
    ("patient", "emergency_contact", {"name": "Dara", "phone": "+85512345678"},
     {"name": "Dara", "phone": "+85512345678", "relation": None}),
    ("connection", "status", "accepted", "accepted"),
    ("connection", "generation", 2, 2),
    ("connection", "level", "view+manage", "view+manage"),
    ("connection", "parts", [ID.upper()], [ID]),
    ("connection", "days", [["2026-01-01", "2026-01-31"]], [["2026-01-01", "2026-01-31"]]),
    ("connection", "days", None, None),
    ("prescription", "diagnosis", KHMER, KHMER),
    ("prescription", "follow_up_date", "2026-12-01", "2026-12-01"),
    ("prescription_version", "urgent", True, True),
    ("prescription_version", "not_before", "2026-01-01T07:00+07:00", "2026-01-01T00:00:00+00:00"),
    ("prescription_response", "answer", "acknowledge", "acknowledge"),
    ("line_setting", "colour", "#00aaff", "#00aaff"),
    ("dose_event", "action", "taken", "taken"),
    ("dose_event", "at", "2026-01-01T07:56:00+07:00", "2026-01-01T00:56:00+00:00"),
    ("dose_event", "at", "2026-01-01T00:56:00.120Z", "2026-01-01T00:56:00.12+00:00"),
    ("dose_event", "at", 1767229440000, "2026-01-01T01:04:00+00:00"),
    ("dose_event", "amount", Decimal("0.50"), "0.5"),
    ("dose_event", "amount", "10", "10"),
    ("dose_event", "amount", 2, "2"),
    ("dose_event", "note", "   ", "   "),
    ("dose_event", "nominal_date", "2026-01-01", "2026-01-01"),
    ("notification", "read_at", "2026-01-01T07:56:00+07:00", "2026-01-01T00:56:00+00:00"),
])
def test_a_good_value_becomes_canonical(kind: str, field: str, sent: Any, kept: Any) -> None:
    assert check(kind, {field: sent}) == Checked({field: kept})


@pytest.mark.parametrize(("kind", "field", "sent", "code"), [
    ("profile", "language", "fr", FieldCode.NOT_ALLOWED),
    ("profile", "zone", "Factory", FieldCode.ZONE_UNKNOWN),
    ("profile", "zone", "right/UTC", FieldCode.ZONE_UNKNOWN),
    ("profile", "first_name", "x" * 101, FieldCode.TOO_LONG),
    ("profile", "first_name", None, FieldCode.REQUIRED),
    ("profile", "channels", ["push"], FieldCode.WRONG_TYPE),
    ("device", "user_id", "Sokha", FieldCode.UUID_INVALID),
    ("device", "user_id", 7, FieldCode.UUID_INVALID),
    ("patient", "first_name", "", FieldCode.TOO_SHORT),
    ("patient", "birth_date", "1961-02-30", FieldCode.DATE_INVALID),
    ("patient", "birth_date", "2101-01-01", FieldCode.DATE_RANGE),
    ("patient", "birth_date", "១៩៦១-០៤-១៣", FieldCode.DATE_INVALID),
    ("patient", "quiet_from", "6-7AM", FieldCode.TIME_INVALID),  # F-11
    ("patient", "quiet_from", "24:00", FieldCode.TIME_INVALID),
    ("patient", "alert_delay_min", 15, FieldCode.NOT_ALLOWED),
    ("patient", "alert_delay_min", "30", FieldCode.WRONG_TYPE),
    ("patient", "repeat_every_min", 4, FieldCode.TOO_SMALL),
    ("patient", "repeats", 4, FieldCode.TOO_LARGE),
    ("patient", "repeats", True, FieldCode.WRONG_TYPE),
    ("patient", "repeats", Decimal("1.0"), FieldCode.WRONG_TYPE),
    ("patient", "medical_history", "x" * 20_001, FieldCode.TOO_LONG),
    ("connection", "generation", 0, FieldCode.TOO_SMALL),
    ("connection", "level", "owner", FieldCode.NOT_ALLOWED),
    ("connection", "parts", [ID] * 501, FieldCode.TOO_MANY),
    ("prescription_version", "lines", [], FieldCode.REQUIRED),
    ("prescription_version", "lines", [LINE] * 2, FieldCode.NOT_ALLOWED),
    ("prescription_version", "lines", [LINE] * 51, FieldCode.TOO_MANY),
    ("prescription_version", "lines", {"0": LINE}, FieldCode.WRONG_TYPE),
    ("prescription_version", "lines", None, FieldCode.REQUIRED),
    ("prescription_version", "urgent", "false", FieldCode.WRONG_TYPE),
    ("prescription_version", "urgent", 1, FieldCode.WRONG_TYPE),
    ("prescription_response", "answer", "", FieldCode.NOT_ALLOWED),
    ("line_setting", "colour", "red", FieldCode.NOT_ALLOWED),
    ("line_setting", "colour", "#00AAFF", FieldCode.NOT_ALLOWED),
    ("dose_event", "at", "2026-01-01T07:56:00", FieldCode.OFFSET_REQUIRED),  # F-04
    ("dose_event", "at", "2026-01-01 07:56", FieldCode.OFFSET_REQUIRED),
    ("dose_event", "at", "9999-12-31T23:59:59-14:00", FieldCode.TIME_RANGE),  # hardening 1.3
    ("dose_event", "at", "2199-12-31T23:59:59-01:00", FieldCode.TIME_RANGE),
    ("dose_event", "at", "1899-12-31T23:59:59Z", FieldCode.TIME_RANGE),
    ("dose_event", "at", "2026-01-01T07:56:60Z", FieldCode.TIME_INVALID),
    ("dose_event", "at", "2026-01-01T24:00:00Z", FieldCode.TIME_INVALID),
    ("dose_event", "at", "2026-01-01T07:56:00+14:30", FieldCode.TIME_INVALID),
    ("dose_event", "at", "infinity", FieldCode.TIME_INVALID),
    ("dose_event", "at", 10**15, FieldCode.TIME_RANGE),
    ("dose_event", "at", True, FieldCode.WRONG_TYPE),
    ("dose_event", "amount", Decimal("0.0001"), FieldCode.NUMBER_INVALID),
    ("dose_event", "amount", Decimal("-1"), FieldCode.TOO_SMALL),
    ("dose_event", "amount", 10_000, FieldCode.TOO_LARGE),
    ("dose_event", "amount", "1e3", FieldCode.NUMBER_INVALID),
    ("dose_event", "amount", "NaN", FieldCode.NUMBER_INVALID),
    ("dose_event", "amount", 0.5, FieldCode.WRONG_TYPE),
    ("dose_event", "occurrence", 2**60, FieldCode.TOO_LARGE),
    ("dose_event", "reason", "forgot", FieldCode.NOT_ALLOWED),
    ("dose_event", "slot_key", "x" * 41, FieldCode.TOO_LONG),
    ("dose_event", "nominal_date", "2026-01-01T00:00:00Z", FieldCode.DATE_INVALID),
    ("dose_event", "note", ["a"], FieldCode.WRONG_TYPE),
])
def test_a_bad_value_is_refused_by_name_and_code(kind: str, field: str, sent: Any, code: FieldCode) -> None:
    checked = check(kind, {field: sent})
    assert [(one["field"], one["code"]) for one in checked.problems] == [(field, str(code))]
    assert not checked.fields


@pytest.mark.parametrize(("change", "path", "code"), [
    ({"line_id": "x"}, "lines.0.line_id", FieldCode.UUID_INVALID),
    ({"name": ""}, "lines.0.name", FieldCode.TOO_SHORT),
    ({"name": "x" * 201}, "lines.0.name", FieldCode.TOO_LONG),
    ({"unit": "spoon"}, "lines.0.unit", FieldCode.NOT_ALLOWED),
    ({"quantity": 0}, "lines.0.quantity", FieldCode.TOO_SMALL),
    ({"plan": None}, "lines.0.plan", FieldCode.REQUIRED),
    ({"plan": []}, "lines.0.plan", FieldCode.WRONG_TYPE),
    ({"plan": {"note": "x" * MAX_JSON_BYTES}}, "lines.0.plan", FieldCode.TOO_LARGE),
    ({"plan": {"dose": Bad(FieldCode.NUMBER_INVALID)}}, "lines.0.plan", FieldCode.NUMBER_INVALID),
    ({"as_needed": {"max_count_24h": 0}}, "lines.0.as_needed.max_count_24h", FieldCode.TOO_SMALL),
    ({"reminders": None}, "lines.0.reminders", FieldCode.REQUIRED),
    ({"missed_after_min": -1}, "lines.0.missed_after_min", FieldCode.TOO_SMALL),
])
def test_a_fault_inside_a_line_is_named_by_its_path(change: dict[str, Any], path: str, code: FieldCode) -> None:
    assert problems("prescription_version", {"lines": [LINE | change]}) == {path: str(code)}


def test_a_missing_member_of_a_line_is_required() -> None:
    line = {name: value for name, value in LINE.items() if name not in ("name", "plan")}
    assert problems("prescription_version", {"lines": [line]}) == {
        "lines.0.name": "required", "lines.0.plan": "required"}


def test_a_line_is_completed_and_its_decimals_become_text() -> None:
    sent = LINE | {"line_id": ID.upper(), "quantity": Decimal("10.0"), "brand": {"of": Decimal("1.50")}}
    (line,) = check("prescription_version", {"lines": [sent]}).fields["lines"]
    assert line["line_id"] == ID
    assert (line["quantity"], line["plan"], line["brand"]) == ("10", {"segments": [{"dose": "0.5"}]}, {"of": "1.5"})
    assert (line["reminders"], line["private"], line["tz_policy"], line["as_needed"]) == (True, False, "follow", None)
    assert check("prescription_version", {"lines": [line]}).fields["lines"] == [line]
    json.dumps(line)


def test_a_medicine_taken_as_needed_needs_no_plan() -> None:
    line = LINE | {"plan": None, "as_needed": {"min_interval_min": 240, "max_amount_24h": "4"}}
    assert problems("prescription_version", {"lines": [line]}) == {}


@pytest.mark.parametrize("times", [{"MORN": "06:00"}, SLOT_TIMES | {"MORN": "6-7AM"}, SLOT_TIMES | {"NOON": None}, []])
def test_slot_times_are_four_clock_times_or_refused(times: Any) -> None:
    """F-11, R-032: a time that is left out must not silently fall back to a default."""
    assert problems("patient", {"slot_times": times})


def test_only_what_was_sent_is_checked() -> None:
    assert check("dose_event", {}) == Checked({})
    assert check("dose_event", {"action": "taken"}) == Checked({"action": "taken"})


def test_ten_thousand_khmer_characters_survive_whole() -> None:
    """F-49, S-56: byte-identical, not normalised, zero-width spaces kept."""
    text = (KHMER * 1000)[:10_000]
    assert len(text) == 10_000
    kept = check("patient", {"medical_history": text}).fields["medical_history"]
    assert kept.encode() == text.encode()


def test_half_an_emoji_costs_no_dose_and_a_nul_costs_only_its_field() -> None:
    half = read_json(b'{"action": "taken", "note": "good \\ud83d"}', max_bytes=1000)
    assert check("dose_event", half).fields == {"action": "taken", "note": "good �"}
    nul = read_json(b'{"action": "taken", "note": "a\\u0000b"}', max_bytes=1000)
    assert problems("dose_event", nul) == {"note": "bad_text"}
    word = read_json(b'{"action": "taken\\ud83d", "amount": 1e999999999999999999999}', max_bytes=1000)
    assert problems("dose_event", word) == {"action": "bad_text", "amount": "number.invalid"}


def test_the_servers_own_columns_are_named_and_not_read() -> None:
    """S-37: a phone echoes whole rows; role, state and author are never bound from them."""
    echoed = {"id": ID, "version": 3, "created_at": "x", "changed_at": 1, "changed_by": None, "hlc": [], "memory": {},
              "state": "withdrawn", "due_at": "not a time", "action": "taken"}
    assert check("dose_event", echoed) == Checked({"action": "taken"}, {}, ("due_at", "state"))
    assert check("profile", {"role": "admin", "verified": True}) == Checked({}, {}, ("role", "verified"))


def test_unknown_fields_come_back_as_they_were_sent() -> None:
    """S-38"""
    sent = {"mood": {"scale": Decimal("1.25"), "words": [KHMER, None, True, 7]}}
    assert check("dose_event", sent) == Checked({}, {"mood": {"scale": 1.25, "words": [KHMER, None, True, 7]}})


@pytest.mark.parametrize(("sent", "told"), [
    ({"mood": "x" * MAX_EXTRA_BYTES}, {"mood": "too_large"}),
    (dict.fromkeys(("mood1", "mood2", "mood3", "mood4", "mood5"), "x" * 4_000), {"extra": "too_large"}),
    ({"mood": 2**53}, {"mood": "number.invalid"}),
    ({"mood": Decimal("0.12345678901234567890123")}, {"mood": "number.invalid"}),
    ({"mood": [Bad(FieldCode.BAD_TEXT)]}, {"mood": "bad_text"}),
    ({"m" * 200: 1}, {"m" * 64: "too_long"}),
])
def test_unknown_fields_that_cannot_be_kept_whole_are_refused(sent: dict[str, Any], told: dict[str, str]) -> None:
    assert problems("dose_event", sent) == told


def test_no_problem_repeats_what_was_sent() -> None:
    secret = "HIV positive"
    sent = dict.fromkeys(("at", "amount", "nominal_date", "line_id", "occurrence", "action", "reason"), secret)
    checked = check("dose_event", sent | {"note": [secret]})
    assert len(checked.problems) == 8
    assert secret not in json.dumps(checked.problems)


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_passes_its_own_check(kind: str) -> None:
    defaults = {name: one.default for name, one in KINDS[kind].columns.items()
                if one.by != "server" and one.default is not None}
    assert check(kind, defaults) == Checked(defaults)


def test_what_a_new_row_must_bring() -> None:
    required = {name for name, one in KINDS["dose_event"].columns.items() if one.required}
    assert required == {"patient_id", "line_id", "nominal_date", "slot_key"}
    assert not any(one.required for one in KINDS["medication_line"].columns.values())
