"""How clauses are put together: several things (`A, B, and C`), ranks (`2nd`), spans of time (`8 hours`), a full stop.

Lists and ordinals by CLDR's rules. Knows no plan and no date. `khmer_digits` concerns Khmer only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from babel import Locale
from babel.lists import format_list

from i18n.catalogue import sentence
from i18n.digits import number_text
from i18n.languages import Language

_LOCALES: Final[dict[Language, Locale]] = {"km": Locale("km"), "en": Locale("en")}
_FULL_STOP: Final[dict[Language, str]] = {"km": "។", "en": "."}
_ZERO_WIDTH_SPACE: Final = "\u200b"


def whole_sentence(clause: str, language: Language) -> str:
    """The clause with its first letter large, where the script knows that, and the language's full stop."""
    return f"{clause[:1].upper()}{clause[1:]}{_FULL_STOP[language]}"


def list_text(items: Sequence[str], language: Language) -> str:
    """`A និង B`, `A and B`; all of them hold. Empty for no items."""
    # CLDR joins two Khmer items with a zero-width space, which would glue a figure to the word before it.
    return format_list(items, "standard", locale=_LOCALES[language]).replace(_ZERO_WIDTH_SPACE, " ")


def ordinal_text(n: int, language: Language, *, khmer_digits: bool = False) -> str:
    """`ទី 2`, `2nd`."""
    shown = number_text(n, khmer_digits=khmer_digits and language == "km")
    return sentence(f"ordinal.{_LOCALES[language].ordinal_form(n)}", language, n=shown)


def duration_text(minutes: int, language: Language, *, khmer_digits: bool = False) -> str:
    """`8 ម៉ោង`, `8 hours`; `1 hour and 30 minutes`. Hours are the largest unit: a day may have 23 or 25 of them."""
    hours, rest = divmod(minutes, 60)
    spans = [("hours", hours)] * bool(hours) + [("minutes", rest)] * bool(rest or not hours)
    khmer = khmer_digits and language == "km"
    said = [sentence(f"duration.{unit}", language, count=n, n=number_text(n, khmer_digits=khmer)) for unit, n in spans]
    return list_text(said, language)
