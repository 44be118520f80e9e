"""Khmer and Latin digits (R-432). Knows no sentence: it converts numbers that were formatted, never what was written
around them.

CLDR's default for Khmer is Latin digits and so is ours; Khmer ones are a reader's choice (`digit style` in R-030).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

KHMER_ZERO: Final = 0x17E0

_TO_KHMER = {ord(str(n)): chr(KHMER_ZERO + n) for n in range(10)}
_TO_LATIN = {KHMER_ZERO + n: str(n) for n in range(10)}
_SWAP_SEPARATORS = str.maketrans(",.", ".,")


def to_khmer(formatted: str) -> str:
    """A formatted number, date or clock time (`08:30`, `1/2`) in Khmer digits.

    Text with a letter in it comes back as it is: digits within a medicine's name or strength stay Latin.
    """
    return formatted if any(char.isalpha() for char in formatted) else formatted.translate(_TO_KHMER)


def to_latin(typed: str) -> str:
    """What a person typed, with Khmer digits made Latin. Other scripts' digits stay (S-59)."""
    return typed.translate(_TO_LATIN)


def number_text(value: int | Decimal, *, khmer_digits: bool = False) -> str:
    """`1,234.5`; in Khmer digits, grouped by "." with the decimal ",": `១.២៣៤,៥`. Trailing zeros are dropped."""
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return to_khmer(text.translate(_SWAP_SEPARATORS)) if khmer_digits else text
