"""Every notation of a Cambodian number is one number (R-006); what is none is refused, not guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storage.phones import canonical_email, canonical_name, canonical_phone
from sync.problem import FieldCode
from sync.values import Unfit

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "phone_cases.json").read_text(encoding="utf-8")
)["phone_cases"]


def test_the_cases_are_there() -> None:
    assert len(CASES) == 18


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_r006_a_phone_in_any_notation(case: dict[str, Any]) -> None:
    if case["expect"] is None:
        with pytest.raises(Unfit) as refused:
            canonical_phone(case["input"])
        assert refused.value.code is FieldCode.PHONE_INVALID
    else:
        assert canonical_phone(case["input"]) == case["expect"]


@pytest.mark.parametrize("case", [case for case in CASES if case["expect"]], ids=lambda case: case["id"])
def test_a_canonical_phone_is_its_own_spelling(case: dict[str, Any]) -> None:
    assert canonical_phone(case["expect"]) == case["expect"]


@pytest.mark.parametrize(("typed", "expected"), [
    ("85512345678", "+85512345678"), ("855012345678", "+85512345678"), ("+855 (0)12 345 678", "+85512345678"),
    ("85 512 345", "+85585512345"), ("0066812345678", "+66812345678"), ("\u202a+855 12 345 678\u202c", "+85512345678"),
    ("+៨៥៥ ១២ ៣៤៥ ៦៧៨", "+85512345678"),
])
def test_notations_that_could_be_misread(typed: str, expected: str) -> None:
    assert canonical_phone(typed) == expected


@pytest.mark.parametrize("typed", [
    "+0 12345678", "++85512345678", "012 345 678 ext 5", "012345678;phone-context=x", "1-800-FLOWERS", "+855",
    "+85512", "+999123456789", "012 345 678 012 345 678", "²²²²²²²²", "0" * 61, "+", "٠", "\x00012345678",
])
def test_what_is_no_phone_is_refused(typed: str) -> None:
    with pytest.raises(Unfit):
        canonical_phone(typed)


@pytest.mark.parametrize(("typed", "expected"), [
    (" Sokha@Example.COM ", "sokha@example.com"), ("o'brien+x@mail.example.kh", "o'brien+x@mail.example.kh"),
    ("សុខា@example.com", "សុខា@example.com"), ("a@bücher.example", "a@xn--bcher-kva.example"),
])
def test_r006_an_address_is_lower_cased(typed: str, expected: str) -> None:
    assert canonical_email(typed) == expected
    assert canonical_name(typed) == expected


@pytest.mark.parametrize("typed", [
    "", "@", "a@", "@b.kh", "a@b", "a b@c.kh", "a@b..kh", ".a@b.kh", "a.@b.kh", "a..b@c.kh", "a@@b.kh", "a@-b.kh",
    '"a"@b.kh', "a@[127.0.0.1]", "a" * 65 + "@b.kh", "a@" + "b" * 64 + ".kh", "a\n@b.kh", "a@b.kh\x00",
])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Unfit) as refused:
        canonical_email(typed)
    assert refused.value.code is FieldCode.EMAIL_INVALID


def test_a_name_to_log_in_with_is_a_phone_unless_it_holds_an_at() -> None:
    assert canonical_name("012 345 678") == "+85512345678"
    with pytest.raises(Unfit) as refused:
        canonical_name("sokha")
    assert refused.value.code is FieldCode.PHONE_INVALID
