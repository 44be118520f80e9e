"""Which language a reader gets (R-430), and that no header can keep a worker busy (S-57)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i18n.negotiation import MAX_HEADER_CHARS, MAX_HEADER_ITEMS, pick_language


@pytest.mark.parametrize(
    ("header", "stored", "expected"),
    [
        # F-38: no header → what is stored, else Khmer
        (None, None, "km"), ("", None, "km"), (None, "en", "en"), (None, "km", "km"), (None, "fr", "km"),
        ("", "en", "en"), (None, "EN", "km"),
        # the header before the stored preference
        ("en", None, "en"), ("en", "km", "en"), ("km", "en", "km"), ("EN-us", None, "en"), ("km-KH", "en", "km"),
        ("km-Khmr-KH", "en", "km"), ("fr, en", None, "en"), ("fr", "en", "en"), ("fr, de", None, "km"),
        # whole primary tags: F-38, `kmb` is not Khmer
        ("kmb", "en", "en"), ("kmb, en;q=0.1", None, "en"), ("kmr-KH", "en", "en"), ("eng", None, "km"),
        ("e", None, "km"), ("x-km", "en", "en"), ("-km", "en", "en"), ("km_KH", "en", "en"),
        # q-values, ties in the header's order
        ("km;q=0.3, en;q=0.9", None, "en"), ("en;q=0.9,km;q=0.91", None, "km"), ("en, km", None, "en"),
        ("km, en", "en", "km"), ("en;q=0.5,km;q=0.500", None, "en"), ("en-US,en;q=0.9,km;q=0.8", "km", "en"),
        ("en;q=0.001", "km", "en"), ("en ; q=0.2 , km\t;\tq=0.1", None, "en"), ("en;Q=0.1,km;q=0.2", "en", "km"),
        ("km;q=0.1,en;q=0.5,km-KH", "en", "km"), ("en;level=1;q=0.2,km;q=0.1", None, "en"), ("en;q=1.000", "km", "en"),
        # q=0 means: not this one
        ("en;q=0", None, "km"), ("km;q=0", "en", "en"), ("km;q=0, en;q=0.1", None, "en"), ("km;q=0,*", None, "en"),
        ("en;q=0.000,*;q=0.5", "en", "km"),
        # a faulty q makes its item unread
        ("en;q=2, km;q=0.1", None, "km"), ("en;q=-1", "km", "km"), ("en;q=nan", None, "km"), ("en;q=1e9", None, "km"),
        ("en;q=0.1234", None, "km"), ("en;q=", None, "km"), ("en;q=០.៩", None, "km"), ("en;q=0.²", None, "km"),
        ("en;q=1_0", None, "km"), ("en;q=+1", None, "km"), ("en;q=1.5,km;q=0.1", "en", "en"),
        # the wildcard is whatever the reader usually has
        ("*", None, "km"), ("*", "en", "en"), ("fr, *;q=0.1", "en", "en"), ("en;q=0.2, *;q=0.8", None, "km"),
        ("en;q=0.2, *;q=0.8", "en", "km"), ("*;q=0", "en", "en"), ("km,en,*", "en", "km"),
        # rubbish
        (",", None, "km"), (";;;,,,===", "en", "en"), ("\x00", None, "km"), ("ខ្មែរ", "en", "en"), (" en ", None, "en"),
    ],
)  # fmt: skip
def test_the_language_of_an_answer(header: str | None, stored: str | None, expected: str) -> None:
    assert pick_language(header, stored) == expected


def test_only_the_first_ten_items_are_read() -> None:
    nine = ",".join(f"x{n}" for n in range(MAX_HEADER_ITEMS - 1))
    assert pick_language(f"{nine},en", None) == "en"
    assert pick_language(f"{nine},fr,en", None) == "km"


def test_only_the_first_two_hundred_characters_are_read_and_no_cut_tag() -> None:
    filler = "y" * (MAX_HEADER_CHARS - len("en;q=0.1,,km"))
    assert len(f"en;q=0.1,{filler},km") == MAX_HEADER_CHARS
    assert pick_language(f"en;q=0.1,{filler},km", None) == "km"
    assert pick_language(f"en;q=0.1,{filler},kmb", None) == "en", "kmb cut to km must not count as Khmer"
    assert pick_language("y" * MAX_HEADER_CHARS + ",en", None) == "km"
    assert pick_language("en," + "y" * 1_000_000, None) == "en"


@pytest.mark.parametrize(
    "header",
    ["a" * 26 + "!", "en-" + "a-" * 12 + "!", "a-a-a-a-a-a-a-a-a-a-a-a-a-!", "0" * 26 + "x", ";q=" * 9,
     "," * 1_000_000, "en;" * 1_000_000, "*" * 1_000_000, "en;q=0." + "9" * 1_000_000],
)  # fmt: skip
def test_no_header_keeps_a_worker_busy(header: str) -> None:
    """S-57: 27 characters once cost 10.9 s. 0.1 s is a hundred times what a slow machine needs here."""
    began = time.perf_counter()
    assert pick_language(header, "en") == "en"
    assert time.perf_counter() - began < 0.1


@given(st.text(), st.sampled_from(["km", "en"]))
def test_any_header_gets_a_language(header: str, stored: str) -> None:
    assert pick_language(header, stored) in {"km", "en"}
