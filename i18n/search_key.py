"""The key under which a text is found, whichever way its Khmer was typed (R-435). Never stored in place of the text:
free text returns byte-identical (S-56).
"""

from __future__ import annotations

import unicodedata
from typing import Final

ZERO_WIDTH: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))

# Two ways to type what looks the same; all four are R-435's.
FOLDS: Final = (
    ("\u17d2\u178a", "\u17d2\u178f"),  # subscript da, subscript ta
    ("\u17c1\u17b8", "\u17be"),
    ("\u17c1\u17b6", "\u17c4"),
    ("\u17a3", "\u17a2"),  # deprecated since Unicode 4.0
)


def search_key(text: str) -> str:
    """NFC without zero-width characters and case, with the folds of R-435. The key of a key is itself.

    Zero-width characters go first: what they kept apart may compose, or may be one of the folds.
    """
    key = unicodedata.normalize("NFC", text.translate(ZERO_WIDTH))
    key = unicodedata.normalize("NFC", key.casefold())
    for typed, found in FOLDS:
        key = key.replace(typed, found)
    return key
