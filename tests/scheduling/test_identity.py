"""The slot keys' test vectors (R-115, DESIGN.md 11): a phone must compute the same."""

from __future__ import annotations

import pytest

import scheduling.identity
from scheduling.identity import is_key, slot_key
from sync.identity import dose_id

LINE = "0190f3a1-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("segment", "key", "day", "expected"),
    [
        (0, "MORN", "2026-11-20", "1dd374d1-42b8-5276-9dab-9f8ae22076be"),
        (0, "t1", "2026-11-20", "7702e982-d645-56c8-9029-aef703adb8a0"),
        (1, "t1", "2026-11-21", "e391c901-9dc6-587b-9bb2-f1485cf86bf6"),
    ],
)
def test_r115_the_vectors_of_the_docstring_hold(segment: int, key: str, day: str, expected: str) -> None:
    assert dose_id(LINE, day, slot_key(segment, key)) == expected
    assert expected in (scheduling.identity.__doc__ or "")


@pytest.mark.parametrize("key", ["", "a:b", "a|b", "x" * 17, "ព្រឹក", "t 1", "t1\n", 1, None])
def test_a_key_that_could_forge_another_doses_name_is_none(key: object) -> None:
    assert not is_key(key)
