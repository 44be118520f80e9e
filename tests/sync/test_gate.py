"""The JSON gate marks bad values in their place and leaves good ones untouched (hardening.md 2.3, S-56, S-58)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.gate import MAX_PROBLEMS_TOLD, Bad, find_bad, read_json, repair_text
from sync.problem import FieldCode, FieldProblem

MIB = 1 << 20


def read(text: str | bytes) -> Any:
    return read_json(text if isinstance(text, bytes) else text.encode(), max_bytes=MIB)


# ---- bad values are marked ---------------------------------------------------------------------------------------

MARKED = {
    "NUL in a string": ('"a\\u0000b"', FieldCode.BAD_TEXT, None),
    "NUL beside a lone surrogate": ('"\\ud83d\\u0000"', FieldCode.BAD_TEXT, None),
    "half an emoji at the end": ('"ល្អ \\ud83d"', FieldCode.BAD_TEXT, "ល្អ \ufffd"),
    "half an emoji at the front": ('"\\ude00 ok"', FieldCode.BAD_TEXT, "\ufffd ok"),
    "two halves the wrong way round": ('"\\ude00\\ud83d"', FieldCode.BAD_TEXT, "\ufffd\ufffd"),
    "upper-case escape": ('"\\uD83D"', FieldCode.BAD_TEXT, "\ufffd"),
    "an emoji and a half": ('"\\ud83d\\ude00\\ud83d"', FieldCode.BAD_TEXT, "😀\ufffd"),
    "integer of 21 digits": ("1" * 21, FieldCode.NUMBER_INVALID, None),
    "negative integer of 21 digits": ("-" + "1" * 21, FieldCode.NUMBER_INVALID, None),
    "integer over 4,300 digits": ("9" * 4301, FieldCode.NUMBER_INVALID, None),
    "overflowing float": ("1e400", FieldCode.NUMBER_INVALID, None),
    "negative overflowing float": ("-1e400", FieldCode.NUMBER_INVALID, None),
    "float that is a gigabyte of zeros": ("1e999999999", FieldCode.NUMBER_INVALID, None),
    "float that is a gigabyte of decimals": ("1e-999999999", FieldCode.NUMBER_INVALID, None),
    "zero with a gigabyte of zeros": ("0e999999999", FieldCode.NUMBER_INVALID, None),
    "exponent beyond Decimal": ("1e9999999999999999999999", FieldCode.NUMBER_INVALID, None),
    "exponent below Decimal": ("1e-9999999999999999999999", FieldCode.NUMBER_INVALID, None),
    "21 digits before the point": ("1" * 21 + ".5", FieldCode.NUMBER_INVALID, None),
    "fraction of more than 40 characters": ("0." + "1" * 39, FieldCode.NUMBER_INVALID, None),
}


@pytest.mark.parametrize(("text", "code", "repaired"), MARKED.values(), ids=MARKED.keys())
def test_a_bad_value_is_marked_and_its_neighbours_are_kept(text: str, code: FieldCode, repaired: str | None) -> None:
    """F-60, I-13: it costs one change, not the batch."""
    value = read(f'{{"changes":[{{"i":0}},{{"i":1,"fields":{{"note":{text}}}}},{{"i":2}}]}}')
    assert value["changes"][0] == {"i": 0} and value["changes"][2] == {"i": 2}
    bad = value["changes"][1]["fields"]["note"]
    assert isinstance(bad, Bad) and (bad.code, bad.repaired, bad.rest) == (code, repaired, None)
    assert find_bad(value) == [FieldProblem("changes.1.fields.note", code)]
    assert find_bad(value["changes"][0]) == [] and find_bad(bad) == [FieldProblem("", code)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("99999999999999999999", 10**20 - 1), ("-99999999999999999999", 1 - 10**20), ("-0", 0),
        ("0.1", Decimal("0.1")), ("2.50", Decimal("2.50")), ("1E2", Decimal(100)), ("1e19", Decimal(10**19)),
        ("0.0", Decimal(0)), ("1e-40", Decimal("1e-40")), ("0." + "1" * 38, Decimal("0." + "1" * 38)),
    ],
)  # fmt: skip
def test_a_number_within_the_limits_is_exact(text: str, value: int | Decimal) -> None:
    found = read(text)
    assert (type(found), found, str(found)) == (type(value), value, str(found)) and not isinstance(found, float)


def test_trailing_zeros_of_an_amount_survive() -> None:
    assert str(read("2.50")) == "2.50"


@pytest.mark.parametrize("key", ["\\u0000", "a\\u0000", "\\ud800"])
def test_an_object_with_a_bad_key_is_bad_whole_but_can_still_be_named(key: str) -> None:
    value = read(f'[{{"change_id":"c1","{key}":1}},{{"change_id":"c2"}}]')
    assert isinstance(value[0], Bad) and value[0].code is FieldCode.BAD_TEXT and value[0].repaired is None
    assert value[0].rest == {"change_id": "c1"}
    assert value[1] == {"change_id": "c2"}
    assert find_bad(value, "changes") == [FieldProblem("changes.0", FieldCode.BAD_TEXT)]


def test_bad_values_are_found_at_every_place_and_listed_up_to_a_limit() -> None:
    assert find_bad(read('[1e400,{"a":[[{"b":"\\u0000"}]]}]'), "x") == [
        FieldProblem("x.0", FieldCode.NUMBER_INVALID), FieldProblem("x.1.a.0.0.b", FieldCode.BAD_TEXT),
    ]  # fmt: skip
    assert len(find_bad(read("[" + ",".join(["1e999"] * 10_000) + "]"))) == MAX_PROBLEMS_TOLD


def test_a_problem_repeats_at_most_the_beginning_of_a_long_key() -> None:
    assert find_bad(read('{"' + "k" * 100_000 + '":1e999}')) == [FieldProblem("k" * 64, FieldCode.NUMBER_INVALID)]


@pytest.mark.parametrize("dump", [json.dumps, orjson.dumps], ids=["json", "orjson"])
def test_a_bad_value_cannot_be_written_by_mistake(dump: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        dump({"note": Bad(FieldCode.BAD_TEXT, repaired="x")})


def test_a_bad_value_does_not_show_its_text_in_a_log() -> None:
    assert repr(Bad(FieldCode.BAD_TEXT, repaired="private", rest={"a": "private"})) == "Bad(bad_text)"


# ---- good values are untouched -----------------------------------------------------------------------------------

ALL_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
PLAIN = st.none() | st.booleans() | st.integers(1 - 10**20, 10**20 - 1) | ALL_TEXT
sane = st.recursive(
    PLAIN | st.decimals(-(10**9), 10**9, places=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ALL_TEXT, inner, max_size=5),
    max_leaves=60,
)


@given(sane, st.booleans(), st.sampled_from([None, 2]))
def test_a_sane_document_is_what_json_reads_with_exact_decimals(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = _dump_exactly(value, ascii_only, indent)
    assert read(text) == json.loads(text, parse_float=Decimal) == value
    assert find_bad(read(text)) == []


def _dump_exactly(value: Any, ascii_only: bool, indent: int | None) -> str:
    """json.dumps, with each Decimal as a number of the same digits."""
    def stand_in(number: Decimal) -> str:
        numbers.append(f"{number:f}")
        return f"\0{len(numbers) - 1}\0"

    numbers: list[str] = []
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, default=stand_in)
    return re.sub(r'"\\u0000(\d+)\\u0000"', lambda found: numbers[int(found[1])], text)


@pytest.mark.parametrize(
    "text",
    [
        "ភ្នំ\u200bពេញ", "e\u0301", "\u00e9", "👨\u200d👩\u200d👧", "\ufeffinside", "\ufffe", "\u2028\u2029",
        "\x7f\x1f", "\\u0000", "\\ud800", '"',
    ],
)  # fmt: skip
@pytest.mark.parametrize("ascii_only", [True, False])
def test_free_text_returns_byte_identical(text: str, ascii_only: bool) -> None:
    """S-56: zero-width spaces, Khmer sequences, unnormalised forms; a backslash before u0000 is only a backslash."""
    assert read(json.dumps([text, {text: text}], ensure_ascii=ascii_only)) == [text, {text: text}]


def test_repairing_touches_nothing_but_lone_surrogates() -> None:
    assert repair_text("ល្អ\u200b e\u0301 😀\0") == "ល្អ\u200b e\u0301 😀\0"
    assert repair_text("a\ud83db\ude00") == "a\ufffdb\ufffd"
    repair_text("\ud800\udfff").encode()
